use tenantry_local::Options;

use crate::journeys::world::{World, start, success};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_follow_what_happens() {
    let (server, world) = start(
        Options {
            no_app_plane: true,
            ..Options::default()
        },
        &[],
    )
    .await;

    figures_follow(&world).await;

    server.stop().await;
}

/// A tenant becomes active, and who scrapes the metrics sees it. Others may be at work on the same stack.
pub(crate) async fn figures_follow(world: &World) {
    const ACTIVATIONS: &str = "tenantry_time_to_active_seconds_count ";
    let before = figure(world, ACTIVATIONS).await;
    let tenant_id = world.tenant(&world.key("acme")).await;
    let order = world.provision_and_receive(&tenant_id).await;
    world
        .report(&order, &success(&tenant_id))
        .send()
        .await
        .expect(204);

    let look = || async { Some(figure(world, ACTIVATIONS).await).filter(|after| *after > before) };
    world.eventually("the tenant among the figures", look).await;

    assert!(figure(world, "tenantry_tenants{status=\"ACTIVE\"} ").await >= 1.0);
    world
        .get("/metrics")
        .bearer(&world.token("operator").await)
        .send()
        .await
        .expect_problem(401, "invalid_token");
}

async fn figure(world: &World, sample: &str) -> f64 {
    let scraper = world.token("scraper").await;
    let text = world
        .get("/metrics")
        .bearer(&scraper)
        .send()
        .await
        .expect(200)
        .text;
    let value = text.lines().find_map(|line| line.strip_prefix(sample));
    value
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {sample} in {text}"))
}
