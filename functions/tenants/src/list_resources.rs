use serde::Deserialize;
use tenantry_api::view::ResourceView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use utoipa::IntoParams;

/// Which part of the list. Resources have no order of their own.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResourcesQuery {
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

/// List what provisioning made for a tenant.
#[utoipa::path(get, path = "/tenants/{id}/resources", params(("id" = String, Path, description = "The tenant's id."), ResourcesQuery))]
pub(crate) async fn list_resources(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ResourcesQuery>,
) -> Result<Paged<ResourceView>, Problem> {
    let ResourcesQuery { limit, cursor } = query;
    let query = ListQuery { limit, cursor, order: None };
    let page = query.page(&operation.caller, &format!("resources {}", scope.tenant_id()))?;
    let resources = operation.context.store.list_resources(&scope, &page).await?;
    Ok(Paged(resources.map(ResourceView::from)))
}
