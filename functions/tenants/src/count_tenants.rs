use serde::{Deserialize, Serialize};
use tenantry_api::{Count, Operation, Problem, Query};
use utoipa::{IntoParams, ToSchema};

use crate::list_tenants::tenant_status;

/// Which tenants are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantCountQuery {
    /// Only those in this status.
    status: Option<String>,
}

/// How many tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantCount {
    /// The number.
    count: u64,
}

/// Count tenants.
///
/// Exact, and equally cheap however many there are.
#[utoipa::path(get, path = "/tenants/count", params(TenantCountQuery))]
pub(crate) async fn count_tenants(
    operation: Operation,
    Query(query): Query<TenantCountQuery>,
) -> Result<Count<TenantCount>, Problem> {
    let status = tenant_status(query.status.as_deref())?;
    let counts = operation.context.store.count_tenants().await?;
    let counted = counts.iter().filter(|(counted, _)| status.is_none_or(|status| status == **counted));
    Ok(Count(TenantCount { count: counted.map(|(_, count)| count).sum() }))
}
