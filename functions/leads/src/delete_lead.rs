use tenantry_api::{LeadId, NoContent, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Event, Kind};
use tenantry_store::{Transaction, Unique};

/// Erase a lead.
///
/// Its personal data is gone for good, its code and token prove nothing any more, and its e-mail address may sign up again.
/// The tenant that it became stays, with its contacts.
#[utoipa::path(delete, path = "/leads/{id}", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn delete_lead(operation: Operation, Path(id): Path<LeadId>) -> Result<NoContent, Problem> {
    let context = &operation.context;
    let lead = context.store.find_lead(id).await?.ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    operation.check_version(Kind::Lead, id, lead.version)?;
    let change = context.change(operation.caller.actor());
    let event = Event::of_lead("lead.erased", &lead, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction
        .delete_lead(&lead, operation.lost_race(Kind::Lead, id))
        .audit(id, &context.audit("lead.erased", &change))
        .send(&context.event(&event));
    if lead.is_verified() {
        transaction.release(&Unique::LeadEmail(&lead.email), &id.to_string());
    }
    context.store.commit(transaction).await?;
    Ok(NoContent)
}
