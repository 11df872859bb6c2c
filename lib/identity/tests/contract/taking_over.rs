use serde_json::{Value, json};
use tenantry_app::{FirstKey, ProviderError};
use tenantry_domain::{Email, Identity};

use crate::world::{ADDRESS, Kind, Notes, USER, World, candidate};

const ANOTHER: &str = "019bc0ff-ee00-7000-8000-00000000b0b0";

async fn outcome(world: &World, identity: &Identity) -> Result<String, String> {
    match world.admit(identity, &candidate()).await {
        Ok(admitted) => Ok(admitted.auth_id.to_string()),
        Err(ProviderError::Refused { detail, .. }) => Err(detail),
        Err(other) => panic!("{other:?}"),
    }
}

/// A login that is in the realm before the person is invited.
struct Before {
    what: &'static str,
    is_verified: bool,
    has_password: bool,
    is_known_elsewhere: bool,
    federation: Option<&'static str>,
    owner: Option<&'static str>,
    refused: Option<&'static str>,
}

const UNVERIFIED: Option<&str> =
    Some("the person's address belongs to a login that has not verified it: verify or remove it");
const OF_ANOTHER: Option<&str> = Some("the person's address belongs to another person's login");

const fn before(
    what: &'static str,
    is_verified: bool,
    has_password: bool,
    refused: Option<&'static str>,
) -> Before {
    Before {
        what,
        is_verified,
        has_password,
        is_known_elsewhere: false,
        federation: None,
        owner: None,
        refused,
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_with_the_address_becomes_the_persons_only_if_nobody_else_can_have_made_it_theirs() {
    let cases = [
        before("signed up, and read the mail", true, true, None),
        before("signed up with somebody else's address", false, true, UNVERIFIED),
        before("imported, nobody can get in", false, false, None),
        before("imported and verified", true, false, None),
        Before {
            is_known_elsewhere: true,
            ..before(
                "came by a network that verifies nothing",
                false,
                false,
                UNVERIFIED,
            )
        },
        Before {
            is_known_elsewhere: true,
            ..before("came by a network that is trusted", true, false, None)
        },
        Before {
            federation: Some("ldap"),
            ..before("from a directory, not verified", false, false, UNVERIFIED)
        },
        Before {
            owner: Some(ANOTHER),
            ..before("another person's", true, true, OF_ANOTHER)
        },
        Before {
            owner: Some(ANOTHER),
            ..before("another person's, unused", false, false, OF_ANOTHER)
        },
        Before {
            owner: Some(USER),
            ..before("the person's, unverified and in use", false, true, None)
        },
    ];

    for case in cases {
        for kind in Kind::KEYCLOAK {
            let world = World::new(kind);
            let identity = world.set_up().await;
            let id = {
                let mut state = world.keycloak.state();
                let realm = state
                    .realms
                    .get_mut(identity.place.as_str())
                    .expect("it is there");
                let attributes = case
                    .owner
                    .map_or(json!({}), |id| json!({ "tenantryUserId": [id] }));
                let user = realm.add_user(json!({
                    "email": ADDRESS, "firstName": "A", "emailVerified": case.is_verified, "attributes": attributes,
                }));
                if case.has_password {
                    user.credentials
                        .push(json!({ "type": "password", "value": "mine" }));
                }
                if case.is_known_elsewhere {
                    user.elsewhere
                        .push(json!({ "identityProvider": "network", "userId": "1" }));
                }
                if let Some(federation) = case.federation {
                    user.shown["federationLink"] = json!(federation);
                }
                user.id().to_owned()
            };
            let owner = |world: &World| {
                let mut state = world.keycloak.state();
                let realm = state
                    .realms
                    .get_mut(identity.place.as_str())
                    .expect("it is there");
                realm.user(ADDRESS).attribute().map(str::to_owned)
            };

            let outcome = outcome(&world, &identity).await;

            let what = format!("{kind:?}: {}", case.what);
            match case.refused {
                None => {
                    assert_eq!(outcome, Ok(id), "{what}");
                    assert_eq!(owner(&world).as_deref(), Some(USER), "{what}");
                }
                Some(refused) => {
                    assert_eq!(outcome, Err(refused.to_owned()), "{what}");
                    assert_eq!(owner(&world).as_deref(), case.owner, "{what}");
                    assert_eq!(world.census()["members"], 0, "{what}");
                }
            }
            let mut state = world.keycloak.state();
            let user = state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there")
                .user(ADDRESS);
            // Nothing of it was emptied, and nothing is verified by our word.
            assert_eq!(user.shown["firstName"], json!("A"), "{what}");
            assert_eq!(user.shown["emailVerified"], json!(case.is_verified), "{what}");
            let is_kept = user
                .credentials
                .first()
                .is_none_or(|kept| kept["value"] == "mine" || !case.has_password);
            assert!(is_kept, "{what}");
            drop(state);
            assert_eq!(world.census()["users"], 1, "{what}");
        }
    }
}

/// Id, connection, whether the address is verified, whose it is, whether it is blocked, and what comes of it.
type Auth0Case = (
    &'static str,
    &'static str,
    bool,
    Option<&'static str>,
    bool,
    Result<&'static str, &'static str>,
);

#[tokio::test(start_paused = true)]
async fn an_auth0_login_with_the_address_becomes_the_persons_only_if_it_is_verified() {
    let cases: [Auth0Case; 7] = [
        ("auth0|1", "people", true, None, false, Ok("auth0|1")),
        (
            "auth0|1",
            "people",
            false,
            None,
            false,
            Err(UNVERIFIED.unwrap_or_default()),
        ),
        (
            "auth0|1",
            "people",
            true,
            Some(ANOTHER),
            false,
            Err(OF_ANOTHER.unwrap_or_default()),
        ),
        ("auth0|1", "people", false, Some(USER), false, Ok("auth0|1")),
        (
            "auth0|1",
            "people",
            true,
            Some(USER),
            true,
            Err("the person's login is blocked"),
        ),
        // Of another connection: not ours to touch, and in nobody's way.
        (
            "google-oauth2|1",
            "google",
            true,
            None,
            false,
            Ok("auth0|019bc0ffee0070008000000000000ada"),
        ),
        (
            "auth0|1",
            "others",
            false,
            Some(ANOTHER),
            false,
            Ok("auth0|019bc0ffee0070008000000000000ada"),
        ),
    ];

    for (id, connection, is_verified, owner, is_blocked, expected) in cases {
        let world = World::new(Kind::Auth0);
        let identity = world.set_up().await;
        {
            let mut state = world.auth0.state();
            let user = state.add_user(id, connection, ADDRESS, is_verified);
            user["app_metadata"] = owner.map_or(
                json!({ "plan": 1 }),
                |owner| json!({ "plan": 1, "tenantryUserId": owner }),
            );
            user["blocked"] = json!(is_blocked);
        }

        let outcome = outcome(&world, &identity).await;

        let what = format!("{id} {connection} {is_verified} {owner:?}");
        assert_eq!(outcome.as_deref().map_err(String::as_str), expected, "{what}");
        let state = world.auth0.state();
        assert_eq!(state.users[0]["app_metadata"]["plan"], 1, "{what}");
        if outcome.as_deref() == Ok(id) {
            assert_eq!(state.users[0]["app_metadata"]["tenantryUserId"], USER, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_in_a_connection_that_is_used_no_more_is_refused() {
    let world = World::new(Kind::Auth0);
    let identity = world.set_up().await;
    world
        .auth0
        .state()
        .add_user("auth0|019bc0ffee0070008000000000000ada", "old", ADDRESS, true);

    assert_eq!(
        outcome(&world, &identity).await,
        Err("the person's login is in another connection".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn several_logins_that_could_be_the_persons_are_refused() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let identity = world.set_up().await;
        if kind == Kind::Auth0 {
            let mut state = world.auth0.state();
            state.add_user("auth0|1", "people", ADDRESS, true);
            state.add_user("auth0|2", "people", ADDRESS, true);
        } else {
            let mut state = world.keycloak.state();
            let realm = state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there");
            for email in ["a@acme.com", "b@acme.com"] {
                realm.add_user(json!({ "email": email, "attributes": { "tenantryUserId": [USER] } }));
            }
        }

        let refused = outcome(&world, &identity).await.expect_err("it is not clear");

        assert!(refused.starts_with("several logins"), "{refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unused_login_follows_the_persons_address_and_a_used_one_stays() {
    for kind in Kind::ALL {
        for is_used in [false, true] {
            let world = World::new(kind);
            let (identity, admitted) = world.run(&Notes::default()).await.expect("nothing is in the way");
            let place = identity.place.as_str();
            if is_used {
                match kind {
                    Kind::Auth0 => world.auth0.state().user(ADDRESS)["logins_count"] = json!(2),
                    _ => world
                        .keycloak
                        .state()
                        .realms
                        .get_mut(place)
                        .expect("it is there")
                        .user(ADDRESS)
                        .come_in(),
                }
            }
            let mut candidate = candidate();
            candidate.email = Email::parse("ada@lovelace.org").expect("it is an address");

            let again = world
                .provider()
                .admit(&identity, &candidate, &Notes::default())
                .await;

            assert_eq!(again.expect("it is found").auth_id, admitted.auth_id, "{kind:?}");
            let email: Value = match kind {
                Kind::Auth0 => world.auth0.state().users[0]["email"].clone(),
                _ => world.keycloak.state().realms[place].users[0].shown["email"].clone(),
            };
            assert_eq!(
                email,
                if is_used { ADDRESS } else { "ada@lovelace.org" },
                "{kind:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_realm_that_drops_the_attribute_without_a_word_is_found_out() {
    for kind in Kind::KEYCLOAK {
        let world = World::new(kind);
        let identity = world.set_up().await;
        {
            let mut state = world.keycloak.state();
            let realm = state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there");
            let attributes = realm.profile["attributes"]
                .as_array_mut()
                .expect("a profile has attributes");
            attributes.retain(|attribute| attribute["name"] != "tenantryUserId");
        }

        let refused = outcome(&world, &identity).await.expect_err("whose login is it?");

        assert_eq!(
            refused,
            "the realm's user profile does not keep the attribute tenantryUserId"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_name_that_somebody_else_has_is_refused() {
    for kind in Kind::KEYCLOAK {
        let world = World::new(kind);
        let identity = world.set_up().await;
        let other = json!({ "email": "eve@evil.example", "username": ADDRESS });
        world
            .keycloak
            .state()
            .realms
            .get_mut(identity.place.as_str())
            .expect("it is there")
            .add_user(other);

        let refused = outcome(&world, &identity).await.expect_err("it is taken");

        assert_eq!(
            refused,
            "a login with another address has the person's as user name"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_of_a_shared_realm_that_is_locked_out_for_a_while_is_not_disabled_for_good() {
    let world = World::new(Kind::SharedRealm);
    let identity = world.set_up().await;
    {
        let mut state = world.keycloak.state();
        let realm = state.realms.get_mut("people").expect("it is there");
        let user = realm.add_user(json!({ "email": ADDRESS, "emailVerified": true }));
        user.come_in();
        user.is_locked_out = true;
    }

    let admitted = world
        .admit(&identity, &candidate())
        .await
        .expect("it is the person's");

    assert!(matches!(admitted.key, FirstKey::Known));
    let state = world.keycloak.state();
    let user = &state.realms["people"].users[0];
    assert_eq!(
        (user.attribute(), &user.shown["enabled"]),
        (Some(USER), &json!(true))
    );
}
