//! Who may change or remove which role.

use tenantry_api::Operation;
use tenantry_domain::{Error as DomainError, Id, Kind, Role, TenantScope};
use tenantry_store::{People, Wanted};

/// The tenant's roles, and who acts if it acts as a member: its own role is not for it to change.
pub(crate) async fn find_roles_to_change(
    operation: &Operation,
    scope: &TenantScope,
    id: Id<Role>,
) -> Result<People, tenantry_app::Error> {
    let wanted = Wanted {
        members: operation.membership_id().into_iter().collect(),
        ..Wanted::default()
    };
    let found = operation.context.store.find_people(scope, &wanted).await?;
    Ok(found.ok_or_else(|| DomainError::not_found(Kind::Role, id))?)
}

/// A role that the caller may change or remove: the tenant made it, it is not the caller's own, and it grants no more than the
/// caller holds.
pub(crate) fn changeable(operation: &Operation, people: &People, id: Id<Role>) -> Result<Role, DomainError> {
    let role = people.roles.changeable(id)?;
    let own = operation.membership_id().and_then(|own| people.member(own));
    if own.is_some_and(|own| own.role_id == id) {
        let text = format!("role `{}` is the caller's own", role.name);
        return Err(DomainError::Forbidden(text));
    }
    role.check_within(&operation.held())?;
    Ok(role.clone())
}
