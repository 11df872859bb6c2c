use serde::Serialize;
use tenantry_domain::{GroupMember, GroupPlace};
use utoipa::ToSchema;

/// One member of a group.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GroupMember)]
pub(crate) struct GroupMemberView {
    /// The group.
    #[schema(format = "uuid")]
    group_id: String,
    /// The member.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// The person.
    #[schema(format = "uuid")]
    user_id: String,
    /// Whether it is one of the group's owners.
    is_owner: bool,
    /// Since when it is in the group.
    #[schema(format = DateTime)]
    added_at: String,
}

impl From<GroupMember> for GroupMemberView {
    fn from(member: GroupMember) -> Self {
        let GroupMember {
            group_id,
            tenant_id: _,
            membership_id,
            user_id,
            place: GroupPlace { is_owner, added_at },
        } = member;
        Self {
            group_id: group_id.to_string(),
            user_tenant_id: membership_id.to_string(),
            user_id: user_id.to_string(),
            is_owner,
            added_at: added_at.to_string(),
        }
    }
}
