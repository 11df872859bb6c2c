use crate::journeys::world::{World, failure, start_without_app_plane, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn provisioning_fails_and_succeeds_at_the_next_attempt() {
    let (server, world) = start_without_app_plane().await;

    provisioning_fails(&world).await;

    server.stop().await;
}

/// An application plane fails, and a second attempt succeeds.
pub(crate) async fn provisioning_fails(world: &World) {
    let key = world.key("acme");
    let tenant_id = world.tenant(&key).await;
    let operator = world.operator_token().await;

    let first = world.provision_and_receive(&tenant_id).await;
    world
        .report(&first, &failure(&tenant_id, "no room in eu-west-1"))
        .send()
        .await
        .expect(204);
    let failed = world.find_tenant(&tenant_id).await;
    assert_eq!(failed["status"], "PROVISION_FAILED");
    assert_eq!(failed["statusReason"], "no room in eu-west-1");
    assert_eq!(failed["resources"].as_array().map(Vec::len), Some(0), "{failed}");
    let job = world
        .get(&format!("/tenants/{tenant_id}/jobs/{}", first.job_id))
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    assert_eq!(
        (&job.json["status"], &job.json["reason"]),
        (&"FAILED".into(), &"no room in eu-west-1".into())
    );

    let second = world.provision_and_receive(&tenant_id).await;
    assert_eq!(second.attempt, 2);
    assert_ne!(second.secret, first.secret);
    let again = world.provision(&tenant_id).await;
    assert_eq!(
        again["id"],
        second.job_id.as_str(),
        "while a job is open, starting again answers with it"
    );
    // The first attempt's plane comes back late: it is heard, and refused.
    world
        .report(&first, &success(&tenant_id))
        .send()
        .await
        .expect_problem(409, "job_closed");
    assert_eq!(world.find_tenant(&tenant_id).await["status"], "PROVISIONING");
    world
        .report(&second, &success(&tenant_id))
        .send()
        .await
        .expect(204);

    let active = world.find_tenant(&tenant_id).await;
    assert_eq!(active["status"], "ACTIVE");
    assert!(active.get("statusReason").is_none(), "{active}");
    assert_eq!(active["resources"].as_array().map(Vec::len), Some(2), "{active}");
    let jobs = world
        .get(&format!("/tenants/{tenant_id}/jobs?order=createdAt:asc"))
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    let statuses: Vec<&str> = jobs.json["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|job| job["status"].as_str())
        .collect();
    assert_eq!(statuses, ["FAILED", "SUCCEEDED"]);
    world
        .mail_to(&format!("ada@{key}.com"), &format!("{key} is ready"))
        .await;
    world
        .event_about(&tenant_id, "tenant.provisioning_failed.v1")
        .await;
    world.event_about(&tenant_id, "tenant.activated.v1").await;
}
