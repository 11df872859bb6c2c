use std::collections::BTreeMap;

use futures_util::future::join;
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantry_domain::{TenantCommand, TenantStatus};
use tenantry_testing::{Answer, Provisioning, TestApp, cut_off};

/// What can happen to a tenant from outside.
#[derive(Clone, Debug)]
enum Act {
    Command(&'static str),
    /// About the job that was asked for so many jobs ago.
    Retry(usize),
    Cancel(usize),
    Report {
        ago: usize,
        is_success: bool,
    },
    Erase,
    /// The watchdog runs, after so many minutes.
    Watch(i64),
    /// The relay stops after so many steps, before it has published, or before it has marked what it published.
    RelayStops(u32),
}

/// How a request ends.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    /// It is sent twice at once.
    Doubled,
    /// Whoever carries it out is stopped after so many steps: before its commit, during it, or behind it.
    CutOff(u32),
}

fn acts() -> impl Strategy<Value = Vec<(Act, Fate)>> {
    let command = prop::sample::select(vec![
        "provision",
        "suspend",
        "reactivate",
        "offboard",
        "change-tier",
    ]);
    let act = prop_oneof![
        6 => command.prop_map(Act::Command),
        2 => (0..2_usize).prop_map(Act::Retry),
        2 => (0..2_usize).prop_map(Act::Cancel),
        8 => (0..3_usize, prop::bool::weighted(0.7)).prop_map(|(ago, is_success)| Act::Report { ago, is_success }),
        1 => Just(Act::Erase),
        2 => prop::sample::select(vec![0, 30, 61]).prop_map(Act::Watch),
        2 => (1..12_u32).prop_map(Act::RelayStops),
    ];
    let fate = prop_oneof![
        5 => Just(Fate::Answered),
        2 => Just(Fate::Doubled),
        2 => (1..12_u32).prop_map(Fate::CutOff),
    ];
    prop::collection::vec((act, fate), 1..30)
}

struct Life {
    app: TestApp,
    operator: String,
    tenant_id: String,
}

impl Life {
    async fn begin() -> Self {
        let app = TestApp::start().await;
        let (operator, tenant_id) = (app.operator(), app.tenant("acme").await);
        Self {
            app,
            operator,
            tenant_id,
        }
    }

    /// What application planes were asked for, the latest first, and whether it is to remove something.
    async fn orders(&self) -> Vec<(Provisioning, bool)> {
        let events = self.app.events().await;
        let is_order = |event: &&Value| event["detail"]["data"].get("callback").is_some();
        let order = |event: &Value| {
            let is_removal = event["detail-type"] == "tenant.deprovisioning_requested.v1";
            (Provisioning::of_event(event), is_removal)
        };
        events.iter().rev().filter(is_order).map(order).collect()
    }

    async fn carry_out(&self, act: &Act) -> Option<Answer> {
        let orders = self.orders().await;
        let body = |command: &str| match command {
            "provision" => TestApp::subscription(),
            "change-tier" => json!({ "tier": "PREMIUM" }),
            "offboard" => json!({ "graceDays": 0 }),
            _ => json!({ "reason": "because" }),
        };
        let (path, body) = match act {
            Act::Command(command) => ((*command).to_owned(), body(command)),
            Act::Retry(ago) => (format!("jobs/{}/retry", orders.get(*ago)?.0.job_id), json!({})),
            Act::Cancel(ago) => (format!("jobs/{}/cancel", orders.get(*ago)?.0.job_id), json!({})),
            Act::Report { ago, is_success } => {
                let (order, is_removal) = orders.get(*ago)?;
                let report = match (is_removal, is_success) {
                    (true, true) => order.removed(),
                    (true, false) => order.not_removed("no"),
                    (false, true) => order.success(),
                    (false, false) => order.failure("no"),
                };
                return Some(self.app.report(order, &report).await);
            }
            Act::Erase => {
                let path = format!("/tenants/{}", self.tenant_id);
                return Some(self.app.delete(&path).bearer(&self.operator).send().await);
            }
            Act::Watch(_) => {
                self.app.watch().await;
                return None;
            }
            Act::RelayStops(_) => return None,
        };
        let path = format!("/tenants/{}/{path}", self.tenant_id);
        Some(
            self.app
                .post(&path)
                .bearer(&self.operator)
                .json(&body)
                .send()
                .await,
        )
    }

    async fn live(&self, act: &Act, fate: Fate) {
        if let Act::Watch(minutes) = act {
            self.app.clock.advance_minutes(*minutes);
        }
        if let Act::RelayStops(steps) = act {
            cut_off(self.app.product.relay_once(), *steps).await;
            self.app.product.relay_again().await;
            return;
        }
        let answers = match fate {
            Fate::Answered => vec![Box::pin(self.carry_out(act)).await],
            Fate::Doubled => {
                let (one, other) = join(Box::pin(self.carry_out(act)), Box::pin(self.carry_out(act))).await;
                vec![one, other]
            }
            Fate::CutOff(steps) => {
                let answer = cut_off(Box::pin(self.carry_out(act)), steps).await.flatten();
                // Looking for orders lets the relay work: where it was that which stopped, the stream brings all of it again.
                self.app.product.relay_again().await;
                vec![answer]
            }
        };
        for answer in answers.into_iter().flatten() {
            assert!(
                !answer.status.is_server_error(),
                "{act:?}: {} {}",
                answer.status,
                answer.text
            );
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.app.get(path).bearer(&self.operator).send().await
    }

    /// Everything that must be so, whatever happened.
    async fn check(&self) {
        let tenant = self.get(&format!("/tenants/{}", self.tenant_id)).await;
        let trail = self
            .get(&format!(
                "/tenants/{}/audit?order=createdAt:asc&limit=100",
                self.tenant_id
            ))
            .await
            .expect(200)
            .json();
        let trail = trail["items"].as_array().cloned().expect("a page has items");
        let events = self.events_once().await;
        let is_erased = tenant.status == 404;

        let told = told(&events);
        let status = walk(&trail, &told);
        if is_erased {
            assert_eq!(told.get("tenant.erased.v1"), Some(&1));
        } else {
            let tenant = tenant.expect(200).json();
            assert_eq!(tenant["status"], status.name(), "the trail leads elsewhere");
            self.check_jobs(&tenant, &events).await;
        }
        let intact = self
            .get(&format!("/tenants/{}/audit/verify", self.tenant_id))
            .await
            .expect(200);
        assert_eq!(intact.json()["isIntact"], true, "{}", intact.text);
    }

    /// The events, each once; one that came twice said the same.
    async fn events_once(&self) -> Vec<Value> {
        let mut by_id: BTreeMap<String, Value> = BTreeMap::new();
        let mut events = Vec::new();
        for event in self.app.events().await {
            let id = event["detail"]["id"].to_string();
            if let Some(known) = by_id.get(&id) {
                assert_eq!(known["detail"], event["detail"], "one id, two events");
            } else {
                by_id.insert(id, event.clone());
                events.push(event);
            }
        }
        events
    }

    async fn check_jobs(&self, tenant: &Value, events: &[Value]) {
        let jobs = self
            .get(&format!(
                "/tenants/{}/jobs?order=createdAt:asc&limit=100",
                self.tenant_id
            ))
            .await
            .expect(200)
            .json();
        let jobs = jobs["items"].as_array().cloned().expect("a page has items");
        let open: Vec<&Value> = jobs.iter().filter(|job| job["status"] == "OPEN").collect();
        let named: Vec<&Value> = tenant.get("openJobId").into_iter().collect();
        assert_eq!(open.iter().map(|job| &job["id"]).collect::<Vec<_>>(), named);
        let mut attempts: Vec<_> = jobs.iter().filter_map(|job| job["attempt"].as_u64()).collect();
        attempts.sort_unstable();
        assert_eq!(attempts, (1..=jobs.len() as u64).collect::<Vec<_>>());
        for job in &jobs {
            let requests = events
                .iter()
                .filter(|event| event["detail"]["data"]["job"]["id"] == job["id"]);
            let results = events
                .iter()
                .filter(|event| event["detail"]["data"]["jobId"] == job["id"]);
            let is_open = job["status"] == "OPEN";
            assert_eq!(requests.count(), 1, "{job}");
            assert_eq!(results.count(), usize::from(!is_open), "{job}");
        }
        // A tenant that waits for an application plane has a job, or one that ended and can be tried again.
        let waits = tenant["status"] == "PROVISIONING";
        assert!(!waits || open.len() == 1, "{tenant}");
    }
}

/// How often each type of event went out.
fn told(events: &[Value]) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for event in events {
        let kind = event["detail-type"].as_str().unwrap_or_default().to_owned();
        *told.entry(kind).or_default() += 1;
    }
    told
}

/// Follows the trail from the beginning: every move is an arrow of the machine, follows the one before, and was told once.
fn walk(trail: &[Value], told: &BTreeMap<String, usize>) -> TenantStatus {
    let status = |value: &Value| value.as_str().and_then(|name| TenantStatus::parse(name).ok());
    let mut present = TenantStatus::PendingProvision;
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for entry in trail {
        let action = entry["action"].as_str().unwrap_or_default();
        *done.entry(format!("{action}.v1")).or_default() += 1;
        if action == "tenant.created" {
            continue;
        }
        let before = status(&entry["before"]["status"]).expect("every entry says where it began");
        let after = status(&entry["after"]["status"]).unwrap_or(before);
        assert_eq!(before, present, "{action} does not follow what was before");
        let is_arrow = TenantCommand::ALL
            .into_iter()
            .any(|command| command.leads(before) == Some(after));
        assert!(before == after || is_arrow, "{action}: from {before} to {after}");
        if before != after && after == TenantStatus::Deprovisioning {
            *done.entry("tenant.offboarding.v1".to_owned()).or_default() += 1;
        }
        present = after;
    }
    assert_eq!(&done, told, "what was done, and what was told");
    present
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_tenant_stays_in_its_machine_and_every_change_is_told_once(acts in acts()) {
        let runtime = tokio::runtime::Runtime::new().expect("there are threads");
        runtime.block_on(async {
            let life = Life::begin().await;
            for (act, fate) in &acts {
                life.live(act, *fate).await;
            }
            life.check().await;
        });
    }
}
