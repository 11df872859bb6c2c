//! What is counted, and under which names: alarms and dashboards are built on them.

use std::collections::BTreeMap;

use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tenantry_testing::TestApp;

/// Everything that was recorded: name and dimensions, with the sum of a counter or the number of values.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    let described = metrics.map(|(key, _, _, value)| {
        let (kind, key) = key.into_parts();
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        let value = match (kind, value) {
            (MetricKind::Counter, DebugValue::Counter(sum)) => sum,
            (MetricKind::Histogram, DebugValue::Histogram(values)) => values.len() as u64,
            (kind, value) => panic!("{kind:?} {} is {value:?}", key.name()),
        };
        (
            format!("{} {}", key.name(), labels.join(" ")).trim().to_owned(),
            value,
        )
    });
    described.collect()
}

#[tokio::test]
async fn a_journey_counts_requests_by_route_and_what_it_means_for_the_business() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let guard = metrics::set_default_local_recorder(&recorder);
    let app = TestApp::start().await;

    app.verified_lead("ada@acme.com").await;
    app.active_tenant("acme").await;
    let failing = app.tenant("globex").await;
    let job = app.provision(&failing).await;
    app.report(&job, &job.failure("no quota")).await.expect(204);
    app.get(&format!("/tenants/{failing}")).send().await.expect(401);
    app.settle().await;
    drop(guard);

    let lines: Vec<String> = recorded(&snapshotter)
        .into_iter()
        .map(|(metric, value)| format!("{metric}: {value}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn a_failure_of_ours_is_counted_as_one() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let guard = metrics::set_default_local_recorder(&recorder);
    let app = TestApp::start_patient(std::time::Duration::from_millis(300), |_| {}).await;
    app.product.table.stop();

    app.get("/health").send().await.expect(503);
    drop(guard);

    assert_eq!(
        recorded(&snapshotter).get("ServerErrors Route=GET /health"),
        Some(&1)
    );
}
