//! How a decision about a permission is written: the member's next version, its line in the audit trail, its event.

use serde_json::{Value, json};
use tenantry_api::Operation;
use tenantry_domain::{Change, Event, Kind, Membership, Permission, TenantScope};
use tenantry_store::{Trail, Transaction};

const KIND: &str = "member.permissions_changed";

/// Writes the member with another decision about the permission, or with none any more.
pub(crate) fn write(
    operation: &Operation,
    scope: &TenantScope,
    trail: &Trail,
    (before, after): (&Membership, &Membership),
    (permission, change): (Permission, &Change),
) -> Transaction {
    let context = &operation.context;
    let mut entry = context.audit(KIND, change);
    entry.before = shown(before, permission);
    entry.after = shown(after, permission);
    let event = Event::of_member(KIND, after, 0, context.new_id(), context.now);
    let conflict = operation.lost_race(Kind::Member, after.id);
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(scope)
        .replace_membership(scope, before, after, conflict)
        .audit(trail, &entry)
        .send(&context.event(&event));
    transaction
}

fn shown(member: &Membership, permission: Permission) -> Option<Value> {
    let decision = member.overrides.get(&permission)?;
    let (id, name) = (member.id, permission.name());
    Some(json!({ "userTenantId": id, "permission": name, "allowed": decision.is_allowed }))
}
