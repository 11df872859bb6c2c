use serde_json::json;
use tenantry_domain::{
    Change, Conflict, Error as DomainError, Kind, Reason, Tenant, TenantScope, Transition,
};
use tenantry_store::{StoredReply, Transaction};

use crate::context::LOOKS;
use crate::job_request::tell;
use crate::{Context, Error, Notice};

/// Stops a tenant's use, and remembers the answer under the request's idempotency key. An open job goes on.
pub async fn suspend_tenant(
    context: &Context,
    scope: &TenantScope,
    reason: &Reason,
    reply: impl Fn(&Tenant) -> StoredReply,
) -> Result<Tenant, Error> {
    move_tenant(
        context,
        scope,
        ("tenant.suspended", Notice::Suspended),
        reply,
        |tenant, change| tenant.suspend(reason.clone(), change),
    )
    .await
}

/// Lets a tenant be used again, and remembers the answer under the request's idempotency key.
pub async fn reactivate_tenant(
    context: &Context,
    scope: &TenantScope,
    reason: Option<&Reason>,
    reply: impl Fn(&Tenant) -> StoredReply,
) -> Result<Tenant, Error> {
    move_tenant(
        context,
        scope,
        ("tenant.reactivated", Notice::Reactivated),
        reply,
        |tenant, change| {
            Ok(Tenant {
                status_reason: reason.cloned(),
                ..tenant.reactivate(change)?
            })
        },
    )
    .await
}

async fn move_tenant(
    context: &Context,
    scope: &TenantScope,
    (kind, notice): (&'static str, Notice),
    reply: impl Fn(&Tenant) -> StoredReply,
    command: impl Fn(Tenant, &Change) -> Result<Tenant, DomainError>,
) -> Result<Tenant, Error> {
    let change = context.change(scope.actor().clone());
    let mut looks = 1;
    loop {
        let found = context.store.find_tenant_with_contacts(scope).await?;
        let parts = found.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?;
        let before = &parts.tenant;
        let after = command(before.clone(), &change)?;
        let mut entry = context.audit(kind, &change);
        entry.before = Some(json!({ "status": before.status, "statusReason": before.status_reason }));
        entry.after = Some(json!({ "status": after.status, "statusReason": after.status_reason }));
        let conflict = Conflict::ModifiedConcurrently {
            kind: Kind::Tenant,
            id: after.id.to_string(),
        };
        let mut transaction = Transaction::new();
        transaction
            .replace_tenant(scope, before, &after, conflict.into())
            .audit(&parts.trail, &entry);
        tell(
            context,
            &mut transaction,
            kind,
            Transition::Changed(before, &after),
            None,
        );
        if let Some(message) = context.notice(notice, &after, &parts.contacts) {
            transaction.send(&message);
        }
        match context.commit(transaction, || reply(&after)).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| after),
        }
    }
}
