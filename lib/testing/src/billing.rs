use serde_json::{Value, json};
use tenantry_app::{Context, Swept, TraceContext, sweep_billing};
use tenantry_domain::{Clock as _, Timestamp};

use crate::TestApp;

impl TestApp {
    /// 49.00 EUR a month, for tenants to take.
    pub fn new_plan() -> Value {
        json!({
            "name": "Basic", "tier": "basic", "price": 4900, "currencyCode": "EUR", "billingInterval": "MONTH",
            "limits": { "seats": 5 }, "selfService": true,
        })
    }

    /// Puts a plan on sale that differs from [`TestApp::new_plan`] in these members.
    pub async fn plan(&self, changes: Value) -> String {
        let mut body = Self::new_plan();
        if let (Some(members), Value::Object(changes)) = (body.as_object_mut(), changes) {
            members.extend(changes);
        }
        let answer = self
            .post("/plans")
            .bearer(&self.operator())
            .json(&body)
            .send()
            .await;
        answer.expect(201).text_at("/id")
    }

    /// Subscribes the tenant to the plan from today on; answers the subscription's id.
    pub async fn subscribe(&self, tenant_id: &str, plan_id: &str) -> String {
        let body = json!({ "tenantId": tenant_id, "planId": plan_id });
        let answer = self
            .post("/subscriptions")
            .bearer(&self.operator())
            .json(&body)
            .send()
            .await;
        answer.expect(201).text_at("/id")
    }

    /// Makes an invoice over 10.00 EUR by hand, due in 14 days; answers its id.
    pub async fn invoice(&self, tenant_id: &str) -> String {
        let lines = json!([{ "description": "Set-up", "unitAmount": 1000 }]);
        let body = json!({ "tenantId": tenant_id, "currencyCode": "EUR", "lines": lines });
        let answer = self
            .post("/invoices")
            .bearer(&self.operator())
            .json(&body)
            .send()
            .await;
        answer.expect(201).text_at("/id")
    }

    /// Reads a subscription as an operator.
    pub async fn find_subscription(&self, tenant_id: &str, id: &str) -> Value {
        let path = format!("/subscriptions/{id}?tenantId={tenant_id}");
        let answer = self.get(&path).bearer(&self.operator()).send().await;
        answer.expect(200).json()
    }

    /// The tenant's invoices, oldest first.
    pub async fn invoices(&self, tenant_id: &str) -> Vec<Value> {
        let path = format!("/invoices?tenantId={tenant_id}&order=createdAt:asc&limit=100");
        let answer = self.get(&path).bearer(&self.operator()).send().await;
        let page = answer.expect(200).json();
        page["items"].as_array().cloned().unwrap_or_default()
    }

    /// Does what time asks of subscriptions and invoices.
    pub async fn sweep_billing(&self) -> Swept {
        let swept = self.run_sweep().await;
        assert_eq!(swept.left, 0, "the sweep could not settle everything");
        swept
    }

    /// The same, whatever comes of it.
    pub async fn run_sweep(&self) -> Swept {
        let app = &self.product.edge.app;
        let trace = TraceContext::of_request(None, "sweep");
        let context = Context::new(app, "sweep".to_owned(), trace);
        sweep_billing(&context).await.expect("the index can be read")
    }

    /// Moves the clock to the morning of this day, which lies ahead.
    pub fn advance_to(&self, day: &str) {
        let morning = Timestamp::parse(&format!("{day}T09:30:00Z")).expect("tests name valid days");
        let ms = morning.as_millis() - self.clock.now().as_millis();
        assert!(ms >= 0, "{day} is over");
        self.clock.advance_ms(ms);
    }
}
