use tenantry_api::{NoContent, Operation, Path, Problem, Scope};
use tenantry_domain::{
    Conflict, Error as DomainError, Event, Id, Invitation, InvitationStatus, Kind, TenantScope,
};
use tenantry_store::{Trail, Transaction};

use crate::member_trail::invitation as shown;

/// Revoke an invitation.
///
/// Its code does not count any more. It stays readable as REVOKED for thirty days.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/invitations/{invitationId}",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("invitationId" = String, Path, description = "The invitation's id.")
    )
)]
pub(crate) async fn delete_invitation(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invitation>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_invitation_to_change(&scope, id).await?;
    let (invitation, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Invitation, id))?;
    operation.check_version(Kind::Invitation, id, invitation.version)?;
    let mut transaction = Transaction::new();
    transaction.in_tenant(&scope);
    let lost = operation.lost_race(Kind::Invitation, id);
    revoke(&operation, &mut transaction, &scope, (&invitation, &trail), lost)?;
    context.store.commit(transaction).await?;
    Ok(NoContent)
}

/// Adds to a transaction that an invitation does not hold any more.
pub(crate) fn revoke(
    operation: &Operation,
    transaction: &mut Transaction,
    scope: &TenantScope,
    (invitation, trail): (&Invitation, &Trail),
    lost: DomainError,
) -> Result<(), Conflict> {
    let context = &operation.context;
    let change = context.change(scope.actor().clone());
    let revoked = invitation.clone().close(InvitationStatus::Revoked, &change)?;
    let mut entry = context.audit("invitation.revoked", &change);
    (entry.before, entry.after) = (Some(shown(invitation)), Some(shown(&revoked)));
    let event = Event::of_invitation("invitation.revoked", &revoked, context.new_id(), context.now);
    transaction
        .replace_invitation(scope, &revoked, context.now, lost)
        .audit(trail, &entry)
        .send(&context.event(&event));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{
        GRACE, accept, add_grace, find, invitations_of, invite, last_entries, order, status_of,
    };

    #[tokio::test]
    async fn an_invitation_is_taken_back_and_stays_readable() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, code) = invite(&app, &tenant, GRACE).await;

        let answer = order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await["status"], "REVOKED");
        insta::assert_json_snapshot!(app.events_of("invitation.revoked.v1").await);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
        accept(&app, &code).await.expect_problem(409, "invitation_closed");
        order(&app, "DELETE", &path, &Value::Null)
            .await
            .expect_problem(409, "invitation_closed");
    }

    #[tokio::test]
    async fn one_that_has_expired_is_taken_back_too() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, _) = invite(&app, &tenant, GRACE).await;
        app.clock.advance_minutes(8 * 24 * 60);

        order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert_eq!(find(&app, &path).await["status"], "REVOKED");
    }

    #[tokio::test]
    async fn who_was_added_stays_registered_until_somebody_decides() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let invitations = find(&app, &invitations_of(&tenant)).await;
        let id = invitations["items"][0]["id"].as_str().unwrap_or_default();

        let path = format!("{}/{id}", invitations_of(&tenant));
        order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert_eq!(status_of(&app, &grace).await, "REGISTERED");
    }
}
