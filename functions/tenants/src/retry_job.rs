use tenantry_api::{Accepted, Operation, Path, Problem, Reply as _, Scope};
use tenantry_app::{JobWish, start_job};
use tenantry_domain::{Id, Job};

use crate::job_view::{JobView, accepted};

/// Try a job again.
///
/// The tenant's latest job, when it failed or was cancelled, is started once more for the same subscription, with a secret of
/// its own. While a job of the same kind is open, that one is the answer. Jobs other than provisioning are for operators.
#[utoipa::path(
    post,
    path = "/tenants/{id}/jobs/{jobId}/retry",
    params(("id" = String, Path, description = "The tenant's id."), ("jobId" = String, Path, description = "The job's id."))
)]
pub(crate) async fn retry_job(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Job>>,
) -> Result<Accepted<JobView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |job: &Job| accepted(job.clone()).stored();
    let job = start_job(&operation.context, &scope, &JobWish::Retry(id), reply).await?;
    Ok(accepted(job))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, Provisioning, TestApp};

    async fn retry(app: &TestApp, tenant_id: &str, job_id: &str) -> Answer {
        let path = format!("/tenants/{tenant_id}/jobs/{job_id}/retry");
        app.post(&path).bearer(&app.operator()).send().await
    }

    /// A tenant whose provisioning failed.
    async fn failed(app: &TestApp, key: &str) -> Provisioning {
        let first = app.provision(&app.tenant(key).await).await;
        app.report(&first, &first.failure("no capacity"))
            .await
            .expect(204);
        first
    }

    #[tokio::test]
    async fn a_failed_job_is_tried_again_for_the_same_subscription() {
        let app = TestApp::start().await;
        let first = failed(&app, "acme").await;
        app.clock.advance_minutes(1);

        let answer = retry(&app, &first.tenant_id, &first.job_id).await.expect(202);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
        let second = app.order(&answer.text_at("/id")).await;
        assert_ne!(second.context, first.context);
        app.report(&second, &second.success()).await.expect(204);
        assert_eq!(app.find_tenant(&first.tenant_id).await["status"], "ACTIVE");
    }

    #[tokio::test]
    async fn jobs_of_every_kind_are_tried_again() {
        let app = TestApp::start().await;
        let tenant_id = app.active_tenant("acme").await;
        let change = app.change_tier(&tenant_id, "PREMIUM").await;
        app.report(&change, &change.failure("busy")).await.expect(204);
        let again = retry(&app, &tenant_id, &change.job_id).await.expect(202);
        assert_eq!(
            (again.text_at("/kind"), again.text_at("/tier")),
            ("change_tier".into(), "PREMIUM".into())
        );
        let change = app.order(&again.text_at("/id")).await;
        app.report(&change, &change.success()).await.expect(204);
        assert_eq!(app.find_tenant(&tenant_id).await["tier"], "PREMIUM");

        let removal = app.offboard(&tenant_id).await;
        app.report(&removal, &removal.not_removed("busy"))
            .await
            .expect(204);
        let grace = app.find_tenant(&tenant_id).await["erasableAt"].clone();
        let again = retry(&app, &tenant_id, &removal.job_id).await.expect(202);
        assert_eq!(
            (again.text_at("/kind"), again.text_at("/tier")),
            ("deprovision".into(), "PREMIUM".into())
        );
        let removal = app.order(&again.text_at("/id")).await;
        app.report(&removal, &removal.removed()).await.expect(204);

        let tenant = app.find_tenant(&tenant_id).await;
        assert_eq!(
            (&tenant["status"], &tenant["erasableAt"]),
            (&json!("INACTIVE"), &grace)
        );
        assert_eq!(app.events_of("tenant.offboarding.v1").await.len(), 1);
        assert_eq!(app.events_of("tenant.deprovisioning_requested.v1").await.len(), 2);
    }

    #[tokio::test]
    async fn while_the_next_attempt_is_open_it_is_the_answer() {
        let app = TestApp::start().await;
        let first = failed(&app, "acme").await;
        let second = retry(&app, &first.tenant_id, &first.job_id).await.expect(202);
        let before = app.items().await;

        for job_id in [&*first.job_id, &*second.text_at("/id")] {
            let again = retry(&app, &first.tenant_id, job_id).await.expect(202);
            assert_eq!(again.text, second.text);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_many_retries_one_starts() {
        let app = TestApp::start().await;
        let first = failed(&app, "acme").await;

        let answers = join_all((0..20).map(|_| retry(&app, &first.tenant_id, &first.job_id))).await;

        for answer in &answers {
            assert_eq!((answer.status.as_u16(), &answer.text), (202, &answers[0].text));
        }
        assert_eq!(app.events_of("tenant.provisioning_requested.v1").await.len(), 2);
    }

    #[tokio::test]
    async fn what_succeeded_or_was_followed_by_another_job_is_not_tried_again() {
        let app = TestApp::start().await;
        let first = failed(&app, "acme").await;
        let tenant_id = &first.tenant_id;
        let second = app.provision(tenant_id).await;
        app.report(&second, &second.success()).await.expect(204);
        let before = app.items().await;

        retry(&app, tenant_id, &first.job_id)
            .await
            .expect_problem(409, "job_superseded");
        retry(&app, tenant_id, &second.job_id)
            .await
            .expect_problem(409, "job_closed");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn while_a_job_of_another_kind_is_open_nothing_starts() {
        let app = TestApp::start().await;
        let tenant_id = app.active_tenant("acme").await;
        let jobs = app
            .get(&format!("/tenants/{tenant_id}/jobs"))
            .bearer(&app.operator())
            .send()
            .await;
        let provision = jobs.text_at("/items/0/id");
        app.change_tier(&tenant_id, "PREMIUM").await;

        let refused = retry(&app, &tenant_id, &provision).await;

        refused.expect_problem(409, "job_open");
    }

    #[tokio::test]
    async fn members_retry_provisioning_and_nothing_else() {
        let app = TestApp::start().await;
        let first = failed(&app, "one").await;
        let (tenant_id, job_id) = (&first.tenant_id, &first.job_id);
        let member = app.member_with(tenant_id, [Permission::ProvisionTenant]);
        let other = app.active_tenant("two").await;
        let change = app.change_tier(&other, "PREMIUM").await;
        app.report(&change, &change.failure("busy")).await.expect(204);
        let others_member = app.member_with(&other, [Permission::ProvisionTenant]);

        let path = format!("/tenants/{tenant_id}/jobs/{job_id}/retry");
        app.post(&path).bearer(&member).send().await.expect(202);
        app.post(&path)
            .bearer(&others_member)
            .send()
            .await
            .expect_problem(404, "not_found");
        let path = format!("/tenants/{other}/jobs/{}/retry", change.job_id);
        app.post(&path)
            .bearer(&others_member)
            .send()
            .await
            .expect_problem(403, "forbidden");
    }

    #[tokio::test]
    async fn who_is_no_active_member_retries_nothing() {
        let app = TestApp::start().await;
        let first = failed(&app, "acme").await;
        let tokens = app.no_members(&first.tenant_id).await;
        let before = app.items().await;

        let path = format!("/tenants/{}/jobs/{}/retry", first.tenant_id, first.job_id);
        for token in tokens {
            let answer = app.post(&path).bearer(&token).send().await;
            let answer = answer.expect_problem(403, "membership_inactive");
            assert_eq!(answer.usage.calls, 2);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_repeated_request_is_answered_as_before() {
        let app = TestApp::start().await;
        let first = failed(&app, "acme").await;
        let path = format!("/tenants/{}/jobs/{}/retry", first.tenant_id, first.job_id);
        let send = async || {
            let call = app.post(&path).bearer(&app.operator());
            call.header("idempotency-key", "k-1").send().await
        };

        let started = send().await.expect(202);
        let second = app.order(&started.text_at("/id")).await;
        app.report(&second, &second.success()).await.expect(204);
        let again = send().await.expect(202);

        assert_eq!(
            (again.header("idempotency-replayed"), &again.text),
            (Some("true"), &started.text)
        );
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (failed(&app, "one").await, failed(&app, "two").await);
        let before: Vec<Value> = vec![app.find_tenant(&own.tenant_id).await];

        for (tenant_id, job_id) in [
            (&own.tenant_id, &foreign.job_id),
            (&own.tenant_id, &app.unknown_id()),
            (&app.unknown_id(), &own.job_id),
        ] {
            retry(&app, tenant_id, job_id)
                .await
                .expect_problem(404, "not_found");
        }

        assert_eq!(before, [app.find_tenant(&own.tenant_id).await]);
    }
}
