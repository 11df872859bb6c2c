use serde::Serialize;
use tenantry_domain::{Id, Membership, Override, Permission};
use utoipa::ToSchema;

/// What was decided about one permission of a member, beside its role.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserLevelPermission)]
pub(crate) struct OverrideView {
    /// The member.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// The permission, by name.
    #[schema(value_type = String, example = "ViewContact")]
    permission: &'static str,
    /// Whether the member is allowed it; it is denied it, if not.
    allowed: bool,
    /// When it was first decided.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last decided otherwise.
    #[schema(format = DateTime)]
    modified_at: String,
}

impl OverrideView {
    /// One decision about a member.
    pub(crate) fn new(member: Id<Membership>, permission: Permission, decision: Override) -> Self {
        let Override {
            is_allowed,
            created_at,
            modified_at,
        } = decision;
        Self {
            user_tenant_id: member.to_string(),
            permission: permission.name(),
            allowed: is_allowed,
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
        }
    }
}
