use serde::Deserialize;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope, TenantQuery};
use tenantry_domain::InvoiceStatus;
use utoipa::IntoParams;

use crate::invoice_view::InvoiceView;

/// Which invoices, and which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvoicesQuery {
    /// Only those in this status: PENDING, PAID or CANCELLED.
    status: Option<String>,
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// `createdAt:desc` (newest first, if absent) or `createdAt:asc`.
    order: Option<String>,
}

/// List a tenant's invoices.
///
/// One for a period has its place where the period ends, however late it was made.
#[utoipa::path(get, path = "/invoices", params(TenantQuery, InvoicesQuery))]
pub(crate) async fn list_invoices(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<InvoicesQuery>,
) -> Result<Paged<InvoiceView>, Problem> {
    let InvoicesQuery {
        status,
        limit,
        cursor,
        order,
    } = query;
    let status = invoice_status(status.as_deref())?;
    let name = format!("invoices {} {status:?}", scope.tenant_id());
    let page = ListQuery { limit, cursor, order }.page(&operation.caller, &name)?;
    let invoices = operation
        .context
        .store
        .list_invoices(&scope, status, &page)
        .await?;
    operation.check_known(&scope, &invoices.items).await?;
    Ok(Paged(invoices.map(InvoiceView::from)))
}

/// Reads `status`.
pub(crate) fn invoice_status(text: Option<&str>) -> Result<Option<InvoiceStatus>, Problem> {
    let read = |text| {
        InvoiceStatus::parse(text)
            .map_err(|rule| Problem::malformed("invalid_query", format!("status: {rule}")))
    };
    text.map(read).transpose()
}
