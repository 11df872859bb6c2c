//! The contract of Keycloak's token endpoint and admin API, in memory: of the endpoints that we use, and no others.
//!
//! Taken from the sources in the repository keycloak/keycloak, below services/src/main/java/org/keycloak: paths, statuses, checks
//! and error texts from services/resources/admin/{RealmsAdminResource, RealmAdminResource, UsersResource, UserResource,
//! UserProfileResource, ClientsResource, RoleContainerResource, ClientRoleMappingsResource}.java and organization/admin/resource/
//! {OrganizationsResource, OrganizationResource, OrganizationMemberResource}.java; that what a token may do stands in the token,
//! from services/resources/admin/fgap/MgmtPermissions.java and issue 26301; what names may hold, from userprofile/validator/
//! {PersonName, Username}ProhibitedCharactersValidator.java; the default profile, from services/src/main/resources/org/keycloak/
//! userprofile/config/keycloak-default-user-profile.json; the organization's rules, from model/jpa/src/main/java/org/keycloak/
//! organization/jpa/{JpaOrganizationProvider, OrganizationAdapter}.java. Where versions differ it is the strict one: it wants a
//! domain (before 26.4), and it empties what a PUT of a user leaves out (issue 28220).
//!
//! It is no proof that a Keycloak agrees.

mod clients;
mod organizations;
mod realm;
mod tokens;
mod users;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::reply::{Asked, Handled, Reply};
use crate::wire::Server;
use crate::world::StandingClock;
pub use organizations::Organization;
pub use realm::Realm;
pub use users::User;

pub struct KeycloakServer {
    state: Mutex<State>,
}

pub struct State {
    clock: Arc<StandingClock>,
    pub realms: BTreeMap<String, Realm>,
    tokens: tokens::Tokens,
    /// Realms that are made from now on refuse clients.
    pub refuses_clients: bool,
    next: u32,
}

impl KeycloakServer {
    /// With the realm `people`, which is as we want a shared realm to be.
    pub fn new(clock: Arc<StandingClock>) -> Self {
        let mut people =
            Realm::new(&json!({ "realm": "people", "enabled": true, "organizationsEnabled": true }));
        people.declare(&["admin"], &["admin"]);
        people.settings["smtpServer"] = json!({ "host": "smtp.example" });
        let state = State {
            clock,
            realms: BTreeMap::from([("people".to_owned(), people)]),
            tokens: tokens::Tokens::default(),
            refuses_clients: false,
            next: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }

    pub fn census(&self) -> BTreeMap<&'static str, usize> {
        let state = self.state();
        let sum = |count: fn(&Realm) -> usize| state.realms.values().map(count).sum();
        BTreeMap::from([
            ("realms", state.realms.len()),
            ("clients", sum(|realm| realm.clients.len())),
            ("organizations", sum(|realm| realm.organizations.len())),
            (
                "members",
                sum(|realm| realm.organizations.iter().map(|o| o.members.len()).sum()),
            ),
            ("users", sum(|realm| realm.users.len())),
            (
                "credentials",
                sum(|realm| realm.users.iter().map(|user| user.credentials.len()).sum()),
            ),
            (
                "roles",
                sum(|realm| realm.users.iter().map(|user| user.roles.len()).sum()),
            ),
        ])
    }
}

impl Server for KeycloakServer {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let asked = Asked::read(request);
        assert_eq!(request.uri().host(), Some("id.example"));
        self.state()
            .handle(&asked)
            .unwrap_or_else(|refused| refused)
            .send()
    }
}

impl State {
    fn handle(&mut self, asked: &Asked) -> Handled {
        let (method, route) = asked.route();
        if let ("POST", ["realms", realm, "protocol", "openid-connect", "token"]) = (method, &route[..]) {
            let realms = self.realms.keys().cloned().collect();
            return self.tokens.grant(asked, realm, realms, &self.clock);
        }
        let allowed = self.tokens.check(asked, &self.clock)?;
        let id = self.new_id();
        match (method, &route[..]) {
            ("POST", ["admin", "realms"]) => self.create_realm(asked),
            (_, ["admin", "realms", name, rest @ ..]) => {
                if !self.realms.contains_key(*name) {
                    return Err(error(404, "Realm not found."));
                }
                if !allowed.contains(*name) {
                    // Since version 22 the realm itself is shown by its name; everything else is forbidden.
                    return match (method, rest) {
                        ("GET", []) => Ok(Reply::of(200, json!({ "realm": name }))),
                        _ => Err(error(403, "HTTP 403 Forbidden")),
                    };
                }
                if let ("DELETE", []) = (method, rest) {
                    self.realms.remove(*name);
                    return Ok(Reply::empty(204));
                }
                let realm = self.realms.get_mut(*name).expect("it is there");
                realm.handle(asked, method, rest, id)
            }
            _ => panic!("no such endpoint: {method} {route:?}"),
        }
    }

    fn create_realm(&mut self, asked: &Asked) -> Handled {
        let wanted = body(asked, realm::MEMBERS)?;
        let name = wanted["realm"].as_str().expect("a realm has a name").to_owned();
        if self.realms.contains_key(&name) {
            return Err(conflict("Conflict detected. See logs for details"));
        }
        let location = format!("https://id.example/admin/realms/{name}");
        let mut realm = Realm::new(&wanted);
        realm.refuses_clients = self.refuses_clients;
        self.realms.insert(name, realm);
        Ok(Reply::made(location))
    }

    fn new_id(&mut self) -> String {
        self.next += 1;
        format!("00000000-0000-4000-8000-{:012}", self.next)
    }
}

/// A body that is JSON with known members only, as Jackson reads it.
pub fn body(asked: &Asked, known: &[&str]) -> Result<Value, Reply> {
    let Some(body) = asked.json() else {
        return Err(error(415, "HTTP 415 Unsupported Media Type"));
    };
    match crate::reply::unknown(&body, known) {
        Some(member) => Err(error(400, &format!("Unrecognized field \"{member}\""))),
        None => Ok(body),
    }
}

/// As JAX-RS exceptions are shown.
pub fn error(status: u16, text: &str) -> Reply {
    Reply::of(status, json!({ "error": text }))
}

/// As `ErrorResponse` is shown.
pub fn message(status: u16, text: &str) -> Reply {
    Reply::of(status, json!({ "errorMessage": text }))
}

pub fn conflict(text: &str) -> Reply {
    message(409, text)
}
