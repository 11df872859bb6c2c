use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde_json::{Value, json};
use tenantry_app::signature;
use tenantry_domain::Clock;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Error;
use crate::bus::LocalBus;
use crate::pattern::Pattern;

/// What the sample application plane listens to: its rule's pattern.
const PATTERN: &str = r#"{"detail-type":["tenant.provisioning_requested.v1"]}"#;
/// How long it pretends to work.
const WORK: Duration = Duration::from_millis(300);
/// How often it reports before it gives up, as any sender of webhooks does.
const ATTEMPTS: u32 = 5;

/// A sample application plane: it makes nothing, and reports that it made it.
pub struct AppPlane {
    events: UnboundedReceiver<Value>,
    client: Client<HttpConnector, Full<Bytes>>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Detail {
    id: String,
    traceparent: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    tenant: Tenant,
    callback: Callback,
}

#[derive(Deserialize)]
struct Tenant {
    id: String,
    key: String,
    tier: Option<String>,
}

#[derive(Deserialize)]
struct Callback {
    url: String,
    secret: String,
    context: String,
}

impl AppPlane {
    /// Listens to the bus from now on.
    pub fn listen(bus: &LocalBus, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (target, events) = unbounded_channel();
        bus.add_rule(Pattern::parse(PATTERN).map_err(Error::new)?, target);
        Ok(Self {
            events,
            client: Client::builder(TokioExecutor::new()).build_http(),
            clock,
        })
    }

    /// Answers provisioning events until the bus is gone. An event that comes twice is one event.
    pub async fn run(mut self) {
        let mut seen = BTreeSet::new();
        while let Some(event) = self.events.recv().await {
            let detail = event.get("detail").cloned().unwrap_or_default();
            match serde_json::from_value::<Detail>(detail) {
                Ok(detail) if seen.insert(detail.id.clone()) => {
                    self.provision(detail.data, &detail.traceparent).await;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(error = %error, "the application plane got an event that it cannot read");
                }
            }
        }
    }

    async fn provision(&self, data: Data, traceparent: &str) {
        tokio::time::sleep(WORK).await;
        let Data { tenant, callback } = data;
        let body = report_of(&tenant).to_string();
        let mut pause = WORK;
        for _ in 0..ATTEMPTS {
            match self.report(&body, &callback, traceparent).await {
                Ok(status) if status.is_success() => return,
                Ok(status) => tracing::warn!(
                    tenant.id = tenant.id,
                    http.status = status.as_u16(),
                    "the report was refused"
                ),
                Err(error) => {
                    tracing::warn!(tenant.id = tenant.id, error = %error, "the report did not arrive");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn report(
        &self,
        body: &str,
        callback: &Callback,
        traceparent: &str,
    ) -> Result<http::StatusCode, Error> {
        let timestamp = self.clock.now().as_millis();
        let secret = callback.secret.clone().into();
        let request = Request::post(&callback.url)
            .header("content-type", "application/json")
            .header("traceparent", traceparent)
            .header("x-timestamp", timestamp.to_string())
            .header(
                "x-signature",
                signature::sign(&secret, body.as_bytes(), &callback.context, timestamp),
            )
            .body(Full::from(body.to_owned()))
            .map_err(Error::new)?;
        Ok(self.client.request(request).await.map_err(Error::new)?.status())
    }
}

/// What a real application plane would have made for this tenant.
fn report_of(tenant: &Tenant) -> Value {
    let Tenant { id, key, tier } = tenant;
    json!({
        "initiatorId": id,
        "type": 0,
        "data": {
            "status": 1,
            "resources": [
                { "type": "bucket", "externalIdentifier": format!("{key}-files"), "metadata": { "bucket": format!("{key}-files"), "region": "local" } },
                { "type": "database", "externalIdentifier": format!("{key}-db"), "metadata": { "tier": tier } }
            ],
            "appPlaneUrl": format!("https://{key}.app.example.com")
        }
    })
}
