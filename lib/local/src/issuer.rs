use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};
use tenantry_api::{KeyFetch, KeySource};
use tenantry_app::Issuer;
use tenantry_domain::{Id, Membership, Tenant, Timestamp, User};

use crate::Error;

/// The `iss` of local tokens.
pub const ISSUER: &str = "http://localhost/local-issuer";
/// The `aud` of local tokens.
pub const AUDIENCE: &str = "tenantry";
/// How long a local token lives: 12 hours.
const LIFE_MS: i64 = 12 * 60 * 60 * 1000;

/// Issues tokens for trying things; its keys are found without a network.
pub struct LocalIssuer {
    kid: String,
    key: EncodingKey,
    jwks: String,
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

impl LocalIssuer {
    /// With a key made from these bytes.
    pub fn new(seed: &[u8; 32]) -> Result<Self, Error> {
        let key = SigningKey::from_slice(seed).map_err(Error::new)?;
        let point = key.verifying_key().to_encoded_point(false);
        let (Some(x), Some(y)) = (point.x(), point.y()) else {
            return Err(Error::because("the key has no coordinates"));
        };
        let kid = format!("local-{}", &URL_SAFE_NO_PAD.encode(x)[..8]);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        let der = key.to_pkcs8_der().map_err(Error::new)?;
        Ok(Self {
            kid,
            key: EncodingKey::from_ec_der(der.as_bytes()),
            jwks: json!({ "keys": [jwk] }).to_string(),
        })
    }

    /// How the verification is told about it.
    pub fn description() -> Issuer {
        let jwks_uri = format!("{ISSUER}/jwks.json");
        Issuer {
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            jwks_uri,
            is_platform: true,
        }
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
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &all, &self.key).map_err(Error::new)
    }
}

impl KeySource for LocalIssuer {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, KeyFetch> {
        std::future::ready(Ok(self.jwks.clone())).boxed()
    }
}
