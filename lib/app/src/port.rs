use futures_util::future::BoxFuture;
use tenantry_domain::{Email, Event, Id, Timestamp};
use thiserror::Error;

use crate::mail::RenderedMail;

/// One event as the bus takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusEntry {
    /// The event's id; `detail` repeats it in our own dialect.
    pub id: Id<Event>,
    /// The bus by name or ARN; our own if absent.
    pub bus: Option<String>,
    /// Who says it.
    pub source: String,
    /// What kind of event.
    pub detail_type: String,
    /// The event, as JSON.
    pub detail: String,
    /// When it happened.
    pub time: Timestamp,
}

/// A delivery that did not happen, for the log: never what was to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Undelivered(pub String);

/// Where events go: EventBridge, or the local bus.
pub trait EventBus: Send + Sync {
    /// Puts at most ten entries that are together at most 256 KiB, and answers for each.
    fn put<'a>(&'a self, entries: &'a [BusEntry]) -> BoxFuture<'a, Vec<Result<(), Undelivered>>>;
}

/// Where mails go: SES, or the local mailbox.
pub trait MailPort: Send + Sync {
    /// Sends one mail. The id lets a receiver see that two are the same.
    fn send<'a>(
        &'a self,
        id: Id<Event>,
        to: &'a Email,
        mail: &'a RenderedMail,
    ) -> BoxFuture<'a, Result<(), Undelivered>>;
}
