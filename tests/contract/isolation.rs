use serde_json::{Value, json};
use tenantry_api::{Access, Route};
use tenantry_testing::{Answer, Call, TestApp, of_members};

use crate::contract::authorization::state;
use crate::contract::people::People;
use crate::contract::scene::{Scene, is_of_account, names_tenant_in_body};

/// Two tenants with everything that there is. Every route of the one is called with every id of the other, in each place of its
/// path, in its query and in its body, by a member who may do everything and by an operator who names the one tenant.
#[tokio::test]
async fn nothing_of_one_tenant_is_reached_through_another() {
    let mut wrong = Vec::new();

    for route in routes_of_tenants() {
        let name = format!("{} {}", route.method, route.path);
        let scene = Scene::of(&name).await;
        let others = things_of(&scene.app, &scene.elsewhere).await;
        let callers = [Caller::Member, Caller::Operator].map(|caller| (caller, caller.token(&scene, &route)));
        let before = state(&scene.app).await;
        let mut probes = 0;
        for (caller, token) in callers {
            for path in paths(&scene, &route, &others, caller) {
                let call = scene.with_sample(&name, scene.app.call(&route.method, &path));
                let answer = call.bearer(&token).send().await;
                let is_hidden = answer.status == 404 || (answer.status == 403 && caller.is_shut_out(&route));
                if !is_hidden {
                    wrong.push(told(&name, caller, &path, &answer));
                }
                probes += 1;
            }
            for body in bodies(&scene, &name, &others, caller) {
                let call: Call<'_> = scene.bare(&name).bearer(&token).json(&body);
                let answer = call.send().await;
                // Many at once are answered one by one.
                let is_bulk = name.ends_with("/bulk") && answer.status == 200;
                if !is_bulk && !matches!(answer.status.as_u16(), 403 | 404 | 422) {
                    wrong.push(told(&name, caller, &body.to_string(), &answer));
                }
                probes += 1;
            }
        }
        if state(&scene.app).await != before {
            wrong.push(format!("{name}: something has changed"));
        }
        assert!(probes > 0, "{name} was not called");
    }

    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Caller {
    /// Of the one tenant, with all permissions.
    Member,
    /// Of the installation, with all permissions, about the one tenant.
    Operator,
}

impl Caller {
    fn token(self, scene: &Scene, route: &Route) -> String {
        match self {
            Self::Operator => scene.app.operator(),
            Self::Member if matches!(route.access, Access::Person(_) | Access::Member(_)) => {
                scene.persons_token(of_members())
            }
            Self::Member => scene.app.member(&scene.tenant_id),
        }
    }

    /// Whether it may not call this route about anything.
    fn is_shut_out(self, route: &Route) -> bool {
        match self {
            Self::Member => matches!(
                route.access,
                Access::TenantByOperator(_) | Access::AccountByOperator(_)
            ),
            Self::Operator => matches!(route.access, Access::Member(_)),
        }
    }
}

/// The routes about one tenant or what is in it.
fn routes_of_tenants() -> Vec<Route> {
    let routes = tenantry_local::groups()
        .into_iter()
        .flat_map(|group| group.table());
    let is_of_tenant = |route: &Route| {
        matches!(
            route.access,
            Access::Tenant(_)
                | Access::TenantByOperator(_)
                | Access::TenantOrItsLead(_)
                | Access::Account(_)
                | Access::AccountByOperator(_)
                | Access::AccountOrItsLead(_)
                | Access::AccountEither(_, _)
                | Access::Person(_)
        ) || matches!(route.access, Access::Member(_)) && route.path.contains('{')
    };
    routes.filter(is_of_tenant).collect()
}

/// The ids of everything in the other tenant, itself first.
async fn things_of(app: &TestApp, tenant_id: &str) -> Vec<String> {
    let people = People::of(app, tenant_id).await;
    let contact = json!({ "tenantId": tenant_id, "firstName": "Alan", "lastName": "Turing", "email": "alan@elsewhere.example" });
    let plan = app.plan(json!({ "price": 100 })).await;
    let mut things: Vec<String> = people.all().map(str::to_owned).to_vec();
    things.push(app.account_thing("/contacts", &contact).await);
    things.push(app.subscribe(tenant_id, &plan).await);
    things.push(app.invoice(tenant_id).await);
    things.push(app.provision(tenant_id).await.job_id);
    app.settle().await;
    assert_eq!(things[0], tenant_id);
    things
}

/// The one tenant's own path with an id of the other in one of its places, and with the other tenant in its query.
fn paths(scene: &Scene, route: &Route, others: &[String], caller: Caller) -> Vec<String> {
    let name = format!("{} {}", route.method, route.path);
    let own: Vec<String> = scene.path(&name).split('/').map(str::to_owned).collect();
    let template: Vec<&str> = route.path.split('/').collect();
    let places = template.iter().enumerate().filter(|(_, part)| is_id(part));
    let is_by_query = is_of_account(&name) && !names_tenant_in_body(&name);
    let query = if is_by_query {
        format!("?tenantId={}", scene.tenant_id)
    } else {
        String::new()
    };
    let number = places.clone().count();
    let mut paths = Vec::new();
    for (place, _) in places {
        for (n, other) in others.iter().enumerate() {
            // Operators reach every tenant and every person.
            let is_whole = (route.path.starts_with("/tenants/{id}") && n == 0)
                || (matches!(route.access, Access::Person(_)) && n == 1);
            if caller == Caller::Operator && is_whole && number == 1 {
                continue;
            }
            let mut path = own.clone();
            path[place].clone_from(other);
            paths.push(format!("{}{query}", path.join("/")));
        }
    }
    let is_reached = caller == Caller::Operator && number == 0;
    if is_by_query && !is_reached {
        paths.push(format!("{}?tenantId={}", own.join("/"), scene.elsewhere));
    }
    paths
}

fn is_id(part: &str) -> bool {
    part.starts_with('{') && part != "{permission}"
}

/// The sample with an id of the other tenant in place of each id in it.
fn bodies(scene: &Scene, name: &str, others: &[String], caller: Caller) -> Vec<Value> {
    let Some(sample) = scene.sample(name) else {
        return Vec::new();
    };
    let mut bodies = Vec::new();
    for pointer in ids_in(&sample, "") {
        // Plans are everybody's, and operators reach every tenant.
        if pointer == "/planId" || (pointer == "/tenantId" && caller == Caller::Operator) {
            continue;
        }
        for other in others {
            let mut body = sample.clone();
            if let Some(place) = body.pointer_mut(&pointer) {
                *place = other.clone().into();
            }
            bodies.push(body);
        }
    }
    bodies
}

/// Where a body names something by its id.
fn ids_in(value: &Value, pointer: &str) -> Vec<String> {
    match value {
        Value::String(text) if text.len() == 36 && text.split('-').count() == 5 => vec![pointer.to_owned()],
        Value::Object(members) => {
            let inner = members.iter();
            inner
                .flat_map(|(name, value)| ids_in(value, &format!("{pointer}/{name}")))
                .collect()
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate();
            inner
                .flat_map(|(place, value)| ids_in(value, &format!("{pointer}/{place}")))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn told(name: &str, caller: Caller, with: &str, answer: &Answer) -> String {
    format!(
        "{name} by {caller:?} with {with}: {} {}",
        answer.status, answer.text
    )
}
