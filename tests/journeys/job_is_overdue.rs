use serde_json::json;
use tenantry_local::Options;

use crate::journeys::world::{World, start, success};

/// Nobody waits for an hour here; a stack's own setting is left as it is, so this journey is made locally only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_on_which_nobody_reports_fails_at_its_deadline() {
    let options = Options {
        no_app_plane: true,
        ..Options::default()
    };
    let (server, world) = start(options, &[("APPLICATION_PLANE", r#"{"deadlineSeconds":1}"#)]).await;

    job_is_overdue(&world).await;

    server.stop().await;
}

/// An application plane says nothing until the watchdog has failed its job, and then that it succeeded.
async fn job_is_overdue(world: &World) {
    let tenant_id = world.tenant(&world.key("late")).await;
    let order = world.provision_and_receive(&tenant_id).await;

    let failed = world.tenant_in(&tenant_id, "PROVISION_FAILED").await;

    assert_eq!(failed["statusReason"], "deadline_exceeded");
    let job = world.find_job(&tenant_id, &order.job_id).await;
    assert_eq!(
        (&job["status"], &job["reason"]),
        (&json!("FAILED"), &json!("deadline_exceeded"))
    );
    let event = world
        .event_about(&tenant_id, "tenant.provisioning_failed.v1")
        .await;
    assert_eq!(event["detail"]["data"]["reason"], "deadline_exceeded");
    world
        .report(&order, &success(&tenant_id))
        .send()
        .await
        .expect_problem(409, "job_closed");
    let retry = format!("jobs/{}/retry", order.job_id);
    world.command(&tenant_id, &retry, &json!({})).await.expect(202);
}
