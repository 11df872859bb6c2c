//! The proof of an application plane: an HMAC under the key of one of the tenant's jobs.

use axum::extract::FromRequestParts;
use http::request::Parts;
use tenantry_api::{Edge, Problem};
use tenantry_app::{Context, signature};
use tenantry_domain::{Actor, Id, Tenant, TenantScope};
use tenantry_store::{CallbackKey, TenantParts};

/// The signature headers, as far as they make sense.
pub(crate) struct Signed {
    signature: String,
    timestamp_ms: i64,
}

/// What stands between body and timestamp in the signed text.
#[derive(Clone, Copy)]
pub(crate) enum Over {
    /// The context that the job's event named.
    Context,
    /// Nothing, as the references have it for everything but reports.
    Nothing,
}

impl FromRequestParts<Edge> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        let header = |name: &str| {
            let mut values = parts.headers.get_all(name).iter();
            let (value, None) = (values.next()?, values.next()) else {
                return None;
            };
            value.to_str().ok().map(str::to_owned)
        };
        let timestamp_ms = header("x-timestamp").and_then(|text| text.parse().ok());
        match (header("x-signature"), timestamp_ms) {
            (Some(signature), Some(timestamp_ms)) => Ok(Self {
                signature,
                timestamp_ms,
            }),
            _ => Err(refused()),
        }
    }
}

/// One answer for everything that does not prove itself: the sender learns nothing about what was wrong.
pub(crate) fn refused() -> Problem {
    let detail = "the signature does not prove a call on an open job of this tenant";
    Problem::unsigned(detail)
}

impl Signed {
    /// Refuses what was signed too long ago, or is to be signed yet.
    pub(crate) fn check_time(&self, context: &Context) -> Result<(), Problem> {
        if signature::is_timely(self.timestamp_ms, context.now) {
            Ok(())
        } else {
            Err(refused())
        }
    }

    /// Finds the key of this tenant with which the body was signed.
    pub(crate) async fn verify(
        &self,
        context: &Context,
        tenant_id: Id<Tenant>,
        body: &[u8],
        over: Over,
    ) -> Result<(TenantParts, CallbackKey), Problem> {
        // Not proved yet: nothing of the tenant is used but the keys, until one of them fits.
        let scope = TenantScope::of_system(tenant_id, Actor::ApplicationPlane);
        let parts = context
            .store
            .find_tenant_with_jobs(&scope)
            .await?
            .ok_or_else(refused)?;
        for key in parts
            .callback_keys
            .iter()
            .filter(|key| context.now < key.expires_at)
        {
            let secret = context
                .app
                .keyring
                .open(&format!("callback/{}", key.job_id), &key.sealed_secret);
            let secret = secret.map_err(|error| Problem::internal(&error))?;
            let between = match over {
                Over::Context => key.context.as_str(),
                Over::Nothing => "",
            };
            if signature::is_valid(&secret, body, between, self.timestamp_ms, &self.signature) {
                let key = key.clone();
                return Ok((parts, key));
            }
        }
        Err(refused())
    }
}
