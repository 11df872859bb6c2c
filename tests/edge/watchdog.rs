use futures_util::future::join_all;
use serde_json::{Value, json};
use tenantry_testing::{Provisioning, TestApp};

/// A little longer than a job may take.
const LIFE_MINUTES: i64 = 60;

async fn jobs(app: &TestApp, names: std::ops::Range<usize>) -> Vec<Provisioning> {
    let mut jobs = Vec::new();
    for n in names {
        jobs.push(app.provision(&app.tenant(&format!("t{n}")).await).await);
    }
    jobs
}

async fn statuses(app: &TestApp, jobs: &[Provisioning]) -> Vec<Value> {
    let mut statuses = Vec::new();
    for job in jobs {
        statuses.push(app.find_job(&job.tenant_id, &job.job_id).await["status"].clone());
    }
    statuses
}

#[tokio::test]
async fn a_silent_job_fails_at_its_deadline_and_not_before() {
    let app = TestApp::start().await;
    let job = app.provision(&app.tenant("acme").await).await;

    app.clock.advance_ms(LIFE_MINUTES * 60_000 - 1);
    let (early, _) = app.watch().await;
    app.clock.advance_ms(1);
    let (on_time, _) = app.watch().await;
    let (again, _) = app.watch().await;

    assert_eq!((early.found, on_time.found, on_time.failed), (0, 1, 1));
    assert_eq!((again.found, again.failed, again.left), (0, 0, 0));
    let found = app.find_job(&job.tenant_id, &job.job_id).await;
    assert_eq!(
        (&found["status"], &found["reason"]),
        (&json!("FAILED"), &json!("deadline_exceeded"))
    );
    let tenant = app.find_tenant(&job.tenant_id).await;
    assert_eq!(
        (&tenant["status"], &tenant["statusReason"], &tenant["modifiedBy"]),
        (
            &json!("PROVISION_FAILED"),
            &json!("deadline_exceeded"),
            &json!("system")
        )
    );
    assert_eq!(app.events_of("tenant.provisioning_failed.v1").await.len(), 1);
}

#[tokio::test]
async fn jobs_of_every_kind_have_a_deadline_and_leave_the_tenant_where_it_is() {
    let app = TestApp::start().await;
    let (moving, leaving) = (app.active_tenant("one").await, app.active_tenant("two").await);
    app.change_tier(&moving, "PREMIUM").await;
    app.offboard(&leaving).await;

    app.clock.advance_minutes(LIFE_MINUTES);
    let (watched, _) = app.watch().await;

    assert_eq!((watched.found, watched.failed), (2, 2));
    let (moving, leaving) = (app.find_tenant(&moving).await, app.find_tenant(&leaving).await);
    assert_eq!(
        (&moving["status"], &moving["tier"]),
        (&json!("ACTIVE"), &json!("BASIC"))
    );
    assert_eq!(leaving["status"], "DEPROVISIONING");
    assert_eq!(app.events_of("tenant.tier_change_failed.v1").await.len(), 1);
    assert_eq!(app.events_of("tenant.deprovisioning_failed.v1").await.len(), 1);
}

#[tokio::test]
async fn a_report_that_comes_after_the_deadline_and_before_the_watchdog_counts() {
    let app = TestApp::start().await;
    let job = app.provision(&app.tenant("acme").await).await;
    app.clock.advance_minutes(LIFE_MINUTES + 1);

    app.report(&job, &job.success()).await.expect(204);
    let (watched, _) = app.watch().await;

    assert_eq!(watched.failed, 0);
    assert_eq!(app.find_tenant(&job.tenant_id).await["status"], "ACTIVE");
}

#[tokio::test]
async fn after_the_watchdog_a_success_is_refused_and_a_failure_acknowledged() {
    let app = TestApp::start().await;
    let jobs = jobs(&app, 0..2).await;
    app.clock.advance_minutes(LIFE_MINUTES);
    app.watch().await;

    app.report(&jobs[0], &jobs[0].success())
        .await
        .expect_problem(409, "job_closed");
    app.report(&jobs[1], &jobs[1].failure("too slow"))
        .await
        .expect(204);

    assert_eq!(statuses(&app, &jobs).await, ["FAILED", "FAILED"]);
}

#[tokio::test]
async fn runs_that_meet_fail_every_job_once() {
    let app = TestApp::start().await;
    let jobs = jobs(&app, 0..12).await;
    app.clock.advance_minutes(LIFE_MINUTES);

    let runs = join_all((0..4).map(|_| app.watch())).await;

    let failed: usize = runs.iter().map(|(watched, _)| watched.failed).sum();
    let left: usize = runs.iter().map(|(watched, _)| watched.left).sum();
    assert_eq!((failed, left), (12, 0));
    assert!(
        statuses(&app, &jobs)
            .await
            .iter()
            .all(|status| status == "FAILED")
    );
    assert_eq!(app.events_of("tenant.provisioning_failed.v1").await.len(), 12);
}

#[tokio::test]
async fn a_job_that_cannot_be_read_stops_no_other() {
    let app = TestApp::start().await;
    let jobs = jobs(&app, 0..5).await;
    let broken = &jobs[0];
    app.overwrite(
        &format!("TENANT#{}", broken.tenant_id),
        &format!("TENANT#JOB#{}", broken.job_id),
        "kind",
        "unheard of",
    )
    .await;
    app.clock.advance_minutes(LIFE_MINUTES);

    let (watched, _) = app.watch().await;

    assert_eq!((watched.found, watched.failed, watched.left), (5, 4, 1));
    assert!(
        statuses(&app, &jobs[1..])
            .await
            .iter()
            .all(|status| status == "FAILED")
    );
}

#[tokio::test]
async fn a_run_ends_and_says_that_there_is_more() {
    let app = TestApp::start().await;
    jobs(&app, 0..105).await;
    app.clock.advance_minutes(LIFE_MINUTES);

    let (first, _) = app.watch().await;
    let (second, _) = app.watch().await;

    assert!(first.has_more && first.failed >= 100, "{first:?}");
    assert_eq!((first.failed + second.failed, second.has_more), (105, false));
}

#[tokio::test]
async fn looking_for_overdue_jobs_costs_the_same_however_many_are_not() {
    let app = TestApp::start().await;
    let cost = async || {
        let meter = app.product.edge.app.store.meter();
        let before = meter.reading();
        app.watch().await;
        let usage = meter.reading().since(before);
        (usage.calls, usage.read_units)
    };

    let without = cost().await;
    jobs(&app, 0..20).await;
    let with = cost().await;

    assert_eq!(without, with);
    assert_eq!(with.0, 5, "four shards of open jobs, and the erasures");
}
