use serde::{Deserialize, Serialize};

use crate::{Actor, Id, Timestamp};

/// Who changes something, when, and in which request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// One line of an audit trail. Personal data of people stays out of it; changed fields are kept by name and, where harmless, value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Unique; entries of a later millisecond have greater ids.
    pub id: Id<AuditEntry>,
    /// What was done, `tenant.created` for example.
    pub action: String,
    /// Who did it.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// The request in which it was done.
    pub request_id: String,
    /// What it was like before, for the fields that changed.
    #[serde(with = "crate::json_text", skip_serializing_if = "Option::is_none", default)]
    pub before: Option<serde_json::Value>,
    /// What it is like now, for the fields that changed.
    #[serde(with = "crate::json_text", skip_serializing_if = "Option::is_none", default)]
    pub after: Option<serde_json::Value>,
}
