//! What makes, changes and ends subscriptions and invoices, whoever asks for it: a person, or time.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tenantry_domain::{
    Account, Bill, CancelAt, Change, Conflict, Day, Entropy, Error as DomainError, Event, Id, Invoice,
    InvoiceLine, InvoiceStatus, Kind, NewInvoice, Period, Plan, Rule, Subscription, SubscriptionStatus,
    Suspension, Tenant, TenantScope, TenantStatus, Transition,
};
use tenantry_store::{BillingParts, BillingWish, StoredReply, Transaction};

use crate::job_request::tell;
use crate::{Context, Error, Notice};

/// A write that others overtake looks again so often, before its caller hears of it.
pub(crate) const LOOKS: usize = 4;
/// Periods of one subscription that one look at it bills at most: ten years of months. The next look goes on.
const MOST_PERIODS: usize = 120;

/// What a tenant takes.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// Which plan.
    pub plan_id: Id<Plan>,
    /// Its first day; today if absent.
    pub starts_on: Option<Day>,
    /// Its last day, if that is known.
    pub ends_on: Option<Day>,
}

/// An invoice that somebody makes by hand.
#[derive(Clone, Debug)]
pub struct HandInvoice {
    /// What for.
    pub lines: Vec<InvoiceLine>,
    /// For which days; today if absent.
    pub period: Option<Period>,
    /// The last day on which it is paid in time.
    pub due_on: Option<Day>,
}

/// What becomes of an invoice.
#[derive(Clone, Copy, Debug)]
pub enum InvoiceCommand {
    /// It was paid on that day; today if absent.
    Pay(Option<Day>),
    /// It does not count any more.
    Cancel,
}

/// Subscribes the tenant to a plan. Who belongs to the tenant takes what is for tenants to take.
pub async fn subscribe(
    context: &Context,
    scope: &TenantScope,
    new: &NewSubscription,
    reply: impl Fn(&Subscription) -> StoredReply,
) -> Result<Subscription, Error> {
    let wish = BillingWish {
        plan: Some(new.plan_id),
        ..BillingWish::default()
    };
    let change = context.change(scope.actor().clone());
    let mut looks = 1;
    loop {
        let parts = find(context, scope, wish).await?;
        let plan = plan_to_take(scope, &parts)?;
        let today = Day::of(context.now);
        if scope.is_bound() && new.starts_on.is_some_and(|starts_on| starts_on < today) {
            let rule = Rule::new("out_of_range", "must not lie in the past");
            return Err(DomainError::invalid(rule.at("/startsOn")).into());
        }
        let entropy = &*context.app.entropy;
        let subscription = Subscription::begin(
            scope.tenant_id(),
            plan,
            new.starts_on,
            new.ends_on,
            &change,
            entropy,
        )?;
        let mut write = Write::begin(context, scope, &parts, &change);
        write.account = write.account.subscribed(subscription.id)?;
        write.transaction.create_subscription(scope, &subscription);
        write.tell_of_subscription("subscription.created", &subscription);
        write.note("subscription.created", None, Some(picture(&subscription)));
        if Suspension::Unsubscribed.holds(&parts.tenant) {
            write.reactivate()?;
        }
        match write.answer(|| reply(&subscription)).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| subscription),
        }
    }
}

/// Moves a subscription to another plan from today on.
pub async fn change_plan(
    context: &Context,
    scope: &TenantScope,
    id: Id<Subscription>,
    plan_id: Id<Plan>,
    check: impl Fn(&Subscription) -> Result<(), DomainError>,
) -> Result<Subscription, Error> {
    let wish = BillingWish {
        subscription: Some(id),
        plan: Some(plan_id),
        ..BillingWish::default()
    };
    let change = context.change(scope.actor().clone());
    let mut looks = 1;
    loop {
        let parts = find_up_to_date(context, scope, id, wish).await?;
        let present = subscription_of(&parts, id)?;
        check(present)?;
        let plan = plan_to_take(scope, &parts)?;
        let Some(changed) = present.clone().change_plan(plan, &change)? else {
            return Ok(present.clone());
        };
        let mut write = Write::begin(context, scope, &parts, &change);
        write.replace_subscription(&changed);
        write.tell_of_subscription("subscription.changed", &changed);
        write.note(
            "subscription.changed",
            Some(picture(present)),
            Some(picture(&changed)),
        );
        match write.commit().await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| changed),
        }
    }
}

/// Ends a subscription now, or with its period.
pub async fn cancel_subscription(
    context: &Context,
    scope: &TenantScope,
    id: Id<Subscription>,
    at: CancelAt,
    reply: impl Fn(&Subscription) -> StoredReply,
) -> Result<Subscription, Error> {
    let wish = BillingWish {
        subscription: Some(id),
        ..BillingWish::default()
    };
    let grace_days = context.app.config.billing_grace_days;
    let change = context.change(scope.actor().clone());
    let mut looks = 1;
    loop {
        let parts = find_up_to_date(context, scope, id, wish).await?;
        let present = subscription_of(&parts, id)?;
        let Some((cancelled, bill)) = present.clone().cancel(at, grace_days, &change)? else {
            context.commit(Transaction::new(), || reply(present)).await?;
            return Ok(present.clone());
        };
        let mut write = Write::begin(context, scope, &parts, &change);
        write.bill(&cancelled, bill)?;
        write.replace_subscription(&cancelled);
        let kind = if cancelled.status.is_live() {
            "subscription.changed"
        } else {
            write.account = write.account.unsubscribed(id);
            "subscription.cancelled"
        };
        write.tell_of_subscription(kind, &cancelled);
        write.note(kind, Some(picture(present)), Some(picture(&cancelled)));
        match write.answer(|| reply(&cancelled)).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| cancelled),
        }
    }
}

/// Makes an invoice by hand.
pub async fn issue_invoice(
    context: &Context,
    scope: &TenantScope,
    new: &HandInvoice,
    reply: impl Fn(&Invoice) -> StoredReply,
) -> Result<Invoice, Error> {
    let change = context.change(scope.actor().clone());
    let today = Day::of(context.now);
    let due_on = new
        .due_on
        .unwrap_or_else(|| today.plus_days(context.app.config.invoice_due_days));
    if due_on < today {
        let rule = Rule::new("out_of_range", "must not lie in the past");
        return Err(DomainError::invalid(rule.at("/dueDate")).into());
    }
    let mut looks = 1;
    loop {
        let parts = find(context, scope, BillingWish::default()).await?;
        let mut write = Write::begin(context, scope, &parts, &change);
        let invoice = write.issue(NewInvoice {
            id: context.new_id(),
            subscription_id: None,
            lines: new.lines.clone(),
            period: new.period.unwrap_or(Period {
                from: today,
                until: today.plus_days(1),
            }),
            due_on,
            seller: context.app.config.invoice_seller.clone(),
        })?;
        match write.answer(|| reply(&invoice)).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| invoice),
        }
    }
}

/// Notes that an invoice was paid, or takes it back. With the last overdue one, a tenant that was suspended for it may be
/// used again.
pub async fn close_invoice(
    context: &Context,
    scope: &TenantScope,
    id: Id<Invoice>,
    command: InvoiceCommand,
    check: impl Fn(&Invoice) -> Result<(), DomainError>,
) -> Result<Invoice, Error> {
    let wish = BillingWish {
        invoice: Some(id),
        ..BillingWish::default()
    };
    let change = context.change(scope.actor().clone());
    let mut looks = 1;
    loop {
        let parts = find(context, scope, wish).await?;
        let before = invoice_of(&parts, id)?;
        check(before)?;
        let (after, kind) = match command {
            InvoiceCommand::Pay(paid_on) => {
                let paid_on = paid_on.unwrap_or_else(|| Day::of(context.now));
                (before.clone().pay(paid_on, &change)?, "invoice.paid")
            }
            InvoiceCommand::Cancel => (before.clone().cancel(&change)?, "invoice.cancelled"),
        };
        let mut write = Write::begin(context, scope, &parts, &change);
        write.replace_invoice(before, &after);
        write.tell_of_invoice(kind, &after);
        let status = |invoice: &Invoice| json!({ "status": invoice.status, "paidOn": invoice.paid_on });
        let mut now = status(&after);
        now["invoiceId"] = json!(id);
        write.note(kind, Some(status(before)), Some(now));
        if before.is_overdue() && write.account.overdue_count == 0 {
            let live = write.account.subscription_id;
            for owed in [live, before.subscription_id.filter(|owed| Some(*owed) != live)]
                .into_iter()
                .flatten()
            {
                write.transaction.clear_past_due(scope, owed);
            }
            if Suspension::Unpaid.holds(&parts.tenant) {
                write.reactivate()?;
            }
        }
        match write.commit().await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| after),
        }
    }
}

/// What time has done to a subscription until now, a transaction for each period. Answers how many changes that were.
pub(crate) async fn catch_up(
    context: &Context,
    scope: &TenantScope,
    id: Id<Subscription>,
) -> Result<usize, Error> {
    let wish = BillingWish {
        subscription: Some(id),
        ..BillingWish::default()
    };
    let (mut changes, mut looks) = (0, 1);
    while changes < MOST_PERIODS {
        let Some(parts) = context.store.find_billing(scope, wish).await? else {
            return Ok(changes);
        };
        let Some(subscription) = parts
            .subscription
            .as_ref()
            .filter(|found| found.is_due(context.now))
        else {
            return Ok(changes);
        };
        match step(context, scope, &parts, subscription).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            Err(error) => return Err(error),
            Ok(()) => (changes, looks) = (changes + 1, 1),
        }
    }
    Ok(changes)
}

async fn step(
    context: &Context,
    scope: &TenantScope,
    parts: &BillingParts,
    before: &Subscription,
) -> Result<(), Error> {
    let change = context.change(tenantry_domain::Actor::System);
    let mut write = Write::begin(context, scope, parts, &change);
    let Some((after, bill)) = before
        .clone()
        .advance(context.app.config.billing_grace_days, &change)
    else {
        // It has ended, and the grace is over.
        let due_at = if write.account.subscription_id.is_some() {
            None
        } else {
            write.suspend(Suspension::Unsubscribed)?
        };
        write.replace_subscription(&before.clone().look_again(due_at, &change));
        return write.commit().await;
    };
    // A tenant that has left owes what it has used, and nothing more.
    let has_left = parts.tenant.status == TenantStatus::Inactive;
    let after = if has_left && after.status.is_live() {
        after.abandon()
    } else {
        after
    };
    write.bill(&after, bill)?;
    write.replace_subscription(&after);
    let kind = match after.status {
        SubscriptionStatus::Pending | SubscriptionStatus::Active => "subscription.changed",
        SubscriptionStatus::Cancelled => "subscription.cancelled",
        SubscriptionStatus::Expired => "subscription.expired",
    };
    if !after.status.is_live() {
        write.account = write.account.unsubscribed(after.id);
    }
    // A new period is told by its invoice; the subscription itself speaks when it begins or ends.
    if after.status != before.status {
        write.tell_of_subscription(kind, &after);
        write.note(kind, Some(picture(before)), Some(picture(&after)));
    }
    write.commit().await
}

/// What time has done to an invoice until now. Answers how many changes that were.
pub(crate) async fn chase(context: &Context, scope: &TenantScope, id: Id<Invoice>) -> Result<usize, Error> {
    let (mut changes, mut looks) = (0, 1);
    let mut wish = BillingWish {
        invoice: Some(id),
        ..BillingWish::default()
    };
    // It becomes overdue, and then the grace is over: more than these two there is not.
    while changes < 2 {
        let Some(parts) = context.store.find_billing(scope, wish).await? else {
            return Ok(changes);
        };
        let Some(invoice) = parts.invoice.as_ref().filter(|found| found.is_due(context.now)) else {
            return Ok(changes);
        };
        if wish.subscription != invoice.subscription_id {
            wish.subscription = invoice.subscription_id;
            continue;
        }
        match remind(context, scope, &parts, invoice).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            Err(error) => return Err(error),
            Ok(()) => (changes, looks) = (changes + 1, 1),
        }
    }
    Ok(changes)
}

async fn remind(
    context: &Context,
    scope: &TenantScope,
    parts: &BillingParts,
    before: &Invoice,
) -> Result<(), Error> {
    let change = context.change(tenantry_domain::Actor::System);
    let mut write = Write::begin(context, scope, parts, &change);
    if before.is_overdue() {
        let due_at = write.suspend(Suspension::Unpaid)?;
        write.replace_invoice(before, &before.clone().look_again(due_at, &change));
        return write.commit().await;
    }
    let after = before
        .clone()
        .overdue(context.app.config.billing_grace_days, &change);
    write.replace_invoice(before, &after);
    write.tell_of_invoice("invoice.overdue", &after);
    let now = json!({ "invoiceId": after.id, "overdueSince": after.overdue_since });
    write.note("invoice.overdue", None, Some(now));
    if let (Some(subscription), Some(since)) = (&parts.subscription, after.overdue_since)
        && subscription.past_due_since.is_none()
    {
        let owed = subscription.clone().past_due(since, &change);
        write.replace_subscription(&owed);
        write.tell_of_subscription("subscription.past_due", &owed);
    }
    write.commit().await
}

/// One write of a tenant's billing: what changes, what is told of it, and what the trail hears.
struct Write<'a> {
    context: &'a Context,
    scope: &'a TenantScope,
    parts: &'a BillingParts,
    change: &'a Change,
    account: Account,
    transaction: Transaction,
    /// Whether the transaction states its own condition on the tenant.
    moves_tenant: bool,
}

impl<'a> Write<'a> {
    fn begin(
        context: &'a Context,
        scope: &'a TenantScope,
        parts: &'a BillingParts,
        change: &'a Change,
    ) -> Self {
        Self {
            context,
            scope,
            parts,
            change,
            account: parts.account.clone(),
            transaction: Transaction::new(),
            moves_tenant: false,
        }
    }

    fn replace_subscription(&mut self, after: &Subscription) {
        let conflict = lost(Kind::Subscription, after.id);
        self.transaction.replace_subscription(self.scope, after, conflict);
    }

    fn replace_invoice(&mut self, before: &Invoice, after: &Invoice) {
        self.account = self.account.clone().with_invoice(Some(before), after);
        let conflict = lost(Kind::Invoice, after.id);
        self.transaction.replace_invoice(self.scope, after, conflict);
    }

    /// The invoice for what a period costs. Its id follows from subscription and period, so there is one of it, however often
    /// and by however many it is made.
    fn bill(&mut self, subscription: &Subscription, bill: Option<Bill>) -> Result<(), Error> {
        let Some(bill) = bill else {
            return Ok(());
        };
        let id = Id::new(
            bill.period.until.start(),
            &Derived::from(format!("invoice {} {}", subscription.id, bill.number)),
        );
        let config = &self.context.app.config;
        let due_on = Day::of(self.context.now).plus_days(config.invoice_due_days);
        let seller = config.invoice_seller.clone();
        self.issue(NewInvoice::of_bill(id, subscription.id, bill, due_on, seller))?;
        Ok(())
    }

    fn issue(&mut self, new: NewInvoice) -> Result<Invoice, Error> {
        let position = self.account.next_position();
        let invoice = Invoice::issue(&self.parts.tenant, position, new, self.change)?;
        self.account = self.account.clone().with_invoice(None, &invoice);
        self.transaction.create_invoice(self.scope, &invoice);
        self.tell_of_invoice("invoice.issued", &invoice);
        if invoice.status == InvoiceStatus::Paid {
            self.tell_of_invoice("invoice.paid", &invoice);
        }
        let after = json!({
            "invoiceId": invoice.id, "number": invoice.number, "status": invoice.status, "amount": invoice.total.amount(),
            "currencyCode": invoice.total.currency(), "subscriptionId": invoice.subscription_id,
        });
        self.note("invoice.issued", None, Some(after));
        Ok(invoice)
    }

    /// Suspends the tenant, if it is in use; answers when to look again if that cannot be said yet.
    fn suspend(&mut self, suspension: Suspension) -> Result<Option<tenantry_domain::Timestamp>, Error> {
        match self.parts.tenant.status {
            TenantStatus::Active => {
                let suspended = self
                    .parts
                    .tenant
                    .clone()
                    .suspend(suspension.reason(), self.change)?;
                self.move_tenant(("tenant.suspended", Notice::Suspended), &suspended);
                Ok(None)
            }
            TenantStatus::PendingProvision | TenantStatus::Provisioning | TenantStatus::ProvisionFailed => {
                Ok(Some(Day::of(self.context.now).plus_days(1).start()))
            }
            TenantStatus::Suspended | TenantStatus::Deprovisioning | TenantStatus::Inactive => Ok(None),
        }
    }

    fn reactivate(&mut self) -> Result<(), Error> {
        let reactivated = self.parts.tenant.clone().reactivate(self.change)?;
        self.move_tenant(("tenant.reactivated", Notice::Reactivated), &reactivated);
        Ok(())
    }

    fn move_tenant(&mut self, (kind, notice): (&'static str, Notice), after: &Tenant) {
        let before = &self.parts.tenant;
        self.moves_tenant = true;
        self.transaction
            .replace_tenant(self.scope, before, after, lost(Kind::Tenant, after.id));
        let status =
            |tenant: &Tenant| json!({ "status": tenant.status, "statusReason": tenant.status_reason });
        self.note(kind, Some(status(before)), Some(status(after)));
        tell(
            self.context,
            &mut self.transaction,
            kind,
            Transition::Changed(before, after),
            None,
        );
        // Billing reads no contacts, so the application plane is told of the tenant without an address.
        if let Some(message) = self.context.notice(notice, after, &[]) {
            self.transaction.send(&message);
        }
    }

    fn tell_of_subscription(&mut self, kind: &'static str, subscription: &Subscription) {
        let context = self.context;
        let event = Event::of_subscription(kind, subscription, context.new_id(), context.now);
        self.transaction.send(&context.event(&event));
    }

    fn tell_of_invoice(&mut self, kind: &'static str, invoice: &Invoice) {
        let context = self.context;
        let event = Event::of_invoice(kind, invoice, context.new_id(), context.now);
        self.transaction.send(&context.event(&event));
    }

    fn note(&mut self, action: &str, before: Option<Value>, after: Option<Value>) {
        let mut entry = self.context.audit(action, self.change);
        (entry.before, entry.after) = (before, after);
        self.transaction.audit(&self.parts.trail, &entry);
    }

    /// Commits, and remembers the answer under the request's idempotency key.
    async fn answer(self, reply: impl FnOnce() -> StoredReply) -> Result<(), Error> {
        let context = self.context;
        context.commit(self.whole()?, reply).await
    }

    /// Commits what answers no request that could be repeated.
    async fn commit(self) -> Result<(), Error> {
        let context = self.context;
        Ok(context.store.commit(self.whole()?).await?)
    }

    fn whole(self) -> Result<Transaction, Error> {
        let scope = self.scope;
        self.parts.tenant.check_not_suspended_for(scope)?;
        let mut whole = Transaction::new();
        if !self.moves_tenant {
            whole.in_tenant(scope);
        }
        whole
            .append(self.transaction)
            .put_account(scope, &self.account.changed());
        Ok(whole)
    }
}

/// Bytes that follow from a text, where an id has to be the same whoever makes it.
struct Derived([u8; 32]);

impl Derived {
    fn from(text: String) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl Entropy for Derived {
    fn fill(&self, bytes: &mut [u8]) {
        for (byte, derived) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *derived;
        }
    }
}

async fn find(context: &Context, scope: &TenantScope, wish: BillingWish) -> Result<BillingParts, Error> {
    let parts = context.store.find_billing(scope, wish).await?;
    Ok(parts.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?)
}

/// What is asked of a subscription is asked of it as it is today, although no sweep may have come by yet.
async fn find_up_to_date(
    context: &Context,
    scope: &TenantScope,
    id: Id<Subscription>,
    wish: BillingWish,
) -> Result<BillingParts, Error> {
    let parts = find(context, scope, wish).await?;
    let is_behind = parts
        .subscription
        .as_ref()
        .is_some_and(|found| found.status.is_live() && found.is_due(context.now));
    if !is_behind {
        return Ok(parts);
    }
    let system = TenantScope::of_system(scope.tenant_id(), tenantry_domain::Actor::System);
    catch_up(context, &system, id).await?;
    find(context, scope, wish).await
}

fn subscription_of(parts: &BillingParts, id: Id<Subscription>) -> Result<&Subscription, DomainError> {
    let found = parts.subscription.as_ref();
    found.ok_or_else(|| DomainError::not_found(Kind::Subscription, id))
}

fn invoice_of(parts: &BillingParts, id: Id<Invoice>) -> Result<&Invoice, DomainError> {
    let found = parts.invoice.as_ref();
    found.ok_or_else(|| DomainError::not_found(Kind::Invoice, id))
}

/// A plan that the scope's actor may take. What is not for tenants to take does not exist for them.
fn plan_to_take<'a>(scope: &TenantScope, parts: &'a BillingParts) -> Result<&'a Plan, DomainError> {
    let plan = parts
        .plan
        .as_ref()
        .filter(|plan| !scope.is_bound() || (plan.terms.self_service && plan.is_on_sale()));
    plan.ok_or_else(|| DomainError::invalid(Rule::new("unknown_plan", "must name a plan").at("/planId")))
}

/// What the audit trail says of a subscription.
fn picture(subscription: &Subscription) -> Value {
    json!({
        "subscriptionId": subscription.id,
        "status": subscription.status,
        "planId": subscription.agreement().plan_id,
        "startsOn": subscription.starts_on,
        "endsOn": subscription.ends_on,
    })
}

fn lost<T>(kind: Kind, id: Id<T>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind,
        id: id.to_string(),
    }
    .into()
}
