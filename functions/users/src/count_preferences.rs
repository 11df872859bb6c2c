use serde::Serialize;
use tenantry_api::{Count, Operation, Problem, Scope};
use utoipa::ToSchema;

use crate::put_preference::own_membership;

/// How many preferences a member has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreferenceCount {
    /// How many there are.
    count: u64,
}

/// Count one's own preferences.
#[utoipa::path(get, path = "/user-tenant-prefs/count")]
pub(crate) async fn count_preferences(
    operation: Operation,
    Scope(scope): Scope,
) -> Result<Count<PreferenceCount>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let member = own_membership(&operation)?;
    let count = operation.context.store.count_preferences(&scope, member).await?;
    Ok(Count(PreferenceCount { count }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::SystemRole;
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, prefer, send};

    #[tokio::test]
    async fn members_count_their_own() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        prefer(&app, &grace, "theme").await;
        prefer(&app, &grace, "language").await;

        for (person, count) in [(&grace, "2"), (&ada, "0")] {
            let answer = send(
                &app,
                "GET",
                "/user-tenant-prefs/count",
                &person.token,
                &Value::Null,
            )
            .await;
            let answer = answer.expect(200);
            assert_eq!(
                (answer.text_at("/count").as_str(), answer.usage.calls),
                (count, 1)
            );
        }
    }
}
