use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::BoxFuture;
use http::header::AUTHORIZATION;
use http::request::Parts;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tenantry_app::{Issuer, Keyring, lead_token};
use tenantry_domain::{Caller, Id, Member, Operator, Permissions, Text, Timestamp};
use tokio::sync::Mutex;

use crate::{Edge, Problem};

/// Where the keys of an issuer come from: its JWKS endpoint, or the local issuer's own memory.
pub trait KeySource: Send + Sync {
    /// Fetches the issuer's key set (RFC 7517) as JSON.
    fn fetch<'a>(&'a self, jwks_uri: &'a str) -> BoxFuture<'a, KeyFetch>;
}

/// The key set's JSON, or why it could not be had.
pub type KeyFetch = Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// What stands behind `Bearer` in the Authorization header.
#[derive(Clone, Debug)]
pub struct BearerToken(pub SecretString);

/// Checks tokens of the configured issuers and our own lead tokens.
pub struct Authenticator {
    issuers: Vec<Issuer>,
    source: Arc<dyn KeySource>,
    keys: Mutex<HashMap<String, CachedKeys>>,
}

#[derive(Default)]
struct CachedKeys {
    by_kid: HashMap<String, (Algorithm, DecodingKey)>,
    fetched_at: Option<Timestamp>,
}

/// A key set is not asked for again within a minute, however many unknown key ids come.
const REFETCH_MS: i64 = 60_000;
/// A key set is asked for again after this time even if it answers everything, so that revoked keys go: one hour.
const REFRESH_MS: i64 = 60 * 60_000;
/// A longer token is refused unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far an issuer's clock may run before ours.
const NBF_LEEWAY_S: i64 = 10;

const REFUSED: &str = "the token is not valid";

#[derive(Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: Option<i64>,
    nbf: Option<i64>,
    #[serde(default)]
    aud: OneOrMany,
    client_id: Option<String>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(rename = "tenantId")]
    tenant_id: Option<String>,
    #[serde(rename = "userTenantId")]
    user_tenant_id: Option<String>,
    #[serde(default)]
    permissions: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

#[derive(Deserialize)]
struct Unverified {
    iss: Option<String>,
}

impl Authenticator {
    /// For these issuers.
    pub fn new(issuers: Vec<Issuer>, source: Arc<dyn KeySource>) -> Self {
        Self {
            issuers,
            source,
            keys: Mutex::default(),
        }
    }

    /// Who the token proves. A token that proves somebody without any role here is a caller who may do nothing.
    pub(crate) async fn authenticate(
        &self,
        keyring: &Keyring,
        token: &str,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let refused = || Problem::unauthenticated(REFUSED, true);
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
        let kid = header.kid.ok_or_else(refused)?;
        match header.alg {
            Algorithm::HS256 => {
                let lead = lead_token::verify(keyring, token, &kid, now).ok_or_else(refused)?;
                Ok(Caller::Lead(lead))
            }
            Algorithm::RS256 | Algorithm::ES256 => {
                self.authenticate_issued(token, &kid, header.alg, now).await
            }
            // RFC 8725 section 3.1: what is not expected is not tried.
            _ => Err(refused()),
        }
    }

    async fn authenticate_issued(
        &self,
        token: &str,
        kid: &str,
        alg: Algorithm,
        now: Timestamp,
    ) -> Result<Caller, Problem> {
        let refused = || Problem::unauthenticated(REFUSED, true);
        // Read before it is verified, only to learn whose key to try; the verified claims are checked again below.
        let claimed = unverified_issuer(token).ok_or_else(refused)?;
        let issuer = self
            .issuers
            .iter()
            .find(|issuer| issuer.issuer == claimed)
            .ok_or_else(refused)?;
        let key = self.find_key(issuer, kid, now).await?;
        // The key's own algorithm counts, not the token's: a public key is never taken for an HMAC secret.
        let key = key
            .filter(|(key_alg, _)| *key_alg == alg)
            .map(|(_, key)| key)
            .ok_or_else(refused)?;
        let mut validation = Validation::new(alg);
        validation.set_issuer(&[&issuer.issuer]);
        validation.set_required_spec_claims(&["exp", "iss"]);
        // Time comes from our clock and the audience may stand in `client_id`: both are checked below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|_| refused())?
            .claims;
        let now = now.as_seconds();
        let is_current =
            claims.exp.is_some_and(|exp| now < exp) && claims.nbf.is_none_or(|nbf| nbf <= now + NBF_LEEWAY_S);
        if !is_current || !claims.is_for(&issuer.audiences) {
            return Err(refused());
        }
        claims.caller(issuer.is_platform).ok_or_else(refused)
    }

    async fn find_key(
        &self,
        issuer: &Issuer,
        kid: &str,
        now: Timestamp,
    ) -> Result<Option<(Algorithm, DecodingKey)>, Problem> {
        let mut keys = self.keys.lock().await;
        let cached = keys.entry(issuer.issuer.clone()).or_default();
        let age_ms = cached
            .fetched_at
            .map(|fetched_at| now.as_millis() - fetched_at.as_millis());
        let is_stale = match cached.by_kid.get(kid) {
            Some(_) => age_ms.is_none_or(|age_ms| age_ms >= REFRESH_MS),
            None => age_ms.is_none_or(|age_ms| age_ms >= REFETCH_MS),
        };
        if is_stale {
            // Set first: an issuer that is down is not asked by every request either.
            cached.fetched_at = Some(now);
            match self.source.fetch(&issuer.jwks_uri).await {
                Ok(json) => cached.by_kid = read_keys(&json),
                Err(error) => {
                    tracing::error!(issuer = issuer.issuer, error = %error, "the issuer's keys could not be fetched");
                    if !cached.by_kid.contains_key(kid) {
                        cached.fetched_at = None;
                        return Err(tenantry_store::Error::Unavailable(error).into());
                    }
                }
            }
        }
        Ok(cached.by_kid.get(kid).cloned())
    }
}

/// Keys that are not for RS256 or ES256 signatures are passed over.
fn read_keys(json: &str) -> HashMap<String, (Algorithm, DecodingKey)> {
    let Ok(set) = serde_json::from_str::<JwkSet>(json) else {
        tracing::error!("the issuer's key set is not a JSON web key set");
        return HashMap::new();
    };
    let read = |jwk: &jsonwebtoken::jwk::Jwk| {
        use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve};
        let alg = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
            _ => return None,
        };
        Some((
            jwk.common.key_id.clone()?,
            (alg, DecodingKey::from_jwk(jwk).ok()?),
        ))
    };
    set.keys.iter().filter_map(read).collect()
}

fn unverified_issuer(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Unverified>(&payload).ok()?.iss
}

impl Claims {
    fn is_for(&self, audiences: &[String]) -> bool {
        let is_known = |name: &String| audiences.contains(name);
        match &self.aud {
            OneOrMany::One(aud) => is_known(aud),
            OneOrMany::Many(auds) => auds.iter().any(is_known),
            OneOrMany::None => self.client_id.as_ref().is_some_and(is_known),
        }
    }

    /// Platform scope without a tenant is an operator, a tenant with a membership is a member, anything else is nobody here.
    fn caller(self, is_platform: bool) -> Option<Caller> {
        let names: Vec<String> = self.permissions.iter().filter_map(permission_text).collect();
        let permissions = Permissions::parse(names.iter().map(String::as_str));
        let subject = Text::parse(self.sub.as_deref()?).ok()?;
        match (self.tenant_id, self.user_tenant_id) {
            (Some(tenant), Some(membership)) => {
                let (tenant_id, membership_id) = (Id::parse(&tenant).ok()?, Id::parse(&membership).ok()?);
                Some(Caller::Member(Member {
                    tenant_id,
                    membership_id,
                    permissions,
                }))
            }
            (None, None) => {
                let has_scope = self
                    .scope
                    .is_some_and(|scope| scope.split(' ').any(|scope| scope == "platform"));
                let permissions = if is_platform && has_scope {
                    permissions
                } else {
                    Permissions::default()
                };
                Some(Caller::Operator(Operator { subject, permissions }))
            }
            _ => None,
        }
    }
}

/// The references' tokens carry codes as strings, some issuers as numbers.
fn permission_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

impl FromRequestParts<Edge> for BearerToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        let token = parts.extensions.get::<Self>().cloned();
        token.ok_or_else(|| {
            Problem::unauthenticated("a bearer token is required in the Authorization header", false)
        })
    }
}

/// The token of the Authorization header: the only place where one is looked for.
pub(crate) fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}
