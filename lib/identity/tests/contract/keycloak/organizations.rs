use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::realm::Realm;
use super::{body, conflict, error, message};
use crate::reply::{Asked, Handled, Reply, text};

const MEMBERS: &[&str] = &["name", "alias", "description", "enabled", "domains", "attributes"];

pub struct Organization {
    pub shown: Value,
    pub members: BTreeSet<String>,
}

impl Realm {
    pub fn handle_organizations(
        &mut self,
        asked: &Asked,
        method: &str,
        route: &[&str],
        new_id: String,
    ) -> Handled {
        if !self.is("organizationsEnabled") {
            return Err(message(404, "Organizations not enabled for this realm."));
        }
        match (method, route) {
            ("GET", []) => Ok(Reply::of(200, self.find_organizations(&asked.query["q"]))),
            ("POST", []) => self.create_organization(asked, new_id),
            (_, [id, rest @ ..]) => {
                let at = self
                    .organizations
                    .iter()
                    .position(|organization| organization.shown["id"] == *id);
                let at = at.ok_or_else(|| message(404, "Organization not found."))?;
                match (method, rest) {
                    ("DELETE", []) => {
                        self.organizations.remove(at);
                        Ok(Reply::empty(204))
                    }
                    ("GET", ["members", "count"]) => {
                        Ok(Reply::of(200, json!(self.organizations[at].members.len())))
                    }
                    ("POST", ["members"]) => self.add_member(asked, at),
                    ("DELETE", ["members", member]) => {
                        let was_there = self.organizations[at].members.remove(*member);
                        if was_there {
                            Ok(Reply::empty(204))
                        } else {
                            Err(error(404, "HTTP 404 Not Found"))
                        }
                    }
                    _ => panic!("no such endpoint: {method} organizations {route:?}"),
                }
            }
            _ => panic!("no such endpoint: {method} organizations {route:?}"),
        }
    }

    /// Without `briefRepresentation=false` attributes are searched and not shown.
    fn find_organizations(&self, query: &str) -> Value {
        let (key, value) = query.split_once(':').expect("key:value");
        let has = |shown: &Value| {
            let values = shown["attributes"][key].as_array();
            values.is_some_and(|values| values.contains(&json!(value)))
        };
        let found = self
            .organizations
            .iter()
            .filter(|organization| has(&organization.shown));
        let brief = found.map(|organization| {
            let mut shown = organization.shown.clone();
            shown
                .as_object_mut()
                .expect("it is an object")
                .remove("attributes");
            shown
        });
        brief.collect()
    }

    fn create_organization(&mut self, asked: &Asked, new_id: String) -> Handled {
        let mut wanted = body(asked, MEMBERS)?;
        for (member, what) in [("name", "name"), ("alias", "alias")] {
            if self
                .organizations
                .iter()
                .any(|other| other.shown[member] == wanted[member])
            {
                return Err(conflict(&format!(
                    "A organization with the same {what} already exists."
                )));
            }
        }
        let domains = wanted["domains"].as_array().filter(|domains| !domains.is_empty());
        let domains = domains.ok_or_else(|| message(400, "You must provide at least one domain"))?;
        for domain in domains {
            let name = text(domain, "/name").expect("a domain has a name");
            let is_host = name.split('.').all(|label| (1..=63).contains(&label.len()));
            if !is_host {
                return Err(message(400, &format!("The specified domain is invalid: {name}")));
            }
        }
        let location = format!("https://id.example/admin/realms/people/organizations/{new_id}");
        wanted["id"] = json!(new_id);
        self.organizations.push(Organization {
            shown: wanted,
            members: BTreeSet::new(),
        });
        Ok(Reply::made(location))
    }

    fn add_member(&mut self, asked: &Asked, at: usize) -> Handled {
        // Quotes are not taken off: versions before 26.0.6 do not either.
        assert_eq!(asked.content_type.as_deref(), Some("application/json"));
        let id = std::str::from_utf8(&asked.bytes).expect("it is UTF-8");
        if !self.users.iter().any(|user| user.shown["id"] == id) {
            return Err(message(400, "User does not exist"));
        }
        if !self.organizations[at].members.insert(id.to_owned()) {
            return Err(conflict("User is already a member of the organization."));
        }
        Ok(Reply::made(format!(
            "https://id.example/admin/realms/people/organizations/o/members/{id}"
        )))
    }
}
