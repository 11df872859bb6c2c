use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::Query;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Uri};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use tenantry_local::{Options, Server};

use crate::journeys::world::{Reply, World, invitation_in, start};

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Where the front end of these tests is.
pub(crate) const CALLBACK: &str = "http://localhost:5173/callback";

/// What a front end asks with.
pub(crate) const ASKED: [(&str, &str); 8] = [
    ("response_type", "code"),
    ("client_id", "web"),
    ("redirect_uri", CALLBACK),
    ("scope", "openid profile email"),
    ("state", "a b&c=1"),
    ("nonce", "n-0S6_WzA2Mj"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

/// What a front end shows with a code.
pub(crate) fn exchange(code: &str) -> [(&'static str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "web"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("code", code),
    ]
}

/// What a front end renews its tokens with.
pub(crate) fn renewal(token: &str) -> [(&'static str, &str); 3] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", "web"),
        ("refresh_token", token),
    ]
}

/// As a form or a query has it.
pub(crate) fn encoded(parameters: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let _ = write!(text, "&{name}=");
        for byte in value.bytes() {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text.split_off(1)
}

/// The parameters with which a browser was sent back.
pub(crate) fn sent_back(headers: &HeaderMap) -> BTreeMap<String, String> {
    let place = headers["location"].to_str().expect("it is text");
    assert!(place.starts_with(CALLBACK), "{place}");
    let place: Uri = place.parse().expect("it is an address");
    Query::try_from_uri(&place).expect("it has a query").0
}

/// What stands in a token.
pub(crate) fn claims_in(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("it has three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("it is base64");
    serde_json::from_slice(&payload).expect("it is JSON")
}

/// A front end that knows of its issuer what its discovery document says.
struct FrontEnd<'a> {
    server: &'a Server,
    world: &'a World,
    configuration: Value,
}

impl<'a> FrontEnd<'a> {
    async fn discover(server: &'a Server, world: &'a World) -> Self {
        let found = world
            .get("/local-issuer/.well-known/openid-configuration")
            .send()
            .await;
        Self {
            server,
            world,
            configuration: found.expect(200).json,
        }
    }

    fn place(&self, name: &str) -> &str {
        let url = self.configuration[name].as_str().unwrap_or_default();
        url.strip_prefix(&self.server.url)
            .unwrap_or_else(|| panic!("{name} is {url}"))
    }

    async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> Reply {
        let call = self
            .world
            .post(self.place(endpoint))
            .header("origin", "http://localhost:5173");
        let call = call.header("content-type", "application/x-www-form-urlencoded");
        call.body(encoded(form)).send().await
    }

    async fn sign_in(&self, email: &str) -> Value {
        let form = [&ASKED[..], &[("email", email)]].concat();
        let back = sent_back(
            &self
                .post("authorization_endpoint", &form)
                .await
                .expect(303)
                .headers,
        );
        assert_eq!(
            (back["state"].as_str(), back["iss"].as_str()),
            ("a b&c=1", self.issuer())
        );
        self.post("token_endpoint", &exchange(&back["code"]))
            .await
            .expect(200)
            .json
    }

    fn issuer(&self) -> &str {
        self.configuration["issuer"].as_str().unwrap_or_default()
    }

    /// The claims of a token whose signature, issuer and audience hold.
    async fn verified(&self, token: &Value, audience: &str) -> Value {
        let token = token.as_str().expect("there is a token");
        let keys = self
            .world
            .get(self.place("jwks_uri"))
            .send()
            .await
            .expect(200)
            .json;
        let keys: JwkSet = serde_json::from_value(keys).expect("it is a key set");
        let kid = jsonwebtoken::decode_header(token).expect("it has a header").kid;
        let jwk = keys
            .find(&kid.expect("it names its key"))
            .expect("the key is published");
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[self.issuer()]);
        validation.set_audience(&[audience]);
        let key = DecodingKey::from_jwk(jwk).expect("it is a key");
        jsonwebtoken::decode(token, &key, &validation)
            .expect("it holds")
            .claims
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_end_signs_people_in_with_what_discovery_says() {
    // Too little for all that an owner may do.
    let (server, world) = start(Options::default(), &[("TOKEN_MAX_BYTES", "1024")]).await;
    let (tenant_id, ada) = tenant_with_owner(&world).await;
    let front_end = FrontEnd::discover(&server, &world).await;
    assert_eq!(front_end.issuer(), format!("{}/local-issuer", server.url));

    let page = format!(
        "{}?{}",
        front_end.place("authorization_endpoint"),
        encoded(&ASKED)
    );
    let page = world.get(&page).send().await.expect(200);
    assert!(page.text.contains("no password"), "{}", page.text);
    let tokens = front_end.sign_in(&ada).await;

    let id = front_end.verified(&tokens["id_token"], "web").await;
    let told = [
        "nonce",
        "email",
        "email_verified",
        "name",
        "given_name",
        "family_name",
        "preferred_username",
    ];
    let told = told.map(|name| id[name].clone());
    let expected = json!(["n-0S6_WzA2Mj", ada, true, "Ada Lovelace", "Ada", "Lovelace", ada]);
    assert_eq!(json!(told), expected);
    let access = front_end.verified(&tokens["access_token"], "tenantry").await;
    assert_eq!(
        (&access["sub"], &access["tenantId"]),
        (&id["sub"], &json!(tenant_id))
    );
    assert_eq!(
        (&access["permissionsRef"], &access["role"]),
        (&json!("membership"), &json!("Owner"))
    );
    let access = tokens["access_token"].as_str().unwrap_or_default();
    assert!(access.len() <= 1024, "{}", access.len());
    // What was too much for the token, the API looks up.
    let tenant = world
        .get(&format!("/tenants/{tenant_id}"))
        .bearer(access)
        .send()
        .await;
    assert_eq!(tenant.expect(200).json["status"], "ACTIVE");
    let known = world
        .get(front_end.place("userinfo_endpoint"))
        .bearer(access)
        .send()
        .await
        .expect(200);
    assert_eq!(
        (&known.json["sub"], &known.json["name"]),
        (&id["sub"], &json!("Ada Lovelace"))
    );

    let refresh_token = tokens["refresh_token"].as_str().unwrap_or_default();
    let renewed = front_end
        .post("token_endpoint", &renewal(refresh_token))
        .await
        .expect(200);
    assert_eq!(
        renewed.headers["access-control-allow-origin"],
        "http://localhost:5173"
    );
    let again = front_end.verified(&renewed.json["id_token"], "web").await;
    assert_eq!(
        (&again["sub"], &again["auth_time"], &again["nonce"]),
        (&id["sub"], &id["auth_time"], &Value::Null)
    );

    server.stop().await;
}

/// A tenant in use whose primary contact has accepted; answers its id and the owner's address.
async fn tenant_with_owner(world: &World) -> (String, String) {
    let key = world.key("home");
    let tenant_id = world.tenant(&key).await;
    world.provision(&tenant_id).await;
    world.tenant_in(&tenant_id, "ACTIVE").await;
    let ada = format!("ada@{key}.com");
    let mail = world.mail_to(&ada, &format!("{key} is ready")).await;
    let accepted = world
        .post("/invitations/accept")
        .bearer(&invitation_in(&mail))
        .json(&json!({}));
    accepted.send().await.expect(200);
    (tenant_id, ada)
}
