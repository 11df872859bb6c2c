use tenantry_api::view::TenantView;
use tenantry_api::{Body, Created, FromMembers, LeadId, Members, Operation, Path, Problem};
use tenantry_app::{Onboarded, found_tenant};
use tenantry_domain::{Actor, Address, Domain, Error as DomainError, Kind, NewTenant, PersonName, TenantKey, Website};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// The tenant that a lead becomes.
#[derive(Debug, ToSchema)]
#[schema(as = NewTenantOfLead, rename_all = "camelCase")]
pub(crate) struct NewTenantOfLead {
    /// Short name: 1 to 10 lower-case letters and digits. It can never be changed.
    #[schema(value_type = String, pattern = "^[a-z0-9]{1,10}$", example = "acme")]
    key: TenantKey,
    /// Name for people; the lead's company if absent.
    #[schema(value_type = Option<String>, max_length = 100)]
    name: Option<PersonName>,
    /// Mail domains, one of them that of the lead's e-mail address.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20, example = json!(["acme.com"]))]
    domains: Vec<Domain>,
    /// Web site.
    #[schema(value_type = Option<String>)]
    website: Option<Website>,
    /// Postal address; the lead's if absent.
    #[schema(value_type = Option<tenantry_api::view::AddressView>)]
    address: Option<Address>,
}

impl FromMembers for NewTenantOfLead {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let key = members.text("key", TenantKey::parse);
        let name = members.optional_text("name", PersonName::parse_name);
        let domains = members.texts("domains", 20, Domain::parse);
        let website = members.optional_text("website", Website::parse);
        let address = members.optional_object("address");
        Some(Self { key: key?, name: name?, domains: domains?, website: website?, address: address?.and_then(Address::if_given) })
    }
}

/// Become a tenant.
///
/// A verified lead has one tenant. Its first contact is the lead's person; it waits for provisioning.
#[utoipa::path(
    post,
    path = "/leads/{id}/tenants",
    request_body = NewTenantOfLead,
    params(("id" = String, Path, description = "The lead's id."))
)]
pub(crate) async fn create_tenant_of_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
    Body(body): Body<NewTenantOfLead>,
) -> Result<Created<TenantView>, Problem> {
    let context = &operation.context;
    let lead = context.store.find_lead(id).await?.ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    let NewTenantOfLead { key, name, domains, website, address } = body;
    let name = name.unwrap_or_else(|| lead.company_name.clone());
    let new = NewTenant { key, name, domains, website, address: address.or_else(|| lead.address.clone()) };
    let change = context.change(Actor::Lead(id));
    let person = (lead.first_name.clone(), lead.last_name.clone(), lead.email.clone());
    let mut transaction = Transaction::new();
    let Onboarded { tenant, contact } = found_tenant(context, &mut transaction, new, person, Some(&lead), &change)?;
    let onboarded = lead.clone().onboard(tenant.id, context.now)?;
    transaction.onboard_lead(&lead, &onboarded);
    operation.about_tenant(tenant.id);
    let location = format!("/tenants/{}", tenant.id);
    let body = TenantView::from(tenant).with_contacts(vec![contact]).with_lead(Some(onboarded));
    operation.finish(transaction, Created { location, body }).await
}
