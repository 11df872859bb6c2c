use serde::{Deserialize, Serialize};
use tenantry_api::{Count, Operation, Problem, Query};
use utoipa::{IntoParams, ToSchema};

use crate::list_tenants::tenant_status;

/// Which tenants are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantCountQuery {
    /// Only those in this status.
    status: Option<String>,
}

/// How many tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantCount {
    /// The number.
    count: u64,
}

/// Count tenants.
///
/// Exact, and equally cheap however many there are.
#[utoipa::path(get, path = "/tenants/count", params(TenantCountQuery))]
pub(crate) async fn count_tenants(
    operation: Operation,
    Query(query): Query<TenantCountQuery>,
) -> Result<Count<TenantCount>, Problem> {
    let status = tenant_status(query.status.as_deref())?;
    let counts = operation.context.store.count_tenants().await?;
    let counted = counts
        .iter()
        .filter(|(counted, _)| status.is_none_or(|status| status == **counted));
    Ok(Count(TenantCount {
        count: counted.map(|(_, count)| count).sum(),
    }))
}

#[cfg(test)]
mod tests {
    use tenantry_testing::TestApp;

    async fn count(app: &TestApp, query: &str) -> String {
        let answer = app
            .get(&format!("/tenants/count{query}"))
            .bearer(&app.operator())
            .send()
            .await;
        answer.expect(200).text_at("/count")
    }

    #[tokio::test]
    async fn nothing_is_counted_as_nothing_in_one_call() {
        let app = TestApp::start().await;

        let answer = app
            .get("/tenants/count")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn counts_follow_the_tenants_through_their_lives() {
        let app = TestApp::start().await;
        let counted = async |app: &TestApp| {
            let mut counts = Vec::new();
            for status in ["PENDING_PROVISION", "PROVISIONING", "ACTIVE", "PROVISION_FAILED"] {
                counts.push(count(app, &format!("?status={status}")).await);
            }
            counts.push(count(app, "").await);
            counts.join(" ")
        };

        let (first, second) = (app.tenant("one").await, app.tenant("two").await);
        assert_eq!(counted(&app).await, "2 0 0 0 2");
        let (first, second) = (app.provision(&first).await, app.provision(&second).await);
        assert_eq!(counted(&app).await, "0 2 0 0 2");
        app.report(&first, &first.success()).await.expect(204);
        app.report(&second, &second.failure("no capacity"))
            .await
            .expect(204);
        assert_eq!(counted(&app).await, "0 0 1 1 2");
        app.provision(&second.tenant_id).await;
        assert_eq!(counted(&app).await, "0 1 1 0 2");
    }

    #[tokio::test]
    async fn a_refused_creation_is_not_counted() {
        let app = TestApp::start().await;
        app.tenant("acme").await;

        let again = app
            .post("/tenants")
            .bearer(&app.operator())
            .json(&TestApp::new_tenant("acme"));
        again.send().await.expect_problem(409, "tenant_key_taken");

        assert_eq!(count(&app, "").await, "1");
    }

    #[tokio::test]
    async fn a_query_that_is_not_understood_is_refused() {
        let app = TestApp::start().await;
        let cases = [
            ("?status=active", "invalid_query"),
            ("?status=", "invalid_query"),
            ("?status=ACTIVE&status=INACTIVE", "invalid_query"),
            ("?where=%7B%7D", "unknown_query_member"),
            ("?limit=1", "unknown_query_member"),
        ];

        for (query, code) in cases {
            let path = format!("/tenants/count{query}");
            app.get(&path)
                .bearer(&app.operator())
                .send()
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn members_learn_no_numbers() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        app.get("/tenants/count")
            .bearer(&app.member(&tenant))
            .send()
            .await
            .expect_problem(403, "forbidden");
        app.get("/tenants/count")
            .send()
            .await
            .expect_problem(401, "token_required");
    }
}
