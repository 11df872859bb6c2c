use serde::Serialize;
use serde_json::{Map, Value};
use tenantry_api::Tagged;
use tenantry_domain::Preference;
use utoipa::ToSchema;

/// What a member wants a front end to remember.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserTenantPreference)]
pub(crate) struct PreferenceView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// What it is about.
    #[schema(example = "last-accessed-url")]
    config_key: String,
    /// What is remembered, as it was written.
    #[schema(value_type = Object)]
    config_value: Map<String, Value>,
    /// When it was first set.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last set.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl From<Preference> for PreferenceView {
    fn from(preference: Preference) -> Self {
        let Preference {
            id,
            tenant_id: _,
            membership_id,
            config_key,
            config_value,
            created_at,
            modified_at,
            version,
        } = preference;
        Self {
            id: id.to_string(),
            user_tenant_id: membership_id.to_string(),
            config_key: config_key.to_string(),
            config_value,
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for PreferenceView {
    fn version(&self) -> u64 {
        self.version
    }
}
