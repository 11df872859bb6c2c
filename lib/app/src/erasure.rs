use std::collections::BTreeMap;

use serde_json::json;
use tenantry_domain::{Actor, Error as DomainError, Event, Id, Kind, Tenant, TenantScope};
use tenantry_store::{Erasure, Transaction};

use crate::{Context, Error};

/// How many erasures one run goes on with.
const MOST: usize = 20;
/// How many transactions of one erasure a run makes; the next one goes on.
const ROUNDS: usize = 50;
/// Whoever had read the tenant before it was erased may write for as long: only then is nothing left for good.
const SETTLED_MS: i64 = 60_000;

/// What one run has done about the erasures that are not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Those that there were.
    pub found: usize,
    /// Those that are finished now.
    pub finished: usize,
    /// Those that failed; the next run tries again.
    pub left: usize,
}

/// Takes a tenant away for good: what is known of it goes in one transaction with the record of its erasure, everything
/// else with the runs that go on. `conflict` says what it means that the tenant has another version, or gets one meanwhile.
pub async fn erase_tenant(
    context: &Context,
    scope: &TenantScope,
    is_wanted: impl FnOnce(u64) -> bool,
    conflict: DomainError,
) -> Result<(), Error> {
    let found = context.store.find_tenant_to_erase(scope).await?;
    let (tenant, trail, remains) =
        found.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?;
    if !is_wanted(tenant.version) {
        return Err(conflict.into());
    }
    tenant.check_erasable(context.now)?;
    let change = context.change(scope.actor().clone());
    let erasure = Erasure {
        tenant_id: tenant.id,
        key: tenant.key.clone(),
        by: change.by.clone(),
        at: context.now,
        request_id: context.request_id.clone(),
        erased: BTreeMap::from([("tenant".to_owned(), 1)]),
        finished_at: None,
        version: 1,
    }
    .without(&remains);
    let event = Event::tenant_erased(&tenant, context.new_id(), context.now);
    let mut entry = context.audit("tenant.erased", &change);
    entry.before = Some(json!({ "status": tenant.status }));
    let mut transaction = Transaction::new();
    transaction
        .begin_erasure(&tenant, &erasure, &remains, conflict)
        .audit(&trail, &entry)
        .send(&context.event(&event));
    Ok(context.store.commit(transaction).await?)
}

/// Goes on with the erasures that are not finished. Runs may meet, and one that fails stops no other.
pub async fn continue_erasures(context: &Context) -> Result<Erased, Error> {
    let mut run = Erased::default();
    for tenant_id in context.store.find_open_erasures(MOST).await? {
        run.found += 1;
        match continue_erasure(context, tenant_id).await {
            Ok(true) => run.finished += 1,
            Ok(false) => {}
            // Another run is at it.
            Err(error) if error.is_lost_race() => {}
            Err(error) => {
                run.left += 1;
                tracing::error!(tenant.id = %tenant_id, error = %error, "an erasure did not go on");
            }
        }
    }
    Ok(run)
}

/// Whether this run has finished it.
async fn continue_erasure(context: &Context, tenant_id: Id<Tenant>) -> Result<bool, Error> {
    let scope = TenantScope::of_system(tenant_id, Actor::System);
    let Some(mut erasure) = context.store.find_erasure(&scope).await? else {
        return Ok(false);
    };
    for _ in 0..ROUNDS {
        if erasure.finished_at.is_some() {
            return Ok(false);
        }
        let remains = context.store.find_remains(&scope).await?;
        let is_over = remains.is_empty();
        if is_over && context.now < erasure.at.plus_ms(SETTLED_MS) {
            return Ok(false);
        }
        let version = erasure.version + 1;
        erasure = Erasure {
            finished_at: is_over.then_some(context.now),
            version,
            ..erasure.without(&remains)
        };
        let mut transaction = Transaction::new();
        transaction.continue_erasure(&erasure, &remains);
        context.store.commit(transaction).await?;
        if is_over {
            return Ok(true);
        }
    }
    Ok(false)
}
