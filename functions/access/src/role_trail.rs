//! What the audit trail says of roles.

use serde_json::{Value, json};
use tenantry_domain::Role;

/// A role as it is or was.
pub(crate) fn shown(role: &Role) -> Value {
    json!({ "roleId": role.id, "name": role.name, "permissions": role.permissions })
}

/// The role after a change, with the names of the members that changed.
pub(crate) fn changed(before: &Role, after: &Role) -> Value {
    let members = [
        ("name", before.name != after.name),
        ("description", before.description != after.description),
        ("permissions", before.permissions != after.permissions),
    ];
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|(name, is_changed)| is_changed.then_some(name))
        .collect();
    let mut shown = shown(after);
    shown["changed"] = json!(names);
    shown
}
