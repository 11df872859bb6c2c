//! No emulator evaluates IAM conditions the way AWS does, so this reads them itself: what each function says to the table
//! is listened to on the wire, and each call has to be permitted by a statement of the function's role, and each action and
//! key pattern of a statement has to have been used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use serde_json::{Value, json};
use tenantry_api::Edge;
use tenantry_app::{App, Keyring, Report, take_report};
use tenantry_domain::{Dialect, Entropy as _, Outcome, SystemRole, Wire};
use tenantry_local::TABLE;
use tenantry_provisioning::Provisioning;
use tenantry_relay::Relay;
use tenantry_store::{Settings, Store};
use tenantry_testing::{SeededEntropy, TestApp};

use crate::contract::scene::{Scene, routes};
use crate::contract::template::{functions, routes_by_group, statements, template, texts};

/// What one call, or one step of a transaction, does to which partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Touch {
    action: &'static str,
    index: Option<String>,
    partition: String,
}

/// Writes down every request as it leaves.
#[derive(Clone, Debug, Default)]
struct Ear(Arc<Mutex<Vec<Touch>>>);

impl Intercept for Ear {
    fn name(&self) -> &'static str {
        "Ear"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
        let operation = target.rsplit('.').next().unwrap_or_default();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(touches(operation, &body));
        Ok(())
    }
}

impl Ear {
    fn heard(&self) -> Vec<Touch> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn touches(operation: &str, body: &Value) -> Vec<Touch> {
    let touch = |action, key: &Value| Touch {
        action,
        index: None,
        partition: key["S"].as_str().expect("partition keys are texts").to_owned(),
    };
    match operation {
        "GetItem" => vec![touch("dynamodb:GetItem", &body["Key"]["pk"])],
        "UpdateItem" => vec![touch("dynamodb:UpdateItem", &body["Key"]["pk"])],
        "BatchGetItem" => {
            let keys = body["RequestItems"][TABLE]["Keys"].as_array();
            let keys = keys.into_iter().flatten();
            keys.map(|key| touch("dynamodb:BatchGetItem", &key["pk"]))
                .collect()
        }
        "Query" => vec![Touch {
            index: body["IndexName"].as_str().map(str::to_owned),
            ..touch("dynamodb:Query", &body["ExpressionAttributeValues"][":pk"])
        }],
        "TransactWriteItems" => {
            let steps = body["TransactItems"].as_array().into_iter().flatten();
            let named = steps.flat_map(|step| step.as_object().into_iter().flatten());
            named
                .map(|(kind, step)| match kind.as_str() {
                    "Put" => touch("dynamodb:PutItem", &step["Item"]["pk"]),
                    "Update" => touch("dynamodb:UpdateItem", &step["Key"]["pk"]),
                    "Delete" => touch("dynamodb:DeleteItem", &step["Key"]["pk"]),
                    "ConditionCheck" => touch("dynamodb:ConditionCheckItem", &step["Key"]["pk"]),
                    _ => panic!("{kind} is a step that this test does not know"),
                })
                .collect()
        }
        _ => panic!("{operation} is a call that this test does not know"),
    }
}

/// The same product on the same table, listened to.
fn listened_to(app: &mut TestApp) -> (Ear, Arc<App>) {
    let ear = Ear::default();
    let client = app.product.table.client.config().to_builder();
    let client = Client::from_conf(client.interceptor(ear.clone()).build());
    let theirs = &app.product.edge.app;
    // The first thing that chance is asked for in a test is the master key. Any other one, and no token would be valid.
    let mut master = [0; 32];
    SeededEntropy::default().fill(&mut master);
    let keyring = Keyring::from_bytes(master);
    let settings = Settings {
        table: TABLE.to_owned(),
        cursor_key: keyring.cursor_key(),
        audit_keys: keyring.audit_keys(),
        entropy: Arc::clone(&theirs.entropy),
        patience: Duration::from_secs(20),
    };
    let ours = Arc::new(App {
        store: Store::new(&client, settings),
        clock: Arc::clone(&theirs.clock),
        entropy: Arc::clone(&theirs.entropy),
        config: theirs.config.clone(),
        keyring,
    });
    let edge = Edge {
        app: Arc::clone(&ours),
        authenticator: Arc::clone(&app.product.edge.authenticator),
    };
    app.product.router = tenantry_api::router(tenantry_local::groups(), &edge);
    (ear, ours)
}

/// What every function does to the table, as far as samples, repeats and refusals of every route show it.
async fn listen() -> BTreeMap<String, BTreeSet<Touch>> {
    let mut heard: BTreeMap<String, BTreeSet<Touch>> = BTreeMap::new();
    let groups = routes_by_group();
    let group_of = |route: &str| {
        let found = groups.iter().find(|(_, routes)| routes.contains(route));
        found.expect("every route has a group").0.clone()
    };
    for route in routes() {
        let mut scene = Scene::of(&route).await;
        let spare = if route == "POST /webhook" {
            let tenant = scene.app.tenant("spare").await;
            Some(scene.app.provision(&tenant).await)
        } else {
            None
        };
        let (ear, _) = listened_to(&mut scene.app);
        send_all(&scene, &route).await;
        if let Some(job) = spare {
            let failure = job.failure("no room");
            scene.app.report(&job, &failure).await.expect(204);
        }
        heard.entry(group_of(&route)).or_default().extend(ear.heard());
    }

    let mut scene = Scene::of("GET /tenants/{id}").await;
    let (ear, app) = listened_to(&mut scene.app);
    let relay = Relay::new(
        Arc::clone(&app),
        Arc::clone(&scene.app.product.bus) as _,
        Arc::clone(&scene.app.product.mailbox) as _,
    );
    let relay = relay.expect("the templates are whole");
    scene.app.tenant("relayed").await;
    ear.heard();
    let mut stream = scene.app.product.table.stream();
    loop {
        let batch = stream.next_batch().expect("the stream can be read");
        if batch.records.is_empty() {
            break;
        }
        relay.handle(batch).await;
    }
    heard.entry("relay".to_owned()).or_default().extend(ear.heard());

    heard
        .entry("provisioning".to_owned())
        .or_default()
        .extend(take_answers().await);

    // During its start, every function opens the connection.
    app.store.warm_up().await.expect("the table answers");
    let warm = ear.heard();
    for name in functions(&template()).keys() {
        heard
            .entry(name.clone())
            .or_default()
            .extend(warm.iter().cloned());
    }
    heard
}

/// A tenant whose erasure is begun and not finished.
async fn erase_tenant(app: &TestApp) {
    let tenant = app.tenant("erased").await;
    for (command, body) in [
        ("provision", TestApp::subscription()),
        ("offboard", json!({ "graceDays": 0 })),
    ] {
        let job = app.command(&tenant, command, &body).await.expect(202);
        let report = Report {
            job_id: job.text_at("/id").parse().expect("it is an id"),
            outcome: Outcome::Success { app_plane_url: None },
            resources: Vec::new(),
            message: None,
        };
        let tenant = tenant.parse().expect("it is an id");
        let taken = take_report(&app.context("permissions"), tenant, &report).await;
        taken.expect("the job is open");
        if command == "provision" {
            app.join_as(&tenant.to_string(), "grace@erased.example", SystemRole::Member)
                .await;
        }
    }
    let path = format!("/tenants/{tenant}");
    app.delete(&path).bearer(&app.operator()).send().await.expect(204);
}

/// What an answer over the bus and the watchdog do to the table.
async fn take_answers() -> Vec<Touch> {
    let mut app = TestApp::start_with(|config| config.application_plane = Wire::preset(Dialect::Sbt09)).await;
    let job_of = async |app: &TestApp, key: &str| {
        let tenant = app.tenant(key).await;
        let asked = app.command(&tenant, "provision", &TestApp::subscription()).await;
        asked.expect(202).text_at("/id")
    };
    let (answered, _) = (job_of(&app, "answered").await, job_of(&app, "overdue").await);
    erase_tenant(&app).await;
    let (billed, plan) = (app.tenant("billed").await, app.plan(json!({})).await);
    app.subscribe(&billed, &plan).await;
    app.settle().await;
    let (ear, ours) = listened_to(&mut app);
    let provisioning = Provisioning::new(ours);
    let output =
        json!({ "tenantRegistrationId": answered, "jobOutput": { "tenantData": { "bucket": "b" } } });
    let event = json!({ "id": "1", "source": "sbt.application.plane", "detail-type": "sbt_aws_provisionSuccess",
        "time": "2026-01-15T09:30:00Z", "detail": output });
    provisioning.handle(event).await.expect("it is taken");
    app.clock.advance_minutes(120);
    let task = json!({ "task": "watch_deadlines" });
    provisioning.handle(task).await.expect("it is done");
    for _ in 0..2 {
        app.clock.advance_minutes(40 * 24 * 60);
        let task = json!({ "task": "sweep_billing" });
        provisioning.handle(task).await.expect("it is done");
    }
    ear.heard()
}

/// The route's sample with an idempotency key, its repeat, and the request once more without one: a refusal, where the route
/// can refuse. And the forms of it that touch something else.
async fn send_all(scene: &Scene, route: &str) {
    let (app, operator) = (&scene.app, scene.app.operator());
    let body = scene.sample(route).unwrap_or_default();
    let keyed = || scene.request(route).header("idempotency-key", "k");
    let prove = |call| scene.prove(route, call, &body);
    // Not expected to succeed: what counts is what is asked of the table on the way.
    prove(keyed()).send().await;
    prove(keyed()).send().await;
    prove(scene.request(route)).send().await;
    scene.request(route).bearer("tlc_wrong").send().await;
    scene.request(route).bearer(scene.own_token(route)).send().await;
    let owner = app.member_as(&scene.tenant_id, SystemRole::Owner);
    scene.request(route).bearer(&owner).send().await;
    let queries: &[&str] = match route {
        "GET /leads" => &["?state=VERIFIED", "?state=UNVERIFIED"],
        "GET /tenants" => &[
            "?status=PENDING_PROVISION",
            "?key=acme",
            "?key=nobody",
            "?include=contacts",
        ],
        "GET /tenant-configs" => &["?configKey=auth0"],
        "GET /invoices" => &["?status=PAID"],
        "GET /tenants/{id}" => &["?include=contacts,resources,lead,address"],
        _ => &[],
    };
    for query in queries {
        prove(scene.bare_with(route, query)).send().await;
    }
    match route {
        "POST /leads" => {
            let taken = TestApp::new_lead("founder@acme.com");
            app.post("/leads").json(&taken).send().await.expect(409);
        }
        "PATCH /leads/{id}" | "DELETE /leads/{id}" => {
            // Of a lead that became a tenant, which keeps a copy.
            let founder = format!("/leads/{}", scene.founder.id);
            let call = app.call(route.split(' ').next().unwrap_or_default(), &founder);
            scene
                .with_sample(route, call)
                .bearer(&operator)
                .send()
                .await
                .expect(if body.is_null() { 204 } else { 200 });
        }
        "POST /tenants" => {
            let taken = TestApp::new_tenant("acme");
            // Refused, and then looked up: it might be the repeat of a request that was carried out.
            let call = app.post("/tenants").bearer(&operator).json(&taken);
            call.header("idempotency-key", "other").send().await.expect(409);
        }
        "PATCH /tenants/{id}" => {
            let body = json!({ "name": "Acme & Daughters" });
            let call = scene.bare(route).bearer(&owner).json(&body);
            call.send().await.expect(200);
        }
        "POST /tenants/{id}/provision" => {
            let body = json!({ "subscriptionId": app.unknown_id() });
            let call = scene.bare(route).bearer(scene.own_token(route)).json(&body);
            call.send().await.expect(404);
        }
        "POST /contacts" => {
            let mut nowhere = body.clone();
            nowhere["tenantId"] = app.unknown_id().into();
            let call = app.post("/contacts").bearer(&operator).json(&nowhere);
            call.header("idempotency-key", "other").send().await.expect(404);
        }
        "POST /webhook" => {
            let contradiction = scene.job().failure("no room");
            app.report(scene.job(), &contradiction).await.expect(409);
        }
        _ => {}
    }
}

fn permits(statement: &Value, touch: &Touch) -> bool {
    let on_table = json!({ "Fn::GetAtt": "Table.Arn" });
    let resources = match &statement["Resource"] {
        Value::Array(resources) => resources.clone(),
        one => vec![one.clone()],
    };
    let is_there = resources.iter().any(|resource| match &touch.index {
        None => *resource == on_table,
        Some(index) => *resource == json!({ "Fn::Sub": format!("${{Table.Arn}}/index/{index}") }),
    });
    let patterns = patterns(statement);
    texts(&statement["Action"])
        .iter()
        .any(|action| action == touch.action)
        && is_there
        && (patterns.is_empty() || patterns.iter().any(|pattern| fits(pattern, &touch.partition)))
}

/// The partitions that a statement is limited to; none means all.
fn patterns(statement: &Value) -> Vec<String> {
    let condition = statement["Condition"].as_object().cloned().unwrap_or_default();
    let operators = condition.iter().flat_map(|(operator, keys)| {
        assert!(
            ["ForAllValues:StringLike", "ForAllValues:StringEquals"].contains(&operator.as_str()),
            "this test does not know {operator}"
        );
        texts(&keys["dynamodb:LeadingKeys"])
    });
    operators.collect()
}

fn fits(pattern: &str, partition: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => partition.starts_with(prefix),
        None => partition == pattern,
    }
}

#[tokio::test]
async fn a_role_permits_the_calls_that_its_function_makes_and_no_partition_or_action_beyond() {
    let template = template();
    let heard = Box::pin(listen()).await;
    let on_table = |name: &str| -> Vec<Value> {
        let statements = statements(&template, name).into_iter();
        let is_on_table = |statement: &Value| {
            let actions = texts(&statement["Action"]);
            let is_stream = texts(&statement["Resource"])
                .iter()
                .any(|arn| arn.contains("tream"));
            actions.iter().any(|action| action.starts_with("dynamodb:")) && !is_stream
        };
        statements.filter(is_on_table).collect()
    };

    let mut wrong = BTreeSet::new();
    for (name, touches) in &heard {
        let statements = on_table(name);
        for touch in touches {
            if !statements.iter().any(|statement| permits(statement, touch)) {
                let partition = touch.partition.split('#').next().unwrap_or_default();
                wrong.insert(format!(
                    "{name} is refused {} on {partition} {}",
                    touch.action,
                    touch.index.as_deref().unwrap_or_default()
                ));
            }
        }
        for statement in &statements {
            let sid = &statement["Sid"];
            let used: Vec<&Touch> = touches.iter().filter(|touch| permits(statement, touch)).collect();
            for action in texts(&statement["Action"]) {
                if !used.iter().any(|touch| touch.action == action) {
                    wrong.insert(format!("{name} never uses {action} of {sid}"));
                }
            }
            for pattern in patterns(statement) {
                if !used.iter().any(|touch| fits(&pattern, &touch.partition)) {
                    wrong.insert(format!("{name} never uses {pattern} of {sid}"));
                }
            }
        }
    }

    assert_eq!(heard.len(), functions(&template).len());
    assert!(wrong.is_empty(), "\n{}", Vec::from_iter(wrong).join("\n"));
}
