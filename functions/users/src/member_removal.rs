//! What goes when a person leaves a tenant: the membership with its decisions, its places in groups, and its preferences.

use futures_util::future::try_join;
use tenantry_app::{Context, Error};
use tenantry_domain::{Change, Conflict, Error as DomainError, Event, Kind, Membership, TenantScope, User};
use tenantry_store::{Trail, Transaction};

use crate::member_trail::shown;

/// Adds all of it to a transaction. The person itself is the caller's to change.
pub(crate) async fn remove_member(
    context: &Context,
    transaction: &mut Transaction,
    scope: &TenantScope,
    (membership, trail): (&Membership, &Trail),
    conflict: DomainError,
    change: &Change,
) -> Result<(), Error> {
    let ids: Vec<_> = membership.groups.keys().copied().collect();
    let store = &context.store;
    let (groups, preferences) = try_join(
        store.find_groups(scope, &ids),
        store.find_preferences(scope, membership.id),
    )
    .await?;
    let mut entry = context.audit("member.removed", change);
    entry.before = Some(shown(membership));
    let event = Event::of_member("member.removed", membership, -1, context.new_id(), context.now);
    transaction
        .delete_membership(scope, membership, conflict)
        .audit(trail, &entry)
        .send(&context.event(&event));
    for group in groups {
        let Some(place) = membership.groups.get(&group.id) else {
            continue;
        };
        let conflict = Conflict::ModifiedConcurrently {
            kind: Kind::Group,
            id: group.id.to_string(),
        };
        let left = group.clone().abandoned(*place, change);
        transaction
            .delete_group_member(scope, group.id, membership.id)
            .replace_group(scope, &group, &left, conflict.into());
    }
    transaction.forget_preferences(scope, membership.id, &preferences);
    Ok(())
}

/// The person without the tenant.
pub(crate) fn let_go(
    transaction: &mut Transaction,
    scope: &TenantScope,
    user: &User,
    change: &Change,
) -> User {
    let left = user.clone().leave(scope.tenant_id(), change);
    transaction.replace_user(user, &left);
    left
}
