//! What a log may hold: ids, routes, statuses, codes of errors. What it may not: codes, tokens, secrets, names, addresses.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tenantry_app::TraceContext;
use tenantry_domain::Clock as _;
use tenantry_testing::{Provisioning, TestApp};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("logs are text")
    }

    /// The lines that say this.
    pub(super) fn lines(&self, message: &str) -> Vec<Value> {
        let text = self.text();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"));
        lines.filter(|line: &Value| line["message"] == message).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What this thread logs from now on.
pub(super) fn listen() -> (Log, DefaultGuard) {
    let log = Log::default();
    let filter = "debug,hyper=info,hyper_util=info,aws=info,aws_smithy_runtime=info,aws_sdk_dynamodb=info";
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(log.clone())
        .finish();
    // Other tests of this process have met the same log lines without a subscriber; one that hears everything and keeps
    // nothing makes tracing ask again, and this thread's own one answer.
    let everything = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::sink)
        .finish();
    let _ = tracing::subscriber::set_global_default(everything);
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_whole_journey_logs_each_answer_once_and_no_secret_or_person() {
    let (log, guard) = listen();
    let app = TestApp::start().await;

    let lead = app.verified_lead("ada.lovelace@acme.com").await;
    let signed_up = app.sign_up("grace@acme.com").await;
    app.post(&format!("/leads/{}/verify", signed_up.id))
        .bearer("tlc_wrong_code")
        .send()
        .await
        .expect(401);
    let body = json!({ "key": "acme", "domains": ["acme.com"], "name": "Analytical Engines" });
    let tenant = app
        .post(&format!("/leads/{}/tenants", lead.id))
        .bearer(&lead.token)
        .json(&body)
        .send()
        .await
        .expect(201);
    let tenant_id = tenant.text_at("/id");
    let provisioning = app.provision(&tenant_id).await;
    let mut forged = provisioning.clone();
    forged.secret = "tws_forged".to_owned().into();
    app.report(&forged, &provisioning.success()).await.expect(401);
    app.report(&provisioning, &provisioning.success())
        .await
        .expect(204);
    let operator = app.operator();
    app.get("/tenants?key=acme")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    app.get(&format!("/tenants/{tenant_id}?access_token={operator}"))
        .send()
        .await
        .expect(401);
    app.settle().await;
    drop(guard);

    let text = log.text();
    let secrets = [
        "tlc_",
        "tws_",
        "eyJ",
        "ada.lovelace",
        "grace@",
        "Lovelace",
        "Analytical",
        "acme.com",
        "access_token",
        &signed_up.code,
        &lead.token,
    ];
    for secret in secrets {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the log holds {secret}");
    }
    let answered = |route: &str, status: u64| {
        let lines = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"));
        lines
            .filter(|line: &serde_json::Value| line["http.route"] == route && line["http.status"] == status)
            .count()
    };
    assert_eq!(answered("/webhook", 204), 1);
    assert_eq!(answered("/webhook", 401), 1);
    assert_eq!(answered("/leads/{id}/tenants", 201), 1);
    assert!(text.contains(&tenant_id) && text.contains(tenant.header("x-request-id").unwrap_or_default()));
}

#[tokio::test]
async fn a_request_can_be_followed_through_stream_relay_and_event_to_the_callbacks_line() {
    let (log, guard) = listen();
    let app = TestApp::start().await;
    let tenant_id = app.tenant("acme").await;
    app.settle().await;
    let callers = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace_id = TraceContext::trace_of(callers).expect("valid");

    // The request.
    let answer = app
        .post(&format!("/tenants/{tenant_id}/provision"))
        .bearer(&app.operator())
        .header("traceparent", callers)
        .json(&TestApp::subscription())
        .send()
        .await
        .expect(202);
    let request_id = answer
        .header("x-request-id")
        .expect("every answer has one")
        .to_owned();
    let answered = log.lines("request answered").pop().expect("the answer is logged");
    assert_eq!(answered["span"]["request.id"], *request_id);
    assert_eq!(answered["span"]["trace.id"], *trace_id);
    assert_eq!(answered["span"]["tenant.id"], *tenant_id);

    // Stream and relay.
    app.settle().await;
    let published = log
        .lines("an event was published")
        .pop()
        .expect("the relay says so");
    assert_eq!(published["correlation.id"], *request_id);
    assert_eq!(published["trace.id"], *trace_id);

    // The event.
    let event = app.events_of("tenant.provisioning_requested.v1").await.remove(0);
    let detail = &event["detail"];
    assert_eq!(published["message.id"], detail["id"]);
    assert_eq!(detail["correlationid"], *request_id);
    let traceparent = detail["traceparent"].as_str().expect("an event has one");

    // The callback, by an application plane that goes on with the event's trace.
    let provisioning = Provisioning::of_event(&event);
    let report = app
        .signed_report(
            &provisioning,
            &provisioning.success(),
            app.clock.now().as_millis(),
        )
        .header("traceparent", traceparent)
        .send()
        .await
        .expect(204);
    let reported = log.lines("request answered").pop().expect("the answer is logged");
    assert_eq!(reported["http.route"], "/webhook");
    assert_eq!(reported["span"]["correlation.id"], *request_id);
    assert_eq!(reported["span"]["trace.id"], *trace_id);
    assert_eq!(
        reported["span"]["request.id"].as_str(),
        report.header("x-request-id")
    );
    assert_ne!(reported["span"]["request.id"], *request_id);
    drop(guard);
}
