use std::collections::BTreeMap;

use axum::body::Body;
use http::Request;
use serde::Serialize;
use serde_json::{Value, json};
use tenantry_app::{Context, Report, TraceContext, continue_erasures, fail_overdue_jobs, take_report};
use tenantry_domain::Outcome;
use tokio::time::Instant;

use crate::Error;
use crate::clone::{NAME, Prototype};
use crate::figures::{median, table};
use crate::installation::{Installation, SCRAPE_TOKEN, id_of, new_lead, new_tenant};

/// What is measured.
pub(crate) struct Options {
    /// How many tenants there are.
    pub(crate) tenants: Vec<usize>,
    /// How often each request is sent.
    pub(crate) repeats: usize,
    pub(crate) is_json: bool,
}

/// A table with so many tenants in it, and what requests are about.
struct Ground {
    installation: Installation,
    operator: String,
    /// In use, with all that can belong to a tenant.
    tenant_id: String,
    job_id: String,
    lead_id: String,
    /// A page far from the first one.
    cursor: String,
}

/// What a request cost, every time the same or the most of all times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    calls: u64,
    read_units: f64,
    write_units: f64,
    p50_ms: f64,
    /// The quickest time: what remains when nothing else disturbs.
    least_ms: f64,
}

/// Requests whose cost could depend on the table's size in a way that the route's own request does not show.
const VARIANTS: [&str; 6] = [
    WATCHDOG,
    "GET /tenants, 100",
    "GET /tenants, far page",
    "GET /tenants of one status",
    "GET /tenants of one key",
    "GET /tenants/{id} with relations",
];

/// No request, but what the schedule has done: nothing is overdue, and the erasures go on that were begun before.
const WATCHDOG: &str = "watchdog";

/// Copies that are written at once.
const AT_ONCE: usize = 500;
/// Items that a counter is spread over.
const COUNT_SHARDS: usize = 16;
/// So many pages are turned to be far from the first one.
const PAGES: usize = 5;
/// Calls and capacity are to be the same; the laptop's table is a tree in memory, whose depth may show.
const MOST_LATENCY_FACTOR: f64 = 2.0;
/// Below this a difference is the clock's and the scheduler's.
const LEAST_LATENCY_MS: f64 = 1.0;

pub(crate) async fn measure(options: &Options) -> Result<(), Error> {
    // Members are in one tenant's partition: how many others there are is nothing to them. That they do not cost more where there
    // are many is in tests/contract.
    let mut routes: Vec<String> = tenantry_local::groups()
        .iter()
        .filter(|group| !["users", "access"].contains(&group.tag()))
        .flat_map(|group| group.table())
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    routes.extend(VARIANTS.map(str::to_owned));
    let (mut grounds, mut fillings) = (Vec::new(), Vec::new());
    for &tenants in &options.tenants {
        let started = Instant::now();
        let (ground, items) = Ground::fill(tenants).await?;
        grounds.push(ground);
        fillings.push(format!(
            "{tenants} tenants: {items} items in {:.0} s",
            started.elapsed().as_secs_f64()
        ));
    }
    let mut costs: BTreeMap<usize, Vec<Cost>> = BTreeMap::new();
    for route in &routes {
        let mut of_each: Vec<Vec<Cost>> = vec![Vec::new(); grounds.len()];
        // In turn, so that what else the machine does falls on all of them.
        for number in 0..options.repeats {
            for (ground, costs) in grounds.iter().zip(&mut of_each) {
                costs.push(ground.cost(route, number).await?);
            }
        }
        for (&tenants, of_one) in options.tenants.iter().zip(&of_each) {
            costs.entry(tenants).or_default().push(Cost::of(of_one));
        }
    }
    let text = if options.is_json {
        let rows = routes.iter().enumerate().map(|(row, route)| {
            let of_each: BTreeMap<String, Cost> = costs
                .iter()
                .map(|(tenants, costs)| (tenants.to_string(), costs[row]))
                .collect();
            json!({ "request": route, "byTenants": of_each })
        });
        serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?
    } else {
        report(options, &fillings, &routes, &costs)
    };
    crate::print(&text);
    Ok(())
}

impl Cost {
    fn of(costs: &[Self]) -> Self {
        let most = |figure: fn(&Self) -> f64| costs.iter().map(figure).fold(0.0, f64::max);
        Self {
            calls: costs.iter().map(|cost| cost.calls).max().unwrap_or_default(),
            read_units: most(|cost| cost.read_units),
            write_units: most(|cost| cost.write_units),
            p50_ms: median(&costs.iter().map(|cost| cost.p50_ms).collect::<Vec<_>>()),
            least_ms: costs.iter().map(|cost| cost.least_ms).fold(f64::MAX, f64::min),
        }
    }
}

impl Ground {
    /// One tenant and one unproved lead come into being through the API; their items are written again under other ids, times
    /// and names, straight into the engine. What the API would have counted is written into its counters.
    async fn fill(tenants: usize) -> Result<(Self, usize), Error> {
        let installation = Installation::start().await?;
        let operator = installation.operator()?;
        let (lead_id, tenant_id) = installation
            .complete_tenant(NAME, &format!("{NAME}@acme.com"))
            .await?;
        installation
            .create("/leads", &new_lead(&format!("{NAME}-un@acme.com")))
            .await?;
        installation.product.relay_once().await?;
        let engine = &installation.product.table;
        let pk = |item: &Value| item["pk"]["S"].as_str().unwrap_or_default().to_owned();
        let (counters, items): (Vec<Value>, Vec<Value>) = engine
            .items()?
            .into_iter()
            .filter(|item| !pk(item).starts_with("RATE#"))
            .partition(|item| pk(item).starts_with("COUNT#"));
        let prototype = Prototype::new(&items)?;
        let mut written = items.len();
        let mut waiting = Vec::new();
        for number in 1..tenants {
            waiting.extend(prototype.copy(number)?);
            if number % AT_ONCE == 0 || number + 1 == tenants {
                written += waiting.len();
                engine.import(std::mem::take(&mut waiting))?;
            }
        }
        let counters: Vec<Value> = counters
            .iter()
            .flat_map(|counter| spread(counter, tenants))
            .collect();
        engine.import(counters)?;
        let jobs = Installation::request("GET", &format!("/tenants/{tenant_id}/jobs"), &operator, None)?;
        let jobs = installation.send(jobs).await?;
        let job_id = id_of(&jobs["items"][0])?;
        let mut ground = Self {
            installation,
            operator,
            tenant_id,
            job_id,
            lead_id,
            cursor: String::new(),
        };
        ground.cursor = ground.far_cursor().await?;
        Ok((ground, written))
    }

    async fn far_cursor(&self) -> Result<String, Error> {
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let path = if cursor.is_empty() {
                "/tenants?limit=100".to_owned()
            } else {
                format!("/tenants?limit=100&cursor={cursor}")
            };
            let page = Installation::request("GET", &path, &self.operator, None)?;
            let page = self.installation.send(page).await?;
            let next = page["nextCursor"].as_str().ok_or("the list ends early")?;
            next.clone_into(&mut cursor);
        }
        Ok(cursor)
    }

    /// Sends the route's request, about something new where it changes anything.
    async fn cost(&self, route: &str, number: usize) -> Result<Cost, Error> {
        let request = match route {
            WATCHDOG => None,
            route => Some(self.request(route, number).await?),
        };
        let meter = self.installation.product.edge.app.store.meter();
        let (before, asked) = (meter.reading(), Instant::now());
        if let Some(request) = request {
            self.installation.send(request).await?;
        } else {
            let context = self.context();
            fail_overdue_jobs(&context).await?;
            continue_erasures(&context).await?;
        }
        let took_ms = asked.elapsed().as_secs_f64() * 1_000.0;
        let usage = meter.reading().since(before);
        Ok(Cost {
            calls: usage.calls,
            read_units: usage.read_units,
            write_units: usage.write_units,
            p50_ms: took_ms,
            least_ms: took_ms,
        })
    }

    /// The request of a route, and before it whatever it needs. Every route stands here.
    async fn request(&self, route: &str, number: usize) -> Result<Request<Body>, Error> {
        let (installation, tenant, lead) = (&self.installation, &self.tenant_id, &self.lead_id);
        let place = routes_place(route);
        let email = format!("{place}.{number}@acme.com");
        let key = format!("k{place}x{number}");
        let as_operator = |method: &str, path: &str, body: Option<&Value>| {
            Installation::request(method, path, &self.operator, body)
        };
        match route {
            "GET /"
            | "GET /ping"
            | "GET /health"
            | "GET /openapi.json"
            | "GET /events/schemas"
            | "GET /docs"
            | "GET /leads"
            | "GET /leads/count"
            | "GET /tenants"
            | "GET /tenants/count" => as_operator("GET", route.trim_start_matches("GET "), None),
            "GET /metrics" => Installation::request("GET", "/metrics", SCRAPE_TOKEN, None),
            "GET /events/schemas/{type}" => as_operator("GET", "/events/schemas/tenant.created.v1", None),
            "GET /docs/{file}" => as_operator("GET", "/docs/index.html", None),
            "GET /tenants, 100" => as_operator("GET", "/tenants?limit=100", None),
            "GET /tenants, far page" => {
                as_operator("GET", &format!("/tenants?limit=100&cursor={}", self.cursor), None)
            }
            "GET /tenants of one status" => as_operator("GET", "/tenants?status=ACTIVE", None),
            "GET /tenants of one key" => as_operator("GET", &format!("/tenants?key={NAME}"), None),
            "GET /tenants/{id} with relations" => as_operator(
                "GET",
                &format!("/tenants/{tenant}?include=contacts,resources,lead"),
                None,
            ),
            "GET /leads/{id}" => as_operator("GET", &format!("/leads/{lead}"), None),
            "GET /tenants/{id}" => as_operator("GET", &format!("/tenants/{tenant}"), None),
            "GET /tenant-keys/{key}" => as_operator("GET", &format!("/tenant-keys/{key}"), None),
            "GET /tenants/{id}/jobs" => as_operator("GET", &format!("/tenants/{tenant}/jobs"), None),
            "GET /tenants/{id}/jobs/{jobId}" => {
                as_operator("GET", &format!("/tenants/{tenant}/jobs/{}", self.job_id), None)
            }
            "GET /tenants/{id}/resources" => {
                as_operator("GET", &format!("/tenants/{tenant}/resources"), None)
            }
            "GET /tenants/{id}/audit/verify" => {
                as_operator("GET", &format!("/tenants/{tenant}/audit/verify"), None)
            }
            "GET /tenants/{id}/audit" => as_operator("GET", &format!("/tenants/{tenant}/audit"), None),
            "POST /leads" => as_operator("POST", "/leads", Some(&new_lead(&email))),
            "POST /leads/{id}/resend" | "PATCH /leads/{id}" | "DELETE /leads/{id}" => {
                let id = id_of(&installation.create("/leads", &new_lead(&email)).await?)?;
                let path = format!("/leads/{id}");
                match route.split_once(' ') {
                    Some(("PATCH", _)) => {
                        as_operator("PATCH", &path, Some(&json!({ "companyName": "Acme Ltd" })))
                    }
                    Some(("DELETE", _)) => as_operator("DELETE", &path, None),
                    _ => as_operator("POST", &format!("{path}/resend"), None),
                }
            }
            "POST /leads/{id}/verify" => {
                let (id, code) = installation.signed_up_lead(&email).await?;
                Installation::request("POST", &format!("/leads/{id}/verify"), &code, None)
            }
            "POST /leads/{id}/tenants" => {
                let (id, token) = installation.verified_lead(&email).await?;
                let wish = json!({ "key": key, "domains": ["acme.com"] });
                Installation::request("POST", &format!("/leads/{id}/tenants"), &token, Some(&wish))
            }
            "POST /tenants" => as_operator("POST", "/tenants", Some(&new_tenant(&key))),
            "PATCH /tenants/{id}" => {
                let id = installation.create_tenant(&key).await?;
                as_operator(
                    "PATCH",
                    &format!("/tenants/{id}"),
                    Some(&json!({ "name": "Acme Ltd" })),
                )
            }
            "POST /tenants/{id}/provision" => {
                let id = installation.create_tenant(&key).await?;
                let subscription = json!({ "id": "sub_1", "plan": { "tier": "BASIC" } });
                as_operator("POST", &format!("/tenants/{id}/provision"), Some(&subscription))
            }
            "GET /plans" => as_operator("GET", "/plans", None),
            "POST /plans" => as_operator("POST", "/plans", Some(&new_plan())),
            "GET /plans/{id}" | "PATCH /plans/{id}" | "DELETE /plans/{id}" => {
                let path = format!(
                    "/plans/{}",
                    id_of(&installation.create("/plans", &new_plan()).await?)?
                );
                match route.split_once(' ') {
                    Some(("PATCH", _)) => as_operator("PATCH", &path, Some(&json!({ "price": 5900 }))),
                    Some(("DELETE", _)) => as_operator("DELETE", &path, None),
                    _ => as_operator("GET", &path, None),
                }
            }
            "GET /subscriptions" | "GET /invoices" | "GET /invoices/count" => {
                let path = route.trim_start_matches("GET ");
                as_operator("GET", &format!("{path}?tenantId={tenant}"), None)
            }
            "POST /subscriptions" => {
                let id = installation.create_tenant(&key).await?;
                let plan = id_of(&installation.create("/plans", &new_plan()).await?)?;
                as_operator(
                    "POST",
                    "/subscriptions",
                    Some(&json!({ "tenantId": id, "planId": plan })),
                )
            }
            "GET /subscriptions/{id}" | "PATCH /subscriptions/{id}" | "POST /subscriptions/{id}/cancel" => {
                let tenant = installation.create_tenant(&key).await?;
                let plan = id_of(&installation.create("/plans", &new_plan()).await?)?;
                let wish = json!({ "tenantId": tenant, "planId": plan });
                let id = id_of(&installation.create("/subscriptions", &wish).await?)?;
                let path = format!("/subscriptions/{id}?tenantId={tenant}");
                match route.split_once(' ') {
                    Some(("PATCH", _)) => {
                        let other = id_of(&installation.create("/plans", &new_plan()).await?)?;
                        as_operator("PATCH", &path, Some(&json!({ "planId": other })))
                    }
                    Some(("POST", _)) => {
                        let path = format!("/subscriptions/{id}/cancel?tenantId={tenant}");
                        as_operator("POST", &path, Some(&json!({ "at": "now" })))
                    }
                    _ => as_operator("GET", &path, None),
                }
            }
            "POST /invoices" => {
                let id = installation.create_tenant(&key).await?;
                as_operator("POST", "/invoices", Some(&new_invoice(&id)))
            }
            "GET /invoices/{id}"
            | "GET /invoices/{id}/download"
            | "PATCH /invoices/{id}"
            | "DELETE /invoices/{id}" => {
                let tenant = installation.create_tenant(&key).await?;
                let id = id_of(&installation.create("/invoices", &new_invoice(&tenant)).await?)?;
                let path = format!("/invoices/{id}?tenantId={tenant}");
                match route.split_once(' ') {
                    Some(("PATCH", _)) => as_operator("PATCH", &path, Some(&json!({ "status": "PAID" }))),
                    Some(("DELETE", _)) => as_operator("DELETE", &path, None),
                    Some((_, "/invoices/{id}/download")) => {
                        as_operator("GET", &format!("/invoices/{id}/download?tenantId={tenant}"), None)
                    }
                    _ => as_operator("GET", &path, None),
                }
            }
            "GET /contacts" => as_operator("GET", &format!("/contacts?tenantId={tenant}"), None),
            "GET /contacts/count" => as_operator("GET", &format!("/contacts/count?tenantId={tenant}"), None),
            "GET /tenant-configs" => as_operator("GET", &format!("/tenant-configs?tenantId={tenant}"), None),
            "GET /tenant-configs/count" => {
                as_operator("GET", &format!("/tenant-configs/count?tenantId={tenant}"), None)
            }
            "POST /tenant-configs" => {
                let id = installation.create_tenant(&key).await?;
                as_operator("POST", "/tenant-configs", Some(&new_config(&id)))
            }
            "GET /tenant-configs/{id}" | "PATCH /tenant-configs/{id}" | "DELETE /tenant-configs/{id}" => {
                let tenant = installation.create_tenant(&key).await?;
                let id = id_of(
                    &installation
                        .create("/tenant-configs", &new_config(&tenant))
                        .await?,
                )?;
                let path = format!("/tenant-configs/{id}?tenantId={tenant}");
                match route.split_once(' ') {
                    Some(("PATCH", _)) => as_operator(
                        "PATCH",
                        &path,
                        Some(&json!({ "secrets": { "clientSecret": "other" } })),
                    ),
                    Some(("DELETE", _)) => as_operator("DELETE", &path, None),
                    _ => as_operator("GET", &path, None),
                }
            }
            "POST /contacts" => {
                let id = installation.create_tenant(&key).await?;
                as_operator("POST", "/contacts", Some(&new_contact(&id, &email)))
            }
            "GET /contacts/{id}" | "PATCH /contacts/{id}" | "DELETE /contacts/{id}" => {
                let tenant = installation.create_tenant(&key).await?;
                let id = id_of(
                    &installation
                        .create("/contacts", &new_contact(&tenant, &email))
                        .await?,
                )?;
                let path = format!("/contacts/{id}?tenantId={tenant}");
                match route.split_once(' ') {
                    Some(("PATCH", _)) => as_operator("PATCH", &path, Some(&json!({ "isPrimary": true }))),
                    Some(("DELETE", _)) => as_operator("DELETE", &path, None),
                    _ => as_operator("GET", &path, None),
                }
            }
            "GET /tenants/{id}/export" => as_operator("GET", &format!("/tenants/{tenant}/export"), None),
            "DELETE /tenants/{id}"
            | "POST /tenants/{id}/suspend"
            | "POST /tenants/{id}/reactivate"
            | "POST /tenants/{id}/change-tier"
            | "POST /tenants/{id}/offboard"
            | "POST /tenants/{id}/jobs/{jobId}/retry"
            | "POST /tenants/{id}/jobs/{jobId}/cancel" => self.request_of_life(route, &key).await,
            "POST /webhook" => {
                let id = installation.create_tenant(&key).await?;
                installation.provision(&id).await?;
                installation.reports(&[id]).await?[0].request()
            }
            _ => Err(format!(
                "{route} has no request: add one to `Ground::request` in tests/bench/src/growth.rs"
            )
            .into()),
        }
    }
}

fn new_config(tenant: &str) -> Value {
    json!({
        "tenantId": tenant, "configKey": "auth0", "configValue": { "domain": "acme.auth0.com" },
        "secrets": { "clientSecret": "s3cret" },
    })
}

fn new_plan() -> Value {
    json!({ "name": "Basic", "tier": "BASIC", "price": 4900, "currencyCode": "EUR", "billingInterval": "MONTH" })
}

fn new_invoice(tenant: &str) -> Value {
    let lines = json!([{ "description": "Set-up", "unitAmount": 1000 }]);
    json!({ "tenantId": tenant, "currencyCode": "EUR", "lines": lines })
}

fn new_contact(tenant: &str, email: &str) -> Value {
    json!({ "tenantId": tenant, "firstName": "Grace", "lastName": "Hopper", "email": email })
}

impl Ground {
    /// What a task works with that is no request.
    fn context(&self) -> Context {
        let trace = TraceContext::of_request(None, "bench");
        Context::new(&self.installation.product.edge.app, "bench".to_owned(), trace)
    }

    /// The request of a route that moves a tenant through its life, about a new tenant that was brought to where it applies.
    async fn request_of_life(&self, route: &str, key: &str) -> Result<Request<Body>, Error> {
        let installation = &self.installation;
        let id = installation.create_tenant(key).await?;
        installation.provision(&id).await?;
        let send = async |method: &str, path: &str, body: Option<&Value>| {
            let request = Installation::request(method, path, &self.operator, body)?;
            installation.send(request).await
        };
        let jobs = send("GET", &format!("/tenants/{id}/jobs"), None).await?;
        let job = format!("/tenants/{id}/jobs/{}", id_of(&jobs["items"][0])?);
        let command = route.rsplit('/').next().unwrap_or_default();
        let path = format!("/tenants/{id}/{command}");
        if command == "{id}" {
            send("POST", &format!("{job}/cancel"), Some(&json!({}))).await?;
            let offboard = format!("/tenants/{id}/offboard");
            let removal = id_of(&send("POST", &offboard, Some(&json!({ "graceDays": 0 }))).await?)?;
            let report = Report {
                job_id: removal.parse()?,
                outcome: Outcome::Success { app_plane_url: None },
                resources: Vec::new(),
                message: None,
            };
            take_report(&self.context(), id.parse()?, &report).await?;
            return Installation::request("DELETE", &format!("/tenants/{id}"), &self.operator, None);
        }
        let (path, body) = match command {
            "cancel" => (format!("{job}/cancel"), json!({})),
            "retry" => {
                send("POST", &format!("{job}/cancel"), Some(&json!({}))).await?;
                (format!("{job}/retry"), json!({}))
            }
            _ => {
                let report = installation.reports(std::slice::from_ref(&id)).await?[0].request()?;
                installation.send(report).await?;
                match command {
                    "suspend" => (path, json!({ "reason": "not paid" })),
                    "reactivate" => {
                        let suspend = format!("/tenants/{id}/suspend");
                        send("POST", &suspend, Some(&json!({ "reason": "not paid" }))).await?;
                        (path, json!({}))
                    }
                    "change-tier" => (path, json!({ "tier": "PREMIUM" })),
                    _ => (path, json!({})),
                }
            }
        };
        Installation::request("POST", &path, &self.operator, Some(&body))
    }
}

/// A short word that is another one for every route, so that what one creates is not in another one's way.
fn routes_place(route: &str) -> String {
    tenantry_app::sha256_hex(route)[..4].to_owned()
}

/// The counter's items as they are when so many were counted: all shards, each with its part.
fn spread(counter: &Value, total: usize) -> Vec<Value> {
    let sk = counter["sk"]["S"].as_str().unwrap_or_default();
    let state = sk.split('#').next().unwrap_or_default();
    let shard = |shard: usize| {
        let mut counter = counter.clone();
        counter["sk"]["S"] = format!("{state}#{shard}").into();
        counter["n"]["N"] = (total / COUNT_SHARDS).to_string().into();
        counter
    };
    (0..COUNT_SHARDS).map(shard).collect()
}

/// Whether a request costs the same however many tenants there are: calls and capacity to the unit, the least latency roughly.
fn is_flat(costs: &[Cost]) -> bool {
    let (Some(first), Some(last)) = (costs.first(), costs.last()) else {
        return true;
    };
    let same = |figure: fn(&Cost) -> f64| {
        let (least, most) = costs
            .iter()
            .map(figure)
            .fold((f64::MAX, f64::MIN), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        most - least < 0.5
    };
    costs.iter().all(|cost| cost.calls == first.calls)
        && same(|cost| cost.read_units)
        && same(|cost| cost.write_units)
        && (last.least_ms <= first.least_ms * MOST_LATENCY_FACTOR
            || last.least_ms - first.least_ms < LEAST_LATENCY_MS)
}

fn report(
    options: &Options,
    fillings: &[String],
    routes: &[String],
    costs: &BTreeMap<usize, Vec<Cost>>,
) -> String {
    let mut head = vec!["request".to_owned()];
    for figure in ["calls", "RCU", "WCU", "p50 ms", "least ms"] {
        head.extend(costs.keys().map(|tenants| format!("{figure} {tenants}")));
    }
    head.push("flat".to_owned());
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut steep = Vec::new();
    let mut rows = Vec::new();
    for (row, route) in routes.iter().enumerate() {
        let of_each: Vec<Cost> = costs.values().map(|costs| costs[row]).collect();
        let mut cells = vec![route.clone()];
        cells.extend(of_each.iter().map(|cost| cost.calls.to_string()));
        cells.extend(of_each.iter().map(|cost| format!("{:.1}", cost.read_units)));
        cells.extend(of_each.iter().map(|cost| format!("{:.1}", cost.write_units)));
        cells.extend(of_each.iter().map(|cost| format!("{:.2}", cost.p50_ms)));
        cells.extend(of_each.iter().map(|cost| format!("{:.2}", cost.least_ms)));
        let is_flat = is_flat(&of_each);
        cells.push(if is_flat { "yes" } else { "NO" }.to_owned());
        if !is_flat {
            steep.push(route.as_str());
        }
        rows.push(cells);
    }
    let verdict = if steep.is_empty() {
        "Flat: no request costs more because there are more tenants.".to_owned()
    } else {
        format!("NOT flat: {}", steep.join(", "))
    };
    format!(
        "Each request {} times; calls and capacity: the most of them. Latency: router and embedded table in one process.\n\
         Filled by copies of what the API wrote. {}.\n\n{}\n{verdict}",
        options.repeats,
        fillings.join("; "),
        table(&head, &rows)
    )
}
