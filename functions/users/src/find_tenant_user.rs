use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Error as DomainError, Id, Kind, Membership, User};

use crate::member_view::MemberView;

/// Read a member of a tenant.
#[utoipa::path(
    get,
    path = "/tenants/{id}/users/{userId}",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("userId" = String, Path, description = "The person's id.")
    )
)]
pub(crate) async fn find_tenant_user(
    operation: Operation,
    Scope(scope): Scope,
    Path(user_id): Path<Id<User>>,
) -> Result<Found<MemberView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let id = Membership::id_of(scope.tenant_id(), user_id);
    let found = operation.context.store.find_access(&scope, id).await?;
    let (membership, roles) = found.ok_or_else(|| DomainError::not_found(Kind::User, user_id))?;
    Ok(Found(MemberView::of(membership, &roles)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::Permission::{ViewTenant, ViewTenantUser};
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, order, path_of, send, users_of};

    #[tokio::test]
    async fn a_member_is_read_with_its_role_as_it_is_called_now() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.custom_role(&tenant, "Editor", [ViewTenant]).await;
        let grace = app.join(&tenant, GRACE, &role).await;
        let renamed = json!({ "name": "Redactor" });
        order(
            &app,
            "PATCH",
            &format!("/tenants/{tenant}/roles/{role}"),
            &renamed,
        )
        .await
        .expect(200);
        let colleague = app.member_as(&tenant, SystemRole::Member);

        let answer = send(&app, "GET", &path_of(&grace), &colleague, &Value::Null).await;

        let answer = answer.expect(200);
        assert_eq!(answer.usage.calls, 1);
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.text_at("/roleName"), "Redactor");
        assert_eq!(answer.text_at("/userTenantId"), grace.membership_id);
    }

    #[tokio::test]
    async fn who_may_not_or_means_another_tenants_reads_nothing() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = path_of(&grace);
        let elsewhere = path.replace(&tenant, &other);
        let unknown = format!("{}/{}", users_of(&tenant), app.unknown_id());

        app.get(&path).send().await.expect_problem(401, "token_required");
        for token in [
            app.member_with(&tenant, [ViewTenant]),
            app.operator_with([ViewTenant]),
        ] {
            send(&app, "GET", &path, &token, &Value::Null)
                .await
                .expect_problem(403, "forbidden");
        }
        let stranger = app.member_with(&other, [ViewTenantUser]);
        for (path, token) in [
            (&path, &stranger),
            (&elsewhere, &stranger),
            (&elsewhere, &app.operator()),
            (&unknown, &app.operator()),
            (&format!("{}/nobody", users_of(&tenant)), &app.operator()),
        ] {
            send(&app, "GET", path, token, &Value::Null)
                .await
                .expect_problem(404, "not_found");
        }
    }
}
