use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Actor, Change, Conflict, Day, EntitledPlan, Entitlement, Entropy, Error, Id, InvoiceLine, Period, Plan,
    PlanTerms, Rule, Tenant, Text, Timestamp,
};

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SubscriptionStatus {
    /// Its first day is still to come.
    Pending,
    /// It is used and billed.
    Active,
    /// Somebody has ended it.
    Cancelled,
    /// Its last day is over.
    Expired,
}

/// When a cancellation takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAt {
    /// With the current period.
    PeriodEnd,
    /// Today: the day that has begun is the last one.
    Now,
}

/// What was agreed: the plan as it was when it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// Which plan.
    pub plan_id: Id<Plan>,
    /// What it said.
    #[serde(flatten)]
    pub terms: PlanTerms,
}

/// From which day of the period something was agreed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// The first day of it.
    pub from: Day,
    /// What was agreed then.
    pub agreement: Agreement,
}

/// What a tenant has bought. It is billed in arrears: the end of a period makes the invoice for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id.
    pub id: Id<Subscription>,
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// Where it stands.
    pub status: SubscriptionStatus,
    /// What holds in the current period, oldest first; the last one is what holds now.
    pub segments: Vec<Segment>,
    /// Its first day, from which all periods are counted.
    pub starts_on: Day,
    /// Its last day, if that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends_on: Option<Day>,
    /// Whether somebody chose that last day by cancelling.
    pub is_cancelled: bool,
    /// The number of the current period, from 0.
    pub period_number: u32,
    /// The next instant at which anything is to be done for it; none when all is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due_at: Option<Timestamp>,
    /// Since when an invoice for it is overdue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub past_due_since: Option<Day>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Who changed it.
    pub modified_by: Actor,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What a period, or the part of it that was used, costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Bill {
    /// Which days.
    pub period: Period,
    /// The number of the period, from 0: there is one bill for each.
    pub number: u32,
    /// A line for each plan that held.
    pub lines: Vec<InvoiceLine>,
}

/// More plans in one period than this are not taken: each is a line of the invoice, and a part of the item.
const MAX_SEGMENTS: usize = 20;

impl SubscriptionStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Cancelled, Self::Expired];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| Rule::new("unknown_status", format!("must be one of {}", names())))
    }

    /// Whether it will be, or is, used.
    pub fn is_live(self) -> bool {
        match self {
            Self::Pending | Self::Active => true,
            Self::Cancelled | Self::Expired => false,
        }
    }
}

impl fmt::Display for SubscriptionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl CancelAt {
    /// Reads `period_end` or `now`.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        match text {
            "period_end" => Ok(Self::PeriodEnd),
            "now" => Ok(Self::Now),
            _ => Err(Rule::new("unknown_instant", "must be period_end or now")),
        }
    }
}

impl Agreement {
    /// The plan as it is.
    pub fn of(plan: &Plan) -> Self {
        Self {
            plan_id: plan.id,
            terms: plan.terms.clone(),
        }
    }
}

impl Subscription {
    /// The tenant takes the plan.
    pub fn begin(
        tenant_id: Id<Tenant>,
        plan: &Plan,
        starts_on: Option<Day>,
        ends_on: Option<Day>,
        change: &Change,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        if !plan.is_on_sale() {
            return Err(Conflict::PlanArchived(plan.id.to_string()).into());
        }
        let today = Day::of(change.at);
        let starts_on = starts_on.unwrap_or(today);
        let mut violations = Vec::new();
        // A year back is for those who move here from elsewhere; every period since is billed.
        if starts_on < today.plus_months(-12) || starts_on > today.plus_months(60) {
            let rule = Rule::new("out_of_range", "must lie within the last year or the next five");
            violations.push(rule.at("/startsOn"));
        }
        if ends_on.is_some_and(|ends_on| ends_on < starts_on) {
            violations.push(Rule::new("out_of_range", "must not lie before the first day").at("/endsOn"));
        }
        if !violations.is_empty() {
            return Err(Error::Invalid(crate::Invalid(violations)));
        }
        let segment = Segment {
            from: starts_on,
            agreement: Agreement::of(plan),
        };
        let subscription = Self {
            id: Id::new(change.at, entropy),
            tenant_id,
            status: if starts_on > today {
                SubscriptionStatus::Pending
            } else {
                SubscriptionStatus::Active
            },
            segments: vec![segment],
            starts_on,
            ends_on,
            is_cancelled: false,
            period_number: 0,
            due_at: None,
            past_due_since: None,
            created_at: change.at,
            created_by: change.by.clone(),
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: 1,
        };
        Ok(subscription.scheduled())
    }

    /// What holds now.
    pub fn agreement(&self) -> &Agreement {
        let last = self.segments.last();
        &last
            .expect("a subscription begins with a segment and never loses the last one")
            .agreement
    }

    /// The current period, whole.
    pub fn period(&self) -> Period {
        self.agreement()
            .terms
            .billing_interval
            .period(self.starts_on, self.period_number)
    }

    /// The day on which the current period is billed: its end, or that of the subscription.
    pub fn bills_on(&self) -> Day {
        let until = self.period().until;
        self.ends_on
            .map_or(until, |ends_on| ends_on.plus_days(1).min(until))
    }

    /// Whether something is to be done for it now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }

    /// The subscription with another plan from today on; `None` when it is the plan that it has. What was used of the
    /// period until yesterday is billed by the old plan, the rest by the new one.
    pub fn change_plan(self, plan: &Plan, change: &Change) -> Result<Option<Self>, Error> {
        self.require_live()?;
        let agreement = Agreement::of(plan);
        if agreement == *self.agreement() {
            return Ok(None);
        }
        if !plan.is_on_sale() {
            return Err(Conflict::PlanArchived(plan.id.to_string()).into());
        }
        let present = &self.agreement().terms;
        let rule = if plan.terms.price.currency() != present.price.currency() {
            Some(Rule::new(
                "other_currency",
                format!("must be a plan in {}", present.price.currency().code()),
            ))
        } else if plan.terms.billing_interval != present.billing_interval {
            let interval = present.billing_interval.name();
            Some(Rule::new(
                "other_interval",
                format!("must be a plan that is billed by {interval}"),
            ))
        } else {
            None
        };
        if let Some(rule) = rule {
            return Err(Error::invalid(rule.at("/planId")));
        }
        let from = Day::of(change.at).max(self.period().from);
        let mut segments = self.segments.clone();
        // A plan that held for no whole day is not billed.
        segments.retain(|segment| segment.from < from);
        if segments.len() >= MAX_SEGMENTS {
            let rule = Rule::new(
                "too_many_changes",
                "must wait for the next period: this one has too many changes",
            );
            return Err(Error::invalid(rule.at("/planId")));
        }
        segments.push(Segment { from, agreement });
        Ok(Some(Self { segments, ..self }.changed(change)))
    }

    /// The subscription with its end, and the bill for what was used if that end is now; `None` when it ends so already.
    pub fn cancel(
        self,
        at: CancelAt,
        grace_days: i64,
        change: &Change,
    ) -> Result<Option<(Self, Option<Bill>)>, Error> {
        self.require_live()?;
        let today = Day::of(change.at);
        let last = match at {
            CancelAt::Now => today,
            CancelAt::PeriodEnd => self.period().last(),
        };
        if self.status == SubscriptionStatus::Pending {
            // Nothing was used, so nothing is owed.
            return Ok(Some((
                self.ended(SubscriptionStatus::Cancelled, None, change),
                None,
            )));
        }
        let ends_on = self.ends_on.map_or(last, |ends_on| ends_on.min(last));
        match at {
            CancelAt::PeriodEnd if self.is_cancelled && self.ends_on == Some(ends_on) => Ok(None),
            CancelAt::PeriodEnd => {
                let cancelled = Self {
                    ends_on: Some(ends_on),
                    is_cancelled: true,
                    ..self
                };
                Ok(Some((cancelled.scheduled().changed(change), None)))
            }
            CancelAt::Now => {
                let bill = self.bill(ends_on.plus_days(1));
                let cancelled = Self {
                    ends_on: Some(ends_on),
                    is_cancelled: true,
                    ..self
                };
                let grace_ends_at = ends_on.plus_days(1 + grace_days).start();
                let cancelled = cancelled.ended(SubscriptionStatus::Cancelled, Some(grace_ends_at), change);
                Ok(Some((cancelled, bill)))
            }
        }
    }

    /// One step of what time does to it: it begins, a period is billed and the next one begins, or it ends. `None` when nothing
    /// of that is due. After the end it is looked at once more, when the grace is over.
    pub fn advance(self, grace_days: i64, change: &Change) -> Option<(Self, Option<Bill>)> {
        if !self.is_due(change.at) || !self.status.is_live() {
            return None;
        }
        if self.status == SubscriptionStatus::Pending {
            let begun = Self {
                status: SubscriptionStatus::Active,
                ..self
            };
            return Some((begun.scheduled().changed(change), None));
        }
        let bills_on = self.bills_on();
        let bill = self.bill(bills_on);
        let is_over = self.ends_on.is_some_and(|ends_on| ends_on < bills_on);
        if is_over {
            let status = if self.is_cancelled {
                SubscriptionStatus::Cancelled
            } else {
                SubscriptionStatus::Expired
            };
            let grace_ends_at = bills_on.plus_days(grace_days).start();
            return Some((self.ended(status, Some(grace_ends_at), change), bill));
        }
        let agreement = self.agreement().clone();
        let next = Self {
            segments: vec![Segment {
                from: bills_on,
                agreement,
            }],
            period_number: self.period_number + 1,
            ..self
        };
        Some((next.scheduled().changed(change), bill))
    }

    /// The subscription that ends without another period, because its tenant has left; part of the same change.
    #[must_use]
    pub fn abandon(self) -> Self {
        Self {
            status: SubscriptionStatus::Cancelled,
            due_at: None,
            ..self
        }
    }

    /// The subscription that is looked at again at this instant, or never.
    #[must_use]
    pub fn look_again(self, due_at: Option<Timestamp>, change: &Change) -> Self {
        Self { due_at, ..self }.changed(change)
    }

    /// The subscription that is owed for since this day.
    #[must_use]
    pub fn past_due(self, since: Day, change: &Change) -> Self {
        Self {
            past_due_since: self.past_due_since.or(Some(since)),
            ..self
        }
        .changed(change)
    }

    /// What the tenant is provisioned for by it, with the plan's members as the references name them.
    pub fn entitlement(&self) -> Entitlement {
        let Agreement { plan_id, terms } = self.agreement();
        let text = |text: String| Text::abridge(&text, "none");
        let mut rest = Map::from_iter([
            ("id".to_owned(), Value::from(plan_id.to_string())),
            ("name".to_owned(), Value::from(terms.name.as_str())),
            ("price".to_owned(), Value::from(terms.price.amount())),
            (
                "currencyCode".to_owned(),
                Value::from(terms.price.currency().code()),
            ),
            (
                "billingInterval".to_owned(),
                Value::from(terms.billing_interval.name()),
            ),
            ("deployment".to_owned(), Value::from(terms.deployment.name())),
            ("limits".to_owned(), serde_json::json!(terms.limits)),
        ]);
        if let Some(description) = &terms.description {
            rest.insert("description".to_owned(), Value::from(description.as_str()));
        }
        Entitlement {
            id: text(self.id.to_string()),
            subscriber_id: Some(Text::abridge(&self.tenant_id.to_string(), "none")),
            start_date: Some(Text::abridge(&self.starts_on.to_string(), "none")),
            end_date: self
                .ends_on
                .map(|ends_on| Text::abridge(&ends_on.to_string(), "none")),
            status: None,
            plan_id: Some(text(plan_id.to_string())),
            invoice_id: None,
            plan: EntitledPlan {
                tier: terms.tier.clone(),
                rest,
            },
            application_plane: terms.application_plane.clone(),
        }
    }

    /// What the current period costs until `until`; nothing if none of it was used.
    fn bill(&self, until: Day) -> Option<Bill> {
        let whole = self.period();
        let until = until.min(whole.until);
        let mut lines = Vec::new();
        for (position, Segment { from, agreement }) in self.segments.iter().enumerate() {
            let end = self
                .segments
                .get(position + 1)
                .map_or(until, |next| next.from.min(until));
            if *from >= end {
                continue;
            }
            let days = (whole.from.days_until(*from), whole.from.days_until(end));
            let period = Period {
                from: *from,
                until: end,
            };
            lines.push(InvoiceLine::of_plan(
                &agreement.terms.name,
                period,
                agreement.terms.price.share(days, whole.days()),
            ));
        }
        (!lines.is_empty()).then_some(Bill {
            period: Period {
                from: whole.from,
                until,
            },
            number: self.period_number,
            lines,
        })
    }

    fn require_live(&self) -> Result<(), Error> {
        if self.status.is_live() {
            Ok(())
        } else {
            Err(Conflict::SubscriptionEnded {
                id: self.id.to_string(),
                status: self.status,
            }
            .into())
        }
    }

    fn ended(self, status: SubscriptionStatus, due_at: Option<Timestamp>, change: &Change) -> Self {
        Self {
            status,
            due_at,
            ..self
        }
        .changed(change)
    }

    fn scheduled(self) -> Self {
        let due_on = match self.status {
            SubscriptionStatus::Pending => Some(self.starts_on),
            SubscriptionStatus::Active => Some(self.bills_on()),
            SubscriptionStatus::Cancelled | SubscriptionStatus::Expired => None,
        };
        Self {
            due_at: due_on.map(Day::start),
            ..self
        }
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: self.version + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::examples::{Constant, plan};
    use crate::{BillingInterval, Money, PlanChanges, Text};

    const GRACE_DAYS: i64 = 14;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("the example is a day")
    }

    /// Ada, some hours into the day.
    fn on(day: Day) -> Change {
        Change {
            by: Actor::Operator(Text::parse("ada").expect("the example is a text")),
            at: day.start().plus_ms(9 * 60 * 60 * 1000),
        }
    }

    fn priced(amount: i64) -> Plan {
        let changes = PlanChanges {
            price: Some(amount),
            ..PlanChanges::default()
        };
        let changed = plan().update(changes, &on(day("2026-01-01")));
        Plan {
            id: Id::new(on(day("2026-01-01")).at, &Constant(9)),
            ..changed
                .expect("the plan is on sale")
                .expect("the price is another one")
        }
    }

    fn begun(starts_on: &str, ends_on: Option<&str>) -> Subscription {
        let (first, last) = (day(starts_on), ends_on.map(day));
        Subscription::begin(
            crate::examples::id(7),
            &plan(),
            Some(first),
            last,
            &on(first),
            &Constant(8),
        )
        .expect("the example is valid")
    }

    /// Everything that is due until this day, as a sweep does it that comes late.
    fn swept(mut subscription: Subscription, until: Day) -> (Subscription, Vec<Bill>) {
        let mut bills = Vec::new();
        while let Some((next, bill)) = subscription.clone().advance(GRACE_DAYS, &on(until)) {
            subscription = next;
            bills.extend(bill);
        }
        (subscription, bills)
    }

    fn amounts(bill: &Bill) -> Vec<i64> {
        bill.lines.iter().map(|line| line.amount.amount()).collect()
    }

    fn sum(bill: &Bill) -> i64 {
        amounts(bill).iter().sum()
    }

    #[test]
    fn a_year_from_31_january_is_billed_in_twelve_whole_periods() {
        let (subscription, bills) = swept(begun("2026-01-31", None), day("2027-01-31"));

        let ends: Vec<String> = bills.iter().map(|bill| bill.period.last().to_string()).collect();
        assert_eq!(
            ends,
            [
                "2026-02-27",
                "2026-03-30",
                "2026-04-29",
                "2026-05-30",
                "2026-06-29",
                "2026-07-30",
                "2026-08-30",
                "2026-09-29",
                "2026-10-30",
                "2026-11-29",
                "2026-12-30",
                "2027-01-30",
            ]
        );
        assert!(bills.iter().all(|bill| amounts(bill) == [4900]));
        assert_eq!(subscription.due_at, Some(day("2027-02-28").start()));
    }

    #[test]
    fn an_upgrade_inside_a_period_splits_it_by_days() {
        let upgraded = begun("2026-04-01", None)
            .change_plan(&priced(9900), &on(day("2026-04-11")))
            .expect("the plans are alike")
            .expect("the plan is another one");

        let (next, bills) = swept(upgraded, day("2026-06-01"));

        assert_eq!(amounts(&bills[0]), [1633, 6600]);
        assert_eq!(
            bills[0].lines[0].description.as_str(),
            "Basic, 2026-04-01 to 2026-04-10"
        );
        assert_eq!(amounts(&bills[1]), [9900]);
        assert_eq!(next.segments.len(), 1);
    }

    #[test]
    fn a_plan_that_held_for_no_day_is_not_billed() {
        let first = begun("2026-04-01", None);
        let upgraded = first.change_plan(&priced(9900), &on(day("2026-04-01")));
        let upgraded = upgraded.expect("the plans are alike").expect("it is another one");

        let (_, bills) = swept(upgraded, day("2026-05-01"));

        assert_eq!(amounts(&bills[0]), [9900]);
    }

    #[test]
    fn what_ends_inside_a_period_owes_the_days_that_it_had() {
        let (subscription, bills) = swept(begun("2026-04-01", Some("2026-05-15")), day("2026-09-01"));

        assert_eq!(subscription.status, SubscriptionStatus::Expired);
        assert_eq!(subscription.due_at, Some(day("2026-05-30").start()));
        assert_eq!(bills.iter().map(sum).collect::<Vec<_>>(), [4900, 2371]);
        assert_eq!(bills[1].period.last(), day("2026-05-15"));
    }

    #[test]
    fn cancelled_now_it_owes_the_days_until_today() {
        let (cancelled, bill) = begun("2026-04-01", None)
            .cancel(CancelAt::Now, GRACE_DAYS, &on(day("2026-04-03")))
            .expect("it is live")
            .expect("it was not cancelled");

        assert_eq!(cancelled.status, SubscriptionStatus::Cancelled);
        assert_eq!(bill.as_ref().map(sum), Some(490));
        assert_eq!(
            cancelled.clone().advance(GRACE_DAYS, &on(day("2027-01-01"))),
            None
        );
        assert!(matches!(
            cancelled.cancel(CancelAt::Now, GRACE_DAYS, &on(day("2026-04-04"))),
            Err(Error::Conflict(Conflict::SubscriptionEnded { .. }))
        ));
    }

    #[test]
    fn cancelled_at_the_periods_end_it_is_used_until_then() {
        let (cancelled, bill) = begun("2026-04-01", None)
            .cancel(CancelAt::PeriodEnd, GRACE_DAYS, &on(day("2026-04-03")))
            .expect("it is live")
            .expect("it was not cancelled");
        let again = cancelled
            .clone()
            .cancel(CancelAt::PeriodEnd, GRACE_DAYS, &on(day("2026-04-04")));
        let (ended, bills) = swept(cancelled.clone(), day("2026-12-01"));

        assert_eq!(
            (cancelled.status, cancelled.ends_on),
            (SubscriptionStatus::Active, Some(day("2026-04-30")))
        );
        assert_eq!((bill, again), (None, Ok(None)));
        assert_eq!(ended.status, SubscriptionStatus::Cancelled);
        assert_eq!(bills.iter().map(sum).collect::<Vec<_>>(), [4900]);
    }

    #[test]
    fn what_has_not_begun_owes_nothing() {
        let today = on(day("2026-03-01"));
        let pending = Subscription::begin(
            crate::examples::id(7),
            &plan(),
            Some(day("2026-04-01")),
            None,
            &today,
            &Constant(8),
        )
        .expect("the example is valid");

        let (cancelled, bill) = pending
            .clone()
            .cancel(CancelAt::Now, GRACE_DAYS, &today)
            .expect("it is live")
            .expect("it was not cancelled");
        let (begun, bills) = swept(pending.clone(), day("2026-04-01"));

        assert_eq!(pending.status, SubscriptionStatus::Pending);
        assert_eq!((cancelled.due_at, bill), (None, None));
        assert_eq!((begun.status, bills.len()), (SubscriptionStatus::Active, 0));
    }

    #[test]
    fn a_plan_of_another_currency_or_interval_does_not_continue_a_period() {
        let changes = [
            PlanChanges {
                currency_code: Some(crate::Currency::parse("JPY").expect("it is a currency")),
                ..PlanChanges::default()
            },
            PlanChanges {
                billing_interval: Some(BillingInterval::Year),
                ..PlanChanges::default()
            },
        ];

        for changes in changes {
            let other = plan()
                .update(changes, &on(day("2026-01-01")))
                .expect("it is on sale")
                .expect("it changed");
            let refused = begun("2026-04-01", None).change_plan(&other, &on(day("2026-04-02")));
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
    }

    #[test]
    fn what_is_out_of_sale_is_not_taken() {
        let archived = plan().archive(&on(day("2026-01-01"))).expect("it was on sale");
        let today = on(day("2026-04-01"));

        let begun = Subscription::begin(
            crate::examples::id(7),
            &archived,
            None,
            None,
            &today,
            &Constant(8),
        );

        assert!(matches!(begun, Err(Error::Conflict(Conflict::PlanArchived(_)))));
    }

    proptest! {
        #[test]
        fn every_day_is_billed_once_by_the_plan_that_held(
            start in 0..800_i64, changes in prop::collection::vec((0..300_i64, 1..100_000_i64), 0..12), sweeps in prop::collection::vec(0..400_i64, 1..10),
        ) {
            let first = day("2026-01-01").plus_days(start);
            let mut subscription = begun(&first.to_string(), None);
            let mut events: Vec<(i64, Option<i64>)> = changes.iter().map(|(at, price)| (*at, Some(*price))).collect();
            events.extend(sweeps.iter().map(|at| (*at, None)));
            events.push((400, None));
            events.sort_unstable();

            let mut bills = Vec::new();
            for (at, price) in events {
                let today = first.plus_days(at);
                let (current, more) = swept(subscription, today);
                bills.extend(more);
                subscription = current;
                if let Some(price) = price
                    && let Some(changed) = subscription.clone().change_plan(&priced(price), &on(today)).expect("the plans are alike")
                {
                    subscription = changed;
                }
            }

            let mut next = first;
            for bill in &bills {
                prop_assert_eq!(bill.period.from, next);
                prop_assert_eq!(bill.period, BillingInterval::Month.period(first, bill.number));
                next = bill.period.until;
            }
            prop_assert_eq!(next, subscription.period().from);
            prop_assert!(bills.len() >= 12);
        }

        #[test]
        fn two_prices_that_are_one_sum_to_it(amount in 0..=Money::MAX, at in 1..30_i64) {
            let plan = Plan { terms: PlanTerms { price: Money::new(amount, plan().terms.price.currency()).expect("it is in range"), ..plan().terms }, ..plan() };
            let same = Plan { id: Id::new(on(day("2026-01-01")).at, &Constant(9)), ..plan.clone() };
            let first = day("2026-04-01");
            let begun = Subscription::begin(crate::examples::id(7), &plan, Some(first), None, &on(first), &Constant(8)).expect("it is valid");
            let changed = begun.change_plan(&same, &on(first.plus_days(at))).expect("the plans are alike").expect("it is another one");

            let (_, bills) = swept(changed, day("2026-05-01"));

            prop_assert_eq!(sum(&bills[0]), amount);
        }
    }
}
