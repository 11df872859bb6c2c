use serde_json::{Value, json};

use super::{Organization, User, body, clients, error};
use crate::reply::{Asked, Handled, Reply};

pub const MEMBERS: &[&str] = &[
    "realm",
    "displayName",
    "enabled",
    "sslRequired",
    "registrationAllowed",
    "loginWithEmailAllowed",
    "duplicateEmailsAllowed",
    "editUsernameAllowed",
    "bruteForceProtected",
    "verifyEmail",
    "resetPasswordAllowed",
    "smtpServer",
    "attributes",
    "organizationsEnabled",
];

pub struct Realm {
    pub settings: Value,
    pub profile: Value,
    pub clients: Vec<Value>,
    pub organizations: Vec<Organization>,
    pub users: Vec<User>,
    /// Ids of those that links were mailed to.
    pub mails: Vec<String>,
    /// Nothing can be made in it but users, as when a policy of the realm is in the way.
    pub refuses_clients: bool,
}

impl Realm {
    pub fn new(settings: &Value) -> Self {
        Self {
            settings: settings.clone(),
            profile: default_profile(),
            clients: Vec::new(),
            organizations: Vec::new(),
            users: Vec::new(),
            mails: Vec::new(),
            refuses_clients: false,
        }
    }

    /// Declares our attribute in the user profile.
    pub fn declare(&mut self, view: &[&str], edit: &[&str]) {
        let attributes = self.profile["attributes"]
            .as_array_mut()
            .expect("a profile has attributes");
        attributes.retain(|attribute| attribute["name"] != "tenantryUserId");
        attributes.push(json!({ "name": "tenantryUserId", "permissions": { "view": view, "edit": edit } }));
    }

    pub fn is(&self, setting: &str) -> bool {
        self.settings[setting] == json!(true)
    }

    pub fn can_mail(&self) -> bool {
        self.settings.pointer("/smtpServer/host").is_some()
    }

    pub fn handle(&mut self, asked: &Asked, method: &str, route: &[&str], new_id: String) -> Handled {
        match (method, route) {
            ("GET", []) => Ok(Reply::of(200, self.shown())),
            ("GET", ["users", "profile"]) => Ok(Reply::of(200, self.profile.clone())),
            ("PUT", ["users", "profile"]) => {
                let profile = body(asked, &["attributes", "groups", "unmanagedAttributePolicy"])?;
                check_profile(&profile)?;
                self.profile = profile;
                Ok(Reply::of(200, self.profile.clone()))
            }
            (_, ["users", rest @ ..]) => self.handle_users(asked, method, rest, new_id),
            (_, ["clients", rest @ ..]) => clients::handle(self, asked, method, rest, new_id),
            (_, ["organizations", rest @ ..]) => self.handle_organizations(asked, method, rest, new_id),
            _ => panic!("no such endpoint: {method} {route:?}"),
        }
    }

    /// Secrets are masked.
    fn shown(&self) -> Value {
        let mut shown = self.settings.clone();
        if let Some(password) = shown.pointer_mut("/smtpServer/password") {
            *password = json!("**********");
        }
        shown["id"] = json!("realm-id");
        shown
    }
}

fn check_profile(profile: &Value) -> Result<(), Reply> {
    let attributes = profile["attributes"]
        .as_array()
        .expect("a profile has attributes");
    for built_in in ["username", "email"] {
        if !attributes.iter().any(|attribute| attribute["name"] == built_in) {
            return Err(super::message(
                400,
                &format!("UserProfile configuration lacks '{built_in}'"),
            ));
        }
    }
    let known = [
        "name",
        "displayName",
        "permissions",
        "multivalued",
        "validations",
        "required",
    ];
    match attributes
        .iter()
        .find_map(|attribute| crate::reply::unknown(attribute, &known))
    {
        Some(member) => Err(error(400, &format!("Unrecognized field \"{member}\""))),
        None => Ok(()),
    }
}

fn default_profile() -> Value {
    let everybody = json!({ "view": ["admin", "user"], "edit": ["admin", "user"] });
    let name = |name: &str| {
        json!({
            "name": name,
            "displayName": format!("${{{name}}}"),
            "required": { "roles": ["user"] },
            "permissions": everybody,
            "validations": { "length": { "max": 255 }, "person-name-prohibited-characters": {} },
        })
    };
    json!({ "attributes": [
        { "name": "username", "displayName": "${username}", "validations": { "length": { "min": 3, "max": 255 } } },
        { "name": "email", "displayName": "${email}", "validations": { "email": {} } },
        name("firstName"),
        name("lastName"),
    ] })
}
