//! Cognito on an emulator: what is there in the end, whatever happened on the way.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use tenantry_app::{
    Admitted, Candidate, FirstKey, IdentityProvider as _, IdentityWish, Progress, ProviderError,
};
use tenantry_aws::Cognito;
use tenantry_domain::Identity;

use crate::faulty::{Fault, Faulty};
use crate::pool::{Emulator, eventually, is_new, sub};
use crate::world::{Notes, candidate, wish};

/// Notes that are steps, too.
struct Noting<'a> {
    notes: &'a Notes,
    network: Arc<Faulty>,
}

impl Progress for Noting<'_> {
    fn made(&self, step: &str) -> Option<String> {
        self.notes.made(step)
    }

    fn note<'a>(&'a self, step: &'static str, made: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move {
            // A note whose answer is lost is a note.
            self.network
                .step(self.notes.note(step, made))
                .await
                .unwrap_or(Ok(()))
        }
        .boxed()
    }
}

/// Sets a tenant up and lets its first person in.
async fn let_in(
    cognito: &Cognito,
    wish: &IdentityWish,
    candidate: &Candidate,
    progress: &dyn Progress,
) -> Result<(Identity, Admitted), ProviderError> {
    let identity = cognito.set_up(wish, progress).await?;
    let admitted = cognito.admit(&identity, candidate, progress).await?;
    Ok((identity, admitted))
}

async fn assert_that_all_is_there_once(
    emulator: &Emulator,
    (wish, candidate): (&IdentityWish, &Candidate),
    (identity, admitted): &(Identity, Admitted),
    what: &str,
) {
    let pool = identity.place.as_str();
    if wish.is_silo {
        assert_eq!(emulator.own_pools(wish).await, [pool], "{what}");
        let client_id = identity.client_id.as_ref().expect("there is a client").as_str();
        assert_eq!(emulator.own_clients(pool).await, [client_id], "{what}");
    } else {
        assert!(emulator.own_pools(wish).await.is_empty(), "{what}");
    }
    let group = wish.tenant_id.to_string();
    let groups = emulator.groups(pool).await;
    assert_eq!(groups.iter().filter(|name| **name == group).count(), 1, "{what}");
    let people = emulator.people(pool, &candidate.email).await;
    let [person] = &people[..] else {
        panic!("{what}: {people:?}");
    };
    let username = candidate.user_id.to_string();
    assert_eq!(person.username.as_ref(), Some(&username), "{what}");
    assert_eq!(sub(person), Some(admitted.auth_id.as_str()), "{what}");
    assert!(person.enabled && is_new(person), "{what}");
    assert_eq!(emulator.members(identity).await, [username], "{what}");
    let mails = emulator.mailed_passwords(&candidate.email).await.len();
    assert!((1..=2).contains(&mails), "{what}: {mails} mails");
}

#[tokio::test]
#[ignore = "needs COGNITO_URL"]
async fn a_person_signs_in_with_what_was_mailed_and_leaves_and_comes_back_and_is_forgotten() {
    let emulator = Emulator::start().await;
    for is_silo in [false, true] {
        let cognito = emulator.cognito(&Faulty::never());
        let wish = wish(is_silo);
        let candidate = candidate(&wish);
        let email = &candidate.email;

        let let_in_at_first = let_in(&cognito, &wish, &candidate, &Notes::default()).await;
        let (identity, admitted) = let_in_at_first.expect("the emulator answers");
        let login = identity.login(admitted.auth_id.clone());
        assert!(matches!(admitted.key, FirstKey::MailedByProvider));
        let client_id = if is_silo {
            emulator.client_with_passwords(identity.place.as_str()).await
        } else {
            identity.client_id.as_ref().expect("it is set").to_string()
        };

        let passwords = emulator.mailed_passwords(email).await;
        let [password] = &passwords[..] else {
            panic!("one mail, but {}", passwords.len());
        };
        let tokens = emulator.sign_in_first(&client_id, email, password).await;
        let claims = emulator.claims(&identity, &tokens).await;
        assert_eq!(claims["sub"], json!(admitted.auth_id.as_str()));
        assert_eq!(claims["username"], json!(candidate.user_id.to_string()));
        assert_eq!(claims["cognito:groups"], json!([wish.tenant_id.to_string()]));
        emulator
            .renew(&client_id, &tokens)
            .await
            .expect("nobody was signed out");

        // The emulator notes only the second of a sign-out; what was given out in the same one outlives it.
        eventually("the refresh token to be refused", async || {
            cognito.sign_out(&login).await.expect("it can be repeated");
            emulator.renew(&client_id, &tokens).await.is_err()
        })
        .await;

        for _ in 0..2 {
            cognito
                .expel(&identity, &login)
                .await
                .expect("it can be repeated");
            assert!(emulator.members(&identity).await.is_empty());
        }
        let people = emulator.people(identity.place.as_str(), email).await;
        assert_eq!(people[0].enabled, !is_silo);
        assert_eq!(emulator.sign_in(&client_id, email).await.is_err(), is_silo);

        let back = cognito.admit(&identity, &candidate, &Notes::default()).await;
        let back = back.expect("it may come back");
        assert!(matches!(back.key, FirstKey::Known), "{back:?}");
        assert_eq!(back.auth_id, admitted.auth_id);
        let tokens = emulator
            .sign_in(&client_id, email)
            .await
            .expect("its password holds");
        let claims = emulator.claims(&identity, &tokens).await;
        assert_eq!(claims["cognito:groups"], json!([wish.tenant_id.to_string()]));
        assert_eq!(emulator.mailed_passwords(email).await.len(), 1);

        for _ in 0..2 {
            cognito.forget(&login).await.expect("it can be repeated");
            assert!(emulator.people(identity.place.as_str(), email).await.is_empty());
        }
        cognito
            .sign_out(&login)
            .await
            .expect("who is not there has no sessions");
        cognito
            .expel(&identity, &login)
            .await
            .expect("who is not there is out");
    }
}

#[tokio::test]
#[ignore = "needs COGNITO_URL"]
async fn a_person_of_two_tenants_has_one_login_and_loses_one_of_them() {
    let emulator = Emulator::start().await;
    let cognito = emulator.cognito(&Faulty::never());
    let (first, second) = (wish(false), wish(false));
    let candidate = candidate(&first);
    let at_first = let_in(&cognito, &first, &candidate, &Notes::default()).await;
    let at_second = let_in(&cognito, &second, &candidate, &Notes::default()).await;
    let (first_identity, admitted) = at_first.expect("the emulator answers");
    let (second_identity, admitted_again) = at_second.expect("the emulator answers");

    let login = first_identity.login(admitted.auth_id.clone());
    cognito.expel(&first_identity, &login).await.expect("it is there");

    assert_eq!(admitted.auth_id, admitted_again.auth_id);
    assert!(emulator.members(&first_identity).await.is_empty());
    let left = emulator.members(&second_identity).await;
    assert_eq!(left, [candidate.user_id.to_string()]);
    let client_id = second_identity.client_id.as_ref().expect("it is set").as_str();
    let passwords = emulator.mailed_passwords(&candidate.email).await;
    let password = passwords.last().expect("there was a mail");
    let tokens = emulator
        .sign_in_first(client_id, &candidate.email, password)
        .await;
    let claims = emulator.claims(&second_identity, &tokens).await;
    assert_eq!(claims["cognito:groups"], json!([second.tenant_id.to_string()]));
}

#[tokio::test]
#[ignore = "needs COGNITO_URL"]
async fn whatever_step_it_is_cut_off_at_it_is_resumed_and_everything_is_there_once() {
    let emulator = Emulator::start().await;
    let mut cuts = 0;
    for is_silo in [false, true] {
        for fault in [Fault::EndBefore, Fault::EndAfter] {
            for are_notes_lost in [false, true] {
                for step in 1.. {
                    let what = format!("silo {is_silo}, {fault:?} {step}, notes lost {are_notes_lost}");
                    let wish = wish(is_silo);
                    let candidate = candidate(&wish);
                    let (network, notes) = (Faulty::at(step, fault), Notes::default());
                    let noting = Noting {
                        notes: &notes,
                        network: Arc::clone(&network),
                    };
                    let cognito = emulator.cognito(&network);
                    let cut_off = network
                        .until_over(let_in(&cognito, &wish, &candidate, &noting))
                        .await;

                    let notes = if are_notes_lost { Notes::default() } else { notes };
                    let cognito = emulator.cognito(&Faulty::never());
                    let resumed = let_in(&cognito, &wish, &candidate, &notes).await;

                    let resumed = resumed.unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_that_all_is_there_once(&emulator, (&wish, &candidate), &resumed, &what).await;
                    if let Some(done) = cut_off {
                        let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
                        assert_eq!((done.0, done.1.auth_id), (resumed.0, resumed.1.auth_id), "{what}");
                        break;
                    }
                    cuts += 1;
                }
            }
        }
    }
    // Shared: group, person, membership, and two notes. A pool of its own: pool, client, group, person and membership, four
    // lists, each with more pages the more pools there are, and four notes.
    assert!(cuts >= 4 * 5 + 4 * 13, "{cuts}");
}

#[tokio::test]
#[ignore = "needs COGNITO_URL"]
async fn whatever_answer_is_lost_it_is_asked_again_and_everything_is_there_once() {
    let emulator = Emulator::start().await;
    for is_silo in [false, true] {
        for step in 1.. {
            let what = format!("silo {is_silo}, answer {step}");
            let wish = wish(is_silo);
            let candidate = candidate(&wish);
            let network = Faulty::at(step, Fault::LoseAnswer);

            let done = let_in(&emulator.cognito(&network), &wish, &candidate, &Notes::default()).await;

            let done = done.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_that_all_is_there_once(&emulator, (&wish, &candidate), &done, &what).await;
            if !network.gave_out() {
                break;
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs COGNITO_URL"]
async fn side_by_side_one_of_everything_is_made() {
    let emulator = Emulator::start().await;
    for is_silo in [false, true] {
        let wish = wish(is_silo);
        let candidate = candidate(&wish);
        let cognito = emulator.cognito(&Faulty::never());
        let each = (0..8).map(|_| async {
            let done = let_in(&cognito, &wish, &candidate, &Notes::default()).await;
            done.expect("it is made or found")
        });

        let all = join_all(each).await;

        let pool = all[0].0.place.as_str();
        assert!(all.iter().all(|done| done.0 == all[0].0), "{all:?}");
        assert!(
            all.iter().all(|done| done.1.auth_id == all[0].1.auth_id),
            "{all:?}"
        );
        assert_eq!(emulator.own_pools(&wish).await.len(), usize::from(is_silo));
        assert_eq!(emulator.own_clients(pool).await.len(), usize::from(is_silo));
        assert_eq!(emulator.people(pool, &candidate.email).await.len(), 1);
        let passwords = emulator.mailed_passwords(&candidate.email).await;
        assert!((1..=8).contains(&passwords.len()), "{}", passwords.len());
    }
}
