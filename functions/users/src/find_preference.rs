use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Id, Preference};

use crate::preference_view::PreferenceView;
use crate::put_preference::find_own;

/// Read one of one's own preferences.
#[utoipa::path(
    get,
    path = "/user-tenant-prefs/{id}",
    params(("id" = String, Path, description = "The preference's id."))
)]
pub(crate) async fn find_preference(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Preference>>,
) -> Result<Found<PreferenceView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    Ok(Found(find_own(&operation, &scope, id).await?.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, prefer, send};

    #[tokio::test]
    async fn a_preference_is_read_by_its_member() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let path = prefer(&app, &grace, "theme").await;

        let answer = send(&app, "GET", &path, &grace.token, &Value::Null)
            .await
            .expect(200);

        assert_eq!(answer.text_at("/configKey"), "theme");
        assert_eq!(answer.text_at("/userTenantId"), grace.membership_id);
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 1);
        let nothing = send(
            &app,
            "GET",
            "/user-tenant-prefs/theme",
            &grace.token,
            &Value::Null,
        )
        .await;
        nothing.expect_problem(404, "not_found");
    }
}
