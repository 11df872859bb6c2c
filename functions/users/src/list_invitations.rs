use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};

use crate::invitation_view::InvitationView;

/// List a tenant's invitations.
///
/// Those that are over among them, for thirty days.
#[utoipa::path(
    get,
    path = "/tenants/{id}/invitations",
    params(("id" = String, Path, description = "The tenant's id."), ListQuery)
)]
pub(crate) async fn list_invitations(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<InvitationView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let binding = format!("invitations {}", scope.tenant_id());
    let page = query.page(&operation.caller, &binding)?;
    let invitations = context.store.list_invitations(&scope, &page).await?;
    operation.check_known(&scope, &invitations.items).await?;
    Ok(Paged(
        invitations.map(|invitation| InvitationView::at(context.now, invitation)),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::Permission::{ViewTenantUser, ViewUserInvitation};
    use tenantry_testing::TestApp;

    use crate::scene::{accept, decline, find, invitations_of, invite, order, paged, send};

    #[tokio::test]
    async fn invitations_are_listed_by_when_they_were_made_over_or_not() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        invite(&app, &other, "other@a.example").await;
        let (_, code) = invite(&app, &tenant, "accepted@a.example").await;
        accept(&app, &code).await.expect(200);
        app.clock.advance_ms(1);
        let (_, code) = invite(&app, &tenant, "declined@a.example").await;
        decline(&app, &code).await.expect(204);
        app.clock.advance_ms(1);
        invite(&app, &tenant, "waiting@a.example").await;
        let path = invitations_of(&tenant);
        let reader = app.member_with(&tenant, [ViewUserInvitation]);

        let answer = send(&app, "GET", &path, &reader, &Value::Null).await.expect(200);

        assert_eq!(answer.usage.calls, 1);
        let items = answer.json()["items"].take();
        let statuses = ["PENDING", "DECLINED", "ACCEPTED"];
        for (item, status) in items.as_array().expect("it is a list").iter().zip(statuses) {
            assert_eq!(item["status"], status);
        }
        let oldest_first = paged(&app, &format!("{path}?order=createdAt:asc"), &reader, "email").await;
        assert_eq!(
            oldest_first,
            ["accepted@a.example", "declined@a.example", "waiting@a.example"]
        );
    }

    #[tokio::test]
    async fn no_invitations_are_an_empty_page_and_no_tenant_is_none() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let path = invitations_of(&tenant);
        let empty = json!({ "items": [], "nextCursor": null });

        assert_eq!(find(&app, &path).await, empty);
        let unknown = invitations_of(&app.unknown_id());
        order(&app, "GET", &unknown, &Value::Null)
            .await
            .expect_problem(404, "not_found");
        send(&app, "GET", &path, &app.member(&other), &Value::Null)
            .await
            .expect_problem(404, "not_found");
        app.get(&path).send().await.expect_problem(401, "token_required");
        let colleague = app.member_with(&tenant, [ViewTenantUser]);
        send(&app, "GET", &path, &colleague, &Value::Null)
            .await
            .expect_problem(403, "forbidden");
        order(&app, "GET", &format!("{path}?status=PENDING"), &Value::Null)
            .await
            .expect_problem(400, "unknown_query_member");
    }
}
