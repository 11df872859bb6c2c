use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Change, ConfigName, Id, Membership, Tenant, Timestamp};

/// What a member wants a front end to remember: one value for each key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preference {
    /// Its id, which follows from member and key.
    pub id: Id<Preference>,
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// Whose it is.
    pub membership_id: Id<Membership>,
    /// What it is about, `last-accessed-url` for example.
    pub config_key: ConfigName,
    /// What is remembered.
    #[serde(with = "crate::json_text")]
    pub config_value: Map<String, Value>,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it was last set.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

impl Preference {
    /// A value may have so many bytes as compact JSON: 8 KiB.
    pub const MOST_BYTES: usize = 8 * 1024;
    /// So many a member has at most: they go with it in one transaction.
    pub const MOST: u64 = 25;

    /// The one preference that a member can have under a key.
    pub fn id_of(membership_id: Id<Membership>, key: &ConfigName) -> Id<Self> {
        Id::following(
            &format!("preference {}", key.as_str()),
            &[membership_id.as_uuid()],
        )
    }

    /// A preference that was not set yet.
    pub fn new(
        (tenant_id, membership_id): (Id<Tenant>, Id<Membership>),
        config_key: ConfigName,
        config_value: Map<String, Value>,
        change: &Change,
    ) -> Self {
        Self {
            id: Self::id_of(membership_id, &config_key),
            tenant_id,
            membership_id,
            config_key,
            config_value,
            created_at: change.at,
            modified_at: change.at,
            version: 1,
        }
    }

    /// With another value; nothing if it has this one already.
    pub fn set(self, config_value: Map<String, Value>, change: &Change) -> Option<Self> {
        if config_value == self.config_value {
            return None;
        }
        Some(Self {
            config_value,
            modified_at: change.at,
            version: self.version + 1,
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::examples::{change, id};

    #[test]
    fn a_key_has_one_preference_of_each_member() {
        let key = |text| ConfigName::parse(text).expect("the example is a key");

        assert_eq!(
            Preference::id_of(id(1), &key("a")),
            Preference::id_of(id(1), &key("a"))
        );
        assert_ne!(
            Preference::id_of(id(1), &key("a")),
            Preference::id_of(id(1), &key("b"))
        );
        assert_ne!(
            Preference::id_of(id(1), &key("a")),
            Preference::id_of(id(2), &key("a"))
        );
    }

    #[test]
    fn a_value_that_is_there_already_changes_nothing() {
        let value = |n: u8| json!({ "n": n }).as_object().cloned().unwrap_or_default();
        let key = ConfigName::parse("a").expect("the example is a key");
        let preference = Preference::new((id(1), id(2)), key, value(1), &change());

        assert_eq!(preference.clone().set(value(1), &change()), None);
        let set = preference.set(value(2), &change()).expect("it changes");
        assert_eq!(set.version, 2);
    }
}
