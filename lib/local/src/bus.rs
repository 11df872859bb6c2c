use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_app::{BusEntry, EventBus, OsEntropy, Undelivered};
use tenantry_domain::{Id, Timestamp};
use tokio::sync::mpsc::UnboundedSender;

use crate::pattern::Pattern;

/// How many of the last entries are kept for `GET /local/events`.
const KEPT: usize = 1_000;
/// EventBridge refuses an entry that is larger.
const MAX_DETAIL_BYTES: usize = 256 * 1024;

/// An event bus in memory: keeps the last entries and hands those that a rule's pattern matches to its target.
#[derive(Default)]
pub struct LocalBus {
    entries: Mutex<Vec<Value>>,
    rules: Mutex<Vec<Rule>>,
}

/// What somebody else says over the bus.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignEvent {
    /// Who says it.
    pub source: String,
    /// What kind of event.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// What.
    pub detail: Value,
}

struct Rule {
    pattern: Pattern,
    target: UnboundedSender<Value>,
}

impl LocalBus {
    /// Hands the events that match the pattern to the target from now on.
    pub fn add_rule(&self, pattern: Pattern, target: UnboundedSender<Value>) {
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Rule { pattern, target });
    }

    /// Lets the rules' targets know that nothing more will come.
    pub fn close(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The entries that went over the bus, oldest first, as a rule's target receives them.
    pub fn entries(&self) -> Vec<Value> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// An event of somebody else, as `PutEvents` takes it of them; answers its id.
    pub fn publish(&self, event: ForeignEvent, now: Timestamp) -> String {
        let ForeignEvent {
            source,
            detail_type,
            detail,
        } = event;
        let id = Id::<ForeignEvent>::new(now, &OsEntropy).to_string();
        let envelope = json!({ "id": id, "detail-type": detail_type, "source": source, "resources": [], "detail": detail });
        self.carry(envelope, now);
        id
    }

    fn take(&self, entry: &BusEntry) -> Result<(), Undelivered> {
        if entry.detail.len() > MAX_DETAIL_BYTES {
            return Err(Undelivered(
                "the bus refused an entry: it is larger than 256 KiB".to_owned(),
            ));
        }
        let detail: Value = serde_json::from_str(&entry.detail)
            .map_err(|_| Undelivered("the bus refused an entry: MalformedDetail".to_owned()))?;
        let envelope = json!({
            "id": entry.id,
            "detail-type": entry.detail_type,
            "source": entry.source,
            "resources": [format!("tenantry:event/{}", entry.id)],
            "detail": detail,
        });
        self.carry(envelope, entry.time);
        Ok(())
    }

    /// Adds what EventBridge adds, second precision included, and hands the event to the rules' targets.
    fn carry(&self, mut said: Value, time: Timestamp) {
        let time: String = time.to_string().chars().take(19).chain(['Z']).collect();
        let event = json!({
            "version": "0",
            "id": said["id"].take(),
            "detail-type": said["detail-type"].take(),
            "source": said["source"].take(),
            "account": "000000000000",
            "time": time,
            "region": "local",
            "resources": said["resources"].take(),
            "detail": said["detail"].take(),
        });
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in rules.iter().filter(|rule| rule.pattern.matches(&event)) {
            // A target that went away gets nothing, as on AWS.
            let _ = rule.target.send(event.clone());
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(event);
        let surplus = entries.len().saturating_sub(KEPT);
        entries.drain(..surplus);
    }
}

impl EventBus for LocalBus {
    fn put<'a>(&'a self, entries: &'a [BusEntry]) -> BoxFuture<'a, Vec<Result<(), Undelivered>>> {
        let results = entries.iter().map(|entry| self.take(entry)).collect();
        std::future::ready(results).boxed()
    }
}
