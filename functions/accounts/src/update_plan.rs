use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem};
use tenantry_domain::{
    BillingInterval, Currency, Deployment, Error as DomainError, Event, Id, Kind, PersonName, Plan,
    PlanChanges, Reason,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::plan_body;
use crate::plan_view::PlanView;

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = PlanChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct PlanChangesDoc {
    /// Name for people.
    #[schema(value_type = String, required = false, max_length = 100)]
    name: Option<String>,
    /// What it is, for people; null removes it.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// One of the configured tiers, in any case.
    #[schema(value_type = String, required = false)]
    tier: Option<String>,
    /// POOLED or SILO.
    #[schema(value_type = String, required = false)]
    deployment: Option<String>,
    /// What a billing interval costs, in minor units.
    #[schema(value_type = i64, required = false, minimum = 0)]
    price: Option<i64>,
    /// ISO 4217.
    #[schema(value_type = String, required = false)]
    currency_code: Option<String>,
    /// MONTH, QUARTER or YEAR.
    #[schema(value_type = String, required = false)]
    billing_interval: Option<String>,
    /// What it allows; replaced as a whole.
    #[schema(value_type = Object, required = false)]
    limits: Option<serde_json::Value>,
    /// Whether tenants may take it themselves.
    #[schema(value_type = bool, required = false)]
    self_service: Option<bool>,
    /// How its application plane differs from the deployment's; replaced as a whole, null removes it.
    #[schema(value_type = Option<Object>)]
    application_plane: Option<serde_json::Value>,
}

/// The changes as they were read.
pub(crate) struct PlanPatch(PlanChanges);

impl FromMembers for PlanPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let tiers = &members.config.tiers;
        let name = members.changed_text("name", PersonName::parse);
        let description = members.patched_text("description", Reason::parse);
        let tier = members.changed_text("tier", |tier| tiers.find(tier));
        let deployment = members.changed_text("deployment", Deployment::parse);
        let price = members.changed_value("price", plan_body::price);
        let currency_code = members.changed_text("currencyCode", Currency::parse);
        let billing_interval = members.changed_text("billingInterval", BillingInterval::parse);
        let limits = members.changed_value("limits", plan_body::limits);
        let self_service = members.changed_flag("selfService");
        let application_plane = plan_body::application_plane(members);
        Some(Self(PlanChanges {
            name: name?,
            description: description?,
            tier: tier?,
            deployment: deployment?,
            price: price?,
            currency_code: currency_code?,
            billing_interval: billing_interval?,
            limits: limits?,
            self_service: self_service?,
            application_plane: application_plane?,
        }))
    }
}

/// Change a plan.
///
/// Subscriptions keep what was agreed; the change is for those who take the plan from now on.
#[utoipa::path(
    patch,
    path = "/plans/{id}",
    request_body(content = PlanChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The plan's id."))
)]
pub(crate) async fn update_plan(
    operation: Operation,
    Path(id): Path<Id<Plan>>,
    Body(PlanPatch(changes)): Body<PlanPatch>,
) -> Result<Found<PlanView>, Problem> {
    let context = &operation.context;
    let plan = context.store.find_plan(id).await?;
    let plan = plan.ok_or_else(|| DomainError::not_found(Kind::Plan, id))?;
    operation.check_version(Kind::Plan, id, plan.version)?;
    let change = context.change(operation.caller.actor());
    let Some(changed) = plan.clone().update(changes, &change)? else {
        return Ok(Found(PlanView::of(plan, &operation.caller)));
    };
    let event = Event::of_plan("plan.updated", &changed, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction
        .replace_plan(&changed, operation.lost_race(Kind::Plan, id))
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(Found(PlanView::of(changed, &operation.caller)))
}
