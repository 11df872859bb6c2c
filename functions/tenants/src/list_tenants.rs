use serde::Deserialize;
use tenantry_api::view::TenantView;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query};
use tenantry_domain::{Permission, TenantKey, TenantStatus};
use tenantry_store::{Page, TenantFilter};
use utoipa::IntoParams;

use crate::include::Include;

/// Which tenants, and which part of the list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct TenantsQuery {
    /// Only those in this status.
    status: Option<String>,
    /// Only the one with this key.
    key: Option<String>,
    /// Only those made at this instant or later.
    created_from: Option<String>,
    /// Only those made before this instant.
    created_before: Option<String>,
    /// Relations, with commas between them: contacts, resources, lead, address. Costs one more read a tenant.
    include: Option<String>,
    /// How many items at most: 1 to 100, 20 if absent.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// `createdAt:desc` (newest first, if absent) or `createdAt:asc`.
    order: Option<String>,
}

/// List tenants.
#[utoipa::path(get, path = "/tenants", params(TenantsQuery))]
pub(crate) async fn list_tenants(
    operation: Operation,
    Query(query): Query<TenantsQuery>,
) -> Result<Paged<TenantView>, Problem> {
    let TenantsQuery { status, key, created_from, created_before, include, limit, cursor, order } = query;
    let filter = TenantFilter {
        status: tenant_status(status.as_deref())?,
        key: key.as_deref().map(TenantKey::parse).transpose().map_err(|rule| in_query("key", &rule))?,
        created_from: ListQuery::instant("createdFrom", created_from.as_deref())?,
        created_before: ListQuery::instant("createdBefore", created_before.as_deref())?,
    };
    let include = Include::parse(include.as_deref())?;
    let page = ListQuery { limit, cursor, order }.page(&operation.caller, &format!("tenants {filter:?}"))?;
    let store = &operation.context.store;
    let Page { items, next_cursor } = store.list_tenants(&filter, &page).await?;
    let items = if include.is_any() {
        let scopes = items.iter().map(|tenant| operation.caller.scope(tenant.id, Permission::ViewTenant));
        let parts = store.find_relations(&scopes.collect::<Result<Vec<_>, _>>()?).await?;
        parts.into_iter().map(|parts| include.view(parts)).collect()
    } else {
        items.into_iter().map(TenantView::from).collect()
    };
    Ok(Paged(Page { items, next_cursor }))
}

/// Reads `status`.
pub(crate) fn tenant_status(text: Option<&str>) -> Result<Option<TenantStatus>, Problem> {
    text.map(TenantStatus::parse).transpose().map_err(|rule| in_query("status", &rule))
}

fn in_query(name: &str, rule: &tenantry_domain::Rule) -> Problem {
    Problem::malformed("invalid_query", format!("{name}: {rule}"))
}
