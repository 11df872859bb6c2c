use std::borrow::Cow;
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
use serde_json::{Map, Value};
use tenantry_app::{App, Issuer, lead_token};
use tenantry_domain::{Caller, Id, Member, Tenant, Timestamp, User};
use tenantry_store::Store;
use tokio::sync::Mutex;

use crate::claims::Claims;
use crate::tenant_issuers::TenantIssuers;
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

/// Checks tokens of the configured issuers, of tenants' own, and our own lead tokens.
pub struct Authenticator {
    issuers: Vec<Issuer>,
    source: Arc<dyn KeySource>,
    keys: Mutex<HashMap<String, CachedKeys>>,
    tenant_issuers: Mutex<TenantIssuers>,
}

/// What a token proves.
pub(crate) enum Proof {
    /// Who is calling.
    Whole(Caller),
    /// Which member is calling; what it may do has to be looked up.
    Referring {
        /// The member, who holds nothing yet.
        member: Member,
        /// The person, if the token says.
        user_id: Option<Id<User>>,
        /// Whether the issuer is the tenant's own, and may speak of nobody who does not belong there.
        is_bound: bool,
        /// Whether the tenant may decide what that issuer says, so that it counts in the tenant only.
        is_tenants_word: bool,
    },
    /// Who is calling, in no tenant, by the word of an issuer that is this tenant's own. It has to be looked up whether the
    /// person belongs there.
    Vouched {
        /// The issuer's tenant.
        tenant_id: Id<Tenant>,
        /// The person.
        user_id: Id<User>,
    },
}

/// By their ids.
type Keys = HashMap<String, (Algorithm, DecodingKey)>;

#[derive(Default)]
struct CachedKeys {
    by_kid: Keys,
    fetched_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

/// A key set is not asked for again within a minute, however many unknown key ids come.
const REFETCH_MS: i64 = 60_000;
/// A key set is asked for again after this time even if it answers everything, so that revoked keys go: one hour.
const REFRESH_MS: i64 = 60 * 60_000;
/// An issuer that could not be reached is left alone for so long.
const RESPITE_MS: i64 = 5_000;
/// A longer token is refused unread.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The answer to every token that proves nothing.
pub(crate) fn refused() -> Problem {
    Problem::unauthenticated("the token is not valid", true)
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
            tenant_issuers: Mutex::default(),
        }
    }

    /// Who the token proves. A token that proves somebody without any role here is a caller who may do nothing.
    pub(crate) async fn authenticate(
        &self,
        app: &App,
        store: &Store,
        token: &str,
        now: Timestamp,
    ) -> Result<Proof, Problem> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(refused());
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| refused())?;
        let kid = header.kid.ok_or_else(refused)?;
        match header.alg {
            Algorithm::HS256 => {
                let lead = lead_token::verify(&app.keyring, token, &kid, now).ok_or_else(refused)?;
                Ok(Proof::Whole(Caller::Lead(lead)))
            }
            Algorithm::RS256 | Algorithm::ES256 => {
                // Read before it is verified, only to learn whose key to try; the verified claims are checked again.
                let claimed = unverified_issuer(token).ok_or_else(refused)?;
                let issuer = self
                    .find_issuer(app, store, &claimed, now)
                    .await?
                    .ok_or_else(refused)?;
                self.authenticate_issued(&issuer, token, &kid, header.alg, now)
                    .await
            }
            // RFC 8725 section 3.1: what is not expected is not tried.
            _ => Err(refused()),
        }
    }

    async fn find_issuer<'a>(
        &'a self,
        app: &App,
        store: &Store,
        claimed: &str,
        now: Timestamp,
    ) -> Result<Option<Cow<'a, Issuer>>, Problem> {
        if let Some(issuer) = self.issuers.iter().find(|issuer| issuer.issuer == claimed) {
            return Ok(Some(Cow::Borrowed(issuer)));
        }
        let mut known = self.tenant_issuers.lock().await;
        let found = known.find(&app.config.identity, store, claimed, now).await?;
        Ok(found.map(Cow::Owned))
    }

    async fn authenticate_issued(
        &self,
        issuer: &Issuer,
        token: &str,
        kid: &str,
        alg: Algorithm,
        now: Timestamp,
    ) -> Result<Proof, Problem> {
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
        let token = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
        let token = token.map_err(|_| refused())?;
        let claims = Claims::of(issuer, &token.claims);
        if !claims.is_current(now.as_seconds()) || !claims.is_for_us() {
            return Err(refused());
        }
        claims.proof().ok_or_else(refused)
    }

    async fn find_key(
        &self,
        issuer: &Issuer,
        kid: &str,
        now: Timestamp,
    ) -> Result<Option<(Algorithm, DecodingKey)>, Problem> {
        let mut keys = self.keys.lock().await;
        let cached = keys.entry(issuer.issuer.clone()).or_default();
        let since = |instant: Option<Timestamp>| instant.map(|instant| now.as_millis() - instant.as_millis());
        let age_ms = since(cached.fetched_at);
        let is_stale = match cached.by_kid.get(kid) {
            Some(_) => age_ms.is_none_or(|age_ms| age_ms >= REFRESH_MS),
            None => age_ms.is_none_or(|age_ms| age_ms >= REFETCH_MS),
        };
        let is_down = since(cached.failed_at).is_some_and(|age_ms| age_ms < RESPITE_MS);
        if is_stale && !is_down {
            let fetched = self.source.fetch(&issuer.jwks_uri).await;
            match fetched.and_then(|json| read_keys(&json)) {
                Ok(keys) => {
                    cached.by_kid = keys;
                    (cached.fetched_at, cached.failed_at) = (Some(now), None);
                }
                Err(error) => {
                    tracing::error!(issuer = issuer.issuer, error = %error, "the issuer's keys could not be fetched");
                    cached.failed_at = Some(now);
                }
            }
        }
        match cached.by_kid.get(kid) {
            Some(key) => Ok(Some(key.clone())),
            // Nobody can say whether there is such a key.
            None if is_stale && cached.failed_at.is_some() => {
                Err(tenantry_store::Error::Unavailable("the issuer's keys cannot be fetched".into()).into())
            }
            None => Ok(None),
        }
    }
}

/// Keys that are not for RS256 or ES256 signatures are passed over. What is no key set is as good as no answer: the keys that are
/// known stay.
fn read_keys(json: &str) -> Result<Keys, Box<dyn std::error::Error + Send + Sync>> {
    let set: JwkSet = serde_json::from_str(json)?;
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
    Ok(set.keys.iter().filter_map(read).collect())
}

fn unverified_issuer(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Unverified>(&payload).ok()?.iss
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
