use serde::Deserialize;
use tenantry_api::view::ConfigView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use tenantry_domain::ConfigName;
use utoipa::IntoParams;

/// Which settings are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct MemberConfigQuery {
    /// Only the one under this key.
    config_key: Option<String>,
}

/// List a tenant's settings for its members.
///
/// Those without secrets: `password-policy`, `profile`, `date-time format` and the tenant's own. A page may have fewer than were
/// asked for.
#[utoipa::path(
    get,
    path = "/tenants/{id}/tenant-configs",
    params(("id" = String, Path, description = "The tenant's id."), MemberConfigQuery, ListQuery)
)]
pub(crate) async fn list_member_configs(
    operation: Operation,
    Scope(scope): Scope,
    Query(MemberConfigQuery { config_key }): Query<MemberConfigQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<ConfigView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let key = config_key.as_deref().map(ConfigName::parse).transpose();
    let key = key.map_err(|rule| Problem::malformed("invalid_query", format!("configKey: {rule}")))?;
    let binding = format!("members' tenant-configs {} {config_key:?}", scope.tenant_id());
    let page = query.page(&operation.caller, &binding)?;
    let store = &operation.context.store;
    let mut configs = store.list_tenant_configs(&scope, key.as_ref(), &page).await?;
    operation.check_known(&scope, &configs.items).await?;
    configs.items.retain(|config| config.secrets.is_none());
    Ok(Paged(configs.map(ConfigView::from)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{add_secrets, configs_of, find, order, paged, policy, send};

    #[tokio::test]
    async fn members_see_the_settings_that_have_no_secrets() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let path = configs_of(&tenant);
        order(&app, "POST", &path, &policy(8)).await.expect(201);
        app.clock.advance_ms(1);
        add_secrets(&app, &tenant).await;
        app.clock.advance_ms(1);
        let body = json!({ "configKey": "date-time format", "configValue": { "format": "ISO" } });
        order(&app, "POST", &path, &body).await.expect(201);
        let foreign = json!({ "configKey": "profile", "configValue": {} });
        order(&app, "POST", &configs_of(&other), &foreign)
            .await
            .expect(201);
        let member = app.member_as(&tenant, SystemRole::Member);

        for token in [&member, &app.operator()] {
            let answer = send(&app, "GET", &path, token, &Value::Null).await.expect(200);
            assert!(!answer.text.contains("auth0") && !answer.text.contains("clientSecret"));
            let keys = paged(&app, &format!("{path}?order=createdAt:asc"), token, "configKey").await;
            assert_eq!(keys, ["password-policy", "date-time format"]);
        }
        for (key, count) in [("password-policy", 1), ("auth0", 0), ("profile", 0)] {
            let found = find(&app, &format!("{path}?configKey={key}")).await;
            assert_eq!(found["items"].as_array().map(Vec::len), Some(count), "{key}");
        }
    }

    #[tokio::test]
    async fn who_may_not_or_means_another_tenant_lists_nothing() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let path = configs_of(&tenant);

        let empty = order(&app, "GET", &path, &Value::Null).await.expect(200);
        assert_eq!(empty.json(), json!({ "items": [], "nextCursor": null }));
        app.get(&path).send().await.expect_problem(401, "token_required");
        let blind = app.member_with(&tenant, [Permission::ViewTenantUser]);
        for (path, token, status, code) in [
            (path.clone(), blind, 403, "forbidden"),
            (path.clone(), app.member(&other), 404, "not_found"),
            (configs_of(&app.unknown_id()), app.operator(), 404, "not_found"),
            (
                format!("{path}?configKey=a%23b"),
                app.operator(),
                400,
                "invalid_query",
            ),
            (
                format!("{path}?tenantId=x"),
                app.operator(),
                400,
                "unknown_query_member",
            ),
        ] {
            let answer = send(&app, "GET", &path, &token, &Value::Null).await;
            answer.expect_problem(status, code);
        }
    }
}
