use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tenantry_app::{BusEntry, EventBus, Undelivered};
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

    fn take(&self, entry: &BusEntry) -> Result<(), Undelivered> {
        if entry.detail.len() > MAX_DETAIL_BYTES {
            return Err(Undelivered(
                "the bus refused an entry: it is larger than 256 KiB".to_owned(),
            ));
        }
        let detail: Value = serde_json::from_str(&entry.detail)
            .map_err(|_| Undelivered("the bus refused an entry: MalformedDetail".to_owned()))?;
        // The event envelope of EventBridge, second precision included.
        let time = entry
            .time
            .to_string()
            .chars()
            .take(19)
            .chain(['Z'])
            .collect::<String>();
        let event = json!({
            "version": "0",
            "id": entry.id,
            "detail-type": entry.detail_type,
            "source": entry.source,
            "account": "000000000000",
            "time": time,
            "region": "local",
            "resources": [format!("tenantry:event/{}", entry.id)],
            "detail": detail,
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
        Ok(())
    }
}

impl EventBus for LocalBus {
    fn put<'a>(&'a self, entries: &'a [BusEntry]) -> BoxFuture<'a, Vec<Result<(), Undelivered>>> {
        let results = entries.iter().map(|entry| self.take(entry)).collect();
        std::future::ready(results).boxed()
    }
}
