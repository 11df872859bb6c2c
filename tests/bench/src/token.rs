use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _};
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
    pub(crate) fn operator_token(&self) -> String {
        let now = SystemClock.now().as_seconds();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "01991c3e-8a80-7cc1-b3a5-2f4d6e8091a2",
            "iat": now, "exp": now + 3_600, "scope": "platform", "permissions": every_permission(),
        });
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KID });
        let text = format!("{}.{}", part(&header), part(&claims));
        let signature = SigningKey::<Sha256>::new(self.0.clone()).sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// The names of every permission.
pub(crate) fn every_permission() -> Vec<String> {
    Permission::all()
        .map(|permission| permission.name().to_owned())
        .collect()
}
