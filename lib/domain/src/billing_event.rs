use serde::Serialize;

use crate::{
    BillingInterval, Day, Deployment, Event, EventData, Id, Invoice, InvoiceStatus, Limits, Money, Period,
    PersonName, Plan, Subscription, SubscriptionStatus, Tally, Tenant, Timestamp,
};

/// A plan as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PlanFact {
    id: Id<Plan>,
    name: PersonName,
    tier: String,
    deployment: Deployment,
    price: Money,
    billing_interval: BillingInterval,
    limits: Limits,
    self_service: bool,
    is_archived: bool,
    version: u64,
}

/// A subscription as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionFact {
    id: Id<Subscription>,
    tenant_id: Id<Tenant>,
    status: SubscriptionStatus,
    plan_id: Id<Plan>,
    plan_name: PersonName,
    tier: String,
    price: Money,
    billing_interval: BillingInterval,
    starts_on: Day,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_on: Option<Day>,
    current_period: Period,
    #[serde(skip_serializing_if = "Option::is_none")]
    past_due_since: Option<Day>,
    version: u64,
}

/// An invoice as events show it: without the parties, who may be persons.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct InvoiceFact {
    id: Id<Invoice>,
    tenant_id: Id<Tenant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_id: Option<Id<Subscription>>,
    number: String,
    status: InvoiceStatus,
    total: Money,
    period: Period,
    issued_on: Day,
    due_on: Day,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid_on: Option<Day>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overdue_since: Option<Day>,
    version: u64,
}

impl Event {
    /// Something happened to a plan.
    pub fn of_plan(kind: &'static str, plan: &Plan, id: Id<Event>, at: Timestamp) -> Self {
        let terms = plan.terms.clone();
        let fact = PlanFact {
            id: plan.id,
            name: terms.name,
            tier: terms.tier,
            deployment: terms.deployment,
            price: terms.price,
            billing_interval: terms.billing_interval,
            limits: terms.limits,
            self_service: terms.self_service,
            is_archived: plan.archived_at.is_some(),
            version: plan.version,
        };
        Self {
            id,
            kind,
            subject: plan.id.to_string(),
            tenant_id: None,
            at,
            data: EventData::Plan { plan: Box::new(fact) },
            tally: Tally::default(),
        }
    }

    /// Something happened to a subscription.
    pub fn of_subscription(
        kind: &'static str,
        subscription: &Subscription,
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let agreement = subscription.agreement();
        let fact = SubscriptionFact {
            id: subscription.id,
            tenant_id: subscription.tenant_id,
            status: subscription.status,
            plan_id: agreement.plan_id,
            plan_name: agreement.terms.name.clone(),
            tier: agreement.terms.tier.clone(),
            price: agreement.terms.price,
            billing_interval: agreement.terms.billing_interval,
            starts_on: subscription.starts_on,
            ends_on: subscription.ends_on,
            current_period: subscription.period(),
            past_due_since: subscription.past_due_since,
            version: subscription.version,
        };
        Self {
            id,
            kind,
            subject: subscription.id.to_string(),
            tenant_id: Some(subscription.tenant_id),
            at,
            data: EventData::Subscription {
                subscription: Box::new(fact),
            },
            tally: Tally::default(),
        }
    }

    /// Something happened to an invoice.
    pub fn of_invoice(kind: &'static str, invoice: &Invoice, id: Id<Event>, at: Timestamp) -> Self {
        let fact = InvoiceFact {
            id: invoice.id,
            tenant_id: invoice.tenant_id,
            subscription_id: invoice.subscription_id,
            number: invoice.number.clone(),
            status: invoice.status,
            total: invoice.total,
            period: invoice.period,
            issued_on: invoice.issued_on,
            due_on: invoice.due_on,
            paid_on: invoice.paid_on,
            overdue_since: invoice.overdue_since,
            version: invoice.version,
        };
        Self {
            id,
            kind,
            subject: invoice.id.to_string(),
            tenant_id: Some(invoice.tenant_id),
            at,
            data: EventData::Invoice {
                invoice: Box::new(fact),
            },
            tally: Tally::default(),
        }
    }
}
