use serde::{Deserialize, Serialize};
use tenantry_domain::Timestamp;

use crate::Transaction;
use crate::entity::Entity;
use crate::key::{self, Keys};
use crate::transaction::Refusal;

/// How long a message from outside is remembered: `EventBridge` tries for a day, an archive may be replayed later.
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// A message from outside that was acted upon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    sender: String,
    id: String,
    at: Timestamp,
}

impl Entity for Seen {
    const TYPE: &'static str = "seen";

    fn keys(&self) -> Keys {
        Keys {
            ttl: Some(self.at.plus_ms(KEPT_MS)),
            ..Keys::only(key::seen(&self.sender, &self.id))
        }
    }
}

impl Transaction {
    /// Goes on only if this message of this sender was not acted upon before; if it was, the commit fails with `Overtaken`.
    pub fn see(&mut self, sender: &str, id: &str, now: Timestamp) -> &mut Self {
        let seen = Seen {
            sender: sender.to_owned(),
            id: id.to_owned(),
            at: now,
        };
        self.create(&seen, Refusal::Overtaken)
    }
}
