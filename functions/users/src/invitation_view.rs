use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::{Invitation, InvitationStatus, Offer, Timestamp};
use utoipa::ToSchema;

/// A person is asked to become a member of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invitation)]
pub(crate) struct InvitationView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// The tenant.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// What the tenant was called when it was sent first.
    tenant_name: String,
    /// Where it was sent.
    #[schema(format = Email)]
    email: String,
    /// First name, if who invites knew it.
    first_name: Option<String>,
    /// Last name, if who invites knew it.
    last_name: Option<String>,
    /// The role that the person will have.
    #[schema(format = "uuid")]
    role_id: String,
    /// What the role was called when it was sent first.
    role_name: String,
    /// PENDING, EXPIRED, ACCEPTED, DECLINED or REVOKED.
    #[schema(example = "PENDING")]
    status: &'static str,
    /// How often it was sent.
    sent: u32,
    /// From when on it cannot be accepted.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Who invites, `member:…`, `operator:…` or `system`.
    invited_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl InvitationView {
    /// An invitation as it stands at an instant.
    pub(crate) fn at(now: Timestamp, invitation: Invitation) -> Self {
        let is_over = invitation.status == InvitationStatus::Pending && !invitation.is_open(now);
        let Invitation {
            id,
            tenant_id,
            // Whether the address belongs to somebody is not for the tenant to know.
            user_id: _,
            email,
            first_name,
            last_name,
            role_id,
            offer,
            status,
            code_hash: _,
            sent,
            expires_at,
            invited_by,
            created_at,
            modified_at,
            version,
        } = invitation;
        let Offer {
            tenant_name,
            role_name,
            granted: _,
        } = offer;
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            tenant_name: tenant_name.to_string(),
            email: email.as_str().to_owned(),
            first_name: first_name.map(|name| name.to_string()),
            last_name: last_name.map(|name| name.to_string()),
            role_id: role_id.to_string(),
            role_name: role_name.to_string(),
            status: if is_over { "EXPIRED" } else { status.name() },
            sent,
            expires_at: expires_at.to_string(),
            invited_by: invited_by.to_string(),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for InvitationView {
    fn version(&self) -> u64 {
        self.version
    }
}
