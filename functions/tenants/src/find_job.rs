use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Error as DomainError, Id, Job, Kind};

use crate::job_view::JobView;

/// Read a provisioning job.
#[utoipa::path(
    get,
    path = "/tenants/{id}/jobs/{jobId}",
    params(("id" = String, Path, description = "The tenant's id."), ("jobId" = String, Path, description = "The job's id."))
)]
pub(crate) async fn find_job(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Job>>,
) -> Result<Found<JobView>, Problem> {
    let job = operation.context.store.find_job(&scope, id).await?;
    let job = job.ok_or_else(|| DomainError::not_found(Kind::Job, id))?;
    Ok(Found(job.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::Permission;
    use tenantry_testing::{Provisioning, TestApp};

    async fn provisioning(app: &TestApp, key: &str) -> (Provisioning, String) {
        let provisioning = app.provision(&app.tenant(key).await).await;
        let path = format!("/tenants/{}/jobs/{}", provisioning.tenant_id, provisioning.job_id);
        (provisioning, path)
    }

    async fn find(app: &TestApp, path: &str) -> Value {
        app.get(path)
            .bearer(&app.operator())
            .send()
            .await
            .expect(200)
            .json()
    }

    #[tokio::test]
    async fn a_job_is_found_in_each_of_its_states() {
        let app = TestApp::start().await;
        let (first, path) = provisioning(&app, "acme").await;
        let (second, other_path) = provisioning(&app, "other").await;

        let open = find(&app, &path).await;
        app.clock.advance_minutes(2);
        app.report(&first, &first.success()).await.expect(204);
        app.report(&second, &second.failure("no capacity"))
            .await
            .expect(204);

        insta::assert_json_snapshot!([open, find(&app, &path).await, find(&app, &other_path).await]);
    }

    #[tokio::test]
    async fn a_job_has_a_tag_and_costs_one_call() {
        let app = TestApp::start().await;
        let (_, path) = provisioning(&app, "acme").await;

        let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);

        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn a_job_shows_no_secret() {
        let app = TestApp::start().await;
        let (_, path) = provisioning(&app, "acme").await;

        let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);

        for hidden in ["tws_", "secret", "context"] {
            assert!(!answer.text.contains(hidden), "{hidden}: {}", answer.text);
        }
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, own_path) = provisioning(&app, "one").await;
        let (foreign, foreign_path) = provisioning(&app, "two").await;
        let member = app.member(&own.tenant_id);
        let mixed = format!("/tenants/{}/jobs/{}", own.tenant_id, foreign.job_id);

        app.get(&own_path).bearer(&member).send().await.expect(200);
        app.get(&foreign_path)
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        app.get(&mixed)
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        app.get(&mixed)
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
        for id in [&*app.unknown_id(), "x", "%00", "%23"] {
            for path in [
                format!("/tenants/{}/jobs/{id}", own.tenant_id),
                format!("/tenants/{id}/jobs/{}", own.job_id),
            ] {
                app.get(&path)
                    .bearer(&app.operator())
                    .send()
                    .await
                    .expect_problem(404, "not_found");
            }
        }
    }

    #[tokio::test]
    async fn nobody_reads_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let (_, path) = provisioning(&app, "acme").await;
        let others = app.operator_with([Permission::ProvisionTenant]);

        app.get(&path).send().await.expect_problem(401, "token_required");
        app.get(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
        app.get(&format!("{path}?x=1"))
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(400, "unknown_query_member");
    }
}
