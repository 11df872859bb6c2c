use serde_json::{Map, Value, json};
use tenantry_domain::{
    Actor, Conflict, Contact, Error as DomainError, Event, Id, Job, JobKind, JobStatus, Kind, Outcome,
    Reason, Resource, Tally, Tenant, TenantScope, Transition,
};
use tenantry_store::{CallbackKey, OutboxMessage, StoredReply, TenantParts, Transaction};

use crate::context::LOOKS;
use crate::mail::{Content, Invite, Mail};
use crate::start_job::{check_may_ask, find_job};
use crate::{Context, Error};

/// How long a spent callback key can still repeat its report: senders of webhooks try again for a day.
const REPEAT_MS: i64 = 24 * 60 * 60 * 1000;

/// What an application plane reported on a job.
#[derive(Clone, Debug)]
pub struct Report {
    /// The job.
    pub job_id: Id<Job>,
    /// How it ended.
    pub outcome: Outcome,
    /// What was made; nothing after a failure.
    pub resources: Vec<Resource>,
    /// The message that brought the report, if it has an id of its own: sender and id. One that comes again changes nothing.
    pub message: Option<(String, String)>,
}

impl Report {
    /// How many resources one report may name, so that all of them fit into one transaction.
    pub const MAX_RESOURCES: usize = 90;
}

/// Closes the job that the report is about and moves its tenant, in one transaction. A report that was made before
/// changes nothing; one that contradicts the outcome is noted on the job and refused.
pub async fn close_job(context: &Context, parts: &TenantParts, report: Report) -> Result<(), Error> {
    let Report {
        job_id,
        outcome,
        resources,
        message,
    } = report;
    let job = find_job(parts, job_id)?;
    if job.status == outcome.status() {
        return Ok(());
    }
    let mut transaction = Transaction::new();
    if let Some((sender, id)) = &message {
        transaction.see(sender, id, context.now);
    }
    let is_late = !job.is_open();
    if is_late {
        let scope = TenantScope::of_system(parts.tenant.id, Actor::ApplicationPlane);
        transaction.replace_job(&scope, &job.clone().refuse_late(&outcome, context.now));
    } else {
        let (_, end) = end_job(context, parts, job, outcome, &resources, Actor::ApplicationPlane)?;
        transaction.append(end);
    }
    match context.store.commit(transaction).await {
        // The same message again, of one kind or another: whoever was first has done what there was to do.
        Err(tenantry_store::Error::Overtaken) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) if is_late => Err(Conflict::JobClosed {
            job: job.id.to_string(),
            status: job.status,
        }
        .into()),
        Ok(()) => Ok(()),
    }
}

/// The same for whoever has not read the tenant; looks again when somebody else got in the way.
pub async fn take_report(context: &Context, tenant_id: Id<Tenant>, report: &Report) -> Result<(), Error> {
    let scope = TenantScope::of_system(tenant_id, Actor::ApplicationPlane);
    let mut looks = 1;
    loop {
        let parts = context.store.find_tenant_with_jobs(&scope).await?;
        let parts = parts.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
        match close_job(context, &parts, report.clone()).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            closed => return closed,
        }
    }
}

/// Calls an open job off, and remembers the answer under the request's idempotency key. One that was called off before is
/// the answer, and nothing changes.
pub async fn cancel_job(
    context: &Context,
    scope: &TenantScope,
    id: Id<Job>,
    reason: Option<Reason>,
    reply: impl Fn(&Job) -> StoredReply,
) -> Result<Job, Error> {
    let mut looks = 1;
    loop {
        let parts = context.store.find_tenant_with_jobs(scope).await?;
        let parts = parts.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?;
        let job = find_job(&parts, id)?;
        check_may_ask(scope.actor(), job.kind)?;
        parts.tenant.check_not_suspended_for(scope)?;
        if job.status == JobStatus::Cancelled {
            context.commit(Transaction::new(), || reply(job)).await?;
            return Ok(job.clone());
        }
        let by = scope.actor().clone();
        let outcome = Outcome::Cancelled {
            by: by.clone(),
            reason: reason.clone(),
        };
        let (cancelled, transaction) = end_job(context, &parts, job, outcome, &[], by)?;
        match context.commit(transaction, || reply(&cancelled)).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            committed => return committed.map(|()| cancelled),
        }
    }
}

/// An open job's end and what it means for the tenant.
pub(crate) fn end_job(
    context: &Context,
    parts: &TenantParts,
    job: &Job,
    outcome: Outcome,
    resources: &[Resource],
    by: Actor,
) -> Result<(Job, Transaction), Error> {
    let before = &parts.tenant;
    let callback_key = parts.callback_keys.iter().find(|key| key.job_id == job.id);
    // What the end of a job leads to belongs to the request that asked for it.
    let context = &Context {
        correlation_id: callback_key.map_or_else(
            || context.correlation_id.clone(),
            |key| key.correlation_id.clone(),
        ),
        ..context.clone()
    };
    let scope = TenantScope::of_system(before.id, by.clone());
    let change = context.change(by);
    let closed = job.clone().close(outcome.clone(), context.now)?;
    let after = before.clone().close(&closed, &outcome, &change)?;
    let is_success = matches!(outcome, Outcome::Success { .. });
    let kind = closed.kind.result(is_success);
    let welcomed = (is_success && job.kind == JobKind::Provision)
        .then(|| primary_contact(parts))
        .flatten();
    // Who became the owner when identities were set up is invited to nothing.
    let is_owned = job
        .identity
        .as_ref()
        .and_then(|setup| setup.administrator.as_ref())
        .is_some_and(|administrator| administrator.is_member);
    let owner = welcomed
        .filter(|_| !is_owned)
        .map(|contact| context.owner_invitation(before, contact));
    let mut entry = context.audit(kind, &change);
    (entry.before, entry.after) = (
        Some(json!({ "status": before.status })),
        Some(ended(&after, &closed)),
    );
    if let (Some((invitation, _)), Some(after)) = (&owner, &mut entry.after) {
        after["ownerInvitationId"] = json!(invitation.id);
    }
    if before.tier != after.tier {
        entry.before = Some(json!({ "status": before.status, "tier": before.tier }));
    }
    let conflict = Conflict::ModifiedConcurrently {
        kind: Kind::Tenant,
        id: before.id.to_string(),
    };
    let mut transaction = Transaction::new();
    transaction
        .replace_job(&scope, &closed)
        .replace_tenant(&scope, before, &after, conflict.into())
        .audit(&parts.trail, &entry);
    if let Some(key) = callback_key {
        transaction.put_callback_key(&scope, &spent(key.clone(), context));
    }
    let mut event = Event::of_tenant(
        kind,
        Transition::Changed(before, &after),
        Some(&closed),
        context.new_id(),
        context.now,
    );
    if let Some(contact) = welcomed {
        let invite = owner.map(|(invitation, invite)| {
            // With the event of the tenant: a transaction that brings all the resources it may has no room for one more.
            event.tally.add(Tally::INVITATIONS_SENT, 1);
            transaction.add_invitation(&scope, &invitation);
            invite
        });
        transaction.send(&welcome(context, contact, &after, invite));
    }
    transaction.send(&context.event(&event));
    if is_success && job.kind != JobKind::Deprovision {
        for resource in resources {
            transaction.put_resource(&scope, resource);
        }
    }
    Ok((closed, transaction))
}

fn ended(after: &Tenant, job: &Job) -> Value {
    let reason = job.outcome.as_ref().and_then(Outcome::reason);
    let mut ended = Map::from_iter([
        ("status".to_owned(), json!(after.status)),
        ("statusReason".to_owned(), json!(after.status_reason)),
        ("jobId".to_owned(), json!(job.id)),
    ]);
    match job.kind {
        JobKind::Provision => {}
        JobKind::Deprovision => {
            ended.insert("reason".to_owned(), json!(reason));
        }
        JobKind::ChangeTier => {
            ended.insert("reason".to_owned(), json!(reason));
            ended.insert("tier".to_owned(), json!(after.tier));
        }
    }
    Value::Object(ended)
}

fn spent(key: CallbackKey, context: &Context) -> CallbackKey {
    CallbackKey {
        spent_at: Some(context.now),
        expires_at: context.now.plus_ms(REPEAT_MS).min(key.expires_at),
        ..key
    }
}

fn primary_contact(parts: &TenantParts) -> Option<&Contact> {
    let contact = parts.contacts.iter().find(|contact| contact.is_primary);
    if contact.is_none() {
        tracing::warn!(tenant.id = %parts.tenant.id, "the tenant has no primary contact to welcome");
    }
    contact
}

/// One mail: the tenant can be used, and whoever reads it can own it, if nobody does.
fn welcome(context: &Context, contact: &Contact, tenant: &Tenant, invite: Option<Invite>) -> OutboxMessage {
    let content = Content::TenantWelcome {
        first_name: contact.first_name.to_string(),
        tenant_name: tenant.name.to_string(),
        tenant_key: tenant.key.to_string(),
        link: tenant.app_plane_url.clone(),
        invitation: invite,
    };
    context.mail(&Mail {
        to: contact.email.clone(),
        content,
    })
}
