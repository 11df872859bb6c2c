use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tenantry_app::signature;
use tenantry_domain::{Clock, Dialect, FinalEvent, Wire};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::Error;
use crate::bus::{ForeignEvent, LocalBus};
use crate::pattern::Pattern;

/// What the sample application plane listens to: the requests of every dialect.
const PATTERN: &str = r#"{"detail-type":["tenant.provisioning_requested.v1","tenant.deprovisioning_requested.v1",
    "tenant.tier_change_requested.v1","TENANT_PROVISIONING","TENANT_DEPROVISIONING",
    {"suffix":"onboardingRequest"},{"suffix":"offboardingRequest"}]}"#;
/// How long it pretends to work.
const WORK: Duration = Duration::from_millis(300);
/// How often it reports before it gives up, as any sender of webhooks does.
const ATTEMPTS: u32 = 5;

/// A sample application plane: it makes nothing, and says that it made it, in whatever dialect it is asked.
pub struct AppPlane {
    events: UnboundedReceiver<Value>,
    bus: Arc<LocalBus>,
    /// How the deployment speaks to it.
    wire: Wire,
    /// Where ARC's pipelines, which are not told, send their report.
    api_url: String,
    client: Client<HttpConnector, Full<Bytes>>,
    clock: Arc<dyn Clock>,
}

/// A signed report: to whom, with what key, and what it says.
struct Callback {
    url: String,
    secret: String,
    context: String,
    traceparent: Option<String>,
}

impl AppPlane {
    /// Listens to the bus from now on.
    pub fn listen(
        bus: &Arc<LocalBus>,
        wire: Wire,
        api_url: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let (target, events) = unbounded_channel();
        bus.add_rule(Pattern::parse(PATTERN).map_err(Error::new)?, target);
        Ok(Self {
            events,
            bus: Arc::clone(bus),
            wire,
            api_url,
            client: Client::builder(TokioExecutor::new()).build_http(),
            clock,
        })
    }

    /// Answers requests until the bus is gone. An event that comes twice is one event.
    pub async fn run(mut self) {
        let mut seen = BTreeSet::new();
        while let Some(event) = self.events.recv().await {
            if !seen.insert(text(&event, "/id")) {
                continue;
            }
            tokio::time::sleep(WORK).await;
            let kind = text(&event, "/detail-type");
            let detail = &event["detail"];
            if kind.starts_with("TENANT_") {
                self.answer_arc(&kind, detail).await;
            } else if kind.ends_with("boardingRequest") {
                self.answer_sbt(&kind, detail);
            } else {
                self.answer_own(&kind, detail).await;
            }
        }
    }

    async fn answer_own(&self, kind: &str, detail: &Value) {
        let data = &detail["data"];
        let callback = Callback {
            url: text(data, "/callback/url"),
            secret: text(data, "/callback/secret"),
            context: text(data, "/callback/context"),
            traceparent: detail["traceparent"].as_str().map(str::to_owned),
        };
        let (id, key, tier) = (
            text(data, "/tenant/id"),
            text(data, "/tenant/key"),
            text(data, "/subscription/plan/tier"),
        );
        let body = match kind {
            "tenant.deprovisioning_requested.v1" => removed(&id),
            "tenant.tier_change_requested.v1" => {
                json!({ "initiatorId": id, "type": 0, "data": { "status": 1, "resources": [database(&key, &tier)] } })
            }
            _ => made(&id, &key, &tier),
        };
        self.report(&id, &body, &callback).await;
    }

    /// As SBT's script jobs do: what was exported, and nothing that was not a text.
    fn answer_sbt(&self, kind: &str, detail: &Value) {
        let is_onboarding = kind.ends_with("onboardingRequest");
        let config = json!({ "userPoolId": "local", "appClientId": "local", "apiGatewayUrl": "https://api.example.com" });
        let made = json!({
            "tenantS3Bucket": format!("{}-files", text(detail, "/tenantId")),
            "tenantConfig": config.to_string(),
            "tenantName": detail["tenantName"],
            "email": detail["email"],
        });
        let answer = match (self.wire.dialect, is_onboarding) {
            (Dialect::Sbt03, true) => json!({ "tenantId": detail["tenantId"], "tenantOutput": made }),
            (Dialect::Sbt03, false) => json!({ "tenantId": detail["tenantId"], "tenantOutput": {} }),
            (Dialect::Sbt05, true) => json!({ "tenantId": detail["tenantId"], "jobOutput": made }),
            (Dialect::Sbt05, false) => json!({ "tenantId": detail["tenantId"], "jobOutput": {} }),
            (_, is_onboarding) => {
                let (made, status) = if is_onboarding {
                    (made, "created")
                } else {
                    (json!({}), "deleted")
                };
                let registration = json!({ "registrationStatus": status });
                let output = json!({ "tenantData": made, "tenantRegistrationData": registration });
                json!({ "tenantRegistrationId": detail["tenantRegistrationId"], "jobOutput": output })
            }
        };
        let name = if is_onboarding {
            "provisionSuccess"
        } else {
            "deprovisionSuccess"
        };
        self.publish(name, answer);
    }

    /// As ARC's pipelines do: the build's environment over the bus, and then the report of what was deployed with it.
    async fn answer_arc(&self, kind: &str, detail: &Value) {
        let (id, key) = (text(detail, "/tenant/id"), text(detail, "/tenant/key"));
        let mut environment = detail["builderConfig"]["config"]["environmentOverride"].clone();
        let callback = Callback {
            url: format!("{}/webhook", self.api_url),
            secret: text(&environment, "/secret"),
            context: text(&environment, "/context"),
            traceparent: None,
        };
        if kind == "TENANT_DEPROVISIONING" {
            self.report(&id, &removed(&id), &callback).await;
            return;
        }
        environment["TF_STATE_BUCKET"] = "terraform".into();
        environment["TF_KEY"] = format!("{key}/terraform.tfstate").into();
        environment["CODEBUILD_BUILD_SUCCEEDING"] = "1".into();
        environment["APP_PLANE_REDIRECT_URL"] = format!("https://{key}.app.example.com").into();
        self.publish("TENANT_PROVISIONING_SUCCESS", environment);
        if self.wire.final_event == FinalEvent::Deployment {
            let tier = text(detail, "/planConfig/tier");
            self.report(&id, &made(&id, &key, &tier), &callback).await;
        }
    }

    fn publish(&self, name: &str, detail: Value) {
        let own_source = "saas.tenant.provisioning.codebuild".to_owned();
        let event = ForeignEvent {
            source: self.wire.answers_from.first().cloned().unwrap_or(own_source),
            detail_type: format!("{}{name}", self.wire.prefix),
            detail,
        };
        self.bus.publish(event, self.clock.now());
    }

    async fn report(&self, tenant_id: &str, body: &Value, callback: &Callback) {
        let body = body.to_string();
        let mut pause = WORK;
        for _ in 0..ATTEMPTS {
            match self.post(&body, callback).await {
                Ok(status) if status.is_success() => return,
                Ok(status) => tracing::warn!(
                    tenant.id = tenant_id,
                    http.status = status.as_u16(),
                    "the report was refused"
                ),
                Err(error) => {
                    tracing::warn!(tenant.id = tenant_id, error = %error, "the report did not arrive");
                }
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn post(&self, body: &str, callback: &Callback) -> Result<http::StatusCode, Error> {
        let timestamp = self.clock.now().as_millis();
        let secret = callback.secret.clone().into();
        let mut request = Request::post(&callback.url)
            .header("content-type", "application/json")
            .header("x-timestamp", timestamp.to_string())
            .header(
                "x-signature",
                signature::sign(&secret, body.as_bytes(), &callback.context, timestamp),
            );
        if let Some(traceparent) = &callback.traceparent {
            request = request.header("traceparent", traceparent);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .map_err(Error::new)?;
        Ok(self.client.request(request).await.map_err(Error::new)?.status())
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// What a real application plane would have made for this tenant.
fn made(id: &str, key: &str, tier: &str) -> Value {
    let files = json!({ "type": "bucket", "externalIdentifier": format!("{key}-files"),
        "metadata": { "bucket": format!("{key}-files"), "region": "local" } });
    json!({
        "initiatorId": id,
        "type": 0,
        "data": {
            "status": 1,
            "resources": [files, database(key, tier)],
            "appPlaneUrl": format!("https://{key}.app.example.com")
        }
    })
}

fn database(key: &str, tier: &str) -> Value {
    json!({ "type": "database", "externalIdentifier": format!("{key}-db"), "metadata": { "tier": tier } })
}

fn removed(id: &str) -> Value {
    json!({ "initiatorId": id, "type": 1, "data": { "status": 1 } })
}
