//! What the audit trail says of groups and of who is in them: ids, no persons.

use serde_json::{Value, json};
use tenantry_domain::{Group, GroupMember};

/// A group as it is or was.
pub(crate) fn shown(group: &Group) -> Value {
    json!({ "groupId": group.id, "name": group.name })
}

/// The group after a change, with the names of the members that changed.
pub(crate) fn changed(before: &Group, after: &Group) -> Value {
    let members = [
        ("name", before.name != after.name),
        ("description", before.description != after.description),
        ("photoUrl", before.photo_url != after.photo_url),
    ];
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|(name, is_changed)| is_changed.then_some(name))
        .collect();
    let mut shown = shown(after);
    shown["changed"] = json!(names);
    shown
}

/// Those who are or were in it.
pub(crate) fn shown_members(group: &Group, members: &[GroupMember]) -> Value {
    let members: Vec<Value> = members
        .iter()
        .map(|member| json!({ "userTenantId": member.membership_id, "isOwner": member.place.is_owner }))
        .collect();
    let mut shown = shown(group);
    shown["members"] = json!(members);
    shown
}
