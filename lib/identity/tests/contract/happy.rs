use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use tenantry_app::FirstKey;
use tenantry_domain::ProviderName;

use crate::world::{Kind, Notes, World};

#[tokio::test(start_paused = true)]
async fn a_set_up_makes_one_of_each_in_calls_that_are_written_down() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let notes = Notes::default();

        let (identity, admitted) = world.run(&notes).await.expect("nothing is in the way");

        let key = match &admitted.key {
            FirstKey::Known => "known".to_owned(),
            FirstKey::MailedByProvider => "mailed by the provider".to_owned(),
            FirstKey::Link(link) => format!("link {}", link.expose_secret()),
            FirstKey::Password(password) => format!("password {}", password.expose_secret()),
        };
        let identity = serde_json::to_string_pretty(&identity).expect("it is JSON");
        let told = [
            world.wire.take().join("\n"),
            format!("identity: {identity}"),
            format!(
                "login: {}\nfirst key: {key}\nnotes: {:#?}",
                admitted.auth_id,
                notes.all()
            ),
        ];
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "calls" }, {
            insta::assert_snapshot!(format!("{kind:?}"), told.join("\n\n"));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_run_finds_everything_and_makes_nothing() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let (first, admitted) = world.run(&Notes::default()).await.expect("nothing is in the way");
        let census = world.census();

        let (second, again) = world.run(&Notes::default()).await.expect("everything is there");

        assert_eq!(second, first, "{kind:?}");
        assert_eq!(again.auth_id, admitted.auth_id, "{kind:?}");
        assert_eq!(world.census(), census, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_noted_is_not_asked_for_again() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let notes = Notes::default();
        let (first, _) = world.run(&notes).await.expect("nothing is in the way");
        world.wire.take();

        let second = world
            .provider()
            .set_up(&world.wish(), &notes)
            .await
            .expect("everything is noted");

        assert_eq!(second, first, "{kind:?}");
        assert_eq!(world.wire.take(), Vec::<String>::new(), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_names_itself_and_its_places() {
    let places: BTreeMap<String, (ProviderName, bool)> = {
        let mut places = BTreeMap::new();
        for kind in Kind::ALL {
            let world = World::new(kind);
            let identity = world.set_up().await;
            assert_eq!(world.provider().name(), identity.provider);
            assert_eq!(identity.organization.is_none(), identity.is_own);
            places.insert(identity.issuer, (identity.provider, identity.is_own));
        }
        places
    };

    let own = format!("https://id.example/realms/{}", crate::world::TENANT);
    let expected = [
        ("https://acme.eu.auth0.com/", (ProviderName::Auth0, false)),
        (own.as_str(), (ProviderName::Keycloak, true)),
        (
            "https://id.example/realms/people",
            (ProviderName::Keycloak, false),
        ),
    ];
    assert_eq!(
        places,
        expected.map(|(issuer, place)| (issuer.to_owned(), place)).into()
    );
}
