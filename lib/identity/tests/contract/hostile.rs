use tenantry_domain::{Email, Login, PersonName, ProviderId, ProviderName};

use crate::world::{Kind, Notes, World, candidate};

const NAMES: [&str; 6] = [
    "../../master",
    "\"}],\"enabled\":true,\"x\":[{\"",
    "<script>alert(1)</script>",
    "%2e%2e/%00",
    "${client_admin-cli}",
    "a&realm=master#",
];

const ADDRESSES: [&str; 5] = [
    "o'neil+a&exact=false#x@acme.com",
    "a/../../../realms/master?x=%2e@acme.com",
    "{realm}@acme.com",
    "*@acme.com",
    "a`$id|b@acme.com",
];

#[tokio::test(start_paused = true)]
async fn names_and_addresses_are_data_wherever_they_go() {
    for kind in Kind::ALL {
        for (name, address) in NAMES
            .iter()
            .flat_map(|name| ADDRESSES.map(|address| (*name, address)))
        {
            let world = World::new(kind);
            let mut wish = world.wish();
            wish.name = PersonName::parse(name).expect("it is a name");
            let mut candidate = candidate();
            candidate.first_name = wish.name.clone();
            candidate.email = Email::parse(address).expect("it is an address");
            let mut found = Vec::new();

            // A path that is none of the contract's would end the test.
            for _ in 0..2 {
                let identity = world
                    .provider()
                    .set_up(&wish, &Notes::default())
                    .await
                    .expect("it is a name");
                let admitted = world
                    .admit(&identity, &candidate)
                    .await
                    .expect("it is an address");
                found.push((identity, admitted.auth_id));
            }

            assert_eq!(found[0], found[1], "{kind:?}: {name} {address}");
            let census = world.census();
            assert_eq!(census["users"], 1, "{kind:?}: {name} {address}");
            let email = match kind {
                Kind::Auth0 => world.auth0.state().users[0]["email"].clone(),
                _ => world.keycloak.state().realms[found[0].0.place.as_str()].users[0].shown["email"].clone(),
            };
            assert_eq!(email, address);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_looks_like_a_path_is_nobodys() {
    let ids = [
        "..",
        ".",
        "../../master",
        "x/credentials",
        "x?briefRepresentation=true",
        "x#",
        "%2e%2e",
        "*",
    ];

    for kind in [Kind::SharedRealm, Kind::Auth0] {
        for id in ids {
            let world = World::new(kind);
            let (identity, _) = world.run(&Notes::default()).await.expect("nothing is in the way");
            let census = world.census();
            let login = Login {
                provider: ProviderName::Keycloak,
                place: identity.place.clone(),
                auth_id: ProviderId::parse(id).expect("it is a text"),
            };
            let provider = world.provider();

            provider.sign_out(&login).await.expect("nobody is there");
            provider.expel(&identity, &login).await.expect("nobody is there");
            provider.forget(&login).await.expect("nobody is there");

            assert_eq!(world.census(), census, "{kind:?}: {id}");
        }
    }
}
