use tenantry_domain::{
    Actor, Conflict, Error as DomainError, Event, Job, JobStatus, Kind, Outcome, Resource, TenantScope,
    Transition,
};
use tenantry_store::{CallbackKey, TenantParts, Transaction};

use crate::mail::{Content, Mail};
use crate::{Context, Error};

/// How long a spent callback key can still repeat its report: senders of webhooks try again for a day.
const REPEAT_MS: i64 = 24 * 60 * 60 * 1000;

/// What an application plane reported on a job, and with what it proved that it may.
#[derive(Debug)]
pub struct Report {
    /// How the job ended.
    pub outcome: Outcome,
    /// What it made; nothing after a failure.
    pub resources: Vec<Resource>,
    /// The key that signed the report.
    pub callback_key: CallbackKey,
}

/// Closes the job that the report is about and moves its tenant, in one transaction. A report that was made before
/// changes nothing; one that contradicts the outcome is noted on the job and refused.
pub async fn close_job(context: &Context, parts: &TenantParts, report: Report) -> Result<(), Error> {
    let Report {
        outcome,
        resources,
        callback_key,
    } = report;
    let tenant = &parts.tenant;
    let scope = TenantScope::of_system(tenant.id, Actor::ApplicationPlane);
    let change = context.change(Actor::ApplicationPlane);
    let Some(job) = parts.jobs.iter().find(|job| job.id == callback_key.job_id) else {
        return Err(DomainError::not_found(Kind::Job, callback_key.job_id).into());
    };
    if job.status == outcome.status() {
        return Ok(());
    }
    if !job.is_open() {
        return refuse_late(context, &scope, job, &outcome).await;
    }
    let closed = job.clone().close(outcome.clone(), context.now)?;
    let mut transaction = Transaction::new();
    let (after, kind) = match &outcome {
        Outcome::Success { app_plane_url } => (
            tenant.clone().activate(app_plane_url.clone(), &change)?,
            "tenant.activated",
        ),
        Outcome::Failure { reason } => (
            tenant.clone().fail_provisioning(reason.clone(), &change)?,
            "tenant.provisioning_failed",
        ),
    };
    let event = Event::of_tenant(
        kind,
        Transition::Changed(tenant, &after),
        Some(&closed),
        context.new_id(),
        context.now,
    );
    let mut entry = context.audit(kind, &change);
    entry.before = Some(serde_json::json!({ "status": tenant.status }));
    entry.after = Some(
        serde_json::json!({ "status": after.status, "statusReason": after.status_reason, "jobId": job.id }),
    );
    let conflict = Conflict::ModifiedConcurrently {
        kind: Kind::Tenant,
        id: tenant.id.to_string(),
    };
    transaction
        .replace_job(&scope, &closed)
        .replace_tenant(&scope, tenant, &after, conflict.into())
        .put_callback_key(&scope, &spent(callback_key, context))
        .audit(&parts.trail, &entry)
        .send(&context.event(&event));
    for resource in &resources {
        transaction.put_resource(&scope, resource);
    }
    if closed.status == JobStatus::Succeeded {
        send_welcome(context, &mut transaction, parts, &after);
    }
    Ok(context.store.commit(transaction).await?)
}

fn spent(key: CallbackKey, context: &Context) -> CallbackKey {
    CallbackKey {
        spent_at: Some(context.now),
        expires_at: context.now.plus_ms(REPEAT_MS).min(key.expires_at),
        ..key
    }
}

async fn refuse_late(
    context: &Context,
    scope: &TenantScope,
    job: &Job,
    outcome: &Outcome,
) -> Result<(), Error> {
    let mut transaction = Transaction::new();
    transaction.replace_job(scope, &job.clone().refuse_late(outcome, context.now));
    context.store.commit(transaction).await?;
    Err(Conflict::JobClosed {
        job: job.id.to_string(),
        status: job.status,
    }
    .into())
}

fn send_welcome(
    context: &Context,
    transaction: &mut Transaction,
    parts: &TenantParts,
    tenant: &tenantry_domain::Tenant,
) {
    let Some(contact) = parts.contacts.iter().find(|contact| contact.is_primary) else {
        tracing::warn!(tenant.id = %tenant.id, "the tenant has no primary contact to welcome");
        return;
    };
    let content = Content::TenantWelcome {
        first_name: contact.first_name.to_string(),
        tenant_name: tenant.name.to_string(),
        tenant_key: tenant.key.to_string(),
        link: tenant.app_plane_url.clone(),
    };
    transaction.send(&context.mail(&Mail {
        to: contact.email.clone(),
        content,
    }));
}

impl Report {
    /// How many resources one report may name, so that all of them fit into one transaction.
    pub const MAX_RESOURCES: usize = 90;
}
