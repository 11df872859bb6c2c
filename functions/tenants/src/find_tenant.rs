use serde::Deserialize;
use tenantry_api::view::TenantView;
use tenantry_api::{Found, Operation, Problem, Query, Scope};
use tenantry_domain::{Error as DomainError, Kind};
use utoipa::IntoParams;

use crate::include::Include;

/// What to read with the tenant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantQuery {
    /// Relations, with commas between them: contacts, resources, lead, address.
    include: Option<String>,
}

/// Read a tenant.
#[utoipa::path(get, path = "/tenants/{id}", params(("id" = String, Path, description = "The tenant's id."), TenantQuery))]
pub(crate) async fn find_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<TenantQuery>,
) -> Result<Found<TenantView>, Problem> {
    let include = Include::parse(query.include.as_deref())?;
    operation.about_tenant(scope.tenant_id());
    let store = &operation.context.store;
    let view = if include.is_any() {
        store.find_tenant_with_relations(&scope).await?.map(|parts| include.view(parts))
    } else {
        store.find_tenant(&scope).await?.map(TenantView::from)
    };
    Ok(Found(view.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?))
}
