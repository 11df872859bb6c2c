//! What the audit trail says of contacts: names and addresses of people stay out of it.

use serde_json::{Value, json};
use tenantry_domain::Contact;

/// A contact as it is or was.
pub(crate) fn shown(contact: &Contact) -> Value {
    json!({ "contactId": contact.id, "isPrimary": contact.is_primary, "type": contact.kind })
}

/// The contact after a change, with the names of the members that changed.
pub(crate) fn changed(before: &Contact, after: &Contact) -> Value {
    let members = [
        ("firstName", before.first_name != after.first_name),
        ("lastName", before.last_name != after.last_name),
        ("email", before.email != after.email),
        ("isPrimary", before.is_primary != after.is_primary),
        ("type", before.kind != after.kind),
    ];
    let names: Vec<&str> = members
        .into_iter()
        .filter_map(|(name, is_changed)| is_changed.then_some(name))
        .collect();
    let mut shown = shown(after);
    shown["changed"] = json!(names);
    shown
}
