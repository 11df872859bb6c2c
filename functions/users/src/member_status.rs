//! Letting members act, and keeping them from it.

use tenantry_api::{Found, Operation, Reply as _};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Error as DomainError, Event, Id, Kind, Membership, MembershipCommand, TenantScope, User,
};
use tenantry_store::{Transaction, Wanted};

use crate::member_trail::shown;
use crate::member_view::MemberView;

/// Moves a member, who is not the caller and may not do more than the caller, by a command; `kind` names the event.
pub(crate) async fn move_member(
    operation: &Operation,
    scope: &TenantScope,
    user_id: Id<User>,
    command: MembershipCommand,
    kind: &'static str,
) -> Result<Found<MemberView>, Error> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    check_is_other(operation, user_id)?;
    let id = Membership::id_of(scope.tenant_id(), user_id);
    let change = context.change(scope.actor().clone());
    look_again(|| async {
        let wanted = Wanted {
            members: vec![id],
            ..Wanted::default()
        };
        let people = context.store.find_people(scope, &wanted).await?;
        let missing = || DomainError::not_found(Kind::User, user_id);
        let people = people.ok_or_else(missing)?;
        let before = people.member(id).ok_or_else(missing)?;
        before.check_within(&people.roles, &operation.held())?;
        let after = before.clone().moved(command, &change)?;
        let mut entry = context.audit(kind, &change);
        (entry.before, entry.after) = (Some(shown(before)), Some(shown(&after)));
        let event = Event::of_member(kind, &after, 0, context.new_id(), context.now);
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(scope)
            .replace_membership(scope, before, &after, operation.lost_race(Kind::Member, id))
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        let reply = Found(MemberView::of(after, &people.roles));
        context.commit(transaction, || reply.stored()).await?;
        Ok(reply)
    })
    .await
}

/// Nobody decides about itself.
pub(crate) fn check_is_other(operation: &Operation, user_id: Id<User>) -> Result<(), DomainError> {
    if operation.caller.is_person(user_id) {
        return Err(DomainError::Forbidden("nobody may do this to oneself".to_owned()));
    }
    Ok(())
}
