use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{Change, Entropy, Id, Rule, Tenant, Timestamp};

/// The name of a setting, or of one of its secrets: 1 to 100 letters, digits, dots, underscores, hyphens and inner spaces.
///
/// Known here are `auth0` and `keycloak`, which identity set-up reads, and `password-policy`, `profile` and
/// `date-time format`, which are for front ends; every other one means what its writer says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ConfigName(String);

/// Secrets as they are stored: what they are called, and what nobody reads without the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecrets {
    /// What they are called.
    pub names: BTreeSet<ConfigName>,
    /// Names and values, sealed for this setting of this tenant.
    pub sealed: String,
}

/// A setting of a tenant. There is one for each key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantConfig {
    /// Its id.
    pub id: Id<TenantConfig>,
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// What it sets.
    pub config_key: ConfigName,
    /// What it is set to.
    #[serde(with = "crate::json_text")]
    pub config_value: Map<String, Value>,
    /// What belongs to it and is never shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub secrets: Option<SealedSecrets>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

impl ConfigName {
    /// Trims and checks.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let text = text.trim();
        let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
        if (1..=100).contains(&text.len()) && text.chars().all(is_known) {
            Ok(Self(text.to_owned()))
        } else {
            let detail = "must have 1 to 100 letters, digits, dots, underscores, hyphens and spaces";
            Err(Rule::new("invalid_config_key", detail))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TenantConfig {
    /// A value may have so many bytes as compact JSON, and so may all secrets together: 8 KiB.
    pub const MOST_BYTES: usize = 8 * 1024;
    /// So many secrets a setting has at most.
    pub const MOST_SECRETS: usize = 20;

    /// A new setting.
    pub fn new(
        tenant_id: Id<Tenant>,
        config_key: ConfigName,
        config_value: Map<String, Value>,
        secrets: Option<SealedSecrets>,
        change: &Change,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            id: Id::new(change.at, entropy),
            tenant_id,
            config_key,
            config_value,
            secrets,
            created_at: change.at,
            modified_at: change.at,
            version: 1,
        }
    }

    /// The setting with another value and other secrets, or nothing if it has these already. The value is replaced as a whole.
    pub fn update(
        self,
        config_value: Option<Map<String, Value>>,
        secrets: Option<SealedSecrets>,
        change: &Change,
    ) -> Option<Self> {
        let config_value = config_value.unwrap_or_else(|| self.config_value.clone());
        if config_value == self.config_value && secrets == self.secrets {
            return None;
        }
        Some(Self {
            config_value,
            secrets,
            modified_at: change.at,
            version: self.version + 1,
            ..self
        })
    }

    /// What its secrets are called.
    pub fn secret_names(&self) -> impl Iterator<Item = &ConfigName> {
        self.secrets.iter().flat_map(|secrets| &secrets.names)
    }
}

impl fmt::Display for ConfigName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConfigName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Values may hold what their writer thinks is harmless.
impl fmt::Debug for TenantConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantConfig")
            .field("id", &self.id)
            .field("config_key", &self.config_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_keys_are_keys() {
        for key in [
            "auth0",
            "keycloak",
            "password-policy",
            "profile",
            "date-time format",
            "a.b_c",
            " x ",
        ] {
            assert_eq!(ConfigName::parse(key).expect(key).as_str(), key.trim());
        }
    }

    #[test]
    fn what_could_be_mistaken_for_another_key_is_none() {
        let long = "x".repeat(101);
        for key in ["", " ", "a#b", "a/b", "a\tb", "ä", "a\u{200B}", "a%23", &long] {
            assert!(ConfigName::parse(key).is_err(), "{key:?}");
        }
    }
}
