use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};

use crate::group_view::GroupView;

/// List a tenant's groups.
#[utoipa::path(
    get,
    path = "/tenants/{id}/groups",
    params(("id" = String, Path, description = "The tenant's id."), ListQuery)
)]
pub(crate) async fn list_groups(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<GroupView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let page = query.page(&operation.caller, &format!("groups {}", scope.tenant_id()))?;
    let groups = operation.context.store.list_groups(&scope, &page).await?;
    operation.check_known(&scope, &groups.items).await?;
    Ok(Paged(groups.map(GroupView::from)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_testing::TestApp;

    use crate::scene::{add_group, add_sales, add_to, find, order, paged, somebody};

    #[tokio::test]
    async fn a_tenants_groups_are_listed_in_one_call() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let id = add_sales(&app, &tenant).await;
        add_to(&app, &id, &somebody(&app, &tenant), true).await;
        add_sales(&app, &other).await;

        let answer = order(&app, "GET", &format!("/tenants/{tenant}/groups"), &Value::Null).await;

        assert_eq!(answer.usage.calls, 1);
        insta::assert_json_snapshot!(answer.expect(200).json());
    }

    #[tokio::test]
    async fn groups_are_paged_by_age() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/groups");
        let by_age = ["Zebra", "Ape", "Mole"];
        for name in by_age {
            add_group(&app, &tenant, name).await;
            app.clock.advance_minutes(1);
        }

        let newest_first = paged(&app, &path, &app.operator(), "name").await;
        let oldest_first = paged(
            &app,
            &format!("{path}?order=createdAt:asc"),
            &app.operator(),
            "name",
        )
        .await;

        assert_eq!(oldest_first, by_age);
        assert!(newest_first.iter().rev().eq(by_age.iter()));
    }

    #[tokio::test]
    async fn a_tenant_without_groups_is_told_from_none() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let none = find(&app, &format!("/tenants/{tenant}/groups")).await;
        let unknown = order(
            &app,
            "GET",
            &format!("/tenants/{}/groups", app.unknown_id()),
            &Value::Null,
        )
        .await;

        assert_eq!(none, json!({ "items": [], "nextCursor": null }));
        unknown.expect_problem(404, "not_found");
    }
}
