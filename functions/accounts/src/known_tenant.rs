use tenantry_api::{Operation, Problem};
use tenantry_domain::{Error as DomainError, Kind, TenantScope};

/// Tells an empty list from the list of a tenant that does not exist. Only an empty one costs a look at the tenant.
pub(crate) async fn check_known<T>(
    operation: &Operation,
    scope: &TenantScope,
    items: &[T],
) -> Result<(), Problem> {
    if items.is_empty() && operation.context.store.find_tenant(scope).await?.is_none() {
        return Err(DomainError::not_found(Kind::Tenant, scope.tenant_id()).into());
    }
    Ok(())
}
