use tenantry_api::{FromMembers, Members};
use tenantry_domain::{GroupPlace, Id, Membership, Timestamp};
use utoipa::ToSchema;

/// A member that is added to a group.
#[derive(Debug, ToSchema)]
#[schema(as = NewGroupMember, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is built from the domain's types"
)]
pub(crate) struct NewGroupMemberDoc {
    /// The member, by its membership in the tenant.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// Whether it is to be one of the group's owners; not, if absent.
    is_owner: Option<bool>,
}

/// The member as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewGroupMember {
    pub(crate) membership_id: Id<Membership>,
    is_owner: bool,
}

impl FromMembers for NewGroupMember {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let membership_id = members.text("userTenantId", Id::parse);
        let is_owner = members.optional_flag("isOwner");
        Some(Self {
            membership_id: membership_id?,
            is_owner: is_owner?.unwrap_or(false),
        })
    }
}

impl NewGroupMember {
    /// What it becomes in the group.
    pub(crate) fn place(self, added_at: Timestamp) -> GroupPlace {
        GroupPlace {
            is_owner: self.is_owner,
            added_at,
        }
    }
}
