//! How permissions that are given to somebody are read: by name or alias, and only those that members can hold.

use serde_json::Value;
use tenantry_api::Members;
use tenantry_domain::{Patch, Permission, Permissions, Rule, Scope};

/// So many texts a list has at most: every permission by each of its names.
const MOST: usize = 200;

/// A permission that a member can be given.
pub(crate) fn parse(text: &str) -> Result<Permission, Rule> {
    match Permission::parse(text) {
        None => Err(Rule::new("unknown_permission", "must name a permission")),
        Some(permission) => match permission.scope() {
            Scope::Tenant => Ok(permission),
            Scope::Platform => Err(Rule::new(
                "platform_permission",
                "must be a permission that members of a tenant can hold",
            )),
        },
    }
}

/// The list under `permissions`, which may be empty. `None` says that it was there and wrong.
pub(crate) fn permissions_of(members: &mut Members<'_>) -> Option<Patch<Permissions>> {
    let values = match members.raw("permissions") {
        None => return Some(Patch::Keep),
        Some(Value::Null) => return Some(Patch::Clear),
        Some(Value::Array(values)) => values,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            return members.note(
                "permissions",
                Rule::new("invalid_type", "must be a list of strings"),
            );
        }
    };
    if values.len() > MOST {
        let rule = Rule::new("too_many", format!("must have at most {MOST} items"));
        return members.note("permissions", rule);
    }
    let read = values.iter().enumerate().map(|(n, value)| {
        let text = value.as_str();
        let text = text.ok_or_else(|| Rule::new("invalid_type", "must be a string"));
        text.and_then(parse)
            .map_or_else(|rule| members.note(&format!("permissions/{n}"), rule), Some)
    });
    // All of them are read before one that is wrong makes the list wrong.
    let read: Vec<Option<Permission>> = read.collect();
    read.into_iter().collect::<Option<Permissions>>().map(Patch::Set)
}
