//! How the parts of a setting are read from a body, and what the audit trail says of them.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use tenantry_api::Members;
use tenantry_app::ConfigSecrets;
use tenantry_domain::{ConfigName, Error as DomainError, Patch, Rule, TenantConfig};

/// Secrets as a body names them: a text sets one, null removes it.
pub(crate) type SecretChanges = BTreeMap<ConfigName, Option<SecretString>>;

/// A secret may have so many characters.
const MOST_CHARACTERS: usize = 4096;

/// The value: any object, as large as a setting may be, or nothing. `None` says that it was there and wrong.
pub(crate) fn value_of(members: &mut Members<'_>) -> Option<Patch<Map<String, Value>>> {
    match members.patched_sized_object("configValue", TenantConfig::MOST_BYTES)? {
        Patch::Clear => members.note("configValue", Rule::new("required", "must not be null")),
        value @ (Patch::Keep | Patch::Set(_)) => Some(value),
    }
}

/// The secrets: an object of texts, and of nulls where there is something to remove. Null removes them all.
pub(crate) fn secrets_of(members: &mut Members<'_>) -> Option<Patch<SecretChanges>> {
    let secrets = match members.raw("secrets") {
        None => return Some(Patch::Keep),
        Some(Value::Null) => return Some(Patch::Clear),
        Some(Value::Object(secrets)) => secrets,
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return members.note("secrets", Rule::new("invalid_type", "must be an object"));
        }
    };
    let mut changes = SecretChanges::new();
    let mut is_valid = true;
    for (name, value) in secrets {
        match read_secret(&name, value) {
            Ok((name, secret)) => {
                changes.insert(name, secret);
            }
            Err(rule) => {
                // RFC 6901 section 3.
                let escaped = name.replace('~', "~0").replace('/', "~1");
                members.note::<()>(&format!("secrets/{escaped}"), rule);
                is_valid = false;
            }
        }
    }
    is_valid.then_some(Patch::Set(changes))
}

fn read_secret(name: &str, value: Value) -> Result<(ConfigName, Option<SecretString>), Rule> {
    let name = ConfigName::parse(name)?;
    match value {
        Value::Null => Ok((name, None)),
        Value::String(text) if (1..=MOST_CHARACTERS).contains(&text.chars().count()) => {
            Ok((name, Some(text.into())))
        }
        Value::String(_) => {
            let detail = format!("must have 1 to {MOST_CHARACTERS} characters");
            Err(Rule::new("invalid_length", detail))
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(Rule::new("invalid_type", "must be a string"))
        }
    }
}

/// The secrets after what the body does to them, if they are not too many.
pub(crate) fn merged(
    secrets: ConfigSecrets,
    patch: Patch<SecretChanges>,
) -> Result<ConfigSecrets, DomainError> {
    let mut merged = secrets;
    match patch {
        Patch::Keep => {}
        Patch::Clear => merged.clear(),
        Patch::Set(changes) => {
            for (name, secret) in changes {
                match secret {
                    Some(secret) => merged.insert(name, secret),
                    None => merged.remove(&name),
                };
            }
        }
    }
    let bytes: usize = merged
        .iter()
        .map(|(name, secret)| name.as_str().len() + secret.expose_secret().len())
        .sum();
    if merged.len() > TenantConfig::MOST_SECRETS {
        let detail = format!("must be at most {}", TenantConfig::MOST_SECRETS);
        return Err(DomainError::invalid(Rule::new("too_many", detail).at("/secrets")));
    }
    if bytes > TenantConfig::MOST_BYTES {
        return Err(DomainError::invalid(too_large().at("/secrets")));
    }
    Ok(merged)
}

fn too_large() -> Rule {
    let detail = format!("must have at most {} bytes", TenantConfig::MOST_BYTES);
    Rule::new("too_large", detail)
}

/// A setting as the audit trail shows it: by its names. What a value holds may be a secret that its writer put there.
pub(crate) fn shown(config: &TenantConfig) -> Value {
    let names: Vec<&str> = config.secret_names().map(ConfigName::as_str).collect();
    let members: Vec<&String> = config.config_value.keys().collect();
    json!({ "configId": config.id, "configKey": config.config_key, "members": members, "secretNames": names })
}

/// The setting after a change, with the names of what changed.
pub(crate) fn changed(
    before: (&TenantConfig, &ConfigSecrets),
    after: (&TenantConfig, &ConfigSecrets),
) -> Value {
    let (old, new) = (&before.0.config_value, &after.0.config_value);
    let members: BTreeSet<&String> = old
        .keys()
        .chain(new.keys())
        .filter(|name| old.get(*name) != new.get(*name))
        .collect();
    let secrets: BTreeSet<&str> = before
        .1
        .keys()
        .chain(after.1.keys())
        .filter(|name| text_of(before.1, name) != text_of(after.1, name))
        .map(ConfigName::as_str)
        .collect();
    let mut shown = shown(after.0);
    shown["changed"] = json!({ "members": members, "secrets": secrets });
    shown
}

/// Whether these are the same secrets.
pub(crate) fn is_same(before: &ConfigSecrets, after: &ConfigSecrets) -> bool {
    before.len() == after.len()
        && before
            .keys()
            .all(|name| text_of(before, name) == text_of(after, name))
}

fn text_of<'a>(secrets: &'a ConfigSecrets, name: &ConfigName) -> Option<&'a str> {
    secrets.get(name).map(ExposeSecret::expose_secret)
}
