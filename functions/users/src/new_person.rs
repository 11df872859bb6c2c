//! What a body says of a person, and what adding one has to look at.

use tenantry_api::{FromMembers, Members};
use tenantry_app::{Context, Error};
use tenantry_domain::{
    Email, Error as DomainError, Id, Kind, NewInvitation, Offer, Permissions, PersonName, Phone, Profile,
    Role, Tenant, TenantScope, Username, Website,
};
use tenantry_store::{People, Unique, Wanted};
use utoipa::ToSchema;

/// An invitation that is sent to an address.
#[derive(Debug, ToSchema)]
#[schema(as = NewInvitation, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's new invitation is what is read"
)]
pub(crate) struct NewInvitationDoc {
    /// Where to write.
    #[schema(format = Email, max_length = 254, example = "grace@navy.example")]
    email: String,
    /// The role that the person will have: one of the tenant's, and within what the caller holds.
    #[schema(format = "uuid")]
    role_id: String,
    /// First name, if it is known.
    #[schema(max_length = 100, example = "Grace")]
    first_name: Option<String>,
    /// Last name, if it is known.
    #[schema(max_length = 100, example = "Hopper")]
    last_name: Option<String>,
}

/// The invitation as it was read.
pub(crate) struct NewInvitationBody(pub(crate) NewInvitation);

impl FromMembers for NewInvitationBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let email = members.text("email", Email::parse);
        let role_id = members.text("roleId", Id::<Role>::parse);
        let first_name = members.optional_text("firstName", PersonName::parse_name);
        let last_name = members.optional_text("lastName", PersonName::parse_name);
        Some(Self(NewInvitation {
            email: email?,
            first_name: first_name?,
            last_name: last_name?,
            role_id: role_id?,
        }))
    }
}

/// What is known of a person, and what it signs in with if it says so.
pub(crate) fn profile_of(members: &mut Members<'_>) -> Option<(Profile, Option<Username>)> {
    let first_name = members.text("firstName", PersonName::parse_name);
    let middle_name = members.optional_text("middleName", PersonName::parse_name);
    let last_name = members.optional_text("lastName", PersonName::parse_name);
    let username = members.optional_text("username", Username::parse);
    let phone = members.optional_text("phone", Phone::parse);
    let photo_url = members.optional_text("photoUrl", Website::parse);
    let profile = Profile {
        first_name: first_name?,
        middle_name: middle_name?,
        last_name: last_name?,
        phone: phone?,
        photo_url: photo_url?,
    };
    Some((profile, username?))
}

/// The tenant's roles and name, and who has these names and addresses.
pub(crate) async fn look(
    context: &Context,
    scope: &TenantScope,
    owners_of: Vec<Unique<'_>>,
    invited: Vec<&Email>,
) -> Result<(People, Tenant), Error> {
    let wanted = Wanted {
        owners_of,
        invited,
        tenant: true,
        ..Wanted::default()
    };
    let missing = || DomainError::not_found(Kind::Tenant, scope.tenant_id());
    let mut people = context
        .store
        .find_people(scope, &wanted)
        .await?
        .ok_or_else(missing)?;
    let tenant = people.tenant.take().ok_or_else(missing)?;
    Ok((people, tenant))
}

/// What a person is offered, if the caller may: nobody gives away more than it holds.
pub(crate) fn offer(
    people: &People,
    tenant: &Tenant,
    role_id: Id<Role>,
    held: &Permissions,
) -> Result<Offer, DomainError> {
    let role = people.roles.require(role_id)?;
    role.check_within(held)?;
    Ok(Offer {
        tenant_name: tenant.name.clone(),
        role_name: role.name.clone(),
        granted: role.permissions.clone(),
    })
}
