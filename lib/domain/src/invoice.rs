use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Address, Bill, Change, Conflict, Day, Error, Id, Money, Period, Reason, Rule, Subscription,
    Tenant, TenantStatus, Text, Timestamp,
};

/// Where an invoice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvoiceStatus {
    /// It waits to be paid.
    Pending,
    /// It was paid.
    Paid,
    /// It does not count any more.
    Cancelled,
}

/// A line of an invoice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceLine {
    /// What for.
    pub description: Text<300>,
    /// How many.
    pub quantity: i64,
    /// What one costs; negative for what is given back.
    pub unit_amount: Money,
    /// What all of them cost.
    pub amount: Money,
}

/// One of the two that an invoice is between, as it was when the invoice was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its address, line by line.
    #[serde(default)]
    pub address: Vec<String>,
    /// What its tax office calls it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tax_id: Option<String>,
}

/// What a tenant owes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// Its id.
    pub id: Id<Invoice>,
    /// Who owes.
    pub tenant_id: Id<Tenant>,
    /// What is read on paper: the tenant's key and how many invoices it has had; no number is left out.
    pub number: String,
    /// For which subscription, unless it was made by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription_id: Option<Id<Subscription>>,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// What for.
    pub lines: Vec<InvoiceLine>,
    /// What all lines cost together.
    pub total: Money,
    /// For which days.
    pub period: Period,
    /// When it was made.
    pub issued_on: Day,
    /// The last day on which it is paid in time.
    pub due_on: Day,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paid_on: Option<Day>,
    /// Since when it is overdue.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub overdue_since: Option<Day>,
    /// The next instant at which anything is to be done for it; none when all is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub due_at: Option<Timestamp>,
    /// Who is paid.
    pub seller: Party,
    /// Who pays.
    pub buyer: Party,
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

/// What an invoice is made of, whoever makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvoice {
    /// Its id.
    pub id: Id<Invoice>,
    /// For which subscription.
    pub subscription_id: Option<Id<Subscription>>,
    /// What for; at least one line, all in one currency.
    pub lines: Vec<InvoiceLine>,
    /// For which days.
    pub period: Period,
    /// The last day on which it is paid in time.
    pub due_on: Day,
    /// Who is paid.
    pub seller: Party,
}

impl InvoiceStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Paid, Self::Cancelled];

    /// The name on the wire and in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Paid => "PAID",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Reads the name, or the number that the references use for it.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let mut known = Self::ALL.into_iter().zip(["0", "1", "2"]);
        let found = known.find(|(status, number)| status.name() == text || *number == text);
        found
            .map(|(status, _)| status)
            .ok_or_else(|| Rule::new("unknown_status", "must be one of PENDING, PAID, CANCELLED"))
    }
}

impl fmt::Display for InvoiceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl InvoiceLine {
    /// So many of something.
    pub fn new(description: Text<300>, quantity: i64, unit_amount: Money) -> Result<Self, Rule> {
        Ok(Self {
            description,
            quantity,
            unit_amount,
            amount: unit_amount.times(quantity)?,
        })
    }

    /// Some days of a plan.
    pub(crate) fn of_plan(name: &Text<100>, period: Period, amount: Money) -> Self {
        let description = format!("{name}, {} to {}", period.from, period.last());
        Self {
            description: Text::abridge(&description, "plan"),
            quantity: 1,
            unit_amount: amount,
            amount,
        }
    }
}

impl Party {
    /// The tenant as its invoices name it.
    pub fn of_tenant(tenant: &Tenant) -> Self {
        let Address {
            address,
            city,
            state,
            zip,
            country,
        } = tenant.address.clone().unwrap_or_default();
        let text = |part: Option<String>| part.into_iter();
        let town: Vec<String> = text(zip.map(|zip| zip.to_string()))
            .chain(text(city.map(|city| city.to_string())))
            .collect();
        let lines = text(address.map(|address| address.to_string()))
            .chain((!town.is_empty()).then(|| town.join(" ")))
            .chain(text(state.map(|state| state.to_string())))
            .chain(text(country.map(|country| country.to_string())));
        Self {
            name: tenant.name.to_string(),
            address: lines.collect(),
            tax_id: None,
        }
    }
}

impl Invoice {
    /// An invoice that is owed from now on. `position` counts the tenant's invoices, from 1.
    pub fn issue(tenant: &Tenant, position: u64, new: NewInvoice, change: &Change) -> Result<Self, Error> {
        let NewInvoice {
            id,
            subscription_id,
            lines,
            period,
            due_on,
            seller,
        } = new;
        let total = total_of(&lines)?;
        let invoice = Self {
            id,
            tenant_id: tenant.id,
            number: format!("{}-{position:06}", tenant.key.as_str().to_ascii_uppercase()),
            subscription_id,
            status: InvoiceStatus::Pending,
            lines,
            total,
            period,
            issued_on: Day::of(change.at),
            due_on,
            paid_on: None,
            overdue_since: None,
            due_at: Some(due_on.plus_days(1).start()),
            seller,
            buyer: Party::of_tenant(tenant),
            created_at: change.at,
            created_by: change.by.clone(),
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: 1,
        };
        // Nobody is to be reminded of nothing.
        if total.amount() == 0 {
            return Ok(Self {
                status: InvoiceStatus::Paid,
                paid_on: Some(invoice.issued_on),
                due_at: None,
                ..invoice
            });
        }
        Ok(invoice)
    }

    /// Whether something is to be done for it now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| due_at <= now)
    }

    /// The invoice that was paid on that day.
    pub fn pay(self, paid_on: Day, change: &Change) -> Result<Self, Error> {
        self.require_pending()?;
        if paid_on > Day::of(change.at) {
            let rule = Rule::new("out_of_range", "must not lie in the future");
            return Err(Error::invalid(rule.at("/paidOn")));
        }
        Ok(Self {
            status: InvoiceStatus::Paid,
            paid_on: Some(paid_on),
            due_at: None,
            ..self
        }
        .changed(change))
    }

    /// The invoice that does not count any more.
    pub fn cancel(self, change: &Change) -> Result<Self, Error> {
        self.require_pending()?;
        Ok(Self {
            status: InvoiceStatus::Cancelled,
            due_at: None,
            ..self
        }
        .changed(change))
    }

    /// The invoice whose last day is over unpaid. It is looked at again when the grace is over.
    #[must_use]
    pub fn overdue(self, grace_days: i64, change: &Change) -> Self {
        let since = self.due_on.plus_days(1);
        Self {
            overdue_since: Some(since),
            due_at: Some(since.plus_days(grace_days).start()),
            ..self
        }
        .changed(change)
    }

    /// The invoice that is looked at again at this instant, or never.
    #[must_use]
    pub fn look_again(self, due_at: Option<Timestamp>, change: &Change) -> Self {
        Self { due_at, ..self }.changed(change)
    }

    /// Whether it waits to be paid although its last day is over, and that was noted.
    pub fn is_overdue(&self) -> bool {
        self.status == InvoiceStatus::Pending && self.overdue_since.is_some()
    }

    fn require_pending(&self) -> Result<(), Error> {
        if self.status == InvoiceStatus::Pending {
            Ok(())
        } else {
            Err(Conflict::InvoiceClosed {
                id: self.id.to_string(),
                status: self.status,
            }
            .into())
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

impl NewInvoice {
    /// The invoice for what a period of a subscription costs.
    pub fn of_bill(
        id: Id<Invoice>,
        subscription: Id<Subscription>,
        bill: Bill,
        due_on: Day,
        seller: Party,
    ) -> Self {
        Self {
            id,
            subscription_id: Some(subscription),
            lines: bill.lines,
            period: bill.period,
            due_on,
            seller,
        }
    }
}

/// What the lines cost together, which is not less than nothing.
fn total_of(lines: &[InvoiceLine]) -> Result<Money, Error> {
    let invalid = |rule: Rule| Error::invalid(rule.at("/lines"));
    let mut total: Option<Money> = None;
    for line in lines {
        total = Some(match total {
            Some(total) => total.plus(line.amount).map_err(invalid)?,
            None => line.amount,
        });
    }
    let total = total.ok_or_else(|| invalid(Rule::new("required", "must have at least one line")))?;
    if total.amount() < 0 {
        return Err(invalid(Rule::new(
            "negative_total",
            "must not sum to less than nothing",
        )));
    }
    Ok(total)
}

/// Where a tenant's billing stands: what is numbered and counted across its subscriptions and invoices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// How many invoices wait to be paid.
    pub pending_count: u64,
    /// How many of them are overdue.
    pub overdue_count: u64,
    /// How many were paid.
    pub paid_count: u64,
    /// How many do not count any more.
    pub cancelled_count: u64,
    /// Its one live subscription.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subscription_id: Option<Id<Subscription>>,
    /// Counts the changes; 0 before the first.
    pub version: u64,
}

/// Why billing suspends a tenant. What the tenant says of its suspension tells these from those that somebody decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspension {
    /// An invoice was not paid in time, nor in the grace.
    Unpaid,
    /// A subscription ended, and none took its place in the grace.
    Unsubscribed,
}

impl Suspension {
    /// The reason that the tenant's status has.
    pub fn reason(self) -> Reason {
        Reason::abridge(self.text(), "billing")
    }

    /// Whether the tenant is suspended for this, and not by somebody or for something else.
    pub fn holds(self, tenant: &Tenant) -> bool {
        let reason = tenant.status_reason.as_ref().map(Reason::as_str);
        tenant.status == TenantStatus::Suspended && reason == Some(self.text())
    }

    fn text(self) -> &'static str {
        match self {
            Self::Unpaid => "billing: an invoice is overdue",
            Self::Unsubscribed => "billing: the subscription has ended",
        }
    }
}

impl Account {
    /// Before anything was billed.
    pub fn new(tenant_id: Id<Tenant>) -> Self {
        Self {
            tenant_id,
            pending_count: 0,
            overdue_count: 0,
            paid_count: 0,
            cancelled_count: 0,
            subscription_id: None,
            version: 0,
        }
    }

    /// How many invoices are in this status.
    pub fn count(&self, status: InvoiceStatus) -> u64 {
        match status {
            InvoiceStatus::Pending => self.pending_count,
            InvoiceStatus::Paid => self.paid_count,
            InvoiceStatus::Cancelled => self.cancelled_count,
        }
    }

    /// The number of the next invoice, from 1. None is ever taken out, so none is left out.
    pub fn next_position(&self) -> u64 {
        self.pending_count + self.paid_count + self.cancelled_count + 1
    }

    /// With an invoice as it is now, which was like `before` if it is not new.
    #[must_use]
    pub fn with_invoice(mut self, before: Option<&Invoice>, after: &Invoice) -> Self {
        if let Some(before) = before {
            let count = self.count_mut(before.status);
            *count = count.saturating_sub(1);
            self.overdue_count = self.overdue_count.saturating_sub(u64::from(before.is_overdue()));
        }
        *self.count_mut(after.status) += 1;
        self.overdue_count += u64::from(after.is_overdue());
        self
    }

    fn count_mut(&mut self, status: InvoiceStatus) -> &mut u64 {
        match status {
            InvoiceStatus::Pending => &mut self.pending_count,
            InvoiceStatus::Paid => &mut self.paid_count,
            InvoiceStatus::Cancelled => &mut self.cancelled_count,
        }
    }

    /// With this live subscription; there is at most one.
    pub fn subscribed(self, subscription: Id<Subscription>) -> Result<Self, Error> {
        match self.subscription_id {
            Some(present) => Err(Conflict::SubscriptionExists {
                tenant: self.tenant_id.to_string(),
                subscription: present.to_string(),
            }
            .into()),
            None => Ok(Self {
                subscription_id: Some(subscription),
                ..self
            }),
        }
    }

    /// Without that live subscription.
    #[must_use]
    pub fn unsubscribed(self, subscription: Id<Subscription>) -> Self {
        Self {
            subscription_id: self.subscription_id.filter(|present| *present != subscription),
            ..self
        }
    }

    /// The next version.
    #[must_use]
    pub fn changed(self) -> Self {
        Self {
            version: self.version + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Currency;
    use crate::examples::{change, id, tenant};

    fn line(quantity: i64, unit: i64, currency: &str) -> InvoiceLine {
        let currency = Currency::parse(currency).expect("the example is a currency");
        let unit = Money::new(unit, currency).expect("the example is an amount");
        InvoiceLine::new(Text::parse("seats").expect("it is a text"), quantity, unit).expect("it is in range")
    }

    fn issue(lines: Vec<InvoiceLine>) -> Result<Invoice, Error> {
        let today = Day::of(change().at);
        let new = NewInvoice {
            id: id(3),
            subscription_id: None,
            lines,
            period: Period {
                from: today,
                until: today.plus_days(1),
            },
            due_on: today.plus_days(14),
            seller: Party::default(),
        };
        Invoice::issue(&tenant(TenantStatus::Active), 7, new, &change())
    }

    #[test]
    fn an_invoice_is_numbered_and_summed() {
        let invoice = issue(vec![line(3, 1000, "EUR"), line(1, -500, "EUR")]).expect("it is valid");

        assert_eq!(invoice.number, "ACME-000007");
        assert_eq!(invoice.total.to_string(), "25.00 EUR");
        assert_eq!(invoice.due_at, Some(invoice.due_on.plus_days(1).start()));
    }

    #[test]
    fn what_costs_nothing_is_paid() {
        let invoice = issue(vec![line(1, 0, "JPY")]).expect("it is valid");

        assert_eq!((invoice.status, invoice.due_at), (InvoiceStatus::Paid, None));
    }

    #[test]
    fn lines_that_cannot_be_summed_are_refused() {
        let most = Money::MAX;
        let cases = [
            (vec![], "required"),
            (vec![line(1, -1, "EUR")], "negative_total"),
            (vec![line(1, 1, "EUR"), line(1, 1, "USD")], "other_currency"),
            (vec![line(1, most, "EUR"), line(1, 1, "EUR")], "amount_too_large"),
        ];

        for (lines, code) in cases {
            let Err(Error::Invalid(invalid)) = issue(lines) else {
                panic!("{code} was expected");
            };
            assert_eq!(invalid.0[0].code, code);
        }
    }

    #[test]
    fn an_invoice_is_paid_or_cancelled_once() {
        let pending = issue(vec![line(1, 1, "EUR")]).expect("it is valid");
        let today = Day::of(change().at);

        let paid = pending.clone().pay(today, &change()).expect("it is pending");
        let cancelled = pending.clone().cancel(&change()).expect("it is pending");

        for closed in [paid, cancelled] {
            assert_eq!(closed.due_at, None);
            let refused = [closed.clone().pay(today, &change()), closed.cancel(&change())];
            for refused in refused {
                assert!(matches!(
                    refused,
                    Err(Error::Conflict(Conflict::InvoiceClosed { .. }))
                ));
            }
        }
        assert!(matches!(
            pending.pay(today.plus_days(1), &change()),
            Err(Error::Invalid(_))
        ));
    }

    #[test]
    fn an_overdue_invoice_is_looked_at_again_after_the_grace() {
        let pending = issue(vec![line(1, 1, "EUR")]).expect("it is valid");

        let overdue = pending.clone().overdue(14, &change());

        assert!(overdue.is_overdue());
        assert_eq!(overdue.overdue_since, Some(pending.due_on.plus_days(1)));
        assert_eq!(overdue.due_at, Some(pending.due_on.plus_days(15).start()));
    }
}
