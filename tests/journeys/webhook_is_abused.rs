use serde_json::Value;
use tenantry_app::signature;

use crate::journeys::world::{World, failure, now_ms, start_without_app_plane, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_replayed_forged_late_and_for_another_tenant() {
    let (server, world) = start_without_app_plane().await;

    webhook_is_abused(&world).await;

    server.stop().await;
}

/// An application plane's report comes from everybody but the application plane, and then from it, several times.
pub(crate) async fn webhook_is_abused(world: &World) {
    let (acme_key, globex_key) = (world.key("acme"), world.key("glob"));
    let (acme, globex) = (world.tenant(&acme_key).await, world.tenant(&globex_key).await);
    let order = world.provision_and_receive(&acme).await;
    let others = world.provision_and_receive(&globex).await;
    let body = success(&acme);
    let text = body.to_string();
    let now = now_ms();
    let signature = signature::sign(&order.secret.clone().into(), text.as_bytes(), &order.context, now);
    let before = world.find_tenant(&acme).await;

    // Forged: another secret, another context, another body, no signature, upper case with something behind it.
    let mut forged = order.clone();
    forged.secret = others.secret.clone();
    world
        .report(&forged, &body)
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    let mut elsewhere = order.clone();
    elsewhere.context = others.context.clone();
    world
        .report(&elsewhere, &body)
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    let changed = text.replace("eu-west-1", "eu-west-2");
    world
        .signed(&order, changed, now, &signature)
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    world
        .signed(&order, text.clone(), now, "")
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    world
        .signed(&order, text.clone(), now, &format!("{signature}00"))
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    let unsigned = world.post("/webhook").json(&body).send().await;
    unsigned.expect_problem(401, "invalid_signature");

    // Late and early: properly signed for a time that is not now.
    for off_ms in [-3_600_000, -25_000, 25_000, 3_600_000] {
        let report = world.report_at(&order, &body, now_ms() + off_ms);
        report.send().await.expect_problem(401, "invalid_signature");
    }
    // A timestamp that the signature is not over.
    world
        .signed(&order, text.clone(), now + 1, &signature)
        .send()
        .await
        .expect_problem(401, "invalid_signature");

    // For another tenant: who holds acme's key reports on globex, and on nobody.
    for victim in [globex.as_str(), "019b0000-0000-7000-8000-000000000001", "*", ""] {
        world
            .report(&order, &success(victim))
            .send()
            .await
            .expect_problem(401, "invalid_signature");
    }
    assert_eq!(
        world.find_tenant(&acme).await,
        before,
        "nothing of this changed the tenant"
    );
    assert_eq!(world.find_tenant(&globex).await["status"], "PROVISIONING");

    // The true one, and its replays: byte for byte, and signed anew.
    world
        .signed(&order, text.clone(), now, &signature)
        .send()
        .await
        .expect(204);
    let active = world.tenant_in(&acme, "ACTIVE").await;
    world
        .signed(&order, text.clone(), now, &signature)
        .send()
        .await
        .expect(204);
    world.report(&order, &body).send().await.expect(204);
    world
        .report(&order, &failure(&acme, "changed my mind"))
        .send()
        .await
        .expect_problem(409, "job_closed");
    assert_eq!(world.find_tenant(&acme).await, active, "a replay changes nothing");

    // A later job of the tenant next door still works, and nobody was told twice.
    world.report(&others, &success(&globex)).send().await.expect(204);
    world.tenant_in(&globex, "ACTIVE").await;
    world
        .mail_to(
            &format!("ada@{globex_key}.com"),
            &format!("{globex_key} is ready"),
        )
        .await;
    world.event_about(&acme, "tenant.activated.v1").await;
    let (ada, subject) = (format!("ada@{acme_key}.com"), format!("{acme_key} is ready"));
    world.mail_to(&ada, &subject).await;
    let welcomes = world.mails_to(&ada).await;
    assert_eq!(
        welcomes.iter().filter(|mail| mail["subject"] == subject).count(),
        1
    );
    assert_ne!(active["resources"], Value::Null);
}
