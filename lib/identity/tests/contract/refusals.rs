use serde_json::json;
use tenantry_app::ProviderError;

use crate::wire::Fault;
use crate::world::{Kind, Notes, TENANT, World};

type How = fn(&mut crate::keycloak::Realm);

async fn refusal(world: &World, notes: &Notes) -> String {
    match world.run(notes).await {
        Err(ProviderError::Refused { detail, .. }) => detail,
        other => panic!("{:?}: {other:?}", world.kind),
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_realm_that_would_not_be_safe_is_refused_and_nothing_is_made() {
    let change = |world: &World, how: How| {
        how(world
            .keycloak
            .state()
            .realms
            .get_mut("people")
            .expect("it is there"));
    };
    let cases: [(How, &str); 6] = [
        (
            |realm| realm.settings["organizationsEnabled"] = json!(false),
            "must have organizations enabled",
        ),
        (
            |realm| realm.declare(&["admin", "user"], &["admin", "user"]),
            "edited by admin alone",
        ),
        (
            |realm| realm.declare(&["admin"], &["user"]),
            "edited by admin alone",
        ),
        (|realm| realm.declare(&["admin"], &[]), "edited by admin alone"),
        (|realm| realm.declare(&["user"], &["admin"]), "viewed by admin"),
        (
            |realm| realm.profile["attributes"] = json!([]),
            "must declare the attribute tenantryUserId",
        ),
    ];

    for (how, told) in cases {
        for kind in [Kind::SharedRealm, Kind::SharedRealmThatMails] {
            let world = World::new(kind);
            change(&world, how);
            let census = world.census();

            let detail = refusal(&world, &Notes::default()).await;

            assert!(detail.contains(told), "{detail}");
            assert_eq!(world.census(), census);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_realm_is_never_made_nor_changed() {
    let world = World::new(Kind::SharedRealmThatMails);
    let before = world.keycloak.state().realms["people"].settings.clone();
    let profile = world.keycloak.state().realms["people"].profile.clone();
    world.run(&Notes::default()).await.expect("nothing is in the way");
    assert_eq!(world.keycloak.state().realms["people"].settings, before);
    assert_eq!(world.keycloak.state().realms["people"].profile, profile);

    let world = World::new(Kind::SharedRealm);
    world.keycloak.state().realms.clear();
    assert_eq!(
        refusal(&world, &Notes::default()).await,
        "the shared realm is not there"
    );
    assert!(world.keycloak.state().realms.is_empty());
}

#[tokio::test(start_paused = true)]
async fn addresses_to_come_back_to_are_https_before_anything_is_asked() {
    let cases: [&[&str]; 5] = [
        &[],
        &["http://localhost:3000/*"],
        &["*"],
        &["https://{key}.app.example/*", "http://x"],
        &["app://cb"],
    ];

    for uris in cases {
        for kind in Kind::KEYCLOAK {
            let mut world = World::new(kind);
            world.keycloak_settings.redirect_uris = uris.iter().map(|uri| (*uri).to_owned()).collect();

            let detail = refusal(&world, &Notes::default()).await;

            assert!(detail.starts_with("redirectUris"), "{detail}");
            assert!(world.wire.take().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_before_a_refusal_is_removed_and_its_notes_are_taken_back() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let census = world.census();
        let notes = Notes::default();
        world.refuse_what_comes_after_the_container(true);

        let detail = refusal(&world, &notes).await;

        assert!(detail.starts_with("POST /"), "{detail}");
        assert_eq!(world.census(), census, "{kind:?}");
        world.refuse_what_comes_after_the_container(false);
        let (identity, _) = world.run(&notes).await.expect("the setting was put right");
        let (again, _) = world.run(&Notes::default()).await.expect("everything is there");
        assert_eq!(again, identity, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_found_is_never_removed() {
    for kind in Kind::ALL {
        for notes in [Notes::default(), Notes::forgetting()] {
            let world = World::new(kind);
            world.run(&notes).await.expect("nothing is in the way");
            forget_what_comes_after_the_container(&world);
            let census = world.census();
            world.refuse_what_comes_after_the_container(true);

            refusal(&world, &Notes::default()).await;

            assert_eq!(world.census(), census, "{kind:?}");
        }
    }
}

fn forget_what_comes_after_the_container(world: &World) {
    for realm in world.keycloak.state().realms.values_mut() {
        realm.clients.clear();
    }
    for organization in &mut world.auth0.state().organizations {
        organization.connections.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_made_under_the_tenants_name_is_refused() {
    let world = World::new(Kind::OwnRealm);
    let realm = crate::keycloak::Realm::new(&json!({ "realm": TENANT, "enabled": true }));
    world.keycloak.state().realms.insert(TENANT.to_owned(), realm);
    assert_eq!(
        refusal(&world, &Notes::default()).await,
        "the realm with the tenant's id was not made for it"
    );

    let world = World::new(Kind::SharedRealm);
    let others = json!({ "id": "o", "name": "acme", "alias": "acme", "attributes": { "tenantryTenantId": ["another"] } });
    world
        .keycloak
        .state()
        .realms
        .get_mut("people")
        .expect("it is there")
        .organizations
        .push(crate::keycloak::Organization {
            shown: others,
            members: std::collections::BTreeSet::new(),
        });
    assert_eq!(
        refusal(&world, &Notes::default()).await,
        "an organization that is not the tenant's has its key as name or alias"
    );

    let world = World::new(Kind::Auth0);
    world.set_up().await;
    world.auth0.state().organizations[0].shown["metadata"] = json!({ "tenantId": "another" });
    assert_eq!(
        refusal(&world, &Notes::default()).await,
        "the organization with the tenant's id as name was not made for it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_would_put_another_tenants_id_into_tokens_is_refused() {
    for kind in Kind::KEYCLOAK {
        let world = World::new(kind);
        let identity = world.set_up().await;
        let place = identity.place.as_str();
        let of_another = json!([{ "config": { "claim.name": "tenantId", "claim.value": "another" } }]);
        world
            .keycloak
            .state()
            .realms
            .get_mut(place)
            .expect("it is there")
            .clients[0]["protocolMappers"] = of_another;

        let detail = refusal(&world, &Notes::default()).await;

        assert_eq!(
            detail,
            "the client with the tenant's id does not put that id into tokens"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_the_configured_name_and_keeps_passwords() {
    let mut world = World::new(Kind::Auth0);
    world.auth0_settings.connection = "nobody".to_owned();
    assert_eq!(
        refusal(&world, &Notes::default()).await,
        "there is no database connection with the configured name"
    );
    assert_eq!(world.census()["organizations"], 0);

    let world = World::new(Kind::Auth0);
    let identity = world.set_up().await;
    let id = identity.organization.expect("it has one");
    assert_eq!(world.auth0.state().organizations[0].shown["id"], id.as_str());
    let enabled: Vec<_> = world.auth0.state().organizations[0]
        .connections
        .values()
        .cloned()
        .collect();
    assert_eq!(enabled[0]["connection_id"], "con_people0000000");
    assert_eq!(enabled[0]["assign_membership_on_login"], false);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_enabled_already_is_looked_for_however_that_is_said() {
    for twice in [400, 409] {
        let world = World::new(Kind::Auth0);
        world.auth0.state().twice = twice;
        let first = world.set_up().await;

        let second = world.provider().set_up(&world.wish(), &Notes::default()).await;

        assert_eq!(second.expect("it is enabled"), first);
        world.auth0.state().connections[1]["id"] = json!("con_another000000");
        world.auth0.state().organizations[0].connections.clear();
        world
            .run(&Notes::default())
            .await
            .expect("the other one is enabled");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_stays_if_somebody_is_in_it_already() {
    for kind in Kind::ALL {
        let usual = World::new(kind);
        usual.refuse_what_comes_after_the_container(true);
        refusal(&usual, &Notes::default()).await;
        let calls = usual.wire.take();
        // Last comes the removal, and before it the question whether anybody is there.
        let somebody = if kind == Kind::Auth0 {
            r#"[{"user_id":"auth0|1"}]"#
        } else {
            "1"
        };
        let world = World::new(kind);
        world.refuse_what_comes_after_the_container(true);
        world
            .wire
            .plan(Fault::Say(200, somebody, None), calls.len() - 2, 1);
        let notes = Notes::default();

        refusal(&world, &notes).await;

        let containers = if kind.is_silo() { "realms" } else { "organizations" };
        assert_eq!(
            world.census()[containers],
            if kind.is_silo() { 2 } else { 1 },
            "{kind:?}"
        );
        let step = if kind.is_silo() { "realm" } else { "organization" };
        assert!(!notes.all()[step].is_empty(), "{kind:?}");
    }
}
