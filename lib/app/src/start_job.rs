use serde_json::{Map, Value, json};
use tenantry_domain::{
    Actor, Conflict, Entitlement, Error as DomainError, Id, Job, JobKind, JobStatus, Kind, Reason, Tenant,
    TenantScope, Transition,
};
use tenantry_store::{StoredReply, TenantParts, Transaction};

use crate::job_request::{new_callback, send_request, tell};
use crate::{Context, Error};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a job is wanted for.
#[derive(Clone, Debug)]
pub enum JobWish {
    /// Make the tenant's resources.
    Provision(Box<Entitlement>),
    /// Make them fit another tier.
    ChangeTier {
        /// In the configured spelling.
        tier: String,
        /// Why.
        reason: Option<Reason>,
    },
    /// Remove them; the tenant leaves.
    Offboard {
        /// Why.
        reason: Option<Reason>,
        /// How many days it may be wanted back before it can be erased.
        grace_days: u16,
    },
    /// The same again as this job, which did not succeed.
    Retry(Id<Job>),
}

/// Starts a job, and remembers the answer under the request's idempotency key. While one of the same kind is open, that one
/// is the answer and nothing changes; while one of another kind is open, there is none.
pub async fn start_job(
    context: &Context,
    scope: &TenantScope,
    wish: &JobWish,
    reply: impl Fn(&Job) -> StoredReply,
) -> Result<Job, Error> {
    // Of two starts that meet one wins; the other one looks again, and finds the winner's job.
    match start_once(context, scope, wish, &reply).await {
        Err(Error::Refused(DomainError::Conflict(Conflict::ModifiedConcurrently { .. }))) => {
            start_once(context, scope, wish, &reply).await
        }
        started => started,
    }
}

async fn start_once(
    context: &Context,
    scope: &TenantScope,
    wish: &JobWish,
    reply: impl Fn(&Job) -> StoredReply,
) -> Result<Job, Error> {
    let parts = context.store.find_tenant_with_jobs(scope).await?;
    let parts = parts.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?;
    let kind = kind_of(wish, &parts)?;
    check_may_ask(scope.actor(), kind)?;
    parts.tenant.check_not_suspended_for(scope)?;
    if let Some(open) = open_job(&parts) {
        if open.kind != kind {
            let (job, kind) = (open.id.to_string(), open.kind);
            return Err(Conflict::JobOpen { job, kind }.into());
        }
        context.commit(Transaction::new(), || reply(open)).await?;
        return Ok(open.clone());
    }
    let (job, transaction) = prepare(context, scope, wish, kind, &parts)?;
    context.commit(transaction, || reply(&job)).await?;
    Ok(job)
}

/// What belongs to a tenant may provision it; what else becomes of it, operators decide.
pub(crate) fn check_may_ask(actor: &Actor, kind: JobKind) -> Result<(), DomainError> {
    match (actor, kind) {
        (_, JobKind::Provision) | (Actor::Operator(_) | Actor::System, _) => Ok(()),
        (
            Actor::Member(_) | Actor::Person(_) | Actor::Lead(_) | Actor::ApplicationPlane | Actor::Anonymous,
            JobKind::Deprovision | JobKind::ChangeTier,
        ) => Err(DomainError::Forbidden("only operators may do this".to_owned())),
    }
}

fn kind_of(wish: &JobWish, parts: &TenantParts) -> Result<JobKind, DomainError> {
    match wish {
        JobWish::Provision(_) => Ok(JobKind::Provision),
        JobWish::ChangeTier { .. } => Ok(JobKind::ChangeTier),
        JobWish::Offboard { .. } => Ok(JobKind::Deprovision),
        JobWish::Retry(id) => Ok(find_job(parts, *id)?.kind),
    }
}

pub(crate) fn find_job(parts: &TenantParts, id: Id<Job>) -> Result<&Job, DomainError> {
    let job = parts.jobs.iter().find(|job| job.id == id);
    job.ok_or_else(|| DomainError::not_found(Kind::Job, id))
}

fn open_job(parts: &TenantParts) -> Option<&Job> {
    let open = parts.tenant.open_job_id?;
    parts.jobs.iter().find(|job| job.id == open)
}

fn prepare(
    context: &Context,
    scope: &TenantScope,
    wish: &JobWish,
    kind: JobKind,
    parts: &TenantParts,
) -> Result<(Job, Transaction), Error> {
    let before = &parts.tenant;
    let change = context.change(scope.actor().clone());
    let subscription = entitlement(wish, parts)?;
    let wire = context.wire_for(&subscription)?;
    let job = Job::request(
        before,
        kind,
        subscription,
        wire,
        context.now,
        &*context.app.entropy,
    );
    let (tenant, reason) = match wish {
        JobWish::Provision(_) => (before.clone().start(&job, &change)?, None),
        JobWish::Retry(_) => {
            let tenant = before.clone().start(&job, &change)?;
            let reason = tenant.status_reason.clone();
            (tenant, reason.filter(|_| kind == JobKind::Deprovision))
        }
        JobWish::ChangeTier { tier, reason } => {
            let tenant = before.clone().start(&job, &change)?;
            if before.tier.as_ref() == Some(tier) {
                return Err(Conflict::TierUnchanged(tier.clone()).into());
            }
            (tenant, reason.clone())
        }
        JobWish::Offboard { reason, grace_days } => {
            let erasable_at = context.now.plus_ms(i64::from(*grace_days) * DAY_MS);
            let offboarded = before
                .clone()
                .offboard(&job, reason.clone(), erasable_at, &change)?;
            (offboarded, reason.clone())
        }
    };
    let mut entry = context.audit(kind.request(), &change);
    entry.before = Some(json!({ "status": before.status }));
    entry.after = Some(asked(&tenant, &job, reason.as_ref()));
    let conflict = Conflict::ModifiedConcurrently {
        kind: Kind::Tenant,
        id: tenant.id.to_string(),
    };
    let (callback_key, callback) = new_callback(context, &job);
    let mut transaction = Transaction::new();
    transaction
        .replace_tenant(scope, before, &tenant, conflict.into())
        .create_job(scope, &job, &callback_key)
        .audit(&parts.trail, &entry);
    // The figures count a tenant's move once, with the event that asks for the job.
    if before.status != tenant.status && kind == JobKind::Deprovision {
        let same = Transition::Changed(&tenant, &tenant);
        tell(context, &mut transaction, "tenant.offboarding", same, None);
    }
    send_request(
        context,
        &mut transaction,
        parts,
        (&tenant, &job),
        reason,
        &callback,
    )?;
    Ok((job, transaction))
}

fn asked(tenant: &Tenant, job: &Job, reason: Option<&Reason>) -> Value {
    let tier = &job.subscription.plan.tier;
    let mut asked = Map::from_iter([
        ("status".to_owned(), json!(tenant.status)),
        ("tier".to_owned(), json!(tier)),
        ("jobId".to_owned(), json!(job.id)),
    ]);
    if let Some(reason) = reason {
        asked.insert("reason".to_owned(), json!(reason));
    }
    if let (JobKind::Deprovision, Some(erasable_at)) = (job.kind, tenant.erasable_at) {
        asked.insert("erasableAt".to_owned(), json!(erasable_at));
    }
    Value::Object(asked)
}

/// What the tenant is or shall be provisioned for.
fn entitlement(wish: &JobWish, parts: &TenantParts) -> Result<Entitlement, DomainError> {
    match wish {
        JobWish::Provision(subscription) => Ok((**subscription).clone()),
        JobWish::Retry(id) => {
            let job = find_job(parts, *id)?;
            if job.attempt != parts.tenant.job_count {
                return Err(Conflict::JobSuperseded(job.id.to_string()).into());
            }
            match job.status {
                JobStatus::Failed | JobStatus::Cancelled => Ok(job.subscription.clone()),
                JobStatus::Succeeded | JobStatus::Open => Err(Conflict::JobClosed {
                    job: job.id.to_string(),
                    status: job.status,
                }
                .into()),
            }
        }
        JobWish::Offboard { .. } => Ok(present(parts)?.clone()),
        JobWish::ChangeTier { tier, .. } => {
            let mut subscription = present(parts)?.clone();
            subscription.plan.tier.clone_from(tier);
            Ok(subscription)
        }
    }
}

/// What the last job that succeeded was for; if none did, what was asked for last.
fn present(parts: &TenantParts) -> Result<&Entitlement, DomainError> {
    let made = || parts.jobs.iter().filter(|job| job.kind != JobKind::Deprovision);
    let stands = made().filter(|job| job.status == JobStatus::Succeeded);
    let last = stands
        .max_by_key(|job| job.attempt)
        .or_else(|| made().max_by_key(|job| job.attempt));
    match last {
        Some(job) => Ok(&job.subscription),
        None => Err(Conflict::InvalidTransition {
            from: parts.tenant.status,
            command: "changed before it was provisioned",
        }
        .into()),
    }
}
