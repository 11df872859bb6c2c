use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::{Membership, Profile, Roles};
use utoipa::ToSchema;

/// A person as a member of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TenantUser)]
pub(crate) struct MemberView {
    /// The person's id.
    #[schema(format = "uuid")]
    id: String,
    /// The membership's id: the same when the person leaves and comes back.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// The tenant.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// What the person signs in with.
    #[schema(example = "grace@navy.example")]
    username: String,
    /// E-mail address.
    #[schema(format = Email)]
    email: String,
    /// First name.
    first_name: String,
    /// Middle name.
    middle_name: Option<String>,
    /// Last name.
    last_name: Option<String>,
    /// Telephone number (E.164).
    phone: Option<String>,
    /// Where a picture of the person is.
    photo_url: Option<String>,
    /// What the person does in the tenant.
    designation: Option<String>,
    /// The language that the person wants to be spoken to in (BCP 47).
    locale: Option<String>,
    /// The role.
    #[schema(format = "uuid")]
    role_id: String,
    /// What the role is called; null if it is gone.
    role_name: Option<String>,
    /// REGISTERED, ACTIVE, INACTIVE, PASSWORD_CHANGE_NEEDED or REJECTED.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// How the tenant's identity provider knows the person, the `sub` of its tokens; null until it does.
    auth_id: Option<String>,
    /// When the membership began.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl MemberView {
    /// A member, its role by its name.
    pub(crate) fn of(membership: Membership, roles: &Roles) -> Self {
        let role_name = roles.find(membership.role_id).map(|role| role.name.to_string());
        let Membership {
            id,
            tenant_id,
            user_id,
            username,
            email,
            profile,
            designation,
            locale,
            role_id,
            status,
            overrides: _,
            groups: _,
            login,
            created_at,
            modified_at,
            version,
        } = membership;
        let Profile {
            first_name,
            middle_name,
            last_name,
            phone,
            photo_url,
        } = profile;
        Self {
            id: user_id.to_string(),
            user_tenant_id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            username: username.to_string(),
            email: email.as_str().to_owned(),
            first_name: first_name.to_string(),
            middle_name: middle_name.map(|name| name.to_string()),
            last_name: last_name.map(|name| name.to_string()),
            phone: phone.map(|phone| phone.to_string()),
            photo_url: photo_url.map(|url| url.as_str().to_owned()),
            designation: designation.map(|designation| designation.to_string()),
            locale: locale.map(|locale| locale.to_string()),
            role_id: role_id.to_string(),
            role_name,
            status: status.name(),
            auth_id: login.map(|login| login.auth_id.to_string()),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for MemberView {
    fn version(&self) -> u64 {
        self.version
    }
}
