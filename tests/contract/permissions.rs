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
use tenantry_app::{App, Config, FirstKey, IdentitySettings, Keyring, Report, take_report};
use tenantry_domain::{
    Actor, Clock as _, Conflict, Dialect, Entropy as _, Identity, Login, Outcome, ProviderId, ProviderName,
    SystemRole, TenantScope, User, Wire,
};
use tenantry_local::TABLE;
use tenantry_logins::Logins;
use tenantry_provisioning::Provisioning;
use tenantry_relay::Relay;
use tenantry_store::{Settings, Store, Transaction};
use tenantry_testing::{Directory, Person, Provisioning as Order, SeededEntropy, TestApp};
use tenantry_tokens::Tokens;

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
    let directory = Directory::of(ProviderName::Cognito);
    listened_to_with(app, &directory)
}

/// The same, with this directory in the place of a provider, and a pool whose tenants' issuers may be asked for.
fn listened_to_with(app: &mut TestApp, directory: &Arc<Directory>) -> (Ear, Arc<App>) {
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
        config: Config {
            identity: IdentitySettings::parse(POOL).expect("the settings are sound"),
            ..theirs.config.clone()
        },
        keyring,
        identity: directory.alone(),
    });
    let edge = Edge {
        app: Arc::clone(&ours),
        authenticator: Arc::clone(&app.product.edge.authenticator),
    };
    app.product.router = tenantry_api::router(tenantry_local::groups(), &edge);
    (ear, ours)
}

const POOL: &str =
    r#"{"cognito":{"userPoolId":"eu-1_pool","clientId":"app","issuerBase":"https://cognito.example.com"}}"#;

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
        let unlike = if route == "POST /manage/users" {
            unlike_jobs(&scene.app).await
        } else {
            Vec::new()
        };
        let of_its_own = if route == "DELETE /tenants/{id}" {
            Some(tenant_of_its_own_pool(&scene.app).await)
        } else {
            None
        };
        if route == "DELETE /user/{id}" {
            know_as(&scene.app, &scene.people().person, "old").await;
        }
        let (ear, _) = listened_to(&mut scene.app);
        send_all(&scene, &route).await;
        if let Some(tenant) = of_its_own {
            let erased = scene.app.delete(&format!("/tenants/{tenant}"));
            erased.bearer(&scene.app.operator()).send().await.expect(204);
        }
        for job in unlike {
            scene.app.set_up_identity(&job).await.expect(200);
        }
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

    let [logins, tokens] = follow_members().await;
    heard.entry("logins".to_owned()).or_default().extend(logins);
    heard.entry("tokens".to_owned()).or_default().extend(tokens);

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

/// Jobs whose identity is set up in another way: a tenant that shares with nobody, and one whose contact is known, by a login
/// that it has no more.
async fn unlike_jobs(app: &TestApp) -> Vec<Order> {
    let mut jobs = Vec::new();
    for (key, deployment) in [("silo", "SILO"), ("known", "POOLED")] {
        let mut tenant = TestApp::new_tenant(key);
        tenant["contact"]["email"] = json!(format!("{key}@acme.com"));
        let created = app
            .post("/tenants")
            .bearer(&app.operator())
            .json(&tenant)
            .send()
            .await;
        let tenant = created.expect(201).text_at("/id");
        let body = json!({ "id": "sub_1", "plan": { "tier": "BASIC", "deployment": deployment } });
        let asked = app.command(&tenant, "provision", &body).await.expect(202);
        jobs.push(app.order(&asked.text_at("/id")).await);
    }
    let elsewhere = app.active_tenant("before").await;
    let known = app
        .join_as(&elsewhere, "known@acme.com", SystemRole::Member)
        .await;
    know_as(app, &known, "old").await;
    jobs
}

/// A tenant that has left, and whose people signed in to a pool of its own.
async fn tenant_of_its_own_pool(app: &TestApp) -> String {
    let id = app.inactive_tenant("own").await;
    let context = app.context("permissions");
    let scope = TenantScope::of_system(id.parse().expect("it is an id"), Actor::System);
    let tenant = context
        .store
        .find_tenant(&scope)
        .await
        .expect("the table answers")
        .expect("there is one");
    let text = |text: &str| ProviderId::parse(text).expect("it is short");
    let identity = Identity {
        provider: ProviderName::Cognito,
        place: text("eu-1_own"),
        is_own: true,
        organization: None,
        issuer: "https://cognito.example.com/eu-1_own".to_owned(),
        client_id: None,
    };
    let after = tenant.clone().identified(
        identity,
        User::new_id(context.now, &*app.entropy),
        &context.change(Actor::System),
    );
    let mut transaction = Transaction::new();
    transaction.replace_tenant(&scope, &tenant, &after, Conflict::EmailTaken.into());
    context
        .store
        .commit(transaction)
        .await
        .expect("nobody else changes it");
    id
}

/// Gives a person a login in the pool.
async fn know_as(app: &TestApp, person: &Person, auth_id: &str) {
    let context = app.context("permissions");
    let id = person.user_id.parse().expect("it is an id");
    let user = context
        .store
        .find_user(id)
        .await
        .expect("the table answers")
        .expect("there is one");
    let text = |text: &str| ProviderId::parse(text).expect("it is short");
    let login = Login {
        provider: ProviderName::Cognito,
        place: text("pool"),
        auth_id: text(auth_id),
    };
    let known = user
        .clone()
        .known_as(login, &context.change(Actor::System))
        .expect("it is new");
    let mut transaction = Transaction::new();
    transaction.replace_user(&user, &known);
    context
        .store
        .commit(transaction)
        .await
        .expect("nobody else has it");
}

/// What following members, and asking for their tokens, does to the table.
async fn follow_members() -> [Vec<Touch>; 2] {
    let directory = Directory::of(ProviderName::Cognito);
    let mut app = TestApp::start_identified(directory.alone(), |_| {}).await;
    let tenant = app.tenant("acme").await;
    // Before there is an identity, so that nobody has a login yet.
    let grace = app.join_as(&tenant, "grace@acme.com", SystemRole::Member).await;
    let job = app.provision(&tenant).await;
    app.set_up_identity(&job).await.expect(200);
    app.report(&job, &job.success()).await.expect(204);
    know_as(&app, &grace, "old").await;
    let joined = app.events_of("member.joined.v1").await;
    let joined = joined
        .into_iter()
        .find(|event| event["detail"]["data"]["member"]["userId"] == grace.user_id);
    let mut removed = joined.clone().expect("she joined");
    removed["detail"]["type"] = json!("member.removed.v1");
    let auth_id = format!("sub-{}", grace.user_id);
    removed["detail"]["data"]["member"]["login"] =
        json!({ "provider": "cognito", "place": "pool", "authId": auth_id });
    let (ear, ours) = listened_to_with(&mut app, &directory);
    directory.set_first_key(FirstKey::Password("Sesame-0pen!".to_owned().into()));

    let logins = Logins::new(Arc::clone(&ours));
    for event in [joined.expect("she joined"), removed] {
        let task = serde_json::from_value(event).expect("it is an event");
        logins.take(&task).await.expect("it is followed");
    }
    let followed = ear.heard();
    // Who has left: the tenant is asked where its people sign in.
    let gone = json!({ "detail": { "specversion": "1.0", "id": app.unknown_id(), "source": "tenantry", "type": "member.removed.v1",
        "subject": tenant, "time": "2026-01-15T09:30:00.000Z", "datacontenttype": "application/json", "tenantid": tenant,
        "correlationid": "c", "data": { "member": { "id": app.unknown_id(), "status": "ACTIVE",
            "login": { "provider": "cognito", "place": "pool", "authId": auth_id } } } } });
    let task = serde_json::from_value(gone).expect("it is an event");
    logins.take(&task).await.expect("it is followed");
    let followed = [followed, ear.heard()].concat();

    let settings = tenantry_tokens::Settings {
        token_max_bytes: 4096,
        ..tenantry_tokens::Settings::default()
    };
    let tokens = Tokens::new(ours, settings);
    for name in [grace.user_id.as_str(), "grace"] {
        let event = json!({
            "version": "2", "triggerSource": "TokenGeneration_Authentication", "userPoolId": "pool", "userName": name,
            "request": { "userAttributes": { "sub": auth_id }, "groupConfiguration": { "groupsToOverride": [tenant] },
                "clientMetadata": { "tenantId": tenant } },
            "response": {},
        });
        tokens.handle(event).await.expect("she is let in");
    }
    [followed, ear.heard()]
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
    // A token of a pool that may be some tenant's own.
    let now = app.clock.now().as_seconds();
    let strange = json!({ "iss": "https://cognito.example.com/eu-1_other", "sub": "x" });
    let strange = app
        .product
        .issuer
        .sign(strange, now, now + 60)
        .expect("the local issuer signs");
    scene.request(route).bearer(&strange).send().await;
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
