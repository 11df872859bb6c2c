use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;
use serde_json::json;
use tenantry_app::{Admitted, FirstKey};
use tenantry_domain::Identity;

use crate::world::{ADDRESS, Kind, Notes, World, candidate};

fn password(admitted: &Admitted) -> String {
    match &admitted.key {
        FirstKey::Password(password) => password.expose_secret().to_owned(),
        other => panic!("{other:?}"),
    }
}

async fn again(world: &World, identity: &Identity, notes: &Notes) -> Admitted {
    let admitted = world.provider().admit(identity, &candidate(), notes).await;
    admitted.expect("everything is there")
}

#[tokio::test(start_paused = true)]
async fn a_realm_that_cannot_mail_gives_a_password_that_has_to_be_changed() {
    for kind in [Kind::OwnRealm, Kind::SharedRealm] {
        let world = World::new(kind);
        let (identity, admitted) = world.run(&Notes::default()).await.expect("nothing is in the way");

        let password = password(&admitted);

        let mut state = world.keycloak.state();
        let user = state
            .realms
            .get_mut(identity.place.as_str())
            .expect("it is there")
            .user(ADDRESS);
        assert_eq!(
            user.credentials,
            [json!({ "type": "password", "value": password, "temporary": true })]
        );
        assert_eq!(user.shown["requiredActions"], json!(["UPDATE_PASSWORD"]));
        assert_eq!(user.shown["emailVerified"], json!(false));
        let classes: [fn(&u8) -> bool; 4] = [
            u8::is_ascii_lowercase,
            u8::is_ascii_uppercase,
            u8::is_ascii_digit,
            u8::is_ascii_punctuation,
        ];
        for class in classes {
            assert!(password.as_bytes().iter().any(class), "{password}");
        }
        assert!(state.realms[identity.place.as_str()].mails.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn until_it_is_changed_a_password_is_replaced_by_another_whenever_somebody_asks() {
    for kind in [Kind::OwnRealm, Kind::SharedRealm] {
        let world = World::new(kind);
        let notes = Notes::default();
        let (identity, admitted) = world.run(&notes).await.expect("nothing is in the way");
        let mut passwords = BTreeSet::from([password(&admitted)]);

        for _ in 0..3 {
            let latest = password(&again(&world, &identity, &notes).await);

            let mut state = world.keycloak.state();
            let user = state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there")
                .user(ADDRESS);
            assert_eq!(
                user.credentials,
                [json!({ "type": "password", "value": latest, "temporary": true })]
            );
            passwords.insert(latest);
        }

        assert_eq!(passwords.len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn a_realm_that_can_mail_mails_once_and_keeps_no_password() {
    for kind in [Kind::OwnRealmThatMails, Kind::SharedRealmThatMails] {
        let world = World::new(kind);
        let notes = Notes::default();
        let (identity, admitted) = world.run(&notes).await.expect("nothing is in the way");
        assert!(matches!(admitted.key, FirstKey::MailedByProvider));

        let resumed = again(&world, &identity, &notes).await;

        assert!(matches!(resumed.key, FirstKey::Known));
        {
            let mut state = world.keycloak.state();
            let realm = state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there");
            assert_eq!(realm.mails, [admitted.auth_id.as_str()]);
            assert!(realm.user(ADDRESS).credentials.is_empty());
            assert_eq!(
                realm.user(ADDRESS).shown["requiredActions"],
                json!(["VERIFY_EMAIL", "UPDATE_PASSWORD"])
            );
        }
        let invited_anew = again(&world, &identity, &Notes::default()).await;
        assert!(matches!(invited_anew.key, FirstKey::MailedByProvider));
    }
}

#[tokio::test(start_paused = true)]
async fn auth0_gives_a_ticket_that_verifies_the_address() {
    let world = World::new(Kind::Auth0);
    let (identity, admitted) = world.run(&Notes::default()).await.expect("nothing is in the way");

    let FirstKey::Link(link) = &admitted.key else {
        panic!("{:?}", admitted.key);
    };
    assert_eq!(
        link.expose_secret(),
        "https://acme.eu.auth0.com/u/reset-password?ticket=t1cket1#"
    );
    let state = world.auth0.state();
    let organization = identity.organization.expect("it has one");
    let ticket = json!({
        "user_id": admitted.auth_id,
        "client_id": "app",
        "organization_id": organization,
        "ttl_sec": 432_000,
        "mark_email_as_verified": true,
        "includeEmailInRedirect": false,
    });
    assert_eq!(state.tickets, [ticket]);
    let user = &state.users[0];
    assert_eq!(
        (&user["email_verified"], &user["given_name"]),
        (&json!(false), &json!("Ada"))
    );
    assert!(
        !link
            .expose_secret()
            .contains(&state.passwords[admitted.auth_id.as_str()])
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_has_come_in_needs_no_key() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let (identity, first) = world.run(&Notes::default()).await.expect("nothing is in the way");
        if kind == Kind::Auth0 {
            world.auth0.state().user(ADDRESS)["logins_count"] = json!(1);
        } else {
            let mut state = world.keycloak.state();
            state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there")
                .user(ADDRESS)
                .come_in();
        }

        let second = again(&world, &identity, &Notes::default()).await;

        assert!(matches!(second.key, FirstKey::Known), "{kind:?}");
        assert_eq!(second.auth_id, first.auth_id);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_in_elsewhere_needs_no_key() {
    for kind in Kind::KEYCLOAK {
        let world = World::new(kind);
        let (identity, _) = world.run(&Notes::default()).await.expect("nothing is in the way");
        {
            let mut state = world.keycloak.state();
            let user = state
                .realms
                .get_mut(identity.place.as_str())
                .expect("it is there")
                .user(ADDRESS);
            user.credentials.clear();
            user.elsewhere
                .push(json!({ "identityProvider": "acme", "userId": "7" }));
        }

        let second = again(&world, &identity, &Notes::default()).await;

        assert!(matches!(second.key, FirstKey::Known), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_realm_keeps_what_it_was_made_with_whatever_the_settings_say_later() {
    let mut world = World::new(Kind::OwnRealm);
    let identity = world.set_up().await;
    world.keycloak_settings.smtp = World::new(Kind::OwnRealmThatMails).keycloak_settings.smtp;

    let admitted = again(&world, &identity, &Notes::default()).await;

    assert!(matches!(admitted.key, FirstKey::Password(_)));
}

#[tokio::test(start_paused = true)]
async fn a_mail_server_that_does_not_answer_makes_keycloak_unavailable() {
    let mut world = World::new(Kind::SharedRealm);
    world.keycloak_settings.shared_realm_mails = true;
    let people = json!({});
    world
        .keycloak
        .state()
        .realms
        .get_mut("people")
        .expect("it is there")
        .settings["smtpServer"] = people;
    let identity = world.set_up().await;
    let mut candidate = candidate();
    candidate.locale = None;
    // The contract server minds a realm that asks for what it cannot mail, so the login is there before.
    let id = candidate.user_id.to_string();
    let known = json!({ "email": ADDRESS, "emailVerified": false, "attributes": { "tenantryUserId": [id] } });
    world
        .keycloak
        .state()
        .realms
        .get_mut("people")
        .expect("it is there")
        .add_user(known);

    let error = world
        .admit(&identity, &candidate)
        .await
        .expect_err("no mail goes out");

    let detail = error.to_string();
    assert_eq!(
        detail,
        "keycloak does not answer: PUT /admin/realms/{realm}/users/{id}/execute-actions-email -> 500"
    );
}
