use serde_json::{Value, json};

use super::{State, body, error, invalid};
use crate::reply::{Asked, Handled, Reply};

const NEW: &[&str] = &[
    "connection",
    "user_id",
    "email",
    "email_verified",
    "verify_email",
    "password",
    "given_name",
    "family_name",
    "app_metadata",
];
const CHANGED: &[&str] = &[
    "connection",
    "email",
    "email_verified",
    "verify_email",
    "app_metadata",
];
const TICKET: &[&str] = &[
    "user_id",
    "client_id",
    "organization_id",
    "ttl_sec",
    "mark_email_as_verified",
    "includeEmailInRedirect",
];

impl State {
    pub fn user(&mut self, email: &str) -> &mut Value {
        let user = self.users.iter_mut().find(|user| user["email"] == email);
        user.expect("it is there")
    }

    /// One that somebody else has made, or who signed up.
    pub fn add_user(&mut self, id: &str, connection: &str, email: &str, is_verified: bool) -> &mut Value {
        self.users.push(shown(
            id,
            connection,
            &json!({ "email": email, "email_verified": is_verified }),
        ));
        self.users.last_mut().expect("it was added")
    }

    pub fn handle_users(&mut self, asked: &Asked, method: &str, route: &[&str]) -> Handled {
        let inexistent = || {
            error(
                404,
                "Not Found",
                "The user does not exist.",
                Some("inexistent_user"),
            )
        };
        match (method, route) {
            ("POST", []) => self.create_user(asked),
            ("DELETE", [id]) => {
                self.users.retain(|user| user["user_id"] != *id);
                for organization in &mut self.organizations {
                    organization.members.remove(*id);
                }
                Ok(Reply::empty(204))
            }
            (_, [id, rest @ ..]) => {
                let at = self.users.iter().position(|user| user["user_id"] == *id);
                let at = at.ok_or_else(inexistent)?;
                match (method, rest) {
                    ("GET", []) => Ok(Reply::of(200, self.users[at].clone())),
                    ("PATCH", []) => self.update_user(asked, at),
                    ("DELETE", [what @ ("sessions" | "refresh-tokens")]) => {
                        self.sign_outs
                            .entry((*id).to_owned())
                            .or_default()
                            .push((*what).to_owned());
                        Ok(Reply::of(202, json!({})))
                    }
                    _ => panic!("no such endpoint: {method} users {route:?}"),
                }
            }
            _ => panic!("no such endpoint: {method} users {route:?}"),
        }
    }

    fn create_user(&mut self, asked: &Asked) -> Handled {
        let wanted = body(asked, NEW)?;
        let local_id = wanted["user_id"].as_str().unwrap_or_default();
        if !(1..=255).contains(&local_id.len()) || local_id.contains(char::is_whitespace) {
            return Err(invalid(
                "Payload validation error: 'String does not match pattern' on property user_id.",
            ));
        }
        let password = wanted["password"].as_str().unwrap_or_default();
        let classes: [fn(char) -> bool; 4] = [
            |c| c.is_ascii_lowercase(),
            |c| c.is_ascii_uppercase(),
            |c| c.is_ascii_digit(),
            |c| c.is_ascii_punctuation(),
        ];
        if password.len() < 8 || !classes.iter().all(|class| password.contains(class)) {
            return Err(error(
                400,
                "Bad Request",
                "PasswordStrengthError: Password is too weak",
                Some("password_too_weak"),
            ));
        }
        let connection = wanted["connection"].as_str().unwrap_or_default();
        if connection != "people" {
            return Err(error(
                400,
                "Bad Request",
                "The connection does not exist.",
                Some("inexistent_connection"),
            ));
        }
        let id = format!("auth0|{local_id}");
        let is_taken = |user: &Value| {
            user["identities"][0]["connection"] == connection
                && (user["user_id"] == *id || user["email"] == wanted["email"])
        };
        if self.users.iter().any(is_taken) {
            return Err(error(
                409,
                "Conflict",
                "The user already exists.",
                Some("auth0_idp_error"),
            ));
        }
        let user = shown(&id, connection, &wanted);
        self.passwords.insert(id, password.to_owned());
        self.users.push(user.clone());
        Ok(Reply::of(201, user))
    }

    fn update_user(&mut self, asked: &Asked, at: usize) -> Handled {
        let wanted = body(asked, CHANGED)?;
        if !wanted["email"].is_null() && wanted["connection"].is_null() {
            return Err(error(
                400,
                "Bad Request",
                "Connection must be specified.",
                Some("invalid_body"),
            ));
        }
        let user = &mut self.users[at];
        for member in ["email", "email_verified"] {
            if !wanted[member].is_null() {
                user[member] = wanted[member].clone();
            }
        }
        // Its members are merged.
        for (name, value) in wanted["app_metadata"].as_object().into_iter().flatten() {
            user["app_metadata"][name] = value.clone();
        }
        Ok(Reply::of(200, user.clone()))
    }

    pub fn create_ticket(&mut self, asked: &Asked) -> Handled {
        let wanted = body(asked, TICKET)?;
        if !self.users.iter().any(|user| user["user_id"] == wanted["user_id"]) {
            return Err(error(
                404,
                "Not Found",
                "The user does not exist.",
                Some("inexistent_user"),
            ));
        }
        let mut organizations = self.organizations.iter();
        if !organizations.any(|organization| organization.shown["id"] == wanted["organization_id"]) {
            return Err(invalid("The organization does not exist."));
        }
        self.tickets.push(wanted);
        let number = self.tickets.len();
        let ticket = format!("https://acme.eu.auth0.com/u/reset-password?ticket=t1cket{number}#");
        Ok(Reply::of(201, json!({ "ticket": ticket })))
    }
}

fn shown(id: &str, connection: &str, wanted: &Value) -> Value {
    let (provider, local_id) = id.split_once('|').expect("provider and id");
    let mut user = json!({
        "created_at": "2026-01-15T09:30:00.000Z",
        "email": wanted["email"],
        "email_verified": wanted["email_verified"],
        "identities": [{ "connection": connection, "user_id": local_id, "provider": provider, "isSocial": provider != "auth0" }],
        "name": wanted["email"],
        "user_id": id,
    });
    for member in ["given_name", "family_name", "app_metadata"] {
        if !wanted[member].is_null() {
            user[member] = wanted[member].clone();
        }
    }
    user
}
