use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tenantry_api::{Access, Route};
use tenantry_app::{IdentitySettings, signature};
use tenantry_domain::{Clock as _, Permission};
use tenantry_testing::{Answer, Call, Person, Provisioning, TestApp, VerifiedLead, of_members};

use crate::contract::people::People;

/// An installation in which one route can be tried by everybody: two leads that are not each other, two tenants, and what
/// the route's path names.
pub(crate) struct Scene {
    pub(crate) app: TestApp,
    /// Verified, without a tenant; what `/leads/{id}` names.
    pub(crate) lead: VerifiedLead,
    /// The present code of that lead.
    pub(crate) code: String,
    /// The lead that became the tenant.
    pub(crate) founder: VerifiedLead,
    /// A lead that the path does not name.
    pub(crate) stranger: VerifiedLead,
    /// What `/tenants/{id}` names.
    pub(crate) tenant_id: String,
    /// Another tenant.
    pub(crate) elsewhere: String,
    /// What `/contacts/{id}` and its like name, for the routes that need one.
    thing_id: String,
    /// The people of the tenant, for the routes that are about them.
    pub(crate) people: Option<People>,
    /// A plan that the tenant does not have, for the routes that need one.
    plan_id: String,
    /// The tenant's open job, for the routes that need one.
    provisioning: Option<Provisioning>,
}

/// A pool into which application planes put people themselves.
const POOL: &str =
    r#"{"cognito":{"userPoolId":"pool","clientId":"app","issuerBase":"https://cognito.example.com"}}"#;

/// The routes as the code has them, `METHOD /path`, in the order of the groups.
pub(crate) fn routes() -> Vec<String> {
    let tables = tenantry_local::groups()
        .into_iter()
        .flat_map(|group| group.table());
    tables
        .map(|route| format!("{} {}", route.method, route.path))
        .collect()
}

/// Method and path of a route.
pub(crate) fn split(route: &str) -> (&str, &str) {
    route.split_once(' ').expect("a route is a method and a path")
}

impl Scene {
    pub(crate) async fn of(route: &str) -> Self {
        let app = TestApp::start_with(|config| {
            config.public_rate_per_minute = 100_000;
            if route == "POST /user-callback" {
                config.identity = IdentitySettings::parse(POOL).expect("the settings are sound");
            }
        })
        .await;
        let founder = app.verified_lead("founder@acme.com").await;
        let stranger = app.verified_lead("stranger@other.com").await;
        let lead = app.verified_lead("lead@acme.com").await;
        app.post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);
        let code = app.last_code().await;
        let acme = json!({ "key": "acme", "domains": ["acme.com"] });
        let founded = app
            .post(&format!("/leads/{}/tenants", founder.id))
            .bearer(&founder.token)
            .json(&acme)
            .send()
            .await;
        let tenant_id = founded.expect(201).text_at("/id");
        let elsewhere = app.tenant("elsewhere").await;
        let needs_resources = route.contains("/resources");
        // These are about a tenant in use, or one that was.
        let needs_use = [
            "/suspend",
            "/reactivate",
            "/change-tier",
            "/offboard",
            "/switch",
            "DELETE /tenants/{id}",
        ]
        .iter()
        .any(|command| route.ends_with(command));
        let needs_job = route.contains("/jobs") || is_signed(route) || needs_resources || needs_use;
        let provisioning = if needs_job {
            Some(app.provision(&tenant_id).await)
        } else {
            None
        };
        if let Some(job) = provisioning.as_ref().filter(|_| needs_resources || needs_use) {
            app.report(job, &job.success()).await.expect(204);
        }
        if let Some(job) = provisioning.as_ref().filter(|_| route.ends_with("/retry")) {
            app.report(job, &job.failure("no room")).await.expect(204);
        }
        if route == "DELETE /tenants/{id}" {
            let order = app.offboard(&tenant_id).await;
            app.report(&order, &order.removed()).await.expect(204);
        }
        if route.ends_with("/reactivate") {
            let body = json!({ "reason": "not paid" });
            app.command(&tenant_id, "suspend", &body).await.expect(200);
        }
        let thing_id = thing_of(&app, &tenant_id, route).await;
        let people = if is_about_people(route) {
            let people = People::of(&app, &tenant_id).await;
            deactivate_if_asked(&app, &people, route).await;
            Some(people)
        } else {
            None
        };
        let plan_id = if route.contains("/subscriptions") {
            app.plan(json!({ "price": 9900 })).await
        } else {
            String::new()
        };
        app.settle().await;
        Self {
            app,
            lead,
            code,
            founder,
            stranger,
            tenant_id,
            elsewhere,
            thing_id,
            people,
            plan_id,
            provisioning,
        }
    }

    /// Makes what the path names anew, for the next caller: what one has deleted is not there for another, and a key that one
    /// has set is taken.
    pub(crate) async fn renew(&mut self, route: &str) {
        self.thing_id = thing_of(&self.app, &self.tenant_id, route).await;
        if is_about_people(route) {
            let people = People::of(&self.app, &self.tenant_id).await;
            deactivate_if_asked(&self.app, &people, route).await;
            self.people = Some(people);
        }
    }

    /// The body of a request that is carried out; `None` for routes that take none. Every route stands here.
    pub(crate) fn sample(&self, route: &str) -> Option<Value> {
        let of_people = self.people.as_ref();
        if let Some(body) = of_people.and_then(|people| people.sample(&self.app, route)) {
            return body;
        }
        match route {
            "GET /"
            | "GET /ping"
            | "GET /health"
            | "GET /metrics"
            | "GET /openapi.json"
            | "GET /events/schemas"
            | "GET /events/schemas/{type}"
            | "GET /docs"
            | "GET /docs/{file}"
            | "GET /leads"
            | "GET /leads/count"
            | "GET /leads/{id}"
            | "DELETE /leads/{id}"
            | "POST /leads/{id}/resend"
            | "POST /leads/{id}/verify"
            | "GET /tenants"
            | "GET /tenants/count"
            | "GET /tenants/{id}"
            | "GET /tenant-keys/{key}"
            | "GET /tenants/{id}/jobs"
            | "GET /tenants/{id}/jobs/{jobId}"
            | "GET /tenants/{id}/resources"
            | "DELETE /tenants/{id}"
            | "GET /tenants/{id}/export"
            | "GET /tenants/{id}/audit"
            | "GET /tenants/{id}/audit/verify"
            | "GET /contacts"
            | "GET /contacts/count"
            | "GET /contacts/{id}"
            | "DELETE /contacts/{id}"
            | "POST /tenants/{id}/jobs/{jobId}/retry"
            | "GET /tenant-configs"
            | "GET /tenant-configs/count"
            | "GET /tenant-configs/{id}"
            | "DELETE /tenant-configs/{id}"
            | "GET /plans"
            | "GET /plans/{id}"
            | "DELETE /plans/{id}"
            | "GET /subscriptions"
            | "GET /subscriptions/{id}"
            | "GET /invoices"
            | "GET /invoices/count"
            | "GET /invoices/{id}"
            | "GET /invoices/{id}/download"
            | "DELETE /invoices/{id}" => None,
            "POST /leads" => Some(TestApp::new_lead("grace@acme.com")),
            "PATCH /leads/{id}" => Some(json!({ "companyName": "Acme Ltd" })),
            "POST /leads/{id}/tenants" => Some(json!({ "key": "acme2", "domains": ["acme.com"] })),
            "POST /tenants" => Some(TestApp::new_tenant("globex")),
            "PATCH /tenants/{id}" => Some(json!({ "name": "Acme Ltd" })),
            "POST /tenants/{id}/provision" => Some(TestApp::subscription()),
            "POST /tenants/{id}/suspend" => Some(json!({ "reason": "not paid" })),
            "POST /tenants/{id}/reactivate" => Some(json!({ "reason": "paid" })),
            "POST /tenants/{id}/change-tier" => Some(json!({ "tier": "PREMIUM" })),
            "POST /tenants/{id}/offboard" => Some(json!({ "reason": "contract ended" })),
            "POST /tenants/{id}/jobs/{jobId}/cancel" => Some(json!({ "reason": "by mistake" })),
            "POST /webhook" => Some(self.job().success()),
            "POST /manage/users" => Some(json!({
                "tenant": { "id": self.tenant_id, "key": "acme", "tier": "BASIC" }, "plan": { "tier": "BASIC" },
            })),
            "POST /user-callback" => Some(json!({
                "tenantKey": "acme", "email": "founder@acme.com", "cognitoAuthId": "5f1c", "tenantName": "Acme",
                "authClient": { "clientId": "own", "secret": "sesame" },
            })),
            "POST /contacts" => Some(json!({
                "tenantId": self.tenant_id, "firstName": "Alan", "lastName": "Turing", "email": "alan@acme.com", "isPrimary": true,
            })),
            "POST /tenant-configs" => Some(config(&self.tenant_id, &format!("profile {}", self.thing_id))),
            "PATCH /tenant-configs/{id}" => Some(json!({ "secrets": { "clientSecret": "other" } })),
            "POST /plans" => Some(TestApp::new_plan()),
            "PATCH /plans/{id}" => Some(json!({ "price": 5900 })),
            "POST /subscriptions" => Some(json!({ "tenantId": self.tenant_id, "planId": self.plan_id })),
            "PATCH /subscriptions/{id}" => Some(json!({ "planId": self.plan_id })),
            "POST /subscriptions/{id}/cancel" => Some(json!({ "at": "period_end" })),
            "POST /invoices" => Some(json!({
                "tenantId": self.tenant_id, "currencyCode": "EUR", "lines": [{ "description": "Set-up", "unitAmount": 25_000 }],
            })),
            "PATCH /invoices/{id}" => Some(json!({ "status": "PAID" })),
            "PATCH /contacts/{id}" => Some(json!({ "lastName": "Murray", "isPrimary": true })),
            _ => {
                panic!(
                    "{route} has no sample request: add one to `Scene::sample` or `People::sample` in tests/contract"
                )
            }
        }
    }

    /// The path with this scene's ids.
    pub(crate) fn path(&self, route: &str) -> String {
        let (_, template) = split(route);
        let of_people = self.people.iter().flat_map(|people| people.ids(route));
        let template = &of_people.fold(template.to_owned(), |path, (name, id)| path.replace(name, id));
        let id = if is_about_lead(route) {
            &self.lead.id
        } else if is_of_account(route) || route.contains(" /plans/") {
            &self.thing_id
        } else {
            &self.tenant_id
        };
        let job_id = self
            .provisioning
            .as_ref()
            .map_or("", |provisioning| &provisioning.job_id);
        let path = template
            .replace("{id}", id)
            .replace("{jobId}", job_id)
            .replace("{key}", "free")
            .replace("{file}", "index.html")
            .replace("{type}", "tenant.created.v1");
        assert!(
            !path.contains('{'),
            "{route}: `Scene::path` in tests/contract/scene.rs has no value for a parameter"
        );
        path
    }

    /// The token of the lead that the path names, or that became the tenant that the path names.
    pub(crate) fn own_token(&self, route: &str) -> &str {
        if is_about_lead(route) {
            &self.lead.token
        } else {
            &self.founder.token
        }
    }

    /// A request without body or proof.
    pub(crate) fn bare(&self, route: &str) -> Call<'_> {
        self.bare_with(route, "")
    }

    /// A request without body or proof, with a query.
    pub(crate) fn bare_with(&self, route: &str, query: &str) -> Call<'_> {
        let (method, _) = split(route);
        let query = match query.strip_prefix('?') {
            Some(query) if names_tenant_in_query(route) => format!("?tenantId={}&{query}", self.tenant_id),
            None if names_tenant_in_query(route) => format!("?tenantId={}", self.tenant_id),
            Some(_) | None => query.to_owned(),
        };
        self.app.call(method, &format!("{}{query}", self.path(route)))
    }

    /// The sample request, without proof.
    pub(crate) fn request(&self, route: &str) -> Call<'_> {
        self.with_sample(route, self.bare(route))
    }

    /// Adds the sample's body.
    pub(crate) fn with_sample<'a>(&self, route: &str, call: Call<'a>) -> Call<'a> {
        match self.sample(route) {
            Some(body) => call.json(&body),
            None => call,
        }
    }

    /// The headers with which the application plane signs this body for this route: a report with its job's context.
    pub(crate) fn sign<'a>(&self, route: &str, call: Call<'a>, body: &Value) -> Call<'a> {
        let now = self.app.clock.now().as_millis();
        let signature = match &self.provisioning {
            Some(job) => {
                let context = if route == "POST /webhook" {
                    &job.context
                } else {
                    ""
                };
                signature::sign(&job.secret, body.to_string().as_bytes(), context, now)
            }
            None => signature::sign(&"no job".to_owned().into(), b"", "", now),
        };
        call.header("x-timestamp", &now.to_string())
            .header("x-signature", &signature)
    }

    /// The same request with the proof of somebody who may.
    pub(crate) fn prove<'a>(&self, route: &str, call: Call<'a>, body: &Value) -> Call<'a> {
        match route {
            _ if is_signed(route) => self.sign(route, call, body),
            "GET /metrics" => call.bearer(TestApp::SCRAPE_TOKEN),
            "POST /leads/{id}/verify" => call.bearer(&self.code),
            "POST /leads/{id}/tenants" => call.bearer(self.own_token(route)),
            "POST /invitations/accept" | "POST /invitations/decline" => call.bearer(&self.people().code),
            _ if is_of_member(route) => call.bearer(&self.persons_token(of_members())),
            _ => call.bearer(&self.app.operator()),
        }
    }

    /// The sample request of somebody who may.
    pub(crate) async fn carry_out(&self, route: &str) -> Answer {
        let body = self.sample(route).unwrap_or_default();
        let answer = self.prove(route, self.request(route), &body).send().await;
        assert!(
            answer.status.is_success() || answer.status.is_redirection(),
            "{route}: the sample request is not carried out: {} {}",
            answer.status,
            answer.text
        );
        answer
    }

    /// A token of the person that paths name, with these permissions.
    pub(crate) fn persons_token(&self, permissions: impl IntoIterator<Item = Permission>) -> String {
        let person = &self.people().person;
        self.app.token_of(&person.tenant_id, &person.user_id, permissions)
    }

    /// A token of the person that paths name, which only refers to what it may do.
    pub(crate) fn referring_token(&self) -> String {
        let Person {
            tenant_id, user_id, ..
        } = &self.people().person;
        let claims = json!({ "sub": user_id, "tenantId": tenant_id, "userId": user_id, "permissionsRef": "membership" });
        let now = self.app.clock.now().as_seconds();
        let token = self.app.product.issuer.sign(claims, now, now + 60);
        token.expect("the local issuer signs")
    }

    /// A token of the person that paths name, as somebody who acts in no tenant has it; of anybody, where there are none.
    pub(crate) fn token_in_no_tenant(&self) -> String {
        let user_id = match &self.people {
            Some(people) => people.person.user_id.clone(),
            None => self.app.unknown_id(),
        };
        self.app.token_in_no_tenant(&user_id)
    }

    pub(crate) fn people(&self) -> &People {
        self.people.as_ref().expect("the scene of this route has people")
    }

    pub(crate) fn job(&self) -> &Provisioning {
        self.provisioning
            .as_ref()
            .expect("the scene of this route has a job")
    }
}

/// What `{id}` names on a route of accounts.
async fn thing_of(app: &TestApp, tenant_id: &str, route: &str) -> String {
    if route.contains(" /contacts/{id}") {
        let body = json!({ "tenantId": tenant_id, "firstName": "Grace", "lastName": "Hopper", "email": "grace@books.example" });
        return app.account_thing("/contacts", &body).await;
    }
    if route.contains(" /tenant-configs") {
        return app
            .account_thing(
                "/tenant-configs",
                &config(tenant_id, &format!("auth0 {}", app.unknown_id())),
            )
            .await;
    }
    if route.contains(" /plans/{id}") {
        return app.plan(json!({})).await;
    }
    if route.contains(" /subscriptions/{id}") || route == "GET /subscriptions" {
        end_subscriptions(app, tenant_id).await;
        let plan = app.plan(json!({})).await;
        return app.subscribe(tenant_id, &plan).await;
    }
    if route.contains(" /invoices/{id}") || route == "GET /invoices" {
        return app.invoice(tenant_id).await;
    }
    if route == "POST /subscriptions" {
        end_subscriptions(app, tenant_id).await;
    }
    String::new()
}

fn config(tenant_id: &str, key: &str) -> Value {
    json!({
        "tenantId": tenant_id, "configKey": key, "configValue": { "domain": "acme.auth0.com" },
        "secrets": { "clientSecret": "s3cret" },
    })
}

/// A tenant that has a subscription takes no other one.
async fn end_subscriptions(app: &TestApp, tenant_id: &str) {
    let path = format!("/subscriptions?tenantId={tenant_id}");
    let page = app
        .get(&path)
        .bearer(&app.operator())
        .send()
        .await
        .expect(200)
        .json();
    for subscription in page["items"].as_array().into_iter().flatten() {
        let id = subscription["id"].as_str().unwrap_or_default();
        let cancel = app.post(&format!("/subscriptions/{id}/cancel?tenantId={tenant_id}"));
        // Those that are over are refused.
        cancel
            .bearer(&app.operator())
            .json(&json!({ "at": "now" }))
            .send()
            .await;
    }
}

/// The routes of accounts, whose paths name no tenant.
pub(crate) fn is_of_account(route: &str) -> bool {
    static ROUTES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        routes_that(|_, row| {
            matches!(
                row.access,
                Access::Account(_)
                    | Access::AccountByOperator(_)
                    | Access::AccountOrItsLead(_)
                    | Access::AccountEither(_, _)
            )
        })
    });
    ROUTES.contains(route)
}

/// The routes of users and access.
pub(crate) fn is_about_people(route: &str) -> bool {
    static ROUTES: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| routes_that(|tag, _| ["users", "access"].contains(&tag)));
    ROUTES.contains(route)
}

/// The routes of application planes, which prove themselves by a signature and not by a token.
pub(crate) fn is_signed(route: &str) -> bool {
    static ROUTES: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| routes_that(|_, row| row.access == Access::Signature));
    ROUTES.contains(route)
}

/// Some of all routes. To make the tables is to make the whole document: something to do once.
fn routes_that(is_wanted: fn(&str, &Route) -> bool) -> BTreeSet<String> {
    let groups = tenantry_local::groups();
    let rows = groups.iter().flat_map(|group| {
        let rows = group.table().into_iter();
        rows.filter(|row| is_wanted(group.tag(), row))
    });
    rows.map(|row| format!("{} {}", row.method, row.path)).collect()
}

/// Whether only members are let in, about themselves.
pub(crate) fn is_of_member(route: &str) -> bool {
    route.contains(" /user-tenant-prefs")
}

/// Who is made active has to be inactive first.
async fn deactivate_if_asked(app: &TestApp, people: &People, route: &str) {
    if route.ends_with("/activate") {
        let path = format!(
            "/tenants/{}/users/{}/deactivate",
            people.person.tenant_id, people.person.user_id
        );
        app.post(&path).bearer(&app.operator()).send().await.expect(200);
    }
}

/// Whether the tenant stands in the body, as it does for what creates something.
pub(crate) fn names_tenant_in_body(route: &str) -> bool {
    is_of_account(route) && route.starts_with("POST ") && !route.contains('{')
}

fn names_tenant_in_query(route: &str) -> bool {
    is_of_account(route) && !names_tenant_in_body(route)
}

fn is_about_lead(route: &str) -> bool {
    route.contains(" /leads/")
}
