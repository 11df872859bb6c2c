use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::{Id, Permission, Role, Tenant};
use utoipa::ToSchema;

/// What members of a tenant are made to do their work.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Role)]
pub(crate) struct RoleView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// What it is called.
    #[schema(example = "Editor")]
    name: String,
    /// What it is for.
    #[schema(required = true)]
    description: Option<String>,
    /// What it grants, by name.
    #[schema(value_type = Vec<String>, example = json!(["ViewTenant", "ViewContact"]))]
    permissions: Vec<&'static str>,
    /// Whether every tenant has it; such a role stays as it is.
    is_system: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl RoleView {
    /// A role of the tenant.
    pub(crate) fn new(tenant_id: Id<Tenant>, role: Role) -> Self {
        let Role {
            id,
            name,
            description,
            permissions,
            created_at,
            modified_at,
            version,
        } = role;
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            name: name.to_string(),
            description: description.map(|description| description.to_string()),
            permissions: permissions.iter().map(Permission::name).collect(),
            is_system: Role::system(tenant_id, id).is_some(),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for RoleView {
    fn version(&self) -> u64 {
        self.version
    }
}
