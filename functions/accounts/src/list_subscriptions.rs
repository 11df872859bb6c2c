use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope, TenantQuery};

use crate::subscription_view::SubscriptionView;

/// List a tenant's subscriptions, those that are over included.
#[utoipa::path(get, path = "/subscriptions", params(TenantQuery, ListQuery))]
pub(crate) async fn list_subscriptions(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<SubscriptionView>, Problem> {
    let page = query.page(&operation.caller, &format!("subscriptions {}", scope.tenant_id()))?;
    let subscriptions = operation.context.store.list_subscriptions(&scope, &page).await?;
    operation.check_known(&scope, &subscriptions.items).await?;
    Ok(Paged(subscriptions.map(SubscriptionView::from)))
}
