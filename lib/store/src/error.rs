use std::error::Error as StdError;

use thiserror::Error;

use crate::StoredReply;

/// Why the store could not do what it was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// A step's condition did not hold; this is what the step said that means.
    #[error(transparent)]
    Refused(#[from] tenantry_domain::Error),
    /// The same request was carried out before; this is what it was answered.
    #[error("the request was carried out before")]
    Repeated(Box<StoredReply>),
    /// Somebody else has made this change first.
    #[error("the change was made already")]
    Overtaken,
    /// A cursor is not one that this query and caller were given.
    #[error("the cursor is not one of this list")]
    InvalidCursor,
    /// The table throttled, conflicted or did not answer until the request's deadline.
    #[error("the table is not available")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// Something that should not happen.
    #[error("the store failed")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    pub(crate) fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }
}
