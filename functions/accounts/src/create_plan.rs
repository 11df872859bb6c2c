use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem};
use tenantry_domain::{
    BillingInterval, Currency, Deployment, Event, Money, PersonName, Plan, PlanTerms, Reason,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::plan_body;
use crate::plan_view::PlanView;

/// A plan that is put on sale.
#[derive(Debug, ToSchema)]
#[schema(as = NewPlan, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's terms are what is read"
)]
pub(crate) struct NewPlanDoc {
    /// Name for people.
    #[schema(max_length = 100, example = "Basic")]
    name: String,
    /// What it is, for people.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// One of the configured tiers, in any case.
    #[schema(example = "BASIC")]
    tier: String,
    /// POOLED or SILO; POOLED if absent.
    deployment: Option<String>,
    /// What a billing interval costs, in minor units.
    #[schema(minimum = 0, example = 4900)]
    price: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency_code: String,
    /// MONTH, QUARTER or YEAR.
    #[schema(example = "MONTH")]
    billing_interval: String,
    /// What it allows: names with whole numbers, which go to the application plane as they are.
    #[schema(value_type = Option<Object>, example = json!({"seats": 5}))]
    limits: Option<serde_json::Value>,
    /// Whether tenants may take it themselves; not, if absent.
    self_service: Option<bool>,
    /// How its application plane differs from the deployment's.
    #[schema(value_type = Option<Object>)]
    application_plane: Option<serde_json::Value>,
}

/// The plan as it was read.
pub(crate) struct NewPlan(PlanTerms);

impl FromMembers for NewPlan {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let tiers = &members.config.tiers;
        let name = members.text("name", PersonName::parse);
        let description = members.optional_text("description", Reason::parse);
        let tier = members.text("tier", |tier| tiers.find(tier));
        let deployment = members.optional_text("deployment", Deployment::parse);
        let price = members.value("price", plan_body::price);
        let currency = members.text("currencyCode", Currency::parse);
        let billing_interval = members.text("billingInterval", BillingInterval::parse);
        let limits = members.patched_value("limits", plan_body::limits);
        let self_service = members.optional_flag("selfService");
        let application_plane = plan_body::application_plane(members);
        Some(Self(PlanTerms {
            name: name?,
            description: description?,
            tier: tier?,
            deployment: deployment?.unwrap_or(Deployment::Pooled),
            price: Money::new(price?, currency?).ok()?,
            billing_interval: billing_interval?,
            limits: limits?.apply(None).unwrap_or_default(),
            self_service: self_service?.unwrap_or(false),
            application_plane: application_plane?.apply(None),
        }))
    }
}

/// Put a plan on sale.
#[utoipa::path(post, path = "/plans", request_body = NewPlanDoc)]
pub(crate) async fn create_plan(
    operation: Operation,
    Body(NewPlan(terms)): Body<NewPlan>,
) -> Result<Created<PlanView>, Problem> {
    let context = &operation.context;
    let change = context.change(operation.caller.actor());
    let plan = Plan::offer(terms, &change, &*context.app.entropy);
    let event = Event::of_plan("plan.created", &plan, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction.create_plan(&plan).send(&context.event(&event));
    let location = format!("/plans/{}", plan.id);
    let body = PlanView::of(plan, &operation.caller);
    operation.finish(transaction, Created { location, body }).await
}
