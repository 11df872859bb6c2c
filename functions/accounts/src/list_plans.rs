use tenantry_api::{ListQuery, Operation, Paged, Problem, Query};

use crate::plan_view::{PlanView, sees_offers_only};

/// List plans.
///
/// Operators see all of them; leads and members what is on sale for tenants to take themselves.
#[utoipa::path(get, path = "/plans", params(ListQuery))]
pub(crate) async fn list_plans(
    operation: Operation,
    Query(query): Query<ListQuery>,
) -> Result<Paged<PlanView>, Problem> {
    let page = query.page(&operation.caller, "plans")?;
    let is_for_tenants = sees_offers_only(&operation.caller);
    let plans = operation.context.store.list_plans(is_for_tenants, &page).await?;
    Ok(Paged(plans.map(|plan| PlanView::of(plan, &operation.caller))))
}
