use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use tenantry_app::SystemClock;
use tenantry_domain::{Clock as _, Permission};

use crate::Error;

/// The `iss` of measured tokens.
pub(crate) const ISSUER: &str = "https://issuer.example.com";
/// Their `aud`.
pub(crate) const AUDIENCE: &str = "tenantry";

const KID: &str = "bench";

/// Signs tokens as Cognito does: RS256, with a key of 2048 bits.
pub(crate) struct TokenKey(RsaPrivateKey);

impl TokenKey {
    pub(crate) fn make() -> Result<Self, Error> {
        Ok(Self(RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)?))
    }

    pub(crate) fn rsa(&self) -> &RsaPrivateKey {
        &self.0
    }

    /// What the issuer publishes (RFC 7517).
    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID,
            "n": URL_SAFE_NO_PAD.encode(self.0.n().to_bytes_be()),
            "e": URL_SAFE_NO_PAD.encode(self.0.e().to_bytes_be()),
        }] })
    }

    /// The token of an operator who may do everything.
    pub(crate) fn operator_token(&self) -> Result<String, Error> {
        let now = SystemClock.now().as_seconds();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "01991c3e-8a80-7cc1-b3a5-2f4d6e8091a2",
            "iat": now, "exp": now + 3_600, "scope": "platform", "permissions": every_permission(),
        });
        let header = Header {
            kid: Some(KID.to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        let key = EncodingKey::from_rsa_der(self.0.to_pkcs1_der()?.as_bytes());
        Ok(jsonwebtoken::encode(&header, &claims, &key)?)
    }
}

/// The names of every permission.
pub(crate) fn every_permission() -> Vec<String> {
    Permission::all()
        .map(|permission| permission.name().to_owned())
        .collect()
}
