use serde::Serialize;
use serde_json::{Map, Value};
use tenantry_domain::TenantConfig;
use utoipa::ToSchema;

use crate::Tagged;

/// A setting of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantConfig)]
pub struct ConfigView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// What it sets.
    #[schema(example = "password-policy")]
    config_key: String,
    /// What it is set to, as it was written.
    #[schema(value_type = Object)]
    config_value: Map<String, Value>,
    /// What its secrets are called; what they are is never shown.
    #[schema(example = json!(["clientSecret"]))]
    secret_names: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl From<TenantConfig> for ConfigView {
    fn from(config: TenantConfig) -> Self {
        let secret_names = config.secret_names().map(ToString::to_string).collect();
        let TenantConfig {
            id,
            tenant_id,
            config_key,
            config_value,
            secrets: _,
            created_at,
            modified_at,
            version,
        } = config;
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            config_key: config_key.to_string(),
            config_value,
            secret_names,
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for ConfigView {
    fn version(&self) -> u64 {
        self.version
    }
}
