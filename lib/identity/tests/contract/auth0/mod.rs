//! The contract of Auth0's token endpoint and Management API, in memory: of the endpoints that we use, and no others.
//!
//! Shapes and statuses are those of real interactions, as recorded in the repository auth0/go-auth0, test/data/recordings/:
//! `TestOrganizationManager_{Create, ReadByName, Delete, AddConnection, DBConnection, AddMembers, DeleteMembers, MemberRoles}.yaml`,
//! `TestUserManager_{Create, Update, Delete, ListByEmail, DeleteUserSessions, DeleteRefreshTokens}.yaml` and
//! `TestTicketManager_ChangePassword.yaml`. What no recording shows, from Auth0's documentation: limits of names and ids, 409 for
//! what is there (of users as `auth0_idp_error`, seen in other clients' tests), 401, 403 and 429, `x-ratelimit-reset`, that
//! `result_url` excludes `client_id`. Unknown: what enabling a connection twice answers. Here it is 409; 400 is tested as well.
//!
//! It is no proof that Auth0 agrees.

mod organizations;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tenantry_domain::{Clock as _, Timestamp};

use crate::reply::{Asked, Handled, Reply};
use crate::wire::Server;
use crate::world::StandingClock;

pub struct Auth0Server {
    state: Mutex<State>,
}

pub struct State {
    clock: Arc<StandingClock>,
    tokens: BTreeMap<String, Timestamp>,
    pub organizations: Vec<organizations::Organization>,
    pub connections: Value,
    pub users: Vec<Value>,
    pub passwords: BTreeMap<String, String>,
    pub sign_outs: BTreeMap<String, Vec<String>>,
    pub tickets: Vec<Value>,
    /// What enabling a connection answers for a connection that is enabled already.
    pub twice: u16,
    /// Connections cannot be enabled, as with too few scopes.
    pub refuses_connections: bool,
    next: u32,
}

/// A day.
pub const LIFESPAN_S: i64 = 86_400;

impl Auth0Server {
    pub fn new(clock: Arc<StandingClock>) -> Self {
        let state = State {
            clock,
            tokens: BTreeMap::new(),
            organizations: Vec::new(),
            connections: json!([
                { "id": "con_social", "name": "people", "strategy": "google-oauth2", "realms": ["people"] },
                { "id": "con_people0000000", "name": "people", "strategy": "auth0", "realms": ["people"] },
            ]),
            users: Vec::new(),
            passwords: BTreeMap::new(),
            sign_outs: BTreeMap::new(),
            tickets: Vec::new(),
            twice: 409,
            refuses_connections: false,
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
        let sum =
            |count: fn(&organizations::Organization) -> usize| state.organizations.iter().map(count).sum();
        BTreeMap::from([
            ("organizations", state.organizations.len()),
            ("connections", sum(|organization| organization.connections.len())),
            ("members", sum(|organization| organization.members.len())),
            (
                "roles",
                sum(|organization| organization.members.values().map(BTreeSet::len).sum()),
            ),
            ("users", state.users.len()),
        ])
    }
}

impl Server for Auth0Server {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let asked = Asked::read(request);
        assert_eq!(request.uri().host(), Some("acme.eu.auth0.com"));
        self.state()
            .handle(&asked)
            .unwrap_or_else(|refused| refused)
            .send()
    }
}

impl State {
    fn handle(&mut self, asked: &Asked) -> Handled {
        let (method, route) = asked.route();
        if let ("POST", ["oauth", "token"]) = (method, &route[..]) {
            return self.grant(asked);
        }
        let until = asked.bearer.as_ref().and_then(|token| self.tokens.get(token));
        if until.is_none_or(|until| *until <= self.clock.now()) {
            return Err(error(401, "Unauthorized", "Invalid token.", None));
        }
        self.next += 1;
        match &route[..] {
            ["api", "v2", "connections"] => {
                let name = &asked.query["name"];
                let all = self.connections.as_array().expect("there are some").iter();
                Ok(Reply::of(
                    200,
                    all.filter(|connection| connection["name"] == **name)
                        .cloned()
                        .collect(),
                ))
            }
            ["api", "v2", "organizations", rest @ ..] => self.handle_organizations(asked, method, rest),
            ["api", "v2", "users-by-email"] => {
                let email = &asked.query["email"];
                Ok(Reply::of(
                    200,
                    self.users
                        .iter()
                        .filter(|user| user["email"] == **email)
                        .cloned()
                        .collect(),
                ))
            }
            ["api", "v2", "users", rest @ ..] => self.handle_users(asked, method, rest),
            ["api", "v2", "tickets", "password-change"] => self.create_ticket(asked),
            _ => panic!("no such endpoint: {method} {route:?}"),
        }
    }

    fn grant(&mut self, asked: &Asked) -> Handled {
        let wanted = asked.json().unwrap_or_default();
        let expected = json!({
            "grant_type": "client_credentials",
            "client_id": "m2m",
            "client_secret": "service-s3cret",
            "audience": "https://acme.eu.auth0.com/api/v2/",
        });
        if wanted != expected {
            return Err(Reply::of(
                401,
                json!({ "error": "access_denied", "error_description": "Unauthorized" }),
            ));
        }
        let token = format!("access-t0ken-{}", self.tokens.len() + 1);
        self.tokens
            .insert(token.clone(), self.clock.now().plus_ms(LIFESPAN_S * 1000));
        Ok(Reply::of(
            200,
            json!({ "access_token": token, "scope": "create:users", "expires_in": LIFESPAN_S, "token_type": "Bearer" }),
        ))
    }

    /// As when the signing keys are rotated.
    pub fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}{:016}", self.next)
    }
}

/// A body that is JSON with these members at most.
fn body(asked: &Asked, known: &[&str]) -> Result<Value, Reply> {
    let Some(body) = asked.json() else {
        return Err(invalid(
            "Payload validation error: 'Expected type object but found type null'.",
        ));
    };
    match crate::reply::unknown(&body, known) {
        Some(member) => Err(invalid(&format!(
            "Payload validation error: 'Additional properties not allowed: {member}'."
        ))),
        None => Ok(body),
    }
}

fn invalid(text: &str) -> Reply {
    error(400, "Bad Request", text, Some("invalid_body"))
}

fn error(status: u16, kind: &str, text: &str, code: Option<&str>) -> Reply {
    let mut body = json!({ "statusCode": status, "error": kind, "message": text });
    if let Some(code) = code {
        body["errorCode"] = json!(code);
    }
    Reply::of(status, body)
}
