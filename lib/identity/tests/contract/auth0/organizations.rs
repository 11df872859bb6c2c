use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{State, body, error, invalid};
use crate::reply::{Asked, Handled, Reply};

pub struct Organization {
    pub shown: Value,
    pub connections: BTreeMap<String, Value>,
    /// With their roles.
    pub members: BTreeMap<String, BTreeSet<String>>,
}

impl State {
    pub fn handle_organizations(&mut self, asked: &Asked, method: &str, route: &[&str]) -> Handled {
        let absent = || error(404, "Not Found", "No organization found by that id or name", None);
        let by_name = |organization: &&Organization, name: &str| organization.shown["name"] == name;
        match (method, route) {
            ("POST", []) => self.create_organization(asked),
            ("GET", ["name", name]) => {
                let found = self
                    .organizations
                    .iter()
                    .find(|organization| by_name(organization, name));
                found
                    .map(|found| Reply::of(200, found.shown.clone()))
                    .ok_or_else(absent)
            }
            (_, [id, rest @ ..]) => {
                let at = self
                    .organizations
                    .iter()
                    .position(|organization| organization.shown["id"] == *id);
                self.handle_organization(asked, method, rest, at.ok_or_else(absent)?)
            }
            _ => panic!("no such endpoint: {method} organizations {route:?}"),
        }
    }

    fn create_organization(&mut self, asked: &Asked) -> Handled {
        let mut wanted = body(asked, &["name", "display_name", "metadata"])?;
        let name = wanted["name"].as_str().unwrap_or_default();
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        if !(1..=50).contains(&name.len()) || !name.bytes().all(is_name) {
            return Err(invalid(
                "Payload validation error: 'String does not match pattern' on property name.",
            ));
        }
        if !wanted["metadata"]
            .as_object()
            .is_some_and(|metadata| metadata.values().all(Value::is_string))
        {
            return Err(invalid(
                "Payload validation error: 'Expected type string' on property metadata.",
            ));
        }
        if self.organizations.iter().any(|other| other.shown["name"] == name) {
            return Err(error(
                409,
                "Conflict",
                "An organization with this name already exists.",
                None,
            ));
        }
        wanted["id"] = json!(self.new_id("org_"));
        self.organizations.push(Organization {
            shown: wanted.clone(),
            connections: BTreeMap::new(),
            members: BTreeMap::new(),
        });
        Ok(Reply::of(201, wanted))
    }

    fn handle_organization(&mut self, asked: &Asked, method: &str, route: &[&str], at: usize) -> Handled {
        match (method, route) {
            ("DELETE", []) => {
                self.organizations.remove(at);
                Ok(Reply::empty(204))
            }
            ("POST", ["enabled_connections"]) => self.enable(asked, at),
            ("GET", ["enabled_connections", id]) => {
                let found = self.organizations[at].connections.get(*id);
                let absent = || error(404, "Not Found", "No connection found by that id", None);
                found
                    .map(|found| Reply::of(200, found.clone()))
                    .ok_or_else(absent)
            }
            ("GET", ["members"]) => {
                let members = self.organizations[at].members.keys();
                Ok(Reply::of(
                    200,
                    members.map(|id| json!({ "user_id": id })).collect(),
                ))
            }
            ("POST" | "DELETE", ["members"]) => self.change_members(asked, method, at),
            ("POST", ["members", user, "roles"]) => {
                let wanted = body(asked, &["roles"])?;
                let roles: BTreeSet<String> =
                    serde_json::from_value(wanted["roles"].clone()).expect("ids of roles");
                match self.organizations[at].members.get_mut(*user) {
                    Some(held) => held.extend(roles),
                    None => return Err(error(404, "Not Found", "The user is not a member.", None)),
                }
                Ok(Reply::empty(204))
            }
            _ => panic!("no such endpoint: {method} organizations {{id}} {route:?}"),
        }
    }

    fn enable(&mut self, asked: &Asked, at: usize) -> Handled {
        let mut wanted = body(asked, &["connection_id", "assign_membership_on_login"])?;
        if self.refuses_connections {
            let text = "Insufficient scope, expected any of: create:organization_connections";
            return Err(error(403, "Forbidden", text, Some("insufficient_scope")));
        }
        let id = wanted["connection_id"]
            .as_str()
            .expect("a connection is named")
            .to_owned();
        let all = self.connections.as_array().expect("there are some");
        let connection = all.iter().find(|connection| connection["id"] == *id);
        let connection = connection.ok_or_else(|| invalid("The connection does not exist."))?;
        wanted["connection"] = json!({ "name": connection["name"], "strategy": connection["strategy"] });
        let enabled = &mut self.organizations[at].connections;
        if enabled.contains_key(&id) {
            return Err(error(
                self.twice,
                "Conflict",
                "The connection is enabled already.",
                None,
            ));
        }
        enabled.insert(id, wanted.clone());
        Ok(Reply::of(201, wanted))
    }

    fn change_members(&mut self, asked: &Asked, method: &str, at: usize) -> Handled {
        let wanted = body(asked, &["members"])?;
        let ids: Vec<String> = serde_json::from_value(wanted["members"].clone()).expect("ids of users");
        for id in ids {
            if method == "DELETE" {
                self.organizations[at].members.remove(&id);
            } else if self.users.iter().any(|user| user["user_id"] == *id) {
                self.organizations[at].members.entry(id).or_default();
            } else {
                return Err(error(
                    404,
                    "Not Found",
                    "The user does not exist.",
                    Some("inexistent_user"),
                ));
            }
        }
        Ok(Reply::empty(204))
    }
}
