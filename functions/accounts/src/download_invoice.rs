use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use tenantry_api::{Operation, Path, Problem, Raw, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Invoice, Kind};

use crate::invoice_pdf;

/// Download an invoice.
///
/// A PDF of A4 pages.
#[utoipa::path(
    get,
    path = "/invoices/{id}/download",
    params(("id" = String, Path, description = "The invoice's id."), TenantQuery),
    responses((status = 200, description = "The invoice on paper.", content_type = "application/pdf"))
)]
pub(crate) async fn download_invoice(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invoice>>,
) -> Result<Raw, Problem> {
    let invoice = operation.context.store.find_invoice(&scope, id).await?;
    let invoice = invoice.ok_or_else(|| DomainError::not_found(Kind::Invoice, id))?;
    // Keys of tenants and digits: nothing in it needs quoting.
    let disposition = format!("attachment; filename=\"invoice-{}.pdf\"", invoice.number);
    let headers = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, disposition),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok(Raw((headers, invoice_pdf::render(&invoice)).into_response()))
}
