use http::Method;
use serde_json::json;

use crate::journeys::world::{World, not_removed, removed, start_without_app_plane, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_leaves_and_is_erased() {
    let (server, world) = start_without_app_plane().await;

    tenant_leaves(&world).await;

    server.stop().await;
}

/// A tenant in use moves to another tier, is suspended and let in again, leaves, and is erased.
pub(crate) async fn tenant_leaves(world: &World) {
    let key = world.key("gone");
    let tenant_id = world.tenant(&key).await;
    let operator = world.operator_token().await;
    let order = world.provision_and_receive(&tenant_id).await;
    world
        .report(&order, &success(&tenant_id))
        .send()
        .await
        .expect(204);

    let change = world
        .command(&tenant_id, "change-tier", &json!({ "tier": "premium" }))
        .await
        .expect(202);
    let suspended = world
        .command(&tenant_id, "suspend", &json!({ "reason": "not paid" }))
        .await;
    assert_eq!(suspended.expect(200).text_at("/statusReason"), "not paid");
    world.event_about(&tenant_id, "tenant.suspended.v1").await;
    let order = world.order(&tenant_id, &change.text_at("/id")).await;
    world
        .report(&order, &success(&tenant_id))
        .send()
        .await
        .expect(204);
    world
        .command(&tenant_id, "reactivate", &json!({ "reason": "paid" }))
        .await
        .expect(200);
    world.event_about(&tenant_id, "tenant.reactivated.v1").await;
    let in_use = world.find_tenant(&tenant_id).await;
    assert_eq!(
        (&in_use["status"], &in_use["tier"]),
        (&json!("ACTIVE"), &json!("PREMIUM"))
    );

    let leaving = json!({ "reason": "contract ended", "graceDays": 0 });
    let offboarding = world.command(&tenant_id, "offboard", &leaving).await.expect(202);
    let order = world.order(&tenant_id, &offboarding.text_at("/id")).await;
    world
        .report(&order, &not_removed(&tenant_id, "bucket is not empty"))
        .send()
        .await
        .expect(204);
    world
        .event_about(&tenant_id, "tenant.deprovisioning_failed.v1")
        .await;
    let path = format!("/tenants/{tenant_id}");
    let erase = || world.call(Method::DELETE, &path).bearer(&operator).send();
    erase().await.expect_problem(409, "invalid_transition");
    let retry = format!("jobs/{}/retry", order.job_id);
    let again = world.command(&tenant_id, &retry, &json!({})).await.expect(202);
    let order = world.order(&tenant_id, &again.text_at("/id")).await;
    world
        .report(&order, &removed(&tenant_id))
        .send()
        .await
        .expect(204);
    assert_eq!(world.find_tenant(&tenant_id).await["status"], "INACTIVE");
    world.event_about(&tenant_id, "tenant.offboarded.v1").await;

    let exported = world.get(&format!("{path}/export?limit=100")).bearer(&operator);
    let exported = exported.send().await.expect(200);
    assert!(
        exported.text.contains(&format!("ada@{key}.com")),
        "{}",
        exported.text
    );
    assert!(!exported.text.contains("tws_"), "{}", exported.text);
    erase().await.expect(204);
    world.event_about(&tenant_id, "tenant.erased.v1").await;
    world
        .get(&path)
        .bearer(&operator)
        .send()
        .await
        .expect_problem(404, "not_found");
    let trail = world.get(&format!("{path}/audit/verify")).bearer(&operator);
    assert_eq!(trail.send().await.expect(200).json["isIntact"], true);
    let check = world.get(&format!("/tenant-keys/{key}")).bearer(&operator);
    assert_eq!(check.send().await.expect(200).json["available"], false);
    erase().await.expect_problem(404, "not_found");
}
