//! What a log may hold: ids, routes, statuses, codes of errors. What it may not: codes, tokens, secrets, names, addresses.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tenantry_testing::TestApp;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("logs are text")
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

#[tokio::test]
async fn a_whole_journey_logs_each_answer_once_and_no_secret_or_person() {
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
    let guard = tracing::subscriber::set_default(subscriber);
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
