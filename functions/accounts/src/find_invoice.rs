use tenantry_api::{Found, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Invoice, Kind};

use crate::invoice_view::InvoiceView;

/// Read an invoice.
#[utoipa::path(
    get,
    path = "/invoices/{id}",
    params(("id" = String, Path, description = "The invoice's id."), TenantQuery)
)]
pub(crate) async fn find_invoice(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invoice>>,
) -> Result<Found<InvoiceView>, Problem> {
    let invoice = operation.context.store.find_invoice(&scope, id).await?;
    let invoice = invoice.ok_or_else(|| DomainError::not_found(Kind::Invoice, id))?;
    Ok(Found(invoice.into()))
}
