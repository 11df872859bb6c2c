use tenantry_api::{NoContent, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Event, Id, Kind, Plan};
use tenantry_store::Transaction;

/// Take a plan out of sale.
///
/// Nobody can take it any more; who has it keeps it. It stays readable for operators.
#[utoipa::path(delete, path = "/plans/{id}", params(("id" = String, Path, description = "The plan's id.")))]
pub(crate) async fn delete_plan(
    operation: Operation,
    Path(id): Path<Id<Plan>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    let plan = context.store.find_plan(id).await?;
    let plan = plan.ok_or_else(|| DomainError::not_found(Kind::Plan, id))?;
    operation.check_version(Kind::Plan, id, plan.version)?;
    let change = context.change(operation.caller.actor());
    let Some(archived) = plan.archive(&change) else {
        return Ok(NoContent);
    };
    let event = Event::of_plan("plan.archived", &archived, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction
        .replace_plan(&archived, operation.lost_race(Kind::Plan, id))
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(NoContent)
}
