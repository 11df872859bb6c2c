//! Who is in which group. A member knows its groups and a group its members, so both change in one transaction.

use tenantry_api::Operation;
use tenantry_domain::{
    Error as DomainError, Group, GroupMember, GroupPlace, Id, Kind, Membership, TenantScope, User,
};
use tenantry_store::{People, Transaction, Wanted};

use crate::race::overtaken;

/// A group with some members of the tenant, in it or not.
pub(crate) async fn find_group_with(
    operation: &Operation,
    scope: &TenantScope,
    id: Id<Group>,
    members: Vec<Id<Membership>>,
) -> Result<(Group, People), tenantry_app::Error> {
    let wanted = Wanted {
        members,
        group: Some(id),
        ..Wanted::default()
    };
    let found = operation.context.store.find_people(scope, &wanted).await?;
    let found = found.and_then(|people| Some((people.group.clone()?, people)));
    Ok(found.ok_or_else(|| DomainError::not_found(Kind::Group, id))?)
}

/// A person's membership and its place in the group, if it has one there.
pub(crate) fn placed(
    people: &People,
    group_id: Id<Group>,
    user_id: Id<User>,
) -> Result<(Membership, GroupPlace), DomainError> {
    let member = people.members.iter().find(|member| member.user_id == user_id);
    let placed = member.and_then(|member| Some((member.clone(), *member.groups.get(&group_id)?)));
    placed.ok_or_else(|| DomainError::not_found(Kind::Member, user_id))
}

/// Begins a transaction that changes these members. Who acts may be one of them: then the version that was read must be an
/// active one, because the table takes no second step on the same item.
pub(crate) fn begin<'a>(
    operation: &Operation,
    scope: &TenantScope,
    changed: impl IntoIterator<Item = &'a Membership>,
) -> Result<Transaction, DomainError> {
    let acting = operation.membership_id();
    let own = changed.into_iter().find(|member| Some(member.id) == acting);
    let mut transaction = Transaction::new();
    match own {
        None => transaction.in_tenant(scope),
        Some(own) if own.is_active() => transaction.in_tenant_as_self(scope),
        Some(own) => return Err(DomainError::MembershipInactive(own.id.to_string())),
    };
    Ok(transaction)
}

/// Gives a member its place in a group, on both sides.
pub(crate) fn put_place(
    transaction: &mut Transaction,
    scope: &TenantScope,
    (before, after): (&Membership, &Membership),
    member: &GroupMember,
) {
    transaction
        .replace_membership(scope, before, after, overtaken(Kind::Member, after.id))
        .put_group_member(scope, member);
}

/// Takes a member's place in a group, on both sides.
pub(crate) fn take_place(
    transaction: &mut Transaction,
    scope: &TenantScope,
    (before, after): (&Membership, &Membership),
    group_id: Id<Group>,
) {
    transaction
        .replace_membership(scope, before, after, overtaken(Kind::Member, after.id))
        .delete_group_member(scope, group_id, after.id);
}
