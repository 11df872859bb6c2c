use tenantry_api::view::LeadView;
use tenantry_api::{Body, Found, FromMembers, LeadId, Members, Operation, Path, Problem};
use tenantry_domain::{Address, Error as DomainError, Event, Kind, LeadChanges, Patch, PersonName};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// Corrections (JSON Merge Patch, RFC 7396). The e-mail address is not among them: it is what the lead proved.
#[derive(Debug, ToSchema)]
#[schema(as = LeadChanges, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document; the domain's changes are what is read")]
pub(crate) struct LeadChangesDoc {
    /// First name.
    #[schema(max_length = 100)]
    first_name: Option<String>,
    /// Last name.
    #[schema(max_length = 100)]
    last_name: Option<String>,
    /// Company.
    #[schema(max_length = 100)]
    company_name: Option<String>,
    /// Postal address, replaced as a whole; null removes it.
    address: Option<tenantry_api::view::AddressView>,
}

/// The corrections as they were read.
pub(crate) struct LeadPatch(LeadChanges);

impl FromMembers for LeadPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.changed_text("firstName", PersonName::parse_name);
        let last_name = members.changed_text("lastName", PersonName::parse_name);
        let company_name = members.changed_text("companyName", PersonName::parse_name);
        let address: Option<Patch<Address>> = members.patched_object("address");
        Some(Self(LeadChanges { first_name: first_name?, last_name: last_name?, company_name: company_name?, address: address? }))
    }
}

/// Correct a lead.
#[utoipa::path(
    patch,
    path = "/leads/{id}",
    request_body(content = LeadChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The lead's id."))
)]
pub(crate) async fn update_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
    Body(LeadPatch(changes)): Body<LeadPatch>,
) -> Result<Found<LeadView>, Problem> {
    let context = &operation.context;
    let lead = context.store.find_lead(id).await?.ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    operation.check_version(Kind::Lead, id, lead.version)?;
    if changes == LeadChanges::default() {
        return Ok(Found(lead.into()));
    }
    let change = context.change(operation.caller.actor());
    let corrected = lead.clone().correct(changes, &change);
    let event = Event::of_lead("lead.updated", &corrected, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction
        .replace_lead_or(&lead, &corrected, operation.lost_race(Kind::Lead, id))
        .audit(id, &context.audit("lead.updated", &change))
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(Found(corrected.into()))
}
