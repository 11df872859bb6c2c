use futures_util::future::join;
use serde_json::json;

use crate::journeys::world::{World, failure, start_without_app_plane, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_job_is_retried_for_the_same_subscription() {
    let (server, world) = start_without_app_plane().await;

    job_is_retried(&world).await;

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_cancellation_and_a_success_one_wins() {
    let (server, world) = start_without_app_plane().await;

    cancellation_races_success(&world).await;

    server.stop().await;
}

/// Provisioning fails, and the operator has the job tried again without saying anew what for.
pub(crate) async fn job_is_retried(world: &World) {
    let tenant_id = world.tenant(&world.key("rtry")).await;
    let first = world.provision_and_receive(&tenant_id).await;
    let retry = format!("jobs/{}/retry", first.job_id);
    world
        .report(&first, &failure(&tenant_id, "no room"))
        .send()
        .await
        .expect(204);

    let job = world.command(&tenant_id, &retry, &json!({})).await.expect(202);
    let again = world.command(&tenant_id, &retry, &json!({})).await.expect(202);
    assert_eq!(
        again.json["id"], job.json["id"],
        "while it is open, it is the answer"
    );
    assert_eq!(
        (&job.json["attempt"], &job.json["tier"]),
        (&json!(2), &json!("BASIC"))
    );
    let second = world.order(&tenant_id, &job.text_at("/id")).await;
    assert_ne!(second.secret, first.secret);
    // The first attempt's plane comes back late.
    world
        .report(&first, &success(&tenant_id))
        .send()
        .await
        .expect_problem(409, "job_closed");
    world
        .report(&second, &success(&tenant_id))
        .send()
        .await
        .expect(204);

    assert_eq!(world.find_tenant(&tenant_id).await["status"], "ACTIVE");
    world
        .command(&tenant_id, &retry, &json!({}))
        .await
        .expect_problem(409, "job_superseded");
}

/// An operator cancels a job while its success arrives.
pub(crate) async fn cancellation_races_success(world: &World) {
    let tenant_id = world.tenant(&world.key("race")).await;
    let order = world.provision_and_receive(&tenant_id).await;
    let cancel = format!("jobs/{}/cancel", order.job_id);
    let (mistake, report) = (json!({ "reason": "by mistake" }), success(&tenant_id));

    let (cancelled, reported) = join(
        world.command(&tenant_id, &cancel, &mistake),
        world.report(&order, &report).send(),
    )
    .await;

    let (job, tenant) = (
        world.find_job(&tenant_id, &order.job_id).await,
        world.find_tenant(&tenant_id).await,
    );
    if cancelled.status == 200 {
        reported.expect_problem(409, "job_closed");
        assert_eq!(
            (&job["status"], &tenant["status"]),
            (&json!("CANCELLED"), &json!("PROVISION_FAILED"))
        );
        let steps: Vec<&str> = job["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|step| step["name"].as_str())
            .collect();
        assert_eq!(steps, ["requested", "cancelled", "late_success_refused"]);
        world
            .event_about(&tenant_id, "tenant.provisioning_failed.v1")
            .await;
    } else {
        cancelled.expect_problem(409, "job_closed");
        reported.expect(204);
        assert_eq!(
            (&job["status"], &tenant["status"]),
            (&json!("SUCCEEDED"), &json!("ACTIVE"))
        );
        world.event_about(&tenant_id, "tenant.activated.v1").await;
    }
}
