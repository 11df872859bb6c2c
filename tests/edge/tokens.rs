//! Tokens of several issuers at once, and what is refused before it costs anything.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tenantry_api::{Authenticator, Edge, KeyFetch, KeySource, router};
use tenantry_app::{IdentitySettings, Issuer};
use tenantry_domain::{Actor, Clock as _, Id, Permission, ProviderName, SystemRole, TenantScope};
use tenantry_local::{ISSUER, LocalIssuer, groups};
use tenantry_store::{TenantIssuer, Transaction};
use tenantry_testing::{Answer, Directory, Person, TestApp, of_members, order};

const COGNITO: &str = "https://cognito.example.com/pool";
const KEYCLOAK: &str = "https://keycloak.example.com/realms/acme";
const AUTH0: &str = "https://acme.auth0.example.com";
/// A realm of one tenant: not configured, but below what is.
const OWN_REALM: &str = "https://keycloak.example.com/realms/own";

const GRACE: &str = "grace@acme.com";

/// A key endpoint whose keys a test changes, and that counts how often it is asked.
#[derive(Default)]
struct KeyServer {
    sets: Mutex<HashMap<String, String>>,
    fetched: Mutex<Vec<String>>,
}

impl KeyServer {
    fn publish(&self, issuer: &str, keys: &[Value]) {
        self.put(
            &format!("{issuer}/jwks.json"),
            json!({ "keys": keys }).to_string(),
        );
    }

    fn put(&self, jwks_uri: &str, set: String) {
        let mut sets = self.sets.lock().expect("no test panics here");
        sets.insert(jwks_uri.to_owned(), set);
    }

    fn take_down(&self) {
        self.sets.lock().expect("no test panics here").clear();
    }

    /// How often issuers were asked for their keys, the local one aside.
    fn fetches(&self) -> usize {
        let fetched = self.fetched.lock().expect("no test panics here");
        fetched.iter().filter(|uri| !uri.starts_with(ISSUER)).count()
    }
}

impl KeySource for KeyServer {
    fn fetch<'a>(&'a self, jwks_uri: &'a str) -> BoxFuture<'a, KeyFetch> {
        let mut fetched = self.fetched.lock().expect("no test panics here");
        fetched.push(jwks_uri.to_owned());
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
}

impl World {
    async fn new() -> Self {
        let issuer = |issuer: &str, is_platform: bool| {
            json!({
                "issuer": issuer, "audiences": ["tenantry", "client-1"], "jwksUri": format!("{issuer}/jwks.json"),
                "isPlatform": is_platform,
            })
        };
        Self::with(json!([issuer(COGNITO, true), issuer(KEYCLOAK, false)])).await
    }

    /// With these issuers beside the local one, as the setting `ISSUERS` describes them.
    async fn with(issuers: Value) -> Self {
        let directory = Directory::of(ProviderName::Cognito);
        let mut app = TestApp::start_identified(directory.alone(), |config| {
            config.identity = IdentitySettings::parse(PROVIDERS).expect("the settings are sound");
        })
        .await;
        let keys = Arc::new(KeyServer::default());
        let local = app.product.issuer.descriptions();
        let local_keys = app.product.issuer.fetch("").await.expect("it is in memory");
        for issuer in &local {
            keys.put(&issuer.jwks_uri, local_keys.clone());
        }
        let mut issuers: Vec<Issuer> = serde_json::from_value(issuers).expect("the setting is sound");
        issuers.extend(local);
        let edge = Edge {
            app: Arc::clone(&app.product.edge.app),
            authenticator: Arc::new(Authenticator::new(issuers, Arc::clone(&keys) as _)),
        };
        app.product.router = router(groups(), &edge);
        Self { app, keys }
    }

    /// Claims of this issuer, good for an hour.
    fn claims(&self, issuer: &str, more: Value) -> Value {
        let now = self.app.clock.now().as_seconds();
        let mut claims =
            json!({ "iss": issuer, "aud": "tenantry", "sub": "ada", "iat": now, "exp": now + 3600 });
        let more: serde_json::Map<String, Value> =
            serde_json::from_value(more).expect("claims are an object");
        claims.as_object_mut().expect("claims are an object").extend(more);
        claims
    }

    /// An operator's claims of this issuer, good for an hour.
    fn operator(&self, issuer: &str) -> Value {
        self.claims(
            issuer,
            json!({ "scope": "openid platform", "permissions": ["ViewTenant"] }),
        )
    }

    async fn count_tenants(&self, token: &str) -> StatusCode {
        self.get("/tenants/count", token).await.status
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.app.get(path).bearer(token).send().await
    }

    /// Somebody with this role in a new tenant in use.
    async fn join(&self, key: &str, role: SystemRole) -> Person {
        let tenant_id = self.app.active_tenant(key).await;
        self.app.join_as(&tenant_id, GRACE, role).await
    }

    /// A tenant in use whose pool is its own, and the `iss` of that pool's tokens, whose keys are published.
    async fn tenant_with_issuer(&self, key: &str, signer: &Signer) -> (String, String) {
        let app = &self.app;
        let tenant_id = app.tenant(key).await;
        let subscription = json!({ "id": "sub_1", "plan": { "tier": "PREMIUM" } });
        let answer = app.command(&tenant_id, "provision", &subscription).await;
        let job = app.order(&answer.expect(202).text_at("/id")).await;
        app.set_up_identity(&job).await.expect(200);
        app.report(&job, &job.success()).await.expect(204);
        let tenant = app.find_tenant(&tenant_id).await;
        let issuer = tenant["identity"]["issuer"]
            .as_str()
            .expect("it has an identity")
            .to_owned();
        let keys = json!({ "keys": [signer.jwk().await] });
        self.keys
            .put(&format!("{issuer}/.well-known/jwks.json"), keys.to_string());
        (tenant_id, issuer)
    }

    /// Registers `OWN_REALM` as this tenant's.
    async fn register_realm(&self, tenant_id: &str, signer: &Signer) {
        let tenant_id = Id::parse(tenant_id).expect("it is an id");
        let scope = TenantScope::of_system(tenant_id, Actor::System);
        let jwks_uri = format!("{OWN_REALM}/protocol/openid-connect/certs");
        let keys = json!({ "keys": [signer.jwk().await] });
        self.keys.put(&jwks_uri, keys.to_string());
        let issuer = TenantIssuer {
            issuer: OWN_REALM.to_owned(),
            tenant_id,
            provider: ProviderName::Keycloak,
            audiences: vec!["tenantry".to_owned()],
            jwks_uri,
            created_at: self.app.clock.now(),
        };
        let mut transaction = Transaction::new();
        transaction.put_issuer(&scope, &issuer);
        let committed = self
            .app
            .context("registers a realm")
            .store
            .commit(transaction)
            .await;
        committed.expect("the table takes it");
    }

    /// What a request costs with a token of this issuer, which nobody has heard of.
    async fn cost_of_stranger(&self, issuer: &str) -> u64 {
        let token = Signer::ec(9).sign(self.operator(issuer));
        let answer = self.get("/tenants/count", &token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{issuer}");
        answer.usage.calls
    }
}

/// Below which addresses pools and realms of single tenants may be.
const PROVIDERS: &str = r#"{
    "default": "cognito",
    "cognito": { "userPoolId": "pool", "clientId": "front-end", "issuerBase": "https://idp.example.com" },
    "keycloak": {
        "url": "https://keycloak.example.com", "serviceRealm": "master", "serviceClientId": "tenantry",
        "sharedRealm": "shared", "redirectUris": []
    }
}"#;

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
    let claims = world.claims(KEYCLOAK, json!({ "tenantId": tenant, "userTenantId": tenant }));

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
        ("expires at no time", with(good.clone(), "exp", Value::Null), 401),
        (
            "expires at a text",
            with(good.clone(), "exp", json!((now + 60).to_string())),
            401,
        ),
        (
            "expires within a second",
            with(good.clone(), "exp", json!(1_768_469_401.5)),
            200,
        ),
        (
            "expired within this second",
            with(good.clone(), "exp", json!(1_768_469_400.9)),
            401,
        ),
        (
            "not yet, but within a clock's error",
            with(good.clone(), "nbf", json!(now + 10)),
            200,
        ),
        ("not yet", with(good.clone(), "nbf", json!(now + 11)), 401),
        ("some day", with(good.clone(), "nbf", json!("some day")), 401),
        (
            "an audience that is a number",
            with(good.clone(), "aud", json!(1)),
            401,
        ),
        (
            "an audience that is an object",
            with(good.clone(), "aud", json!({ "tenantry": true })),
            401,
        ),
        (
            "audiences that are no texts",
            with(good.clone(), "aud", json!([["tenantry"], 1, null])),
            401,
        ),
        ("no audiences", with(good.clone(), "aud", json!([])), 401),
        (
            "several issuers",
            with(good.clone(), "iss", json!([COGNITO])),
            401,
        ),
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

/// Three issuers, each of which calls things as it likes.
fn in_their_own_words() -> Value {
    json!([
        { "issuer": COGNITO, "audiences": ["client-1"], "jwksUri": format!("{COGNITO}/jwks.json") },
        {
            "issuer": KEYCLOAK, "audiences": ["tenantry"], "jwksUri": format!("{KEYCLOAK}/jwks.json"),
            "platformScope": "platform-operator", "resolvePermissions": true,
            "claims": {
                "tenantId": "/organization/tenant", "userId": "/organization/person",
                "permissions": "/realm_access/permissions", "scope": "/realm_access/roles",
            },
        },
        {
            "issuer": AUTH0, "audiences": ["https://api.acme.example"], "jwksUri": format!("{AUTH0}/jwks.json"),
            "platformScope": "platform:operate",
            "claims": {
                "tenantId": "https://acme.example/tenantId", "userId": "https://acme.example/userId",
                "permissions": "https://acme.example/permissions",
            },
        },
    ])
}

#[tokio::test]
async fn issuers_are_understood_each_in_its_own_words() {
    let world = World::with(in_their_own_words()).await;
    let signers = [Signer::Rsa, Signer::ec(2), Signer::ec(3)];
    for (issuer, signer) in [COGNITO, KEYCLOAK, AUTH0].into_iter().zip(&signers) {
        world.keys.publish(issuer, &[signer.jwk().await]);
    }
    let [cognito, keycloak, auth0] = &signers;
    let grace = world.join("acme", SystemRole::Member).await;
    let (tenant_id, user_id) = (&grace.tenant_id, &grace.user_id);
    let tenant = format!("/tenants/{tenant_id}");
    let (trail, count) = (format!("{tenant}/audit"), "/tenants/count".to_owned());
    let by_client = |more| {
        with(
            without(world.claims(COGNITO, more), "aud"),
            "client_id",
            json!("client-1"),
        )
    };
    let by_api = |more| {
        with(
            world.claims(AUTH0, more),
            "aud",
            json!(["https://api.acme.example", "userinfo"]),
        )
    };
    let of_cognito =
        json!({ "tenantId": tenant_id, "userTenantId": grace.membership_id, "permissions": ["ViewTenant"] });
    let of_keycloak = json!({ "organization": { "tenant": tenant_id, "person": user_id }, "realm_access": { "roles": [] } });
    let of_auth0 = json!({
        "https://acme.example/tenantId": tenant_id, "https://acme.example/userId": user_id,
        "https://acme.example/permissions": "ViewTenant ViewAuditLog",
    });
    let in_our_words = json!({ "tenantId": tenant_id, "userId": user_id, "permissions": ["ViewTenant"] });
    let roles = json!({ "roles": ["offline_access", "platform-operator"], "permissions": ["ViewTenant"] });
    let platform = |scope: &str| json!({ "scope": scope, "https://acme.example/permissions": "10207" });
    let cases = [
        (
            "a client's member",
            cognito.sign(by_client(of_cognito.clone())),
            &tenant,
            200,
        ),
        (
            "what it may not do",
            cognito.sign(by_client(of_cognito)),
            &trail,
            403,
        ),
        (
            "a member behind pointers",
            keycloak.sign(world.claims(KEYCLOAK, of_keycloak.clone())),
            &tenant,
            200,
        ),
        (
            "what its role does not grant",
            keycloak.sign(world.claims(KEYCLOAK, of_keycloak)),
            &trail,
            403,
        ),
        (
            "a role that is the platform's",
            keycloak.sign(world.claims(KEYCLOAK, json!({ "realm_access": roles }))),
            &count,
            200,
        ),
        (
            "a scope that is not looked at",
            keycloak.sign(world.operator(KEYCLOAK)),
            &count,
            403,
        ),
        (
            "our words where others are used",
            keycloak.sign(world.claims(KEYCLOAK, in_our_words.clone())),
            &tenant,
            403,
        ),
        (
            "a member of a namespace",
            auth0.sign(by_api(of_auth0.clone())),
            &tenant,
            200,
        ),
        (
            "permissions as one text",
            auth0.sign(by_api(of_auth0.clone())),
            &trail,
            200,
        ),
        (
            "our words instead of a namespace's",
            auth0.sign(by_api(in_our_words)),
            &tenant,
            403,
        ),
        (
            "an audience of ours that is not this issuer's",
            auth0.sign(world.claims(AUTH0, of_auth0)),
            &tenant,
            401,
        ),
        (
            "a platform scope",
            auth0.sign(by_api(platform("openid platform:operate"))),
            &count,
            200,
        ),
        (
            "another one's platform scope",
            auth0.sign(by_api(platform("platform platform:operator"))),
            &count,
            403,
        ),
    ];

    for (name, token, path, expected) in cases {
        let answer = world.get(path, &token).await;

        assert_eq!(answer.status, expected, "{name}: {}", answer.text);
    }
}

/// Tokens that do not say what this person may do: one refers to it, the other's issuer never says.
async fn referring(world: &World, person: &Person) -> [String; 2] {
    let (cognito, keycloak) = (Signer::Rsa, Signer::ec(2));
    world.keys.publish(COGNITO, &[cognito.jwk().await]);
    world.keys.publish(KEYCLOAK, &[keycloak.jwk().await]);
    let (tenant_id, user_id) = (&person.tenant_id, &person.user_id);
    let reference = json!({ "tenantId": tenant_id, "userId": user_id, "permissionsRef": "membership" });
    let reference = with(world.claims(COGNITO, reference), "aud", json!("client-1"));
    let all: Vec<&str> = Permission::all().map(Permission::name).collect();
    let unsaid = json!({
        "organization": { "tenant": tenant_id, "person": user_id }, "realm_access": { "permissions": all },
    });
    [
        cognito.sign(reference),
        keycloak.sign(world.claims(KEYCLOAK, unsaid)),
    ]
}

#[tokio::test]
async fn what_is_looked_up_is_what_a_member_may_do_at_that_moment() {
    let world = World::with(in_their_own_words()).await;
    let grace = world.join("acme", SystemRole::Member).await;
    let tokens = referring(&world, &grace).await;
    let trail = format!("/tenants/{}/audit", grace.tenant_id);
    let member = format!("/tenants/{}/users/{}", grace.tenant_id, grace.user_id);
    let overrides = format!(
        "/user-tenants/{}/user-level-permissions?tenantId={}",
        grace.membership_id, grace.tenant_id
    );
    let (admin, denied) = (
        json!({ "roleId": world.app.role(&grace.tenant_id, SystemRole::Admin) }),
        json!({ "permission": "ViewAuditLog", "allowed": false }),
    );

    for (change, expected) in [
        (None, 403),
        (Some(("PATCH", &member, admin)), 200),
        (Some(("POST", &overrides, denied)), 403),
    ] {
        if let Some((method, path, body)) = change {
            let answer = order(&world.app, method, path, &body).await;
            assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        }
        for token in &tokens {
            let answer = world.get(&trail, token).await;
            assert_eq!(answer.status, expected, "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn whom_nothing_is_open_to_in_its_tenant_is_a_person_in_none() {
    let world = World::with(in_their_own_words()).await;
    let grace = world.join("acme", SystemRole::Member).await;
    let tokens = referring(&world, &grace).await;
    let tenant = format!("/tenants/{}", grace.tenant_id);
    let member = format!("{tenant}/users/{}", grace.user_id);
    let own = format!("/user/{}/tenants", grace.user_id);
    let reason = || json!({ "reason": "not paid" });

    for (command, path, body, expected) in [
        ("POST", format!("{member}/deactivate"), Value::Null, 403),
        ("POST", format!("{member}/activate"), Value::Null, 200),
        ("POST", format!("{tenant}/suspend"), reason(), 403),
        ("POST", format!("{tenant}/reactivate"), reason(), 200),
        ("DELETE", member, Value::Null, 403),
    ] {
        let changed = order(&world.app, command, &path, &body).await;
        assert!(changed.status.is_success(), "{command} {path}: {}", changed.text);

        for token in &tokens {
            let answer = world.get(&tenant, token).await;
            assert_eq!(answer.status, expected, "after {command} {path}: {}", answer.text);
            assert_eq!(answer.usage.calls, if expected == 200 { 2 } else { 1 });
            world.get(&own, token).await.expect(200);
        }
    }
}

#[tokio::test]
async fn what_a_token_says_beside_a_membership_that_is_gone_counts_for_nothing() {
    let world = World::with(in_their_own_words()).await;
    let grace = world.join("acme", SystemRole::Member).await;
    let tenant = format!("/tenants/{}", grace.tenant_id);
    let signer = Signer::ec(2);
    world.keys.publish(KEYCLOAK, &[signer.jwk().await]);
    let claims = json!({
        "organization": { "tenant": grace.tenant_id }, "userTenantId": grace.membership_id,
        "realm_access": { "permissions": ["ViewTenant"] },
    });
    let token = signer.sign(world.claims(KEYCLOAK, claims));
    world.get(&tenant, &token).await.expect(200);

    let removed = order(
        &world.app,
        "DELETE",
        &format!("{tenant}/users/{}", grace.user_id),
        &Value::Null,
    )
    .await;
    removed.expect(204);

    world.get(&tenant, &token).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn looking_permissions_up_costs_one_call_more_where_members_have_business() {
    let world = World::with(in_their_own_words()).await;
    let grace = world.join("acme", SystemRole::Admin).await;
    let tokens = referring(&world, &grace).await;
    let (tenant_id, unknown) = (&grace.tenant_id, world.app.unknown_id());
    let switch = format!("/user/{}/tenants/{tenant_id}/switch", grace.user_id);
    let call = async |(method, path): (&str, &str), token: &str| {
        world.app.call(method, path).bearer(token).send().await
    };
    // From here on the person is where it goes.
    call(("POST", &switch), &grace.token).await.expect(200);

    for (method, path, more) in [
        ("GET", format!("/tenants/{tenant_id}"), 1),
        ("GET", format!("/tenants/{tenant_id}/audit"), 1),
        ("GET", format!("/tenants/{tenant_id}/users"), 1),
        ("POST", switch, 1),
        ("GET", "/permissions".to_owned(), 1),
        ("GET", format!("/tenants/{unknown}"), 1),
        ("GET", "/tenants".to_owned(), 0),
        ("POST", format!("/tenants/{tenant_id}/suspend"), 0),
        ("GET", format!("/leads/{unknown}"), 0),
        ("GET", "/health".to_owned(), 0),
    ] {
        let whole = call((method, &path), &grace.token).await;
        for token in &tokens {
            let referred = call((method, &path), token).await;
            assert_eq!(
                referred.status, whole.status,
                "{method} {path}: {}",
                referred.text
            );
            assert_eq!(referred.usage.calls, whole.usage.calls + more, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_issuer_that_is_a_tenants_own_speaks_of_that_tenant_and_its_people() {
    let world = World::new().await;
    let signer = Signer::ec(2);
    let (own, issuer) = world.tenant_with_issuer("own", &signer).await;
    let grace = world.app.join_as(&own, GRACE, SystemRole::Member).await;
    let foreign = world.app.active_tenant("foreign").await;
    let alan = world
        .app
        .join_as(&foreign, "alan@acme.com", SystemRole::Member)
        .await;
    let names: Vec<&str> = of_members().map(Permission::name).collect();
    let of = |tenant_id: &str, user_id: &str| {
        let claims = json!({ "tenantId": tenant_id, "userId": user_id, "permissions": names });
        with(world.claims(&issuer, claims), "aud", json!("front-end"))
    };
    let refers = |user_id: &str| {
        let claims = without(of(&own, user_id), "permissions");
        with(claims, "permissionsRef", json!("membership"))
    };
    let in_none = |user_id: &str| without(of(&own, user_id), "tenantId");
    let good = of(&own, &grace.user_id);
    let (tenant, theirs) = (format!("/tenants/{own}"), format!("/tenants/{foreign}"));
    let person = |person: &Person| format!("/user/{}/tenants", person.user_id);
    let cases = [
        ("a member", good.clone(), tenant.clone(), 200),
        (
            "for an audience of all providers",
            with(good.clone(), "aud", json!("tenantry")),
            tenant.clone(),
            200,
        ),
        (
            "by its client",
            with(without(good.clone(), "aud"), "client_id", json!("front-end")),
            tenant.clone(),
            200,
        ),
        (
            "for another client",
            with(good.clone(), "aud", json!("client-1")),
            tenant.clone(),
            401,
        ),
        ("out of reach", good, theirs.clone(), 404),
        (
            "a member of another tenant",
            of(&foreign, &grace.user_id),
            theirs.clone(),
            401,
        ),
        (
            "another tenant's member there",
            of(&foreign, &alan.user_id),
            theirs,
            401,
        ),
        (
            "an operator",
            world.operator(&issuer),
            "/tenants/count".to_owned(),
            403,
        ),
        ("what is referred to", refers(&grace.user_id), tenant.clone(), 200),
        (
            "a person of its tenant",
            in_none(&grace.user_id),
            person(&grace),
            200,
        ),
        (
            "a person of its tenant in none",
            in_none(&grace.user_id),
            tenant.clone(),
            403,
        ),
        (
            "somebody else's person",
            in_none(&alan.user_id),
            person(&alan),
            401,
        ),
        (
            "somebody else's person as its own",
            refers(&alan.user_id),
            person(&alan),
            401,
        ),
        ("nobody", in_none(&world.app.unknown_id()), tenant, 401),
    ];

    for (name, claims, path, expected) in cases {
        let answer = world.get(&path, &signer.sign(claims)).await;
        assert_eq!(answer.status, expected, "{name}: {}", answer.text);
    }
    let erase = world.app.delete(&format!("/user/{}", alan.user_id));
    let erase = erase.bearer(&signer.sign(in_none(&alan.user_id))).send().await;
    erase.expect_problem(401, "invalid_token");
    let forged = Signer::ec(3).sign(of(&own, &grace.user_id));
    world
        .get(&format!("/tenants/{own}"), &forged)
        .await
        .expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn a_realm_of_one_tenant_never_says_what_its_members_may_do() {
    let world = World::new().await;
    let grace = world.join("acme", SystemRole::Member).await;
    let (signer, tenant_id) = (Signer::Rsa, &grace.tenant_id);
    world.register_realm(tenant_id, &signer).await;
    let names: Vec<&str> = Permission::all().map(Permission::name).collect();
    let claims = json!({ "tenantId": tenant_id, "userId": grace.user_id, "permissions": names });
    let token = signer.sign(world.claims(OWN_REALM, claims));

    let tenant = world.get(&format!("/tenants/{tenant_id}"), &token).await;
    let trail = world.get(&format!("/tenants/{tenant_id}/audit"), &token).await;

    // The issuer, once; the member; the tenant.
    assert_eq!(tenant.expect(200).usage.calls, 3);
    assert_eq!(trail.expect_problem(403, "forbidden").usage.calls, 1);
    // Who may administer the realm could name any member of the tenant: what is a person's own stays closed.
    for path in ["tenants", "invitations", "export"] {
        let path = format!("/user/{}/{path}", grace.user_id);
        world.get(&path, &token).await.expect_problem(403, "forbidden");
    }
}

#[tokio::test]
async fn names_of_strangers_cost_few_lookups_and_other_names_none() {
    let world = World::new().await;
    let realm = |n: u32| format!("https://keycloak.example.com/realms/{n}");

    // What cannot be one of ours is not looked for.
    for elsewhere in [
        "https://evil.example.com/realms/1",
        "https://keycloak.example.com",
        "https://keycloak.example.com/realms",
        "https://keycloak.example.com.evil.example/realms/1",
        "http://keycloak.example.com/realms/1",
        "HTTPS://keycloak.example.com/realms/1",
        " https://keycloak.example.com/realms/1",
        "https://idp.example.com",
        &format!("https://keycloak.example.com/realms/{}", "x".repeat(300)),
        "",
    ] {
        assert_eq!(world.cost_of_stranger(elsewhere).await, 0, "{elsewhere}");
    }
    // What is not known stays so for a minute.
    assert_eq!(world.cost_of_stranger(&realm(0)).await, 1);
    assert_eq!(world.cost_of_stranger("https://idp.example.com/pool-x").await, 1);
    world.app.clock.advance_ms(59_999);
    assert_eq!(world.cost_of_stranger(&realm(0)).await, 0);
    world.app.clock.advance_ms(1);
    assert_eq!(world.cost_of_stranger(&realm(0)).await, 1);
    // Of a flood, twenty in a second are looked for.
    for second in 1..=3 {
        world.app.clock.advance_ms(1_000);
        let mut calls = 0;
        for n in 0..50 {
            calls += world.cost_of_stranger(&realm(second * 100 + n)).await;
        }
        assert_eq!(calls, 20);
    }
    assert_eq!(world.keys.fetches(), 0);
}

#[tokio::test]
async fn a_flood_of_strangers_names_locks_no_tenants_issuer_out() {
    let world = World::new().await;
    let signer = Signer::ec(2);
    let (own, issuer) = world.tenant_with_issuer("own", &signer).await;
    let grace = world.app.join_as(&own, GRACE, SystemRole::Member).await;
    let tenant = format!("/tenants/{own}");
    let token = || {
        let claims = json!({ "tenantId": own, "userId": grace.user_id, "permissions": ["ViewTenant"] });
        signer.sign(world.claims(&issuer, claims))
    };
    let flood = async |from: u32, count: u32| {
        for n in from..from + count {
            world
                .cost_of_stranger(&format!("https://keycloak.example.com/realms/{n}"))
                .await;
        }
    };
    assert_eq!(world.get(&tenant, &token()).await.expect(200).usage.calls, 2);

    // More names than are remembered, without a lookup for the one that was.
    for second in 0..55 {
        flood(second * 20, 20).await;
        world.app.clock.advance_ms(1_000);
    }
    assert_eq!(world.get(&tenant, &token()).await.expect(200).usage.calls, 1);
    // It is to be looked for again, and there are no lookups left.
    world.app.clock.advance_minutes(5);
    flood(5_000, 20).await;
    assert_eq!(world.get(&tenant, &token()).await.expect(200).usage.calls, 1);
    world.app.clock.advance_ms(1_000);
    assert_eq!(world.get(&tenant, &token()).await.expect(200).usage.calls, 2);
    // Not for ever.
    world.app.clock.advance_minutes(60);
    flood(6_000, 20).await;
    world
        .get(&tenant, &token())
        .await
        .expect_problem(401, "invalid_token");
    world.app.clock.advance_ms(1_000);
    world.get(&tenant, &token()).await.expect(200);
}

#[tokio::test]
async fn an_erased_tenants_issuer_is_nobodys() {
    let world = World::new().await;
    let (app, signer) = (&world.app, Signer::ec(2));
    let (own, issuer) = world.tenant_with_issuer("own", &signer).await;
    let grace = app.join_as(&own, GRACE, SystemRole::Member).await;
    let path = format!("/user/{}/tenants", grace.user_id);
    let token = || {
        let claims =
            json!({ "tenantId": own, "userId": grace.user_id, "permissions": ["ViewAllTenantOfSelf"] });
        signer.sign(world.claims(&issuer, claims))
    };
    world.get(&path, &token()).await.expect(200);

    let offboard = app.offboard(&own).await;
    app.report(&offboard, &offboard.removed()).await.expect(204);
    order(app, "DELETE", &format!("/tenants/{own}"), &Value::Null)
        .await
        .expect(204);
    app.watch().await;

    let store = &app.context("looks for the issuer").store;
    assert_eq!(store.find_issuer(&issuer).await.expect("the table answers"), None);
    app.clock.advance_minutes(5);
    world
        .get(&path, &token())
        .await
        .expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_issuer_that_is_down_is_left_alone_for_five_seconds() {
    let world = World::new().await;
    let signer = Signer::Rsa;
    let ask = async || {
        let token = signer.sign(world.operator(COGNITO));
        let answer = world.get("/tenants/count", &token).await;
        (answer.status.as_u16(), world.keys.fetches())
    };

    for _ in 0..10 {
        assert_eq!(ask().await, (503, 1));
    }
    world.app.clock.advance_ms(4_999);
    assert_eq!(ask().await, (503, 1));
    world.app.clock.advance_ms(1);
    assert_eq!(ask().await, (503, 2));
    world.keys.publish(COGNITO, &[signer.jwk().await]);
    assert_eq!(ask().await, (503, 2));
    world.app.clock.advance_ms(5_000);
    assert_eq!(ask().await, (200, 3));
    assert_eq!(ask().await, (200, 3));
}

#[tokio::test]
async fn an_issuer_that_is_down_takes_no_other_down_with_it() {
    let world = World::new().await;
    let signer = Signer::ec(2);
    world.keys.publish(COGNITO, &[signer.jwk().await]);

    let down = world.count_tenants(&signer.sign(world.operator(KEYCLOAK))).await;
    let up = world.count_tenants(&signer.sign(world.operator(COGNITO))).await;

    assert_eq!((down, up), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK));
}

#[tokio::test]
async fn known_keys_outlive_an_answer_that_is_no_key_set() {
    let world = World::new().await;
    let (known, new) = (Signer::Rsa, Signer::ec(2));
    world.keys.publish(COGNITO, &[known.jwk().await]);
    assert_eq!(
        world.count_tenants(&known.sign(world.operator(COGNITO))).await,
        StatusCode::OK
    );

    for garbage in ["<html>Bad Gateway</html>", "", "{}", "[]", "{\"keys\":1}"] {
        world
            .keys
            .put(&format!("{COGNITO}/jwks.json"), garbage.to_owned());
        world.app.clock.advance_minutes(61);

        let of_known = world.count_tenants(&known.sign(world.operator(COGNITO))).await;
        let of_new = world.count_tenants(&new.sign(world.operator(COGNITO))).await;
        assert_eq!(
            (of_known, of_new),
            (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE),
            "{garbage}"
        );
    }
}
