use serde::Deserialize;
use tenantry_api::view::ConfigView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope, TenantQuery};
use tenantry_domain::ConfigName;
use utoipa::IntoParams;

/// Which settings are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct ConfigQuery {
    /// Only the one under this key.
    config_key: Option<String>,
}

/// List a tenant's settings.
#[utoipa::path(get, path = "/tenant-configs", params(TenantQuery, ConfigQuery, ListQuery))]
pub(crate) async fn list_tenant_configs(
    operation: Operation,
    Scope(scope): Scope,
    Query(ConfigQuery { config_key }): Query<ConfigQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<ConfigView>, Problem> {
    let key = config_key.as_deref().map(ConfigName::parse).transpose();
    let key = key.map_err(|rule| Problem::malformed("invalid_query", format!("configKey: {rule}")))?;
    let binding = format!("tenant-configs {} {config_key:?}", scope.tenant_id());
    let page = query.page(&operation.caller, &binding)?;
    let store = &operation.context.store;
    let configs = store.list_tenant_configs(&scope, key.as_ref(), &page).await?;
    operation.check_known(&scope, &configs.items).await?;
    Ok(Paged(configs.map(ConfigView::from)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{add_auth0, auth0};

    async fn list(app: &TestApp, query: &str) -> Answer {
        let path = format!("/tenant-configs?{query}");
        app.get(&path).bearer(&app.operator()).send().await
    }

    fn keys(answer: &Answer) -> Vec<String> {
        let json = answer.json();
        let items = json["items"].as_array().expect("a page has items");
        let keys = items.iter().filter_map(|item| item["configKey"].as_str());
        keys.map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn settings_are_listed_page_by_page_or_by_key() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        add_auth0(&app, &other).await;
        for key in ["auth0", "profile", "date-time format"] {
            app.clock.advance_minutes(1);
            let mut body = auth0(&tenant);
            body["configKey"] = json!(key);
            app.account_thing("/tenant-configs", &body).await;
        }

        let first = list(&app, &format!("tenantId={tenant}&limit=2"))
            .await
            .expect(200);
        let cursor = first.text_at("/nextCursor");
        let second = list(&app, &format!("tenantId={tenant}&limit=2&cursor={cursor}"))
            .await
            .expect(200);
        let by_key = list(&app, &format!("tenantId={tenant}&configKey=date-time%20format"))
            .await
            .expect(200);

        assert_eq!(keys(&first), ["date-time format", "profile"]);
        assert_eq!(keys(&second), ["auth0"]);
        assert_eq!(keys(&by_key), ["date-time format"]);
        assert_eq!((first.usage.calls, by_key.usage.calls), (1, 2));
        assert!(!first.text.contains("s3cret"));
    }

    #[tokio::test]
    async fn a_tenant_without_settings_has_an_empty_list_and_no_tenant_has_none() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let empty = list(&app, &format!("tenantId={tenant}")).await.expect(200);
        let nothing = list(&app, &format!("tenantId={tenant}&configKey=auth0"))
            .await
            .expect(200);

        assert!(keys(&empty).is_empty() && keys(&nothing).is_empty());
        list(&app, &format!("tenantId={}", app.unknown_id()))
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        for (query, code) in [
            ("configKey=a%23b", "invalid_query"),
            ("configKey=", "invalid_query"),
            ("configKey=auth0&cursor=x", "invalid_cursor"),
            ("cursor=x", "invalid_cursor"),
            ("x=1", "unknown_query_member"),
        ] {
            let answer = list(&app, &format!("tenantId={tenant}&{query}")).await;
            answer.expect_problem(400, code);
        }
        list(&app, "limit=1").await.expect_problem(400, "tenant_required");
    }

    #[tokio::test]
    async fn a_member_sees_its_own() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        add_auth0(&app, &foreign).await;
        let get = async |path: String| app.get(&path).bearer(&app.member(&own)).send().await;

        let mine = get("/tenant-configs".to_owned()).await.expect(200);

        assert!(keys(&mine).is_empty());
        get(format!("/tenant-configs?tenantId={foreign}"))
            .await
            .expect_problem(404, "not_found");
    }
}
