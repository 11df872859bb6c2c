use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Error as DomainError, Id, Kind, Role};

use crate::role_view::RoleView;

/// Read a role.
#[utoipa::path(
    get,
    path = "/tenants/{id}/roles/{roleId}",
    params(("id" = String, Path, description = "The tenant's id."), ("roleId" = String, Path, description = "The role's id."))
)]
pub(crate) async fn find_role(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Role>>,
) -> Result<Found<RoleView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let roles = operation.context.store.find_roles(&scope).await?;
    let role = roles.as_ref().and_then(|roles| roles.find(id));
    let role = role.ok_or_else(|| DomainError::not_found(Kind::Role, id))?;
    Ok(Found(RoleView::new(scope.tenant_id(), role.into_owned())))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{add_editor, order};

    #[tokio::test]
    async fn a_role_is_found_in_one_call_with_its_tag() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = add_editor(&app, &tenant).await;

        let answer = order(&app, "GET", &path, &Value::Null).await.expect(200);

        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 1);
        assert_eq!(answer.text_at("/name"), "Editor");
    }

    #[tokio::test]
    async fn the_roles_that_every_tenant_has_are_found_as_well() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        for (role, name) in SystemRole::ALL.into_iter().zip(["Owner", "Admin", "Member"]) {
            let path = format!("/tenants/{tenant}/roles/{}", app.role(&tenant, role));
            let answer = order(&app, "GET", &path, &Value::Null).await.expect(200);
            assert_eq!(
                (&*answer.text_at("/name"), &*answer.text_at("/isSystem")),
                (name, "true")
            );
        }
    }

    #[tokio::test]
    async fn a_role_that_is_not_there_is_not_found() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let of_other = app.role(&other, SystemRole::Owner);

        for id in [&app.unknown_id(), &of_other, "owner", "Editor"] {
            let answer = order(
                &app,
                "GET",
                &format!("/tenants/{tenant}/roles/{id}"),
                &Value::Null,
            )
            .await;
            answer.expect_problem(404, "not_found");
        }
    }
}
