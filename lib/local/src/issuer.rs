use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::{Map, Value, json};
use tenantry_api::{KeyFetch, KeySource};
use tenantry_app::{ConfigError, Issuer};
use tenantry_domain::{Id, Membership, Tenant, Timestamp, User};

use crate::Error;

/// The `iss` of tokens for trying things, on whatever port: they stay good over a restart with kept data.
pub const ISSUER: &str = "http://localhost/local-issuer";
/// The `aud` of local tokens.
pub const AUDIENCE: &str = "tenantry";
/// A shorter token has no room for anything, and a longer one is refused unread.
const TOKEN_BYTES: RangeInclusive<usize> = 1024..=8192;
/// How long a local token lives: 12 hours.
const LIFE_MS: i64 = 12 * 60 * 60 * 1000;

/// Where the product is, if nobody says.
const BASE_URL: &str = "http://localhost";
/// Where the issuer is, below the base URL.
pub(crate) const PATH: &str = "/local-issuer";

/// Issues tokens for trying things, and those of people who sign in; its keys are found without a network.
pub struct LocalIssuer {
    url: String,
    kid: String,
    key: EncodingKey,
    public: DecodingKey,
    jwks: String,
}

/// Where the issuer is, and what its tokens may weigh.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// Where the product is reached, without a slash at the end.
    pub base_url: String,
    /// How long the access token of somebody who signs in may be; the setting `TOKEN_MAX_BYTES`.
    pub token_max_bytes: usize,
}

/// Whom a local token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An operator.
    Operator {
        /// Permission names.
        permissions: Vec<String>,
    },
    /// A member of a tenant.
    Member {
        /// The tenant.
        tenant_id: Id<Tenant>,
        /// The person.
        user_id: Id<User>,
        /// Permission names.
        permissions: Vec<String>,
    },
}

impl Default for IssuerSettings {
    fn default() -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            token_max_bytes: 4096,
        }
    }
}

impl IssuerSettings {
    /// For a product that is reached there; `token_max_bytes` is the setting `TOKEN_MAX_BYTES` as text, if it is there.
    pub fn read(base_url: &str, token_max_bytes: Option<&str>) -> Result<Self, ConfigError> {
        let token_max_bytes = match token_max_bytes {
            None => Self::default().token_max_bytes,
            Some(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|bytes| TOKEN_BYTES.contains(bytes))
                .ok_or_else(|| {
                    let (least, most) = (TOKEN_BYTES.start(), TOKEN_BYTES.end());
                    ConfigError::new(
                        "TOKEN_MAX_BYTES",
                        format!("must be a number from {least} to {most}"),
                    )
                })?,
        };
        Ok(Self {
            base_url: base_url.to_owned(),
            token_max_bytes,
        })
    }
}

impl LocalIssuer {
    /// With a key made from these bytes, for where nobody signs in over HTTP.
    pub fn new(seed: &[u8; 32]) -> Result<Self, Error> {
        Self::with_base(seed, BASE_URL)
    }

    /// With a key made from these bytes, at `/local-issuer` of where the product is reached.
    pub fn with_base(seed: &[u8; 32], base_url: &str) -> Result<Self, Error> {
        let key = SigningKey::from_slice(seed).map_err(Error::new)?;
        let point = key.verifying_key().to_encoded_point(false);
        let (Some(x), Some(y)) = (point.x(), point.y()) else {
            return Err(Error::because("the key has no coordinates"));
        };
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let kid = format!("local-{}", &x[..8]);
        let public = DecodingKey::from_ec_components(&x, &y).map_err(Error::new)?;
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y,
        });
        let der = key.to_pkcs8_der().map_err(Error::new)?;
        Ok(Self {
            url: format!("{}{PATH}", base_url.trim_end_matches('/')),
            kid,
            key: EncodingKey::from_ec_der(der.as_bytes()),
            public,
            jwks: json!({ "keys": [jwk] }).to_string(),
        })
    }

    /// The `iss` of the tokens of people who sign in, and where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the verification is told about it: one key under two names, unless they are the same.
    pub fn descriptions(&self) -> Vec<Issuer> {
        let mut names = vec![ISSUER, self.url()];
        names.dedup();
        let described = |name: &str| {
            let jwks_uri = format!("{name}/jwks.json");
            Issuer::new(name.to_owned(), vec![AUDIENCE.to_owned()], jwks_uri, true)
        };
        names.into_iter().map(described).collect()
    }

    /// A token for this subject.
    pub fn token(&self, subject: &Subject, now: Timestamp) -> Result<String, Error> {
        let claims = match subject {
            Subject::Operator { permissions } => {
                json!({ "sub": "local-operator", "scope": "platform", "permissions": permissions })
            }
            Subject::Member {
                tenant_id,
                user_id,
                permissions,
            } => {
                let membership_id = Membership::id_of(*tenant_id, *user_id);
                json!({ "sub": user_id, "tenantId": tenant_id, "userTenantId": membership_id, "permissions": permissions })
            }
        };
        self.sign(claims, now.as_seconds(), now.plus_ms(LIFE_MS).as_seconds())
    }

    /// Signs claims; issuer, audience and times are added unless the claims have their own.
    pub fn sign(&self, claims: Value, issued_at: i64, expires_at: i64) -> Result<String, Error> {
        let mut all = json!({ "iss": ISSUER, "aud": AUDIENCE, "iat": issued_at, "exp": expires_at });
        if let (Some(all), Value::Object(claims)) = (all.as_object_mut(), claims) {
            all.extend(claims);
        }
        self.encode("JWT", &all)
    }

    /// Signs claims as they are; `kind` is `at+jwt` for access tokens (RFC 9068), `JWT` for others.
    pub(crate) fn encode(&self, kind: &str, claims: &Value) -> Result<String, Error> {
        let header = Header {
            kid: Some(self.kid.clone()),
            typ: Some(kind.to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.key).map_err(Error::new)
    }

    /// What a token says that was signed for somebody who signed in, whether it is over or not.
    pub(crate) fn read(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[&self.url]);
        validation.set_required_spec_claims(&["iss"]);
        // Whoever asks has the time, and knows for whom the token has to be.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let read = jsonwebtoken::decode(token, &self.public, &validation);
        read.ok().map(|read| read.claims)
    }

    /// The key set (RFC 7517) as JSON.
    pub(crate) fn keys(&self) -> &str {
        &self.jwks
    }
}

impl KeySource for LocalIssuer {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, KeyFetch> {
        std::future::ready(Ok(self.jwks.clone())).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_products_issuer_is_known_under_its_address_and_under_one_that_outlives_the_port() {
        let named = |base: &str| {
            let issuer = LocalIssuer::with_base(&[7; 32], base).expect("any seed makes a key");
            let names = issuer
                .descriptions()
                .into_iter()
                .map(|described| described.issuer);
            names.collect::<Vec<_>>()
        };

        let at_port = named("http://localhost:3000/");

        assert_eq!(at_port, [ISSUER, "http://localhost:3000/local-issuer"]);
        assert_eq!(named(BASE_URL), [ISSUER]);
    }

    #[test]
    fn a_token_is_read_by_the_issuer_that_signed_it_only() {
        let issuer = |seed, base| LocalIssuer::with_base(&[seed; 32], base).expect("any seed makes a key");
        let ours = issuer(7, "http://localhost:3000");
        let sign = |issuer: &LocalIssuer, iss: &str| {
            let claims = json!({ "iss": iss, "sub": "ada", "exp": 0 });
            issuer.encode("JWT", &claims).expect("it signs")
        };

        let read = ours.read(&sign(&ours, ours.url()));

        assert_eq!(
            read.and_then(|claims| claims.get("sub").cloned()),
            Some(json!("ada"))
        );
        for foreign in [
            sign(&issuer(8, "http://localhost:3000"), ours.url()),
            sign(&ours, ISSUER),
            sign(&ours, "http://localhost:3001/local-issuer"),
            "a.b.c".to_owned(),
        ] {
            assert_eq!(ours.read(&foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_tokens_size_is_a_number_within_what_works() {
        let read = |text| IssuerSettings::read("http://localhost:3000", text);
        let bytes = |text| read(text).expect("it is sound").token_max_bytes;

        assert_eq!(
            (bytes(None), bytes(Some(" 1024 ")), bytes(Some("8192"))),
            (4096, 1024, 8192)
        );
        for text in ["", "1023", "8193", "4k", "-4096"] {
            let error = read(Some(text)).expect_err(text).to_string();
            assert_eq!(
                error, "TOKEN_MAX_BYTES: must be a number from 1024 to 8192",
                "{text}"
            );
        }
    }
}
