//! What it means when somebody else was quicker.

use tenantry_domain::{Conflict, Error as DomainError, Id, Kind};

/// Somebody else changed what was read beside the thing that the caller named a version of: it is worth another look, which
/// tells whether that version has gone as well.
pub(crate) fn overtaken<T>(kind: Kind, id: Id<T>) -> DomainError {
    let id = id.to_string();
    Conflict::ModifiedConcurrently { kind, id }.into()
}
