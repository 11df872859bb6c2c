use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Error as DomainError, Id, Invitation, Kind};

use crate::invitation_view::InvitationView;

/// Read an invitation.
#[utoipa::path(
    get,
    path = "/tenants/{id}/invitations/{invitationId}",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("invitationId" = String, Path, description = "The invitation's id.")
    )
)]
pub(crate) async fn find_invitation(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invitation>>,
) -> Result<Found<InvitationView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_invitation(&scope, id).await?;
    let invitation = found.ok_or_else(|| DomainError::not_found(Kind::Invitation, id))?;
    Ok(Found(InvitationView::at(context.now, invitation)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::Permission::{ViewTenantUser, ViewUserInvitation};
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, invitations_of, invite, order, send};

    #[tokio::test]
    async fn an_invitation_is_read_and_its_end_seen() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, code) = invite(&app, &tenant, GRACE).await;
        let reader = app.member_with(&tenant, [ViewUserInvitation]);

        let answer = send(&app, "GET", &path, &reader, &Value::Null).await.expect(200);
        app.clock.advance_minutes(7 * 24 * 60);
        let over = order(&app, "GET", &path, &Value::Null).await.expect(200);

        assert_eq!(answer.usage.calls, 1);
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert!(!answer.text.contains(&code) && !answer.text.contains("odeHash"));
        assert_eq!(answer.text_at("/status"), "PENDING");
        assert_eq!(over.text_at("/status"), "EXPIRED");
    }

    #[tokio::test]
    async fn who_may_not_or_means_another_tenants_reads_nothing() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let (path, _) = invite(&app, &tenant, GRACE).await;
        let stranger = app.member(&other);
        let unknown = format!("{}/{}", invitations_of(&tenant), app.unknown_id());

        app.get(&path).send().await.expect_problem(401, "token_required");
        let colleague = app.member_with(&tenant, [ViewTenantUser]);
        send(&app, "GET", &path, &colleague, &Value::Null)
            .await
            .expect_problem(403, "forbidden");
        for path in [&path, &path.replace(&tenant, &other)] {
            send(&app, "GET", path, &stranger, &Value::Null)
                .await
                .expect_problem(404, "not_found");
        }
        for path in [&unknown, &path.replace(&tenant, &other)] {
            order(&app, "GET", path, &Value::Null)
                .await
                .expect_problem(404, "not_found");
        }
    }
}
