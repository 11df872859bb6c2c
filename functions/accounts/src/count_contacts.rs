use serde::Serialize;
use tenantry_api::{Count, Operation, Problem, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Kind};
use utoipa::ToSchema;

/// How many contacts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactCount {
    /// The number.
    count: u64,
}

/// Count a tenant's contacts.
#[utoipa::path(get, path = "/contacts/count", params(TenantQuery))]
pub(crate) async fn count_contacts(
    operation: Operation,
    Scope(scope): Scope,
) -> Result<Count<ContactCount>, Problem> {
    let count = operation.context.store.count_contacts(&scope).await?;
    let count = count.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?;
    Ok(Count(ContactCount { count }))
}

#[cfg(test)]
mod tests {
    use tenantry_testing::TestApp;

    use crate::scene::{add_grace, counted, path_of};

    #[tokio::test]
    async fn the_count_follows_what_is_added_and_removed() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        assert_eq!(counted(&app, &tenant).await, "1");

        let id = add_grace(&app, &tenant).await;
        assert_eq!(counted(&app, &tenant).await, "2");
        app.delete(&path_of(&tenant, &id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);

        assert_eq!(counted(&app, &tenant).await, "1");
        assert_eq!(counted(&app, &other).await, "1");
    }

    #[tokio::test]
    async fn it_costs_one_call_and_is_within_reach_only() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let get = async |token: &str, query: &str| {
            let path = format!("/contacts/count{query}");
            app.get(&path).bearer(token).send().await
        };

        let answer = get(&app.member(&own), "").await.expect(200);
        assert_eq!(answer.usage.calls, 1);
        get(&app.member(&own), &format!("?tenantId={foreign}"))
            .await
            .expect_problem(404, "not_found");
        get(&app.operator(), &format!("?tenantId={}", app.unknown_id()))
            .await
            .expect_problem(404, "not_found");
        get(&app.operator(), "")
            .await
            .expect_problem(400, "tenant_required");
    }
}
