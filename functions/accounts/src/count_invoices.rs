use serde::{Deserialize, Serialize};
use tenantry_api::{Count, Operation, Problem, Query, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, InvoiceStatus, Kind};
use tenantry_store::BillingWish;
use utoipa::{IntoParams, ToSchema};

use crate::list_invoices::invoice_status;

/// Which invoices are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvoiceCountQuery {
    /// Only those in this status: PENDING, PAID or CANCELLED.
    status: Option<String>,
}

/// How many invoices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvoiceCount {
    /// The number.
    count: u64,
}

/// Count a tenant's invoices.
#[utoipa::path(get, path = "/invoices/count", params(TenantQuery, InvoiceCountQuery))]
pub(crate) async fn count_invoices(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<InvoiceCountQuery>,
) -> Result<Count<InvoiceCount>, Problem> {
    let status = invoice_status(query.status.as_deref())?;
    let parts = operation
        .context
        .store
        .find_billing(&scope, BillingWish::default())
        .await?;
    let account = parts
        .ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?
        .account;
    let counted = InvoiceStatus::ALL
        .into_iter()
        .filter(|counted| status.is_none_or(|status| status == *counted));
    Ok(Count(InvoiceCount {
        count: counted.map(|counted| account.count(counted)).sum(),
    }))
}
