use serde_json::json;

use crate::journeys::world::{World, start_without_app_plane, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_on_which_nobody_reports_fails_at_its_deadline() {
    let (server, world) = start_without_app_plane().await;

    job_is_overdue(&world).await;

    server.stop().await;
}

/// An application plane says nothing until the watchdog has failed its job, and then that it succeeded.
pub(crate) async fn job_is_overdue(world: &World) {
    let tenant_id = world.tenant(&world.key("late")).await;
    // Nobody waits for an hour here: the plan says that its application plane is fast.
    let plan_id = world.plan(&json!({ "deadlineSeconds": 1 })).await;
    let subscription_id = world.subscribe(&tenant_id, &plan_id, None).await;
    let body = json!({ "subscriptionId": subscription_id });
    let job = world.command(&tenant_id, "provision", &body).await.expect(202);
    let order = world.order(&tenant_id, &job.text_at("/id")).await;

    let look = || async {
        world.run_task("watch_deadlines").await;
        let tenant = world.find_tenant(&tenant_id).await;
        Some(tenant).filter(|tenant| tenant["status"] == "PROVISION_FAILED")
    };
    let failed = world.eventually("the watchdog to fail the job", look).await;

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
