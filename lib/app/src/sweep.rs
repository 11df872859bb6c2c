use tenantry_domain::{Actor, TenantScope};
use tenantry_store::{Due, DueThing, Store};

use crate::billing::{catch_up, chase};
use crate::{Context, Error};

/// How many of one shard are asked for at once.
const AT_ONCE: usize = 25;
/// How many of one shard are looked at in one run; the next run goes on.
const MOST_FOUND: usize = 250;

/// What one run of the billing sweep has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Subscriptions and invoices that the index called due.
    pub found: usize,
    /// Changes that this run has made: periods billed, subscriptions begun and ended, invoices overdue, tenants suspended.
    pub changes: usize,
    /// Those that it could not change; the next run tries again.
    pub left: usize,
    /// Whether there may be more.
    pub has_more: bool,
}

/// Does what time asks of subscriptions and invoices. It may run twice, late, or beside itself: each change is one transaction
/// on the version that it was made from, so it is made once. What cannot be changed stops nothing else.
pub async fn sweep_billing(context: &Context) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    for shard in Store::billing_shards() {
        let (mut position, before) = (None, swept.found);
        loop {
            if swept.found - before >= MOST_FOUND {
                swept.has_more = true;
                break;
            }
            let page = context
                .store
                .find_due(shard, context.now, AT_ONCE, position.as_deref());
            let (due, next) = page.await?;
            for due in due {
                swept.found += 1;
                match settle(context, due).await {
                    Ok(changes) => swept.changes += changes,
                    Err(error) => {
                        swept.left += 1;
                        tracing::error!(tenant.id = %due.tenant_id, due = ?due.thing, error = %error, "what is due could not be settled");
                    }
                }
            }
            position = next;
            if position.is_none() {
                break;
            }
        }
    }
    Ok(swept)
}

async fn settle(context: &Context, due: Due) -> Result<usize, Error> {
    // Each has a deadline of its own: what takes long leaves the others their time.
    let context = &Context {
        store: context.app.store.for_request(),
        ..context.clone()
    };
    let scope = TenantScope::of_system(due.tenant_id, Actor::System);
    match due.thing {
        DueThing::Subscription(id) => catch_up(context, &scope, id).await,
        DueThing::Invoice(id) => chase(context, &scope, id).await,
    }
}
