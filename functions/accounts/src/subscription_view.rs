use std::collections::BTreeMap;

use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::{Agreement, PlanTerms, Subscription};
use utoipa::ToSchema;

/// What a tenant has bought.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// PENDING, ACTIVE, CANCELLED or EXPIRED.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// The plan that holds now.
    #[schema(format = "uuid")]
    plan_id: String,
    /// What was agreed when the plan was taken; later changes of the plan are not in it.
    plan: AgreedPlanView,
    /// Its first day, from which all periods are counted.
    #[schema(format = Date)]
    starts_on: String,
    /// Its last day, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    ends_on: Option<String>,
    /// Whether somebody has ended it, now or with the current period.
    is_cancelled: bool,
    /// The current period.
    current_period: PeriodView,
    /// When the current period is billed.
    #[schema(format = Date)]
    bills_on: String,
    /// Since when an invoice is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    past_due_since: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Who made it.
    created_by: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

/// A plan as it was agreed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AgreedPlan)]
pub(crate) struct AgreedPlanView {
    /// Name for people.
    name: String,
    /// The tier.
    tier: String,
    /// POOLED or SILO.
    deployment: &'static str,
    /// What a billing interval costs, in minor units.
    price: i64,
    /// ISO 4217.
    currency_code: &'static str,
    /// MONTH, QUARTER or YEAR.
    billing_interval: &'static str,
    /// What it allows.
    limits: BTreeMap<String, u64>,
    /// Since when it holds in the current period.
    #[schema(format = Date)]
    since: String,
}

/// Some days one behind the other.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Period)]
pub(crate) struct PeriodView {
    /// The first day.
    #[schema(format = Date)]
    start_date: String,
    /// The last day.
    #[schema(format = Date)]
    end_date: String,
}

impl From<Subscription> for SubscriptionView {
    fn from(subscription: Subscription) -> Self {
        let period = subscription.period();
        let bills_on = subscription.bills_on();
        let Agreement { plan_id, terms } = subscription.agreement().clone();
        let PlanTerms {
            name,
            description: _,
            tier,
            deployment,
            price,
            billing_interval,
            limits,
            self_service: _,
            application_plane: _,
        } = terms;
        let Subscription {
            id,
            tenant_id,
            status,
            segments,
            starts_on,
            ends_on,
            is_cancelled,
            period_number: _,
            due_at: _,
            past_due_since,
            created_at,
            created_by,
            modified_at,
            modified_by: _,
            version,
        } = subscription;
        let since = segments.last().map_or(starts_on, |segment| segment.from);
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            status: status.name(),
            plan_id: plan_id.to_string(),
            plan: AgreedPlanView {
                name: name.to_string(),
                tier,
                deployment: deployment.name(),
                price: price.amount(),
                currency_code: price.currency().code(),
                billing_interval: billing_interval.name(),
                limits,
                since: since.to_string(),
            },
            starts_on: starts_on.to_string(),
            ends_on: ends_on.map(|day| day.to_string()),
            is_cancelled,
            current_period: PeriodView {
                start_date: period.from.to_string(),
                end_date: period.last().to_string(),
            },
            bills_on: bills_on.to_string(),
            past_due_since: past_due_since.map(|day| day.to_string()),
            created_at: created_at.to_string(),
            created_by: created_by.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for SubscriptionView {
    fn version(&self) -> u64 {
        self.version
    }
}
