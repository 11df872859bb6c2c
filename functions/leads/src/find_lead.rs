use tenantry_api::view::LeadView;
use tenantry_api::{Found, LeadId, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Kind};

/// Read a lead.
#[utoipa::path(get, path = "/leads/{id}", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn find_lead(operation: Operation, Path(id): Path<LeadId>) -> Result<Found<LeadView>, Problem> {
    let lead = operation.context.store.find_lead(id).await?;
    let lead = lead.ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    Ok(Found(lead.into()))
}
