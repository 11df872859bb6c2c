//! Our own short-lived tokens for leads: HS256, audience `lead`, good for 60 minutes.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tenantry_domain::{Id, Lead, TOKEN_LIFE_MS, Timestamp};

use crate::Keyring;

/// The `iss` of lead tokens.
pub const ISSUER: &str = "tenantry";
/// The `aud` of lead tokens.
pub const AUDIENCE: &str = "lead";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Id<Lead>,
    iat: i64,
    exp: i64,
}

/// Makes a token for a lead that proved its e-mail address.
pub fn issue(keyring: &Keyring, lead: Id<Lead>, now: Timestamp) -> SecretString {
    let (kid, key) = keyring.lead_token_key();
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let exp = now.plus_ms(TOKEN_LIFE_MS).as_seconds();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: lead,
        iat: now.as_seconds(),
        exp,
    };
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key));
    token
        .expect("plain claims under a symmetric key can be encoded")
        .into()
}

/// The lead that a token proves, if it is one of ours and not expired.
pub fn verify(keyring: &Keyring, token: &str, kid: &str, now: Timestamp) -> Option<Id<Lead>> {
    let key = keyring.lead_token_key_named(kid)?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    // The library would ask the operating system for the time.
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&key), &validation).ok()?;
    (now.as_seconds() < token.claims.exp).then_some(token.claims.sub)
}
