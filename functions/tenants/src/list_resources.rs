use serde::Deserialize;
use tenantry_api::view::ResourceView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use utoipa::IntoParams;

/// Which part of the list. Resources have no order of their own.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResourcesQuery {
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// List what provisioning made for a tenant.
#[utoipa::path(get, path = "/tenants/{id}/resources", params(("id" = String, Path, description = "The tenant's id."), ResourcesQuery))]
pub(crate) async fn list_resources(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ResourcesQuery>,
) -> Result<Paged<ResourceView>, Problem> {
    let ResourcesQuery { limit, cursor } = query;
    let query = ListQuery {
        limit,
        cursor,
        order: None,
    };
    let page = query.page(&operation.caller, &format!("resources {}", scope.tenant_id()))?;
    let resources = operation.context.store.list_resources(&scope, &page).await?;
    operation.check_known(&scope, &resources.items).await?;
    Ok(Paged(resources.map(ResourceView::from)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::walk::{all, walk};

    #[tokio::test]
    async fn all_that_provisioning_made_is_listed() {
        let app = TestApp::start().await;
        let tenant = app.active_tenant("acme").await;

        let answer = app
            .get(&format!("/tenants/{tenant}/resources"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn a_walk_meets_every_resource_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let provisioning = app.provision(&tenant).await;
        let resource = |n: usize| json!({ "type": "queue", "externalIdentifier": format!("q{n}") });
        let resources: Vec<Value> = (0..25).map(resource).collect();
        let mut report = provisioning.success();
        report["data"]["resources"] = json!(resources);
        app.report(&provisioning, &report).await.expect(204);

        let pages = walk(
            &app,
            &app.member(&tenant),
            &format!("/tenants/{tenant}/resources"),
            10,
        )
        .await;

        let met = all(&pages, "externalIdentifier");
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), 25);
    }

    #[tokio::test]
    async fn a_tenant_without_resources_has_an_empty_list() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = app
            .get(&format!("/tenants/{tenant}/resources"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        assert_eq!(answer.text, r#"{"items":[],"nextCursor":null}"#);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.active_tenant("one").await, app.active_tenant("two").await);
        let member = app.member(&own);

        app.get(&format!("/tenants/{own}/resources"))
            .bearer(&member)
            .send()
            .await
            .expect(200);
        app.get(&format!("/tenants/{foreign}/resources"))
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        for id in [&*app.unknown_id(), "x", "%00"] {
            app.get(&format!("/tenants/{id}/resources"))
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let cases = [
            ("limit=0", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
            ("order=createdAt:asc", "unknown_query_member"),
        ];

        for (query, code) in cases {
            let path = format!("/tenants/{tenant}/resources?{query}");
            app.get(&path)
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn nobody_reads_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}/resources", app.tenant("acme").await);
        let others = app.operator_with([Permission::ProvisionTenant]);

        app.get(&path).send().await.expect_problem(401, "token_required");
        app.get(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }
}
