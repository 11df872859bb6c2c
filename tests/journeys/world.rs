use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tenantry_app::{OsEntropy, SystemClock, signature};
use tenantry_domain::{Clock as _, Day, Entropy as _};
use tenantry_local::{Options, Server};

/// How often something is looked at that happens by and by.
const LOOKS: u32 = 200;
/// How long between two looks: ten seconds in all.
const PAUSE: Duration = Duration::from_millis(50);
/// The same for a deployed stack, where functions start cold: a minute and a half in all.
const DEPLOYED_PAUSE: Duration = Duration::from_millis(450);

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A deployment as its users see it.
#[derive(Clone)]
pub(crate) struct World {
    /// Where the API is.
    base_url: String,
    /// Where mail, events and tokens for trying things are; the local product's own routes.
    desk_url: String,
    /// Whether somebody answers provisioning events; if not, `World` does where a journey needs it.
    has_app_plane: bool,
    /// Between two looks at what happens by and by.
    pause: Duration,
    /// Part of every name that a journey gives, so that it meets nothing that was there before.
    mark: String,
    client: HttpClient,
}

/// A request that is being put together.
#[must_use = "a call does nothing until it is sent"]
pub(crate) struct Call {
    client: HttpClient,
    request: http::request::Builder,
    body: Bytes,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

/// What an application plane learns from the event that asks it to provision.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) job_id: String,
    pub(crate) attempt: u64,
    pub(crate) secret: String,
    pub(crate) context: String,
    url: String,
}

/// Starts the local product on any free port; `settings` are environment variables.
pub(crate) async fn start(
    options: Options,
    settings: &'static [(&'static str, &'static str)],
) -> (Server, World) {
    let lookup = |name: &str| {
        settings
            .iter()
            .find(|(set, _)| *set == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let has_app_plane = !options.no_app_plane;
    let server = Server::start(options, lookup)
        .await
        .expect("the local product starts");
    let desk_url = format!("{}/local", server.url);
    let world = World {
        has_app_plane,
        ..World::at(&server.url, &desk_url, PAUSE)
    };
    (server, world)
}

/// The same, with nobody who answers provisioning events.
pub(crate) async fn start_without_app_plane() -> (Server, World) {
    let options = Options {
        no_app_plane: true,
        ..Options::default()
    };
    start(options, &[]).await
}

/// The stack at `BASE_URL`, with the desk at `DESK_URL`.
pub(crate) fn deployed() -> World {
    #[expect(
        clippy::disallowed_methods,
        reason = "the tests of a deployed stack are told where it is"
    )]
    let url = |name: &str| {
        let url = std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
        url.trim_end_matches('/').to_owned()
    };
    World::at(&url("BASE_URL"), &url("DESK_URL"), DEPLOYED_PAUSE)
}

impl World {
    fn at(base_url: &str, desk_url: &str, pause: Duration) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .expect("this machine knows certificate authorities")
            .https_or_http()
            .enable_http1()
            .build();
        let mut mark = [0; 6];
        OsEntropy.fill(&mut mark);
        Self {
            base_url: base_url.to_owned(),
            desk_url: desk_url.to_owned(),
            has_app_plane: false,
            pause,
            mark: mark.iter().map(|byte| char::from(b'a' + byte % 26)).collect(),
            client: Client::builder(TokioExecutor::new()).build(connector),
        }
    }

    /// A tenant key that nobody has yet; `name` has at most four letters.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{name}{}", self.mark)
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        self.request(method, &format!("{}{path}", self.base_url))
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    fn request(&self, method: Method, url: &str) -> Call {
        Call {
            client: self.client.clone(),
            request: Request::builder().method(method).uri(url),
            body: Bytes::new(),
        }
    }

    /// The token of an operator with every permission.
    pub(crate) async fn operator_token(&self) -> String {
        self.token("operator").await
    }

    /// The token of an operator with every permission, or of whoever scrapes the metrics.
    pub(crate) async fn token(&self, who: &str) -> String {
        let url = format!("{}/token?as={who}", self.desk_url);
        self.request(Method::GET, &url)
            .send()
            .await
            .expect(200)
            .text_at("/token")
    }

    /// The token that a member would have from its next sign-in on: what it may do is read as an operator.
    pub(crate) async fn member_token(&self, tenant_id: &str, user_id: &str, membership_id: &str) -> String {
        let operator = self.operator_token().await;
        let path = format!("/user-tenants/{membership_id}/effective-permissions?tenantId={tenant_id}");
        let held = self.get(&path).bearer(&operator).send().await.expect(200);
        let held = held.json["permissions"].as_array().into_iter().flatten();
        let held: Vec<&str> = held.filter_map(Value::as_str).collect();
        let query = format!(
            "tenantId={tenant_id}&userId={user_id}&permissions={}",
            held.join(",")
        );
        self.token(&format!("member&{query}")).await
    }

    /// What a person gets who signs in at the pool that tenants share: an access token and one to renew it with. Nothing, if it has no
    /// login there.
    pub(crate) async fn sign_in_at_pool(&self, email: &str) -> Option<(String, String)> {
        let url = format!("{}/pool/sign-in?email={email}", self.desk_url);
        let reply = self.request(Method::GET, &url).send().await;
        (reply.status == StatusCode::OK)
            .then(|| (reply.text_at("/accessToken"), reply.text_at("/refreshToken")))
    }

    /// The next access token; nothing, if the person was signed out.
    pub(crate) async fn renew_at_pool(&self, refresh_token: &str) -> Option<String> {
        let url = format!("{}/pool/renew?refreshToken={refresh_token}", self.desk_url);
        let reply = self.request(Method::GET, &url).send().await;
        (reply.status == StatusCode::OK).then(|| reply.text_at("/accessToken"))
    }

    /// The mails that this person has received, oldest first.
    pub(crate) async fn mails_to(&self, address: &str) -> Vec<Value> {
        let url = format!("{}/mailbox", self.desk_url);
        let mails = self
            .request(Method::GET, &url)
            .header("accept", "application/json")
            .send()
            .await
            .expect(200);
        let mails = mails.json["items"].as_array().cloned().unwrap_or_default();
        mails.into_iter().filter(|mail| mail["to"] == address).collect()
    }

    /// The mail with this subject to this person, when it has come.
    pub(crate) async fn mail_to(&self, address: &str, subject: &str) -> Value {
        let look = || async {
            self.mails_to(address)
                .await
                .into_iter()
                .rev()
                .find(|mail| mail["subject"] == subject)
        };
        self.eventually(&format!("a mail `{subject}` to {address}"), look)
            .await
    }

    /// The events that went over the bus, oldest first.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let url = format!("{}/events", self.desk_url);
        let events = self.request(Method::GET, &url).send().await.expect(200);
        events.json["items"].as_array().cloned().unwrap_or_default()
    }

    /// Has an application plane say something over the bus.
    pub(crate) async fn publish(&self, source: &str, detail_type: &str, detail: &Value) {
        let url = format!("{}/events", self.desk_url);
        let event = json!({ "source": source, "detail-type": detail_type, "detail": detail });
        let published = self.request(Method::POST, &url).json(&event).send().await;
        published.expect(202);
    }

    /// Has a schedule's task done now, and waits until it is.
    pub(crate) async fn run_task(&self, name: &str) {
        let url = format!("{}/tasks", self.desk_url);
        let task = json!({ "task": name });
        let done = self.request(Method::POST, &url).json(&task).send().await;
        done.expect(204);
    }

    /// Puts a plan on sale of 49.00 EUR a month, whose application plane is spoken to like this; answers its id.
    pub(crate) async fn plan(&self, application_plane: &Value) -> String {
        let plan = json!({
            "name": "Basic", "tier": "BASIC", "price": 4900, "currencyCode": "EUR", "billingInterval": "MONTH",
            "applicationPlane": application_plane,
        });
        let operator = self.operator_token().await;
        let made = self.post("/plans").bearer(&operator).json(&plan).send().await;
        made.expect(201).text_at("/id")
    }

    /// Subscribes the tenant to the plan from this day on, or from today; answers the subscription's id.
    pub(crate) async fn subscribe(&self, tenant_id: &str, plan_id: &str, starts_on: Option<Day>) -> String {
        let mut body = json!({ "tenantId": tenant_id, "planId": plan_id });
        if let Some(day) = starts_on {
            body["startsOn"] = day.to_string().into();
        }
        let operator = self.operator_token().await;
        let call = self.post("/subscriptions").bearer(&operator).json(&body);
        call.send().await.expect(201).text_at("/id")
    }

    /// The names of a job's steps.
    pub(crate) async fn steps(&self, tenant_id: &str, job_id: &str) -> Vec<String> {
        let operator = self.operator_token().await;
        let path = format!("/tenants/{tenant_id}/jobs/{job_id}");
        let job = self.get(&path).bearer(&operator).send().await.expect(200);
        let steps = job.json["steps"].as_array().into_iter().flatten();
        steps
            .filter_map(|step| step["name"].as_str().map(str::to_owned))
            .collect()
    }

    /// The events of one type that went over the bus about this lead or tenant, oldest first. One that came twice is one.
    pub(crate) async fn events_about(&self, subject: &str, detail_type: &str) -> Vec<Value> {
        let events = self.events().await;
        let mut seen = BTreeSet::new();
        let is_wanted = |event: &Value| {
            event["detail-type"] == detail_type
                && event["detail"]["subject"] == subject
                && seen.insert(event["detail"]["id"].to_string())
        };
        events.into_iter().filter(is_wanted).collect()
    }

    /// The one event of this type about this lead or tenant, when it has come.
    pub(crate) async fn event_about(&self, subject: &str, detail_type: &str) -> Value {
        let look = || async {
            let events = self.events_about(subject, detail_type).await;
            assert!(
                events.len() < 2,
                "{subject} has several {detail_type}: {events:?}"
            );
            events.into_iter().next()
        };
        self.eventually(&format!("{detail_type} about {subject}"), look)
            .await
    }

    /// Signs up and waits for the mail; answers the lead's id and code.
    pub(crate) async fn sign_up(&self, email: &str) -> (String, String) {
        let lead =
            json!({ "firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": email });
        let id = self
            .post("/leads")
            .json(&lead)
            .send()
            .await
            .expect(201)
            .text_at("/id");
        let mail = self.mail_to(email, "Confirm your e-mail address").await;
        (id, code_in(&mail))
    }

    /// Signs up and proves the address; answers the lead's id and token.
    pub(crate) async fn verified_lead(&self, email: &str) -> (String, String) {
        let (id, code) = self.sign_up(email).await;
        let verified = self
            .post(&format!("/leads/{id}/verify"))
            .bearer(&code)
            .send()
            .await;
        let token = verified.expect(200).text_at("/token");
        (id, token)
    }

    /// Creates a tenant as an operator.
    pub(crate) async fn tenant(&self, key: &str) -> String {
        let contact =
            json!({ "firstName": "Ada", "lastName": "Lovelace", "email": format!("ada@{key}.com") });
        let tenant =
            json!({ "name": key, "key": key, "domains": [format!("{key}.com")], "contact": contact });
        let operator = self.operator_token().await;
        self.post("/tenants")
            .bearer(&operator)
            .json(&tenant)
            .send()
            .await
            .expect(201)
            .text_at("/id")
    }

    /// Requests provisioning as an operator; answers the job.
    pub(crate) async fn provision(&self, tenant_id: &str) -> Value {
        let subscription = json!({ "id": "sub_1", "plan": { "tier": "basic", "seats": 5 } });
        let operator = self.operator_token().await;
        let path = format!("/tenants/{tenant_id}/provision");
        self.post(&path)
            .bearer(&operator)
            .json(&subscription)
            .send()
            .await
            .expect(202)
            .json
    }

    /// Waits for the event of this job, as an application plane does.
    pub(crate) async fn order(&self, tenant_id: &str, job_id: &str) -> Order {
        let look = || async {
            for kind in ["provisioning", "deprovisioning", "tier_change"] {
                let events = self
                    .events_about(tenant_id, &format!("tenant.{kind}_requested.v1"))
                    .await;
                let found = events
                    .into_iter()
                    .find(|event| event["detail"]["data"]["job"]["id"] == job_id);
                if found.is_some() {
                    return found;
                }
            }
            None
        };
        let event = self.eventually(&format!("the event of job {job_id}"), look).await;
        let data = &event["detail"]["data"];
        let text = |pointer: &str| {
            data.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Order {
            job_id: text("/job/id"),
            attempt: data["job"]["attempt"].as_u64().unwrap_or_default(),
            secret: text("/callback/secret"),
            context: text("/callback/context"),
            url: text("/callback/url"),
        }
    }

    /// Sends something about a tenant as an operator: `command` is the path behind the tenant's.
    pub(crate) async fn command(&self, tenant_id: &str, command: &str, body: &Value) -> Reply {
        let operator = self.operator_token().await;
        let path = format!("/tenants/{tenant_id}/{command}");
        self.post(&path).bearer(&operator).json(body).send().await
    }

    /// The job as an operator sees it.
    pub(crate) async fn find_job(&self, tenant_id: &str, job_id: &str) -> Value {
        let operator = self.operator_token().await;
        let path = format!("/tenants/{tenant_id}/jobs/{job_id}");
        self.get(&path).bearer(&operator).send().await.expect(200).json
    }

    /// Requests provisioning and waits for the event.
    pub(crate) async fn provision_and_receive(&self, tenant_id: &str) -> Order {
        let job = self.provision(tenant_id).await;
        self.order(tenant_id, job["id"].as_str().unwrap_or_default())
            .await
    }

    /// A report of an application plane, signed as the order says, at this time.
    pub(crate) fn report_at(&self, order: &Order, body: &Value, timestamp_ms: i64) -> Call {
        let text = body.to_string();
        let signature = signature::sign(
            &order.secret.clone().into(),
            text.as_bytes(),
            &order.context,
            timestamp_ms,
        );
        self.signed(order, text, timestamp_ms, &signature)
    }

    /// The same, now.
    pub(crate) fn report(&self, order: &Order, body: &Value) -> Call {
        self.report_at(order, body, now_ms())
    }

    /// A report with a signature that somebody brought.
    pub(crate) fn signed(&self, order: &Order, text: String, timestamp_ms: i64, signature: &str) -> Call {
        let call = self
            .request(Method::POST, &order.url)
            .header("content-type", "application/json");
        call.header("x-timestamp", &timestamp_ms.to_string())
            .header("x-signature", signature)
            .body(text)
    }

    /// Something else that an application plane says about the order's tenant, signed over body and timestamp.
    pub(crate) fn signed_call(&self, order: &Order, path: &str, body: &Value) -> Call {
        let (text, now) = (body.to_string(), now_ms());
        let signature = signature::sign(&order.secret.clone().into(), text.as_bytes(), "", now);
        self.post(path)
            .header("content-type", "application/json")
            .header("x-timestamp", &now.to_string())
            .header("x-signature", &signature)
            .body(text)
    }

    /// The tenant as an operator sees it.
    pub(crate) async fn find_tenant(&self, tenant_id: &str) -> Value {
        let operator = self.operator_token().await;
        let path = format!("/tenants/{tenant_id}?include=contacts,resources,lead");
        self.get(&path).bearer(&operator).send().await.expect(200).json
    }

    /// The tenant, when it has this status.
    pub(crate) async fn tenant_in(&self, tenant_id: &str, status: &str) -> Value {
        let look =
            || async { Some(self.find_tenant(tenant_id).await).filter(|tenant| tenant["status"] == status) };
        self.eventually(&format!("tenant {tenant_id} in {status}"), look)
            .await
    }

    /// Does what the sample application plane does, where there is none.
    pub(crate) async fn answer_as_app_plane(&self, tenant_id: &str, key: &str, job: &Value) {
        if self.has_app_plane {
            return;
        }
        let order = self
            .order(tenant_id, job["id"].as_str().unwrap_or_default())
            .await;
        let mut report = success(tenant_id);
        report["data"]["appPlaneUrl"] = format!("https://{key}.app.example.com").into();
        self.report(&order, &report).send().await.expect(204);
    }

    /// Looks until there is something to see.
    pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        look: impl Fn() -> F,
    ) -> T {
        for _ in 0..LOOKS {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(self.pause).await;
        }
        panic!("waited in vain for {what}");
    }
}

impl Order {
    /// What a pipeline of ARC's learns from its environment; its callback's address it knows by itself.
    pub(crate) fn of_arc(environment: &Value, url: &str) -> Self {
        let text = |name: &str| environment[name].as_str().unwrap_or_default().to_owned();
        Self {
            job_id: String::new(),
            attempt: 0,
            secret: text("secret"),
            context: text("context"),
            url: url.to_owned(),
        }
    }
}

impl Call {
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    pub(crate) fn body(self, text: String) -> Self {
        Self {
            body: text.into(),
            ..self
        }
    }

    pub(crate) async fn send(self) -> Reply {
        let request = self
            .request
            .body(Full::new(self.body))
            .expect("journeys make valid requests");
        let (parts, body) = self
            .client
            .request(request)
            .await
            .expect("the deployment answers")
            .into_parts();
        let bytes = body.collect().await.expect("answers are complete").to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Reply {
            status: parts.status,
            headers: parts.headers,
            json,
            text,
        }
    }
}

impl Reply {
    /// The answer, if it has this status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The answer, if it is this problem.
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.json["code"], code, "{}", reply.text);
        reply
    }

    pub(crate) fn text_at(&self, pointer: &str) -> String {
        let text = self.json.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {pointer} in {}", self.text))
            .to_owned()
    }
}

pub(crate) fn now_ms() -> i64 {
    SystemClock.now().as_millis()
}

/// The code in a verification mail.
pub(crate) fn code_in(mail: &Value) -> String {
    code_that_begins("tlc_", mail)
}

/// The code in a mail that invites.
pub(crate) fn invitation_in(mail: &Value) -> String {
    code_that_begins("tic_", mail)
}

fn code_that_begins(start: &str, mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap_or_default();
    let start = text.find(start).expect("the mail has a code");
    text[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
        .collect()
}

/// A report that what was ordered stands.
pub(crate) fn success(tenant_id: &str) -> Value {
    let files =
        json!({ "type": "bucket", "externalIdentifier": "files", "metadata": { "region": "eu-west-1" } });
    let database = json!({ "type": "database", "externalIdentifier": "db" });
    let data =
        json!({ "status": 1, "resources": [files, database], "appPlaneUrl": "https://app.example.com" });
    json!({ "initiatorId": tenant_id, "type": 0, "data": data })
}

/// A report that what was made is removed.
pub(crate) fn removed(tenant_id: &str) -> Value {
    json!({ "initiatorId": tenant_id, "type": 1, "data": { "status": 1 } })
}

/// A report that it could not be removed.
pub(crate) fn not_removed(tenant_id: &str, reason: &str) -> Value {
    json!({ "initiatorId": tenant_id, "type": 1, "data": { "status": 0, "reason": reason } })
}

/// A report that it could not be made.
pub(crate) fn failure(tenant_id: &str, reason: &str) -> Value {
    json!({ "initiatorId": tenant_id, "type": 0, "data": { "status": 0, "reason": reason } })
}
