use serde::Serialize;
use tenantry_api::{Count, Operation, Problem, Scope, TenantQuery};
use utoipa::ToSchema;

/// How many settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TenantConfigCount)]
pub(crate) struct ConfigCount {
    /// The number.
    count: u64,
}

/// Count a tenant's settings.
#[utoipa::path(get, path = "/tenant-configs/count", params(TenantQuery))]
pub(crate) async fn count_tenant_configs(
    operation: Operation,
    Scope(scope): Scope,
) -> Result<Count<ConfigCount>, Problem> {
    let count = operation.context.store.count_tenant_configs(&scope).await?;
    operation.check_known(&scope, count.as_slice()).await?;
    Ok(Count(ConfigCount {
        count: count.unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests {
    use tenantry_testing::TestApp;

    use crate::scene::{add_auth0, path_of_config};

    #[tokio::test]
    async fn the_count_follows_what_is_added_and_removed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenant-configs/count?tenantId={tenant}");
        let counted = async || {
            let answer = app.get(&path).bearer(&app.operator()).send().await;
            answer.expect(200).text_at("/count")
        };
        assert_eq!(counted().await, "0");

        let id = add_auth0(&app, &tenant).await;
        assert_eq!(counted().await, "1");
        let call = app.delete(&path_of_config(&tenant, &id));
        call.bearer(&app.operator()).send().await.expect(204);

        assert_eq!(counted().await, "0");
        app.get(&format!("/tenant-configs/count?tenantId={}", app.unknown_id()))
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
    }
}
