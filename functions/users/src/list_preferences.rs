use serde::Deserialize;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use tenantry_domain::ConfigName;
use utoipa::IntoParams;

use crate::preference_view::PreferenceView;
use crate::put_preference::own_membership;

/// Which preferences are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct PreferenceQuery {
    /// Only the one under this key.
    config_key: Option<String>,
}

/// List one's own preferences.
#[utoipa::path(get, path = "/user-tenant-prefs", params(PreferenceQuery, ListQuery))]
pub(crate) async fn list_preferences(
    operation: Operation,
    Scope(scope): Scope,
    Query(PreferenceQuery { config_key }): Query<PreferenceQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<PreferenceView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let key = config_key.as_deref().map(ConfigName::parse).transpose();
    let key = key.map_err(|rule| Problem::malformed("invalid_query", format!("configKey: {rule}")))?;
    let member = own_membership(&operation)?;
    let request = query.page(&operation.caller, &format!("preferences {member} {key:?}"))?;
    let store = &operation.context.store;
    let preferences = store.find_preferences(&scope, member).await?.into_iter();
    let preferences =
        preferences.filter(|preference| key.as_ref().is_none_or(|key| preference.config_key == *key));
    let by_time = preferences.map(|preference| {
        let place = format!("{} {}", preference.created_at, preference.id);
        (place, preference)
    });
    let page = store.page_of(by_time.collect(), &request)?;
    Ok(Paged(page.map(PreferenceView::from)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, paged, prefer, send};

    const LIST: &str = "/user-tenant-prefs";

    #[tokio::test]
    async fn members_list_their_own_by_when_they_were_first_set() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Member).await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        for key in ["theme", "language", "date-time format"] {
            prefer(&app, &grace, key).await;
            app.clock.advance_ms(1);
        }
        prefer(&app, &elsewhere, "theme").await;

        let answer = send(&app, "GET", LIST, &grace.token, &Value::Null)
            .await
            .expect(200);

        assert_eq!(answer.usage.calls, 1);
        let newest_first = paged(&app, LIST, &grace.token, "configKey").await;
        assert_eq!(newest_first, ["date-time format", "language", "theme"]);
        let oldest_first = paged(
            &app,
            "/user-tenant-prefs?order=createdAt:asc",
            &grace.token,
            "configKey",
        )
        .await;
        assert_eq!(oldest_first, ["theme", "language", "date-time format"]);
        let by_key = paged(
            &app,
            "/user-tenant-prefs?configKey=date-time%20format",
            &grace.token,
            "configKey",
        )
        .await;
        assert_eq!(by_key, ["date-time format"]);
        assert_eq!(paged(&app, LIST, &ada.token, "configKey").await, [""; 0]);
    }

    #[tokio::test]
    async fn what_is_no_query_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        for key in ["theme", "language"] {
            prefer(&app, &grace, key).await;
        }
        let page = send(
            &app,
            "GET",
            "/user-tenant-prefs?limit=1",
            &grace.token,
            &Value::Null,
        )
        .await;
        let cursor = page.expect(200).text_at("/nextCursor");

        for (token, query, code) in [
            (&grace.token, "configKey=a%23b", "invalid_query"),
            (&grace.token, "userTenantId=x", "unknown_query_member"),
            (&ada.token, &*format!("cursor={cursor}"), "invalid_cursor"),
            (
                &grace.token,
                &*format!("configKey=theme&cursor={cursor}"),
                "invalid_cursor",
            ),
        ] {
            let answer = send(&app, "GET", &format!("{LIST}?{query}"), token, &Value::Null).await;
            answer.expect_problem(400, code);
        }
    }
}
