use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Reply as _, Scope};
use tenantry_domain::{Id, Job, Reason};
use utoipa::ToSchema;

use crate::job_view::JobView;

/// Why a job is cancelled.
#[derive(Debug, ToSchema)]
#[schema(as = JobCancellation, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct CancellationDoc {
    /// Why; kept, and told to listeners.
    #[schema(max_length = 1000, example = "ordered by mistake")]
    reason: Option<String>,
}

/// The same as it was read.
pub(crate) struct Cancellation(Option<Reason>);

impl FromMembers for Cancellation {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.optional_text("reason", Reason::parse).map(Self)
    }
}

/// Cancel a job.
///
/// Nobody waits for its report any more; one that comes nevertheless is noted and refused. A tenant that was being provisioned
/// is PROVISION_FAILED then, one that was being offboarded goes on being DEPROVISIONING until a retry, and one whose tier was
/// being changed keeps the tier that it has. A job that was cancelled before is answered as it is. Jobs other than
/// provisioning are for operators.
#[utoipa::path(
    post,
    path = "/tenants/{id}/jobs/{jobId}/cancel",
    request_body = CancellationDoc,
    params(("id" = String, Path, description = "The tenant's id."), ("jobId" = String, Path, description = "The job's id."))
)]
pub(crate) async fn cancel_job(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Job>>,
    Body(Cancellation(reason)): Body<Cancellation>,
) -> Result<Found<JobView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |job: &Job| Found(JobView::from(job.clone())).stored();
    let job = tenantry_app::cancel_job(&operation.context, &scope, id, reason, reply).await?;
    Ok(Found(job.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, Provisioning, TestApp};

    async fn cancel(app: &TestApp, job: &Provisioning, body: &Value) -> Answer {
        app.command(&job.tenant_id, &format!("jobs/{}/cancel", job.job_id), body)
            .await
    }

    fn steps(job: &Value) -> Vec<&str> {
        let steps = job["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        steps.iter().filter_map(|step| step["name"].as_str()).collect()
    }

    #[tokio::test]
    async fn a_cancelled_provisioning_leaves_a_tenant_that_can_start_again() {
        let app = TestApp::start().await;
        let job = app.provision(&app.tenant("acme").await).await;
        app.clock.advance_minutes(1);

        let answer = cancel(&app, &job, &json!({ "reason": "ordered by mistake" }))
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!((answer.header("etag"), answer.usage.calls), (Some("\"2\""), 2));
        let tenant = app.find_tenant(&job.tenant_id).await;
        assert_eq!(
            (
                &tenant["status"],
                &tenant["statusReason"],
                tenant.get("openJobId")
            ),
            (&json!("PROVISION_FAILED"), &json!("ordered by mistake"), None)
        );
        let events = app.events_of("tenant.provisioning_failed.v1").await;
        assert_eq!(events[0]["detail"]["data"]["reason"], "ordered by mistake");
        app.provision(&job.tenant_id).await;
    }

    #[tokio::test]
    async fn other_jobs_leave_the_tenant_where_it_is() {
        let app = TestApp::start().await;
        let tenant_id = app.active_tenant("acme").await;

        let change = app.change_tier(&tenant_id, "PREMIUM").await;
        cancel(&app, &change, &json!({})).await.expect(200);
        let unchanged = app.find_tenant(&tenant_id).await;
        let removal = app.offboard(&tenant_id).await;
        cancel(&app, &removal, &json!({})).await.expect(200);
        let leaving = app.find_tenant(&tenant_id).await;

        assert_eq!(
            (&unchanged["status"], &unchanged["tier"]),
            (&json!("ACTIVE"), &json!("BASIC"))
        );
        assert_eq!(
            (&leaving["status"], leaving.get("openJobId")),
            (&json!("DEPROVISIONING"), None)
        );
        let of_change = app.events_of("tenant.tier_change_failed.v1").await;
        assert_eq!(of_change[0]["detail"]["data"]["reason"], "cancelled");
        assert_eq!(app.events_of("tenant.deprovisioning_failed.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn a_success_that_comes_too_late_is_noted_and_refused() {
        let app = TestApp::start().await;
        let job = app.provision(&app.tenant("acme").await).await;
        cancel(&app, &job, &json!({})).await.expect(200);

        app.report(&job, &job.success())
            .await
            .expect_problem(409, "job_closed");

        let found = app.find_job(&job.tenant_id, &job.job_id).await;
        assert_eq!(found["status"], "CANCELLED");
        assert_eq!(steps(&found), ["requested", "cancelled", "late_success_refused"]);
        assert_eq!(
            app.find_tenant(&job.tenant_id).await["status"],
            "PROVISION_FAILED"
        );
    }

    #[tokio::test]
    async fn of_a_cancellation_and_a_success_exactly_one_wins() {
        for round in 0..10 {
            let app = TestApp::start().await;
            let job = app.provision(&app.tenant("acme").await).await;
            let (success, nothing) = (job.success(), json!({}));

            let (cancelled, reported) = if round % 2 == 0 {
                join(cancel(&app, &job, &nothing), app.report(&job, &success)).await
            } else {
                let (reported, cancelled) =
                    join(app.report(&job, &success), cancel(&app, &job, &nothing)).await;
                (cancelled, reported)
            };

            let tenant = app.find_tenant(&job.tenant_id).await;
            let (activated, failed) = (
                app.events_of("tenant.activated.v1").await.len(),
                app.events_of("tenant.provisioning_failed.v1").await.len(),
            );
            if cancelled.status == 200 {
                reported.expect_problem(409, "job_closed");
                assert_eq!(
                    (&tenant["status"], activated, failed),
                    (&json!("PROVISION_FAILED"), 0, 1)
                );
            } else {
                cancelled.expect_problem(409, "job_closed");
                reported.expect(204);
                assert_eq!((&tenant["status"], activated, failed), (&json!("ACTIVE"), 1, 0));
            }
        }
    }

    #[tokio::test]
    async fn cancelling_again_answers_alike_and_changes_nothing() {
        let app = TestApp::start().await;
        let job = app.provision(&app.tenant("acme").await).await;
        let first = cancel(&app, &job, &json!({ "reason": "one" })).await.expect(200);
        let before = app.items().await;

        let again = cancel(&app, &job, &json!({ "reason": "two" })).await.expect(200);

        assert_eq!(again.text, first.text);
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_job_that_ended_is_not_cancelled() {
        let app = TestApp::start().await;
        let done = app.provision(&app.tenant("one").await).await;
        app.report(&done, &done.success()).await.expect(204);
        let failed = app.provision(&app.tenant("two").await).await;
        app.report(&failed, &failed.failure("busy")).await.expect(204);
        let before = app.items().await;

        for job in [done, failed] {
            cancel(&app, &job, &json!({}))
                .await
                .expect_problem(409, "job_closed");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn members_cancel_provisioning_and_nothing_else() {
        let app = TestApp::start().await;
        let job = app.provision(&app.tenant("one").await).await;
        let other = app.active_tenant("two").await;
        let removal = app.offboard(&other).await;
        let send = async |job: &Provisioning, token: &str| {
            let path = format!("/tenants/{}/jobs/{}/cancel", job.tenant_id, job.job_id);
            app.post(&path).bearer(token).json(&json!({})).send().await
        };
        let member = app.member_with(&job.tenant_id, [Permission::ProvisionTenant]);
        let others_member = app.member_with(&other, [Permission::ProvisionTenant]);

        send(&removal, &others_member)
            .await
            .expect_problem(403, "forbidden");
        send(&job, &others_member).await.expect_problem(404, "not_found");
        send(&job, &member).await.expect(200);
    }

    #[tokio::test]
    async fn who_is_no_active_member_cancels_nothing() {
        let app = TestApp::start().await;
        let job = app.provision(&app.tenant("acme").await).await;
        let tokens = app.no_members(&job.tenant_id).await;
        let before = app.items().await;

        let path = format!("/tenants/{}/jobs/{}/cancel", job.tenant_id, job.job_id);
        for token in tokens {
            let call = app.post(&path).bearer(&token).json(&json!({}));
            let answer = call.send().await.expect_problem(403, "membership_inactive");
            assert_eq!(answer.usage.calls, 2);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn bodies_that_are_wrong_are_refused() {
        let app = TestApp::start().await;
        let job = app.provision(&app.tenant("acme").await).await;
        let unknown = Provisioning {
            job_id: app.unknown_id(),
            ..job.clone()
        };

        let wrong = cancel(&app, &job, &json!({ "reason": " ", "x": 1 })).await;
        let missing = cancel(&app, &unknown, &json!({})).await;

        assert_eq!(
            wrong.expect_problem(422, "invalid_body").violations(),
            [
                ("/reason".to_owned(), "blank".to_owned()),
                ("/x".to_owned(), "unknown_member".to_owned())
            ]
        );
        missing.expect_problem(404, "not_found");
    }
}
