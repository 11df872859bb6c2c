use tenantry_api::{NoContent, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_app::InvoiceCommand;
use tenantry_domain::{Id, Invoice, Kind};

/// Cancel an invoice.
///
/// It stays readable under its number, and is not owed any more. One that was paid cannot be cancelled.
#[utoipa::path(
    delete,
    path = "/invoices/{id}",
    params(("id" = String, Path, description = "The invoice's id."), TenantQuery)
)]
pub(crate) async fn delete_invoice(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invoice>>,
) -> Result<NoContent, Problem> {
    operation.about_tenant(scope.tenant_id());
    let check = |present: &Invoice| operation.require_version(Kind::Invoice, id, present.version);
    let command = InvoiceCommand::Cancel;
    tenantry_app::close_invoice(&operation.context, &scope, id, command, check).await?;
    Ok(NoContent)
}
