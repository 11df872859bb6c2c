use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};

use crate::job_view::JobView;

/// List a tenant's provisioning jobs.
#[utoipa::path(get, path = "/tenants/{id}/jobs", params(("id" = String, Path, description = "The tenant's id."), ListQuery))]
pub(crate) async fn list_jobs(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<JobView>, Problem> {
    let page = query.page(&operation.caller, &format!("jobs {}", scope.tenant_id()))?;
    let jobs = operation.context.store.list_jobs(&scope, &page).await?;
    operation.check_known(&scope, &jobs.items).await?;
    Ok(Paged(jobs.map(JobView::from)))
}

#[cfg(test)]
mod tests {
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::walk::{all, walk};

    async fn failed_attempts(app: &TestApp, tenant: &str, count: usize) -> Vec<String> {
        let mut jobs = Vec::new();
        for _ in 0..count {
            let provisioning = app.provision(tenant).await;
            app.report(&provisioning, &provisioning.failure("no capacity"))
                .await
                .expect(204);
            app.clock.advance_ms(1);
            jobs.push(provisioning.job_id);
        }
        jobs
    }

    #[tokio::test]
    async fn the_latest_job_comes_first() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        failed_attempts(&app, &tenant, 1).await;
        app.provision(&tenant).await;

        let answer = app
            .get(&format!("/tenants/{tenant}/jobs"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn a_walk_meets_every_job_once_and_in_order() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let mut expected = failed_attempts(&app, &tenant, 5).await;

        let upwards = walk(
            &app,
            &app.operator(),
            &format!("/tenants/{tenant}/jobs?order=createdAt:asc"),
            2,
        )
        .await;
        let downwards = walk(&app, &app.member(&tenant), &format!("/tenants/{tenant}/jobs"), 2).await;

        assert_eq!(all(&upwards, "id"), expected);
        expected.reverse();
        assert_eq!(all(&downwards, "id"), expected);
    }

    #[tokio::test]
    async fn a_tenant_without_jobs_has_an_empty_list() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = app
            .get(&format!("/tenants/{tenant}/jobs"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        assert_eq!(answer.text, r#"{"items":[],"nextCursor":null}"#);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);

        app.get(&format!("/tenants/{own}/jobs"))
            .bearer(&member)
            .send()
            .await
            .expect(200);
        app.get(&format!("/tenants/{foreign}/jobs"))
            .bearer(&member)
            .send()
            .await
            .expect_problem(404, "not_found");
        for id in [&*app.unknown_id(), "x", "%00"] {
            app.get(&format!("/tenants/{id}/jobs"))
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

        for (query, code) in [
            ("limit=0", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
            ("status=OPEN", "unknown_query_member"),
        ] {
            let path = format!("/tenants/{tenant}/jobs?{query}");
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
        let path = format!("/tenants/{}/jobs", app.tenant("acme").await);

        app.get(&path).send().await.expect_problem(401, "token_required");
        let others = app.operator_with([Permission::ProvisionTenant]);
        app.get(&path)
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }
}
