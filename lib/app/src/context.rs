use std::sync::Arc;

use tenantry_domain::{Actor, AuditEntry, Change, Clock, Entropy, Id, Timestamp};
use tenantry_store::{IdempotencyRecord, Store, StoredReply, Transaction};
use thiserror::Error;

use crate::{Config, IdentityProviders, Keyring, ProviderError, TraceContext};

/// What one process holds for all requests.
pub struct App {
    /// The table.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The settings.
    pub config: Config,
    /// The keys.
    pub keyring: Keyring,
    /// Providers of identities; none where none is needed.
    pub identity: IdentityProviders,
}

/// What one request works with: a store bound to the request's deadline, and one reading of the clock.
#[derive(Clone)]
pub struct Context {
    /// What all requests share.
    pub app: Arc<App>,
    /// The table, until this request's deadline.
    pub store: Store,
    /// When the request came.
    pub now: Timestamp,
    /// Names the request in answers, logs, events and the audit trail.
    pub request_id: String,
    /// Names the request that began it all: this one, or the one that asked for the job that this one is about.
    pub correlation_id: String,
    /// Where the request stands in a distributed trace.
    pub trace: TraceContext,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<Idempotency>,
}

/// An `Idempotency-Key` and what it was sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Who sent it.
    pub caller: String,
    /// The header's value.
    pub key: String,
    /// Tells requests apart: method, path and body.
    pub fingerprint: String,
}

/// Why an operation did not succeed.
#[derive(Debug, Error)]
pub enum Error {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] tenantry_domain::Error),
    /// The table did not do its part.
    #[error(transparent)]
    Store(tenantry_store::Error),
    /// A provider of identities did not do its part.
    #[error(transparent)]
    Provider(ProviderError),
    /// Something that should not happen.
    #[error("{0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<tenantry_store::Error> for Error {
    fn from(error: tenantry_store::Error) -> Self {
        match error {
            tenantry_store::Error::Refused(refusal) => Self::Refused(refusal),
            error => Self::Store(error),
        }
    }
}

impl Error {
    /// What a provider answered; what kept it from noting its progress speaks for itself.
    pub fn of_provider(error: ProviderError) -> Self {
        match error {
            ProviderError::Progress(error) => *error,
            error => Self::Provider(error),
        }
    }
}

impl From<tenantry_domain::Conflict> for Error {
    fn from(conflict: tenantry_domain::Conflict) -> Self {
        Self::Refused(conflict.into())
    }
}

impl Error {
    /// Whether somebody else changed the thing between our read and our write, so that it makes sense to look again.
    pub fn is_lost_race(&self) -> bool {
        use tenantry_domain::{Conflict, Error as DomainError};
        matches!(
            self,
            Self::Refused(DomainError::Conflict(Conflict::ModifiedConcurrently { .. }))
        )
    }
}

/// How often somebody looks again after another one got in the way.
pub(crate) const LOOKS: u32 = 5;

/// Reads, decides and writes again while somebody else changes the thing between the read and the write. A caller who named a
/// version hears of the first one that got in the way.
pub async fn look_again<T, F>(mut attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut looks = 1;
    loop {
        match attempt().await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            ended => return ended,
        }
    }
}

impl Context {
    /// For one request.
    pub fn new(app: &Arc<App>, request_id: String, trace: TraceContext) -> Self {
        let (store, now) = (app.store.for_request(), app.clock.now());
        Self {
            app: Arc::clone(app),
            store,
            now,
            correlation_id: request_id.clone(),
            request_id,
            trace,
            idempotency: None,
        }
    }

    /// A new id, made at the request's instant.
    pub fn new_id<T>(&self) -> Id<T> {
        Id::new(self.now, &*self.app.entropy)
    }

    /// A change by this actor at the request's instant.
    pub fn change(&self, by: Actor) -> Change {
        Change { by, at: self.now }
    }

    /// A line for an audit trail.
    pub fn audit(&self, action: &str, change: &Change) -> AuditEntry {
        let (actor, request_id) = (change.by.clone(), self.request_id.clone());
        AuditEntry {
            id: self.new_id(),
            action: action.to_owned(),
            actor,
            at: change.at,
            request_id,
            before: None,
            after: None,
        }
    }

    /// Commits; with an idempotency key, the reply is remembered in the same transaction.
    pub async fn commit(
        &self,
        mut transaction: Transaction,
        reply: impl FnOnce() -> StoredReply,
    ) -> Result<(), Error> {
        if let Some(Idempotency {
            caller,
            key,
            fingerprint,
        }) = self.idempotency.clone()
        {
            transaction.remember(&IdempotencyRecord {
                caller,
                key,
                fingerprint,
                reply: reply(),
                created_at: self.now,
            });
        }
        if transaction.is_empty() {
            return Ok(());
        }
        Ok(self.store.commit(transaction).await?)
    }
}
