use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use tenantry_domain::{Error as DomainError, Id, Kind, Role, SystemRole, Tenant};

use crate::role_view::RoleView;

/// List a tenant's roles.
///
/// By age: the roles that every tenant has are older than those that it made.
#[utoipa::path(
    get,
    path = "/tenants/{id}/roles",
    params(("id" = String, Path, description = "The tenant's id."), ListQuery)
)]
pub(crate) async fn list_roles(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<RoleView>, Problem> {
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let page = query.page(&operation.caller, &format!("roles {tenant_id}"))?;
    let store = &operation.context.store;
    let roles = store.find_roles(&scope).await?;
    let roles = roles.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
    let placed = roles.all().into_iter();
    let placed = placed.map(|role| (place(tenant_id, &role), role)).collect();
    let roles = store.page_of(placed, &page)?;
    Ok(Paged(roles.map(|role| RoleView::new(tenant_id, role))))
}

/// What a role is sorted by: those of the system first, then by age.
fn place(tenant_id: Id<Tenant>, role: &Role) -> String {
    match Role::system(tenant_id, role.id) {
        Some(SystemRole::Owner) => "0#0".to_owned(),
        Some(SystemRole::Admin) => "0#1".to_owned(),
        Some(SystemRole::Member) => "0#2".to_owned(),
        None => format!("1#{}#{}", role.created_at, role.id),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_testing::TestApp;

    use crate::scene::{add_editor, find, order, paged};

    #[tokio::test]
    async fn a_tenants_roles_are_listed_in_one_call() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        add_editor(&app, &tenant).await;

        let answer = order(&app, "GET", &format!("/tenants/{tenant}/roles"), &Value::Null).await;

        assert_eq!(answer.usage.calls, 1);
        insta::assert_json_snapshot!(answer.expect(200).json());
    }

    #[tokio::test]
    async fn roles_are_paged_by_age_those_of_every_tenant_as_the_oldest() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        for name in ["Zebra", "Ape", "Mole"] {
            app.custom_role(&tenant, name, []).await;
            app.clock.advance_minutes(1);
        }
        let path = format!("/tenants/{tenant}/roles");
        let by_age = ["Owner", "Admin", "Member", "Zebra", "Ape", "Mole"];

        let oldest_first = paged(
            &app,
            &format!("{path}?order=createdAt:asc"),
            &app.operator(),
            "name",
        )
        .await;
        let newest_first = paged(&app, &path, &app.operator(), "name").await;

        assert_eq!(oldest_first, by_age);
        assert!(newest_first.iter().rev().eq(by_age.iter()));
    }

    #[tokio::test]
    async fn roles_are_those_of_the_tenant() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        add_editor(&app, &other).await;

        let roles = find(&app, &format!("/tenants/{tenant}/roles")).await;

        assert_eq!(roles["items"].as_array().map(Vec::len), Some(3));
        assert_eq!(roles["nextCursor"], Value::Null);
    }
}
