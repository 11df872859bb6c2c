use std::time::Duration;

use tenantry_app::ProviderError;
use tenantry_domain::{Login, ProviderId};
use tokio::time::Instant;

use crate::wire::Fault;
use crate::world::{ADDRESS, Kind, Notes, World, candidate};

/// What a provider repeats of a request, or of what it holds; none of it may be in an error's text.
const INDISCREET: &str = r#"{"error":"User ada@acme.com exists","error_description":"ada@acme.com","errorMessage":"Ada Lovelace, Acme",
    "message":"service-s3cret access-t0ken-1 t1cket1","field":"ada@acme.com","params":["ada@acme.com"]}"#;

fn unavailable(error: ProviderError) -> (String, Option<u32>) {
    match error {
        ProviderError::Unavailable {
            detail,
            retry_after_s,
            ..
        } => (detail, retry_after_s),
        other => panic!("{other:?}"),
    }
}

fn refused(error: ProviderError) -> String {
    match error {
        ProviderError::Refused { detail, .. } => detail,
        other => panic!("{other:?}"),
    }
}

async fn calls_of(kind: Kind) -> usize {
    let world = World::new(kind);
    world.run(&Notes::default()).await.expect("nothing is in the way");
    world.wire.take().len()
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_for_at_any_call() {
    for kind in Kind::ALL {
        for spared in 0..calls_of(kind).await {
            let world = World::new(kind);
            world
                .wire
                .plan(Fault::Say(429, "", Some(("retry-after", "3"))), spared, 2);
            let began = Instant::now();

            world.run(&Notes::default()).await.expect("it waits");

            assert_eq!(began.elapsed().as_secs(), 6, "{kind:?}: {spared}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_waited_for_until_its_date_and_in_auth0_until_its_own_header_says() {
    let date = ("retry-after", "Thu, 15 Jan 2026 09:30:05 GMT");
    let reset = ("x-ratelimit-reset", "1768469407");
    let cases = [
        (Kind::Auth0, date, 5),
        (Kind::Auth0, reset, 7),
        (Kind::OwnRealm, date, 5),
        (Kind::OwnRealm, reset, 0),
    ];

    for (kind, header, seconds) in cases {
        let world = World::new(kind);
        world.wire.plan(Fault::Say(429, "", Some(header)), 3, 1);
        let began = Instant::now();

        world.run(&Notes::default()).await.expect("it waits");

        assert_eq!(began.elapsed().as_secs(), seconds, "{kind:?}: {header:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_providers_own_is_tried_again_at_any_call() {
    let faults = [
        Fault::Say(503, "busy", None),
        Fault::Say(502, "", None),
        Fault::Say(200, "<html>sign in</html>", None),
        Fault::NoConnection,
        Fault::Silence,
    ];
    for kind in Kind::ALL {
        for fault in faults {
            for spared in 0..calls_of(kind).await {
                let world = World::new(kind);
                // Whoever is silent once is given up after ten seconds, and there are twenty for each operation.
                world.wire.plan(fault, spared, 1);

                world.run(&Notes::default()).await.expect("it tries again");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_cannot_be_waited_for_is_unavailable_and_says_when_it_will_not_be() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        world
            .wire
            .plan(Fault::Say(429, "", Some(("retry-after", "90"))), 2, 1000);
        let began = Instant::now();

        let error = world.run(&Notes::default()).await.expect_err("it takes too long");

        let (detail, retry_after_s) = unavailable(error);
        assert!(detail.ends_with("-> 429"), "{detail}");
        assert_eq!(retry_after_s, Some(90));
        assert_eq!(began.elapsed().as_secs(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_recover_is_unavailable_at_the_deadline() {
    for kind in Kind::ALL {
        for fault in [Fault::Say(503, "", None), Fault::NoConnection, Fault::Silence] {
            let world = World::new(kind);
            world.wire.plan(fault, 2, 1000);
            let began = Instant::now();

            let error = world
                .run(&Notes::default())
                .await
                .expect_err("it does not recover");

            let (detail, retry_after_s) = unavailable(error);
            assert!(detail.contains(" /"), "{detail}");
            assert_eq!(retry_after_s, None);
            assert!(began.elapsed() <= world.patience, "{kind:?}: {fault:?}");
            assert!(began.elapsed() >= Duration::from_secs(10), "{kind:?}: {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_error_repeats_what_the_provider_says_of_people_or_secrets() {
    for kind in Kind::ALL {
        for status in [400, 403, 404, 409, 422, 429, 500] {
            for spared in 0..calls_of(kind).await {
                let world = World::new(kind);
                world.wire.plan(
                    Fault::Say(status, INDISCREET, Some(("retry-after", "100"))),
                    spared,
                    1000,
                );

                let Err(error) = world.run(&Notes::default()).await else {
                    continue;
                };

                let told = format!("{error} {error:?}");
                for secret in [
                    "ada", "acme.com", "Lovelace", "Acme", "s3cret", "t0ken", "t1cket", "ATWdUZFv",
                ] {
                    assert!(!told.contains(secret), "{kind:?} {status} {spared}: {told}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_call_and_the_code() {
    let body =
        r#"{"statusCode":400,"error":"Bad Request","errorCode":"invalid_body","message":"for ada@acme.com"}"#;
    let world = World::new(Kind::Auth0);
    world.wire.plan(Fault::Say(400, body, None), 3, 1000);

    let error = world.run(&Notes::default()).await.expect_err("it may not");

    assert_eq!(refused(error), "POST /api/v2/organizations -> 400 invalid_body");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_a_refusal() {
    let told = [
        (Kind::Auth0, "POST /oauth/token -> 401 access_denied"),
        (
            Kind::OwnRealm,
            "POST /realms/{realm}/protocol/openid-connect/token -> 401 unauthorized_client",
        ),
    ];

    for (kind, detail) in told {
        let mut world = World::new(kind);
        world.auth0_settings.management_client_id = "somebody".to_owned();
        world.keycloak_settings.service_client_id = "somebody".to_owned();

        let error = world.run(&Notes::default()).await.expect_err("nobody knows it");

        assert_eq!(refused(error), detail);
        assert_eq!(world.wire.take().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_used_until_it_runs_out_and_not_a_moment_longer() {
    for (kind, lifespan_s) in [(Kind::Auth0, crate::auth0::LIFESPAN_S), (Kind::SharedRealm, 60)] {
        let world = World::new(kind);
        let provider = world.provider();
        let login = absent(&world).await;
        let tokens_after = async |seconds| {
            world.clock.advance_s(seconds);
            provider.sign_out(&login).await.expect("nobody is there");
            world
                .wire
                .take()
                .iter()
                .filter(|call| call.contains("/token "))
                .count()
        };

        assert_eq!(tokens_after(0).await, 1);
        assert_eq!(tokens_after(lifespan_s * 4 / 5 - 61).await, 0, "{kind:?}");
        // So near to its end that it might run out on the way.
        assert_eq!(tokens_after(lifespan_s / 5 + 50).await, 1, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_replaced_once() {
    for kind in Kind::ALL {
        let world = World::new(kind);
        let provider = world.provider();
        let identity = provider
            .set_up(&world.wish(), &Notes::default())
            .await
            .expect("nothing is in the way");
        world.auth0.state().revoke_tokens();
        world.keycloak.state().revoke_tokens();

        let admitted = provider.admit(&identity, &candidate(), &Notes::default()).await;

        let login = identity.login(admitted.expect("the token is replaced").auth_id);
        world.wire.take();
        world.wire.plan(Fault::Say(401, "", None), 0, 1000);
        let error = provider
            .sign_out(&login)
            .await
            .expect_err("no token is good enough");
        // The call, a token, which is refused as well.
        assert!(refused(error).contains("-> 401"), "{kind:?}");
        assert_eq!(world.wire.take().len(), 2, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_a_token_from_before_the_realm_gets_another_one() {
    for kind in [Kind::OwnRealm, Kind::OwnRealmThatMails] {
        let world = World::new(kind);
        let (early, as_early) = (world.provider(), world.provider());
        for provider in [&early, &as_early] {
            let nobody = absent(&world).await;
            provider.sign_out(&nobody).await.expect("nobody is there");
        }
        let identity = world.set_up().await;

        let admitted = early.admit(&identity, &candidate(), &Notes::default()).await;

        let login = identity.login(admitted.expect("it asks for another token").auth_id);
        assert_eq!(world.keycloak.census()["users"], 1);
        as_early.forget(&login).await.expect("it asks for another token");
        assert_eq!(world.keycloak.census()["users"], 0);
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_need_a_token_at_once_fetch_one() {
    for kind in [Kind::Auth0, Kind::SharedRealm] {
        let world = World::new(kind);
        world.wire.shuffle(7);
        let (provider, login) = (world.provider(), absent(&world).await);

        let (a, b, c) = tokio::join!(
            provider.sign_out(&login),
            provider.sign_out(&login),
            provider.sign_out(&login)
        );

        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        assert_eq!(
            world
                .wire
                .take()
                .iter()
                .filter(|call| call.contains("/token "))
                .count(),
            1
        );
    }
}

async fn absent(world: &World) -> Login {
    let mut identity = World::new(world.kind).set_up().await;
    if world.kind.is_silo() {
        identity.place = ProviderId::parse("people").expect("it is an id");
    }
    assert!(!identity.issuer.contains(ADDRESS));
    identity.login(ProviderId::parse("nobody").expect("it is an id"))
}
