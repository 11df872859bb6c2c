use serde::Serialize;
use tenantry_api::{Count, Operation, Path, Problem};
use tenantry_domain::{Rule, TenantKey};
use utoipa::ToSchema;

/// Whether a key can be had.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyCheck {
    /// The key that was asked for.
    key: String,
    /// Whether a tenant can be created with it now.
    available: bool,
    /// Why not: `taken` or `invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Any text: what is no key is answered, not refused.
pub(crate) struct Asked(String);

impl std::str::FromStr for Asked {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Ok(Self(text.chars().take(100).collect()))
    }
}

/// Ask whether a key is free.
#[utoipa::path(get, path = "/tenant-keys/{key}", params(("key" = String, Path, description = "The key.")))]
pub(crate) async fn check_tenant_key(operation: Operation, Path(Asked(key)): Path<Asked>) -> Result<Count<KeyCheck>, Problem> {
    let Ok(parsed) = TenantKey::parse(&key) else {
        return Ok(Count(KeyCheck { key, available: false, reason: Some("invalid") }));
    };
    let is_taken = operation.context.store.find_owner_of_key(&parsed).await?.is_some();
    Ok(Count(KeyCheck { key, available: !is_taken, reason: is_taken.then_some("taken") }))
}
