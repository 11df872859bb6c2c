use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::clients::{MANAGEMENT, VIEW_USERS};
use super::realm::Realm;
use super::{body, conflict, error, message};
use crate::reply::{Asked, Handled, Reply, text};

const MEMBERS: &[&str] = &[
    "id",
    "username",
    "email",
    "emailVerified",
    "enabled",
    "firstName",
    "lastName",
    "attributes",
    "requiredActions",
    "federationLink",
    "createdTimestamp",
    "totp",
    "notBefore",
];

#[derive(Default)]
pub struct User {
    pub shown: Value,
    pub credentials: Vec<Value>,
    pub elsewhere: Vec<Value>,
    pub roles: BTreeSet<String>,
    pub sign_outs: u32,
    /// For wrong passwords: it is shown as disabled, and is not.
    pub is_locked_out: bool,
}

impl User {
    pub fn id(&self) -> &str {
        self.shown["id"].as_str().expect("a user has an id")
    }

    pub fn attribute(&self) -> Option<&str> {
        text(&self.shown, "/attributes/tenantryUserId/0")
    }

    /// It has chosen a password and come in.
    pub fn come_in(&mut self) {
        self.credentials = vec![json!({ "type": "password", "value": "its own" })];
        self.shown["requiredActions"] = json!([]);
        self.shown["emailVerified"] = json!(true);
    }

    fn seen(&self) -> Value {
        let mut seen = self.shown.clone();
        if self.is_locked_out {
            seen["enabled"] = json!(false);
        }
        seen
    }
}

impl Realm {
    pub fn user(&mut self, email: &str) -> &mut User {
        let user = self.users.iter_mut().find(|user| user.shown["email"] == email);
        user.expect("it is there")
    }

    /// One that somebody else has made.
    pub fn add_user(&mut self, shown: Value) -> &mut User {
        let mut shown = shown;
        let id = format!("11111111-0000-4000-8000-{:012}", self.users.len());
        for (member, value) in [
            ("id", json!(id)),
            ("enabled", json!(true)),
            ("username", shown["email"].clone()),
        ] {
            if shown[member].is_null() {
                shown[member] = value;
            }
        }
        self.users.push(User {
            shown,
            ..User::default()
        });
        self.users.last_mut().expect("it was added")
    }

    pub fn handle_users(&mut self, asked: &Asked, method: &str, route: &[&str], new_id: String) -> Handled {
        match (method, route) {
            ("GET", []) => Ok(Reply::of(200, self.search(asked))),
            ("POST", []) => self.create_user(asked, new_id),
            ("GET", ["count"]) => Ok(Reply::of(200, json!(self.users.len()))),
            (_, [id, rest @ ..]) => {
                let at = self.users.iter().position(|user| user.id() == *id);
                let at = at.ok_or_else(|| error(404, "User not found"))?;
                self.handle_user(asked, method, rest, at)
            }
            _ => panic!("no such endpoint: {method} users {route:?}"),
        }
    }

    fn search(&self, asked: &Asked) -> Value {
        let query = asked
            .query
            .get("q")
            .map(|query| query.split_once(':').expect("key:value"));
        let email = asked.query.get("email");
        assert!(query.is_some() != email.is_some(), "one of both is searched by");
        let is_found = |user: &&User| match query {
            Some((key, value)) => user.shown["attributes"][key]
                .as_array()
                .is_some_and(|v| v.contains(&json!(value))),
            None if asked.query.get("exact").is_some_and(|exact| exact == "true") => {
                user.shown["email"].as_str() == email.map(String::as_str)
            }
            None => panic!("parts of addresses are not searched for"),
        };
        self.users.iter().filter(is_found).map(User::seen).collect()
    }

    fn create_user(&mut self, asked: &Asked, new_id: String) -> Handled {
        let mut user = body(asked, MEMBERS)?;
        self.check_user(&user)?;
        let same = |member: &str| self.users.iter().any(|other| other.shown[member] == user[member]);
        if same("username") {
            return Err(conflict("User exists with same username"));
        }
        if same("email") {
            return Err(conflict("User exists with same email"));
        }
        user["attributes"] = self.kept(&user["attributes"]);
        user["id"] = json!(new_id);
        self.users.push(User {
            shown: user,
            ..User::default()
        });
        Ok(Reply::made(format!(
            "https://id.example/admin/realms/r/users/{new_id}"
        )))
    }

    /// Undeclared attributes are dropped, and nothing says so.
    fn kept(&self, attributes: &Value) -> Value {
        let declared = self.profile["attributes"]
            .as_array()
            .expect("a profile has attributes");
        let is_kept = |name: &str| {
            declared.iter().any(|attribute| {
                attribute["name"] == name && attribute["permissions"]["edit"].to_string().contains("admin")
            })
        };
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        let kept: Map<String, Value> = attributes.into_iter().filter(|(name, _)| is_kept(name)).collect();
        Value::Object(kept)
    }

    fn check_user(&self, user: &Value) -> Result<(), Reply> {
        let refused = |field: &str, code: &str| {
            let value = user[field].clone();
            Err(Reply::of(
                400,
                json!({ "field": field, "errorMessage": code, "params": [field, value] }),
            ))
        };
        let user_name = user["username"]
            .as_str()
            .ok_or_else(|| message(400, "User name is missing"))?;
        if user_name.len() < 3 || user_name.contains(|c: char| "<>&\"'$%!#?§,;:*~/\\|^=[]{}()`".contains(c))
        {
            return refused("username", "error-username-invalid-character");
        }
        for field in ["firstName", "lastName"] {
            if user[field]
                .as_str()
                .is_some_and(|name| name.contains(|c| "<>&\"$%!#?§;*~/\\|^=[]{}()".contains(c)))
            {
                return refused(field, "error-person-name-invalid-character");
            }
        }
        match user["requiredActions"].as_array() {
            Some(actions) if actions.contains(&json!("VERIFY_EMAIL")) && !self.can_mail() => {
                panic!("whoever signs in is asked to follow a link that cannot be mailed")
            }
            _ => Ok(()),
        }
    }

    fn handle_user(&mut self, asked: &Asked, method: &str, route: &[&str], at: usize) -> Handled {
        let user = &mut self.users[at];
        match (method, route) {
            ("GET", []) => Ok(Reply::of(200, user.seen())),
            ("PUT", []) => self.update_user(asked, at),
            ("DELETE", []) => {
                let id = self.users.remove(at).id().to_owned();
                self.organizations.iter_mut().for_each(|organization| {
                    organization.members.remove(&id);
                });
                Ok(Reply::empty(204))
            }
            ("POST", ["logout"]) => {
                user.sign_outs += 1;
                Ok(Reply::empty(204))
            }
            ("GET", ["credentials"]) => Ok(Reply::of(
                200,
                json!(user.credentials.iter().map(hidden).collect::<Vec<_>>()),
            )),
            ("GET", ["federated-identity"]) => Ok(Reply::of(200, json!(user.elsewhere))),
            ("PUT", ["reset-password"]) => self.reset_password(asked, at),
            ("PUT", ["execute-actions-email"]) => self.mail_actions(asked, at),
            (_, ["role-mappings", "clients", MANAGEMENT]) => {
                let roles = asked
                    .json()
                    .ok_or_else(|| error(415, "HTTP 415 Unsupported Media Type"))?;
                if roles != json!([{ "id": VIEW_USERS, "name": "view-users" }]) {
                    return Err(error(404, "Role not found"));
                }
                match method {
                    "POST" => user.roles.insert("view-users".to_owned()),
                    "DELETE" => user.roles.remove("view-users"),
                    _ => panic!("no such endpoint: {method} {route:?}"),
                };
                Ok(Reply::empty(204))
            }
            _ => panic!("no such endpoint: {method} users {{id}} {route:?}"),
        }
    }

    fn update_user(&mut self, asked: &Asked, at: usize) -> Handled {
        let wanted = body(asked, MEMBERS)?;
        self.check_user(&wanted)?;
        let attributes = self.kept(&wanted["attributes"]);
        let known = &mut self.users[at].shown;
        for profile in ["email", "firstName", "lastName"] {
            known[profile] = wanted[profile].clone();
        }
        for other in ["enabled", "emailVerified", "requiredActions"] {
            if !wanted[other].is_null() {
                known[other] = wanted[other].clone();
            }
        }
        known["attributes"] = attributes;
        Ok(Reply::empty(204))
    }

    fn reset_password(&mut self, asked: &Asked, at: usize) -> Handled {
        let credential = body(asked, &["type", "value", "temporary"])?;
        let user = &mut self.users[at];
        if credential["value"].as_str().is_none_or(str::is_empty) {
            return Err(error(400, "No password provided"));
        }
        require(user, "UPDATE_PASSWORD", credential["temporary"] == json!(true));
        user.credentials = vec![credential];
        Ok(Reply::empty(204))
    }

    fn mail_actions(&mut self, asked: &Asked, at: usize) -> Handled {
        let actions = asked
            .json()
            .ok_or_else(|| error(415, "HTTP 415 Unsupported Media Type"))?;
        let user = &self.users[at];
        if user.shown["enabled"] != json!(true) {
            return Err(message(400, "User is disabled"));
        }
        let client_id = asked.query.get("client_id");
        if client_id.is_some_and(|id| !self.clients.iter().any(|client| client["clientId"] == **id)) {
            return Err(message(400, "Client doesn't exist"));
        }
        assert!(asked.query["lifespan"].parse::<u32>().is_ok());
        let is_known = |action: &Value| {
            ["VERIFY_EMAIL", "UPDATE_PASSWORD"].contains(&action.as_str().unwrap_or_default())
        };
        if !actions
            .as_array()
            .is_some_and(|actions| actions.iter().all(is_known))
        {
            return Err(message(400, "Provided invalid required actions"));
        }
        if !self.can_mail() {
            let address = &user.shown["email"];
            return Err(message(
                500,
                &format!("Failed to send execute actions email: {address}"),
            ));
        }
        let id = user.id().to_owned();
        self.mails.push(id);
        Ok(Reply::empty(204))
    }
}

fn hidden(credential: &Value) -> Value {
    json!({ "id": "credential-id", "type": credential["type"] })
}

fn require(user: &mut User, action: &str, is_required: bool) {
    let mut actions: BTreeSet<String> =
        serde_json::from_value(user.shown["requiredActions"].clone()).unwrap_or_default();
    if is_required {
        actions.insert(action.to_owned());
    } else {
        actions.remove(action);
    }
    user.shown["requiredActions"] = json!(actions);
}
