use tenantry_api::{Found, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Id, Kind, Plan};

use crate::plan_view::{PlanView, sees_offers_only};

/// Read a plan.
///
/// For leads and members there are those that are on sale for tenants to take themselves, and no others.
#[utoipa::path(get, path = "/plans/{id}", params(("id" = String, Path, description = "The plan's id.")))]
pub(crate) async fn find_plan(
    operation: Operation,
    Path(id): Path<Id<Plan>>,
) -> Result<Found<PlanView>, Problem> {
    let is_offer = |plan: &Plan| plan.terms.self_service && plan.is_on_sale();
    let plan = operation.context.store.find_plan(id).await?;
    let plan = plan.filter(|plan| is_offer(plan) || !sees_offers_only(&operation.caller));
    let plan = plan.ok_or_else(|| DomainError::not_found(Kind::Plan, id))?;
    Ok(Found(PlanView::of(plan, &operation.caller)))
}
