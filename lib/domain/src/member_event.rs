//! What events say of people: ids and states, never names or addresses. Who needs more reads it with the permission to.

use serde::Serialize;

use crate::role::RoleName;
use crate::{
    Event, EventData, Group, GroupMember, Id, Invitation, InvitationStatus, Login, Membership,
    MembershipStatus, Permissions, Role, Tally, Tenant, Timestamp, User,
};

/// A member as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MemberFact {
    id: Id<Membership>,
    user_id: Id<User>,
    role_id: Id<Role>,
    /// The role that it had, if it has another one now.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_role_id: Option<Id<Role>>,
    status: MembershipStatus,
    /// How the tenant's identity provider knows it, once it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<Login>,
    version: u64,
}

/// An invitation as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InvitationFact {
    id: Id<Invitation>,
    role_id: Id<Role>,
    status: InvitationStatus,
    expires_at: Timestamp,
    version: u64,
}

/// A role as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoleFact {
    id: Id<Role>,
    name: RoleName,
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    permissions: Permissions,
    version: u64,
}

/// A group as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GroupFact {
    id: Id<Group>,
    name: RoleName,
    members: u64,
    owners: u64,
    version: u64,
}

/// A member of a group as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GroupMemberFact {
    user_tenant_id: Id<Membership>,
    user_id: Id<User>,
    is_owner: bool,
}

/// A person as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UserFact {
    id: Id<User>,
    /// How identity providers know it, or knew it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(default))]
    logins: Vec<Login>,
    version: u64,
}

fn figure(figure: &str, delta: i64) -> Tally {
    Tally::from_iter([(figure.to_owned(), delta)])
}

fn group_fact(group: &Group) -> GroupFact {
    GroupFact {
        id: group.id,
        name: group.name.clone(),
        members: group.members,
        owners: group.owners,
        version: group.version,
    }
}

impl Event {
    /// Something happened to a member; `delta` says by how many members there are more.
    pub fn of_member(
        kind: &'static str,
        membership: &Membership,
        delta: i64,
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let fact = MemberFact {
            id: membership.id,
            user_id: membership.user_id,
            role_id: membership.role_id,
            previous_role_id: None,
            status: membership.status,
            login: membership.login.clone(),
            version: membership.version,
        };
        let data = EventData::Member { member: fact };
        Self::in_tenant(
            kind,
            membership.tenant_id,
            data,
            figure(Tally::MEMBERS, delta),
            id,
            at,
        )
    }

    /// The event of a member's change, and which role it had before, if it has another one now.
    #[must_use]
    pub fn with_previous_role(mut self, before: &Membership) -> Self {
        if let EventData::Member { member } = &mut self.data {
            member.previous_role_id = Some(before.role_id).filter(|role| *role != member.role_id);
        }
        self
    }

    /// Something happened to an invitation. What it counts as is in its name.
    pub fn of_invitation(kind: &'static str, invitation: &Invitation, id: Id<Event>, at: Timestamp) -> Self {
        let fact = InvitationFact {
            id: invitation.id,
            role_id: invitation.role_id,
            status: invitation.status,
            expires_at: invitation.expires_at,
            version: invitation.version,
        };
        let tally = match invitation.status {
            InvitationStatus::Pending => Tally::INVITATIONS_SENT,
            InvitationStatus::Accepted => Tally::INVITATIONS_ACCEPTED,
            InvitationStatus::Declined => Tally::INVITATIONS_DECLINED,
            InvitationStatus::Revoked => Tally::INVITATIONS_REVOKED,
        };
        let data = EventData::Invitation { invitation: fact };
        Self::in_tenant(kind, invitation.tenant_id, data, figure(tally, 1), id, at)
    }

    /// Something happened to a role that a tenant made; `delta` says by how many there are more.
    pub fn of_role(
        kind: &'static str,
        (tenant_id, role): (Id<Tenant>, &Role),
        delta: i64,
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let fact = RoleFact {
            id: role.id,
            name: role.name.clone(),
            permissions: role.permissions.clone(),
            version: role.version,
        };
        let data = EventData::Role { role: fact };
        Self::in_tenant(kind, tenant_id, data, figure(Tally::ROLES, delta), id, at)
    }

    /// Something happened to a group.
    pub fn of_group(kind: &'static str, group: &Group, id: Id<Event>, at: Timestamp) -> Self {
        let data = EventData::Group {
            group: group_fact(group),
        };
        Self::in_tenant(kind, group.tenant_id, data, Tally::default(), id, at)
    }

    /// Something happened to members of a group.
    pub fn of_group_members(
        kind: &'static str,
        group: &Group,
        members: &[GroupMember],
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let members = members.iter().map(|member| GroupMemberFact {
            user_tenant_id: member.membership_id,
            user_id: member.user_id,
            is_owner: member.place.is_owner,
        });
        let data = EventData::GroupMembers {
            group: group_fact(group),
            members: members.collect(),
        };
        Self::in_tenant(kind, group.tenant_id, data, Tally::default(), id, at)
    }

    /// Something happened to a person, in all of its tenants.
    pub fn of_user(kind: &'static str, user: &User, id: Id<Event>, at: Timestamp) -> Self {
        let fact = UserFact {
            id: user.id,
            logins: user.logins.clone(),
            version: user.version,
        };
        Self {
            id,
            kind,
            subject: user.id.to_string(),
            tenant_id: None,
            at,
            data: EventData::User { user: fact },
            tally: Tally::default(),
        }
    }

    fn in_tenant(
        kind: &'static str,
        tenant_id: Id<Tenant>,
        data: EventData,
        tally: Tally,
        id: Id<Self>,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            kind,
            subject: tenant_id.to_string(),
            tenant_id: Some(tenant_id),
            at,
            data,
            tally,
        }
    }
}
