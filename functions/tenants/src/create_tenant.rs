use tenantry_api::view::TenantView;
use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem};
use tenantry_app::{Onboarded, found_tenant};
use tenantry_domain::{Address, Domain, Email, NewTenant, PersonName, TenantKey, Website};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// A tenant that an operator creates.
#[derive(Debug, ToSchema)]
#[schema(as = NewTenant, rename_all = "camelCase")]
pub(crate) struct NewTenantBody {
    /// Name for people.
    #[schema(value_type = String, max_length = 100, example = "Acme")]
    name: PersonName,
    /// Short name: 1 to 10 lower-case letters and digits. It can never be changed.
    #[schema(value_type = String, pattern = "^[a-z0-9]{1,10}$", example = "acme")]
    key: TenantKey,
    /// Mail domains, one of them that of the contact's e-mail address.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20, example = json!(["acme.com"]))]
    domains: Vec<Domain>,
    /// The first contact: primary, and the tenant's administrator.
    contact: NewContact,
    /// Web site.
    #[schema(value_type = Option<String>)]
    website: Option<Website>,
    /// Postal address.
    #[schema(value_type = Option<tenantry_api::view::AddressView>)]
    address: Option<Address>,
}

/// The first contact of a new tenant.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewContact {
    /// First name.
    #[schema(value_type = String, max_length = 100, example = "Ada")]
    first_name: PersonName,
    /// Last name.
    #[schema(value_type = String, max_length = 100, example = "Lovelace")]
    last_name: PersonName,
    /// E-mail address.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@acme.com")]
    email: Email,
}

impl FromMembers for NewTenantBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.text("name", PersonName::parse_name);
        let key = members.text("key", TenantKey::parse);
        let domains = members.texts("domains", 20, Domain::parse);
        let contact = members.object("contact");
        let website = members.optional_text("website", Website::parse);
        let address = members.optional_object("address");
        Some(Self {
            name: name?,
            key: key?,
            domains: domains?,
            contact: contact?,
            website: website?,
            address: address?.and_then(Address::if_given),
        })
    }
}

impl FromMembers for NewContact {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.text("firstName", PersonName::parse_name);
        let last_name = members.text("lastName", PersonName::parse_name);
        let email = members.text("email", Email::parse);
        // The references' clients send it; the first contact is primary in any case.
        let is_primary = members.optional_flag("isPrimary");
        is_primary?;
        Some(Self { first_name: first_name?, last_name: last_name?, email: email? })
    }
}

/// Create a tenant.
///
/// Without a lead, by an operator. It waits for provisioning.
#[utoipa::path(post, path = "/tenants", request_body = NewTenantBody)]
pub(crate) async fn create_tenant(
    operation: Operation,
    Body(body): Body<NewTenantBody>,
) -> Result<Created<TenantView>, Problem> {
    let context = &operation.context;
    let NewTenantBody { name, key, domains, contact, website, address } = body;
    let NewContact { first_name, last_name, email } = contact;
    let new = NewTenant { key, name, domains, website, address };
    let change = context.change(operation.caller.actor());
    let mut transaction = Transaction::new();
    let person = (first_name, last_name, email);
    let Onboarded { tenant, contact } = found_tenant(context, &mut transaction, new, person, None, &change)?;
    operation.about_tenant(tenant.id);
    let location = format!("/tenants/{}", tenant.id);
    let body = TenantView::from(tenant).with_contacts(vec![contact]);
    operation.finish(transaction, Created { location, body }).await
}
