//! Tokens of several issuers at once, and what is refused before it costs anything.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tenantry_api::{Authenticator, Edge, KeyFetch, KeySource, router};
use tenantry_app::Issuer;
use tenantry_domain::Clock as _;
use tenantry_local::{LocalIssuer, groups};
use tenantry_testing::TestApp;
use tower::ServiceExt as _;

const COGNITO: &str = "https://cognito.example.com/pool";
const KEYCLOAK: &str = "https://keycloak.example.com/realms/acme";

/// A key endpoint whose keys a test changes, and that counts how often it is asked.
#[derive(Default)]
struct KeyServer {
    sets: Mutex<HashMap<String, String>>,
    fetches: AtomicU32,
}

impl KeyServer {
    fn publish(&self, issuer: &str, keys: &[Value]) {
        let set = json!({ "keys": keys }).to_string();
        self.sets
            .lock()
            .expect("no test panics here")
            .insert(format!("{issuer}/jwks.json"), set);
    }

    fn take_down(&self) {
        self.sets.lock().expect("no test panics here").clear();
    }

    fn fetches(&self) -> u32 {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl KeySource for KeyServer {
    fn fetch<'a>(&'a self, jwks_uri: &'a str) -> BoxFuture<'a, KeyFetch> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let set = self
            .sets
            .lock()
            .expect("no test panics here")
            .get(jwks_uri)
            .cloned();
        std::future::ready(set.ok_or_else(|| "connection refused".into())).boxed()
    }
}

/// An issuer's signing key.
enum Signer {
    Ec(LocalIssuer),
    Rsa,
}

impl Signer {
    fn ec(seed: u8) -> Self {
        Self::Ec(LocalIssuer::new(&[seed; 32]).expect("any seed makes a key"))
    }

    async fn jwk(&self) -> Value {
        match self {
            Self::Ec(issuer) => {
                let set: Value = serde_json::from_str(&issuer.fetch("").await.expect("it is in memory"))
                    .expect("it is JSON");
                set["keys"][0].clone()
            }
            Self::Rsa => {
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rsa-1", "e": "AQAB", "n": rsa_key().1 })
            }
        }
    }

    fn sign(&self, claims: Value) -> String {
        match self {
            Self::Ec(issuer) => issuer.sign(claims, 0, 0).expect("it signs"),
            Self::Rsa => {
                let header = Header {
                    kid: Some("rsa-1".to_owned()),
                    ..Header::new(Algorithm::RS256)
                };
                let der = STANDARD.decode(rsa_key().0).expect("the file holds base64");
                jsonwebtoken::encode(&header, &claims, &EncodingKey::from_rsa_der(&der)).expect("it signs")
            }
        }
    }
}

fn rsa_key() -> (&'static str, &'static str) {
    include_str!("rsa_test_key.txt")
        .trim()
        .split_once('\n')
        .expect("the file has two lines")
}

struct World {
    app: TestApp,
    keys: Arc<KeyServer>,
    router: Router,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let keys = Arc::new(KeyServer::default());
        let issuer = |issuer: &str, is_platform| Issuer {
            issuer: issuer.to_owned(),
            audiences: vec!["tenantry".to_owned(), "client-1".to_owned()],
            jwks_uri: format!("{issuer}/jwks.json"),
            is_platform,
        };
        let issuers = vec![issuer(COGNITO, true), issuer(KEYCLOAK, false)];
        let authenticator = Arc::new(Authenticator::new(issuers, Arc::clone(&keys) as _));
        let edge = Edge {
            app: Arc::clone(&app.product.edge.app),
            authenticator,
        };
        let router = router(groups(), &edge);
        Self { app, keys, router }
    }

    /// An operator's claims of this issuer, good for an hour.
    fn operator(&self, issuer: &str) -> Value {
        let now = self.app.clock.now().as_seconds();
        json!({
            "iss": issuer, "aud": "tenantry", "sub": "ada", "scope": "openid platform",
            "permissions": ["ViewTenant"], "iat": now, "exp": now + 3600,
        })
    }

    async fn count_tenants(&self, token: &str) -> StatusCode {
        let request = Request::get("/tenants/count").header("authorization", format!("Bearer {token}"));
        let request = request.body(Body::empty()).expect("a valid request");
        self.router
            .clone()
            .oneshot(request)
            .await
            .expect("the router answers everything")
            .status()
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn without(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().expect("claims are an object").remove(name);
    claims
}

#[tokio::test]
async fn tokens_of_several_issuers_are_taken_each_under_its_own_keys() {
    let world = World::new().await;
    let (ours, theirs) = (Signer::Rsa, Signer::ec(2));
    world.keys.publish(COGNITO, &[ours.jwk().await]);
    world.keys.publish(KEYCLOAK, &[theirs.jwk().await]);
    let tenant = world.app.unknown_id();
    let member = json!({ "iss": KEYCLOAK, "tenantId": tenant, "userTenantId": tenant, "scope": "" });
    let mut claims = world.operator(KEYCLOAK);
    claims
        .as_object_mut()
        .expect("an object")
        .extend(member.as_object().expect("an object").clone());

    assert_eq!(
        world.count_tenants(&ours.sign(world.operator(COGNITO))).await,
        StatusCode::OK
    );
    assert_eq!(
        world.count_tenants(&theirs.sign(claims)).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.count_tenants(&theirs.sign(world.operator(COGNITO))).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        world.count_tenants(&ours.sign(world.operator(KEYCLOAK))).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn an_issuer_that_is_not_the_platforms_makes_no_operators() {
    let world = World::new().await;
    let signer = Signer::ec(2);
    world.keys.publish(KEYCLOAK, &[signer.jwk().await]);

    assert_eq!(
        world.count_tenants(&signer.sign(world.operator(KEYCLOAK))).await,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn claims_decide_what_a_well_signed_token_is_worth() {
    let world = World::new().await;
    let signer = Signer::Rsa;
    world.keys.publish(COGNITO, &[signer.jwk().await]);
    let (good, now) = (world.operator(COGNITO), world.app.clock.now().as_seconds());
    let cases = [
        ("as it is", good.clone(), 200),
        (
            "several audiences",
            with(good.clone(), "aud", json!(["other", "tenantry"])),
            200,
        ),
        (
            "Cognito's client_id",
            with(without(good.clone(), "aud"), "client_id", json!("client-1")),
            200,
        ),
        (
            "another client_id",
            with(without(good.clone(), "aud"), "client_id", json!("client-2")),
            401,
        ),
        (
            "a client_id does not stand in for a wrong audience",
            with(
                with(good.clone(), "aud", json!("other")),
                "client_id",
                json!("client-1"),
            ),
            401,
        ),
        ("no audience", without(good.clone(), "aud"), 401),
        (
            "a numeric alias",
            with(good.clone(), "permissions", json!(["10207"])),
            200,
        ),
        (
            "an alias that is a number",
            with(good.clone(), "permissions", json!([10207])),
            200,
        ),
        ("a star", with(good.clone(), "permissions", json!(["*"])), 403),
        (
            "no platform scope",
            with(good.clone(), "scope", json!("openid platforms")),
            403,
        ),
        ("expires now", with(good.clone(), "exp", json!(now)), 401),
        (
            "expires in a second",
            with(good.clone(), "exp", json!(now + 1)),
            200,
        ),
        ("never expires", without(good.clone(), "exp"), 401),
        (
            "not yet, but within a clock's error",
            with(good.clone(), "nbf", json!(now + 10)),
            200,
        ),
        ("not yet", with(good.clone(), "nbf", json!(now + 11)), 401),
        ("no subject", without(good.clone(), "sub"), 401),
        (
            "a tenant without a membership",
            with(good.clone(), "tenantId", json!(world.app.unknown_id())),
            401,
        ),
    ];

    for (name, claims, expected) in cases {
        assert_eq!(
            world.count_tenants(&signer.sign(claims)).await.as_u16(),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn keys_rotate_without_a_restart() {
    let world = World::new().await;
    let (old, new) = (Signer::ec(1), Signer::ec(2));
    world.keys.publish(COGNITO, &[old.jwk().await]);
    assert_eq!(
        world.count_tenants(&old.sign(world.operator(COGNITO))).await,
        StatusCode::OK
    );
    world.keys.publish(COGNITO, &[new.jwk().await]);

    world.app.clock.advance_minutes(1);

    assert_eq!(
        world.count_tenants(&new.sign(world.operator(COGNITO))).await,
        StatusCode::OK
    );
    assert_eq!(
        world.count_tenants(&old.sign(world.operator(COGNITO))).await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_the_issuer_once_a_minute() {
    let world = World::new().await;
    world.keys.publish(COGNITO, &[Signer::ec(1).jwk().await]);
    let claims = world.operator(COGNITO);

    for seed in 2..40 {
        assert_eq!(
            world.count_tenants(&Signer::ec(seed).sign(claims.clone())).await,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(world.keys.fetches(), 1);
    world.app.clock.advance_minutes(1);
    world.count_tenants(&Signer::ec(40).sign(claims)).await;

    assert_eq!(world.keys.fetches(), 2);
}

#[tokio::test]
async fn known_keys_outlive_an_issuer_that_is_down() {
    let world = World::new().await;
    let signer = Signer::Rsa;
    world.keys.publish(COGNITO, &[signer.jwk().await]);
    assert_eq!(
        world.count_tenants(&signer.sign(world.operator(COGNITO))).await,
        StatusCode::OK
    );

    world.keys.take_down();
    world.app.clock.advance_minutes(61);

    assert_eq!(
        world.count_tenants(&signer.sign(world.operator(COGNITO))).await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_makes_the_answer_503() {
    let world = World::new().await;

    let status = world
        .count_tenants(&Signer::Rsa.sign(world.operator(COGNITO)))
        .await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_unusable_token_is_refused_without_asking_anybody() {
    let world = World::new().await;
    let giant = with(world.operator(COGNITO), "note", json!("x".repeat(9_000)));
    let tokens = [
        "x",
        "a.b.c",
        "....",
        &Signer::Rsa.sign(giant),
        &Signer::Rsa.sign(with(
            world.operator(COGNITO),
            "iss",
            json!("https://evil.example.com"),
        )),
    ];

    for token in tokens {
        assert_eq!(
            world.count_tenants(token).await,
            StatusCode::UNAUTHORIZED,
            "{}",
            &token[..token.len().min(40)]
        );
    }
    assert_eq!(world.keys.fetches(), 0);
}
