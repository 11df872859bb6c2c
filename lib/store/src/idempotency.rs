use serde::{Deserialize, Serialize};
use tenantry_domain::Timestamp;

use crate::entity::Entity;
use crate::key::{self, Keys};
use crate::{Error, Store};

/// How long an answer is remembered: 24 hours.
const LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// What a request was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredReply {
    /// HTTP status.
    pub status: u16,
    /// `Location`, if there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<String>,
    /// `ETag`, if there was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub etag: Option<String>,
    /// The body as it was sent.
    pub body: String,
}

/// The memory of one request with an `Idempotency-Key`. It is part of the request's transaction, so a request that is
/// carried out is remembered and one that is refused is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdempotencyRecord {
    /// Who sent it.
    pub caller: String,
    /// The header's value.
    pub key: String,
    /// Tells requests apart: method, path and body.
    pub fingerprint: String,
    /// What it was answered.
    pub reply: StoredReply,
    /// When it was carried out.
    pub created_at: Timestamp,
}

impl IdempotencyRecord {
    /// Records that were made at this instant or before are forgotten when this one is made.
    pub(crate) fn forgotten_before(&self) -> Timestamp {
        self.created_at.plus_ms(-LIFE_MS)
    }
}

impl Entity for IdempotencyRecord {
    const TYPE: &'static str = "idempotency";

    fn keys(&self) -> Keys {
        let primary = key::idempotency(&self.caller, &self.key);
        Keys {
            ttl: Some(self.created_at.plus_ms(LIFE_MS)),
            ..Keys::only(primary)
        }
    }
}

impl Store {
    /// Finds what an earlier request with this key was answered.
    pub async fn find_idempotency_record(
        &self,
        caller: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, Error> {
        let found: Option<IdempotencyRecord> = self.get(&key::idempotency(caller, key)).await?;
        Ok(found.filter(|record| now < record.created_at.plus_ms(LIFE_MS)))
    }
}
