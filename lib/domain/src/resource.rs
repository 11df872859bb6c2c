use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Id, Tenant, Text, Timestamp};

/// Something that provisioning made for a tenant; type and external identifier together are unique in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// What it is, `bucket` for example.
    pub kind: Text<100>,
    /// How the application plane calls it.
    pub external_identifier: Text<200>,
    /// Whatever else the application plane said about it.
    #[serde(with = "crate::json_text", skip_serializing_if = "Option::is_none", default)]
    pub metadata: Option<Value>,
    /// When it was last reported.
    pub reported_at: Timestamp,
}
