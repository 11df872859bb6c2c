//! Who may decide about which permission of whom.

use std::str::FromStr;

use tenantry_api::Operation;
use tenantry_domain::{Error as DomainError, Id, Kind, Membership, Override, Permission, Rule, TenantScope};
use tenantry_store::{People, Wanted};

/// A permission that a path names, by name or alias.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedPermission(pub(crate) Permission);

impl FromStr for NamedPermission {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let unknown = || Rule::new("unknown_permission", "must name a permission");
        Permission::parse(text).map(Self).ok_or_else(unknown)
    }
}

/// Nobody decides what it may do itself.
pub(crate) fn check_not_own(operation: &Operation, id: Id<Membership>) -> Result<(), DomainError> {
    if operation.caller.is_membership(id) {
        let text = "nobody decides about its own permissions".to_owned();
        return Err(DomainError::Forbidden(text));
    }
    Ok(())
}

/// The member with what its permissions come from.
pub(crate) async fn find_member(
    operation: &Operation,
    scope: &TenantScope,
    id: Id<Membership>,
) -> Result<(Membership, People), tenantry_app::Error> {
    let wanted = Wanted {
        members: vec![id],
        ..Wanted::default()
    };
    let found = operation.context.store.find_people(scope, &wanted).await?;
    let found = found.and_then(|people| Some((people.member(id)?.clone(), people)));
    Ok(found.ok_or_else(|| DomainError::not_found(Kind::Member, id))?)
}

/// What was decided about the permission, if something was.
pub(crate) fn decided(member: &Membership, permission: Permission) -> Result<Override, DomainError> {
    let decision = member.overrides.get(&permission).copied();
    decision.ok_or_else(|| DomainError::not_found(Kind::Override, permission.name()))
}

/// Refuses whoever does not hold the permission itself, or would decide about somebody who may do more.
pub(crate) fn check_within(
    operation: &Operation,
    people: &People,
    member: &Membership,
    permission: Permission,
) -> Result<(), DomainError> {
    let held = operation.held();
    if !held.holds(permission) {
        let text = format!("the caller does not hold {}", permission.name());
        return Err(DomainError::Forbidden(text));
    }
    member.check_within(&people.roles, &held)
}
