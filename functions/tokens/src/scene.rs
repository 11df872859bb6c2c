//! People with logins in a pool, and Cognito as the function meets it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tenantry_domain::{
    Actor, Change, Clock as _, Conflict, Id, Kind, Login, ProviderId, ProviderName, SystemRole, TenantScope,
};
use tenantry_store::{Transaction, Usage};
use tenantry_testing::{Person, TestApp};

use crate::{Operators, Refusal, Settings, Tokens};

pub(crate) const POOL: &str = "eu-west-1_AbCdEfGhI";
pub(crate) const SUB: &str = "c2a5d4f4-90e1-70d3-5c2f-3f1e8d7a6b5c";
const OTHER_SUB: &str = "f2b5a4c4-10e1-70d3-5c2f-3f1e8d7a6b5d";

/// The product, and the function on its table.
pub(crate) struct Scene {
    pub(crate) app: TestApp,
    pub(crate) tokens: Tokens,
}

/// An event that is being put together: of version 2, as Cognito sends it.
#[derive(Clone, Debug)]
pub(crate) struct Asked(pub(crate) Value);

/// What the function answered, and what that cost at the table; right while nothing else asks.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) event: Value,
    pub(crate) usage: Usage,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        Self::with(TestApp::start().await, "{}", 4096)
    }

    /// Where these groups operate the platform.
    pub(crate) async fn with_operators(groups: &Value) -> Self {
        Self::with(TestApp::start().await, &groups.to_string(), 4096)
    }

    pub(crate) fn with(app: TestApp, operators: &str, token_max_bytes: usize) -> Self {
        let settings = Settings {
            operators: Operators::parse(operators).expect("it is valid"),
            token_max_bytes,
        };
        let tokens = Tokens::new(app.product.edge.app.clone(), settings);
        Self { app, tokens }
    }

    /// Grace, who acts in a tenant of hers with a login of the pool.
    pub(crate) async fn member(&self, role: SystemRole) -> Person {
        let tenant_id = self.app.active_tenant("acme").await;
        self.join(&tenant_id, role).await
    }

    /// Grace in one tenant more.
    pub(crate) async fn join(&self, tenant_id: &str, role: SystemRole) -> Person {
        let person = self.app.join_as(tenant_id, "grace@acme.com", role).await;
        self.know(&person, SUB).await;
        person
    }

    /// Hopper, who is somebody else.
    pub(crate) async fn other(&self, tenant_id: &str) -> Person {
        let person = self
            .app
            .join_as(tenant_id, "hopper@acme.com", SystemRole::Owner)
            .await;
        self.know(&person, OTHER_SUB).await;
        person
    }

    /// Makes the login the person's, and the one with which it acts in its tenant.
    pub(crate) async fn know(&self, person: &Person, sub: &str) {
        self.know_at(person, POOL, sub).await;
    }

    /// The same with a login of another pool.
    pub(crate) async fn know_at(&self, person: &Person, pool: &str, sub: &str) {
        let login = login_at(pool, sub);
        let store = &self.app.product.edge.app.store;
        let (tenant_id, id) = (parse(&person.tenant_id), parse(&person.membership_id));
        let scope = TenantScope::of_system(tenant_id, Actor::System);
        let user = store
            .find_user(parse(&person.user_id))
            .await
            .expect("the table answers");
        let user = user.expect("the person is there");
        let member = store
            .find_membership(&scope, id)
            .await
            .expect("the table answers");
        let member = member.expect("the person is a member");
        let change = Change {
            by: Actor::System,
            at: self.app.clock.now(),
        };
        let mut transaction = Transaction::new();
        if let Some(known) = user.clone().known_as(login.clone(), &change) {
            transaction.replace_user(&user, &known);
        }
        if let Some(after) = member.clone().with_login(login, &change) {
            let lost = Conflict::ModifiedConcurrently {
                kind: Kind::Member,
                id: id.to_string(),
            };
            transaction.replace_membership(&scope, &member, &after, lost.into());
        }
        store.commit(transaction).await.expect("nobody else changes them");
    }

    /// Writes over a text of a membership, past all rules.
    pub(crate) async fn overwrite(&self, person: &Person, attribute: &str, text: &str) {
        let pk = format!("TENANT#{}", person.tenant_id);
        let sk = format!("MEMBER#{}", person.membership_id);
        self.app.overwrite(&pk, &sk, attribute, text).await;
    }

    pub(crate) async fn ask(&self, asked: &Asked) -> Answered {
        let meter = self.app.product.edge.app.store.meter();
        let before = meter.reading();
        let event = self.try_asking(asked).await.expect("the function answers");
        Answered {
            event,
            usage: meter.reading().since(before),
        }
    }

    pub(crate) async fn try_asking(&self, asked: &Asked) -> Result<Value, Refusal> {
        self.tokens.handle(asked.0.clone()).await
    }

    /// The access token that comes of the answer, from the product's issuer.
    pub(crate) fn token(&self, answered: &Answered) -> String {
        let mut claims = answered.claims();
        claims.insert("sub".to_owned(), json!(SUB));
        claims.insert("scope".to_owned(), answered.access()["scopesToAdd"][0].clone());
        let now = self.app.clock.now();
        let token = self.app.product.issuer.sign(
            claims.into(),
            now.as_seconds(),
            now.plus_ms(3_600_000).as_seconds(),
        );
        token.expect("the issuer signs")
    }
}

impl Asked {
    /// By somebody of this name in the pool, with this login.
    pub(crate) fn by(user_name: &str, sub: &str) -> Self {
        Self(json!({
            "version": "2",
            "triggerSource": "TokenGeneration_Authentication",
            "region": "eu-west-1",
            "userPoolId": POOL,
            "userName": user_name,
            "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "5b9b3v2rqkk2fqpnh1hs1p4k1f" },
            "request": {
                "userAttributes": {
                    "sub": sub,
                    "cognito:user_status": "CONFIRMED",
                    "email_verified": "true",
                    "email": "grace@acme.com",
                },
                "groupConfiguration": { "groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": null },
                "scopes": ["aws.cognito.signin.user.admin", "openid"],
            },
            "response": { "claimsAndScopeOverrideDetails": null },
        }))
    }

    /// By a member under the name that we give people in our pools, in the groups of these tenants.
    pub(crate) fn of(person: &Person, tenants: &[&str]) -> Self {
        Self::by(&person.user_id, SUB).in_groups(tenants)
    }

    pub(crate) fn in_groups(mut self, groups: &[&str]) -> Self {
        self.0["request"]["groupConfiguration"]["groupsToOverride"] = json!(groups);
        self
    }

    /// With something in the client's metadata.
    pub(crate) fn wanting(mut self, tenant: impl Into<Value>) -> Self {
        self.0["request"]["clientMetadata"] = json!({ "tenantId": tenant.into() });
        self
    }

    pub(crate) fn refreshing(mut self) -> Self {
        self.0["triggerSource"] = json!("TokenGeneration_RefreshTokens");
        self
    }

    /// With a member of the event changed.
    pub(crate) fn with(mut self, pointer: &str, value: Value) -> Self {
        *self
            .0
            .pointer_mut(pointer)
            .unwrap_or_else(|| panic!("no {pointer}")) = value;
        self
    }
}

impl Answered {
    pub(crate) fn details(&self) -> &Value {
        &self.event["response"]["claimsAndScopeOverrideDetails"]
    }

    pub(crate) fn access(&self) -> &Value {
        &self.details()["accessTokenGeneration"]
    }

    /// What is added to the access token.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        self.access()["claimsToAddOrOverride"]
            .as_object()
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.claims().keys().cloned().collect()
    }

    pub(crate) fn tenant(&self) -> Option<String> {
        self.claims()
            .get("tenantId")
            .and_then(Value::as_str)
            .map(str::to_owned)
    }

    /// The length of the access token that Cognito makes of it, for a login that remembers a device: slashes are written with a
    /// backslash there, and what is not ASCII in hexadecimal digits.
    pub(crate) fn token_bytes(&self) -> usize {
        let text = |pointer: &str| self.event.pointer(pointer).cloned().unwrap_or_default();
        let scopes = self.event["request"]["scopes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let added = self.access()["scopesToAdd"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let scopes: Vec<&str> = scopes.iter().chain(&added).filter_map(Value::as_str).collect();
        let mut claims = json!({
            "sub": text("/request/userAttributes/sub"),
            "device_key": "eu-west-1_7c8d9e0f-1a2b-4c3d-8e9f-0a1b2c3d4e5f",
            "cognito:groups": text("/request/groupConfiguration/groupsToOverride"),
            "iss": format!("https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"),
            "version": 2,
            "client_id": text("/callerContext/clientId"),
            "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "event_id": "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee",
            "token_use": "access",
            "scope": scopes.join(" "),
            "auth_time": 1_768_469_400,
            "exp": 1_768_473_000,
            "iat": 1_768_469_400,
            "jti": "cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee",
            "username": text("/userName"),
        });
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(self.claims());
        }
        let header = json!({ "kid": "qZ7k0Y3vXrQ/8m+T1oYb2c4d5e6f7g8h9i0jKLMNOPQ=", "alg": "RS256" });
        let part = |json: Value| URL_SAFE_NO_PAD.encode(as_cognito_writes(&json));
        format!(
            "{}.{}.{}",
            part(header),
            part(claims),
            URL_SAFE_NO_PAD.encode([0; 256])
        )
        .len()
    }
}

fn as_cognito_writes(json: &Value) -> String {
    let mut text = String::new();
    for c in json.to_string().chars() {
        match c {
            '/' => text.push_str("\\/"),
            c if c.is_ascii() => text.push(c),
            c => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                text.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    text
}

fn login_at(pool: &str, sub: &str) -> Login {
    Login {
        provider: ProviderName::Cognito,
        place: ProviderId::parse(pool).expect("it is a text"),
        auth_id: ProviderId::parse(sub).expect("it is a text"),
    }
}

pub(crate) fn parse<T>(id: &str) -> Id<T> {
    Id::parse(id).expect("tests name things by their ids")
}
