use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;
use tenantry_app::{About, Answer, BusEvent, Context, Error, Ignored, Report, close_job};
use tenantry_domain::{Actor, Error as DomainError, Id, Job, Outcome, Tenant, TenantScope};
use tenantry_store::{TenantParts, Transaction};

/// How often an answer looks again after somebody else got in its way.
const LOOKS: u32 = 5;

/// What an event led to.
#[derive(Debug)]
pub(crate) enum Taken {
    /// The job went on, or is over; or was before by the same answer.
    Done { step: &'static str, about: Addressed },
    /// It is no answer.
    Foreign(&'static str),
    /// It is an answer that nobody waits for.
    Refused(&'static str),
}

/// Whose answer it was.
#[derive(Debug)]
pub(crate) struct Addressed {
    pub(crate) tenant: Id<Tenant>,
    pub(crate) job: Id<Job>,
    /// The request that asked for the job.
    pub(crate) correlation: Option<String>,
}

impl Taken {
    /// For the metric.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Done { .. } => "taken",
            Self::Foreign(_) => "foreign",
            Self::Refused(_) => "refused",
        }
    }
}

/// What a pipeline does before it reports on the job itself.
const INFRASTRUCTURE_READY: &str = "infrastructure_ready";

/// Closes the job that the event answers, or notes that it went on.
pub(crate) async fn take_answer(context: &Context, event: &BusEvent) -> Result<Taken, Error> {
    let answer = match Answer::read(event) {
        Ok(answer) => answer,
        Err(Ignored(why)) => return Ok(Taken::Foreign(why)),
    };
    let tenant_id = match &answer.about {
        About::Job(_, Some(tenant_id)) | About::Tenant(tenant_id) | About::Proof { tenant_id, .. } => {
            *tenant_id
        }
        About::Job(job_id, None) => match context.store.find_tenant_of_job(*job_id).await? {
            Some(tenant_id) => tenant_id,
            None => return Ok(Taken::Refused("the job is unknown")),
        },
    };
    let scope = TenantScope::of_system(tenant_id, Actor::ApplicationPlane);
    let mut looks = 1;
    loop {
        let Some(parts) = context.store.find_tenant_with_jobs(&scope).await? else {
            return Ok(Taken::Refused("the tenant is unknown"));
        };
        let job = match find_job(context, &parts, &answer, event)? {
            Ok(job) => job,
            Err(why) => return Ok(Taken::Refused(why)),
        };
        if !answer.fits(event, job) {
            return Ok(Taken::Refused(
                "the job's application plane does not answer like this",
            ));
        }
        match go_on(context, &scope, &parts, job, &answer, event).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            Err(Error::Refused(DomainError::Conflict(conflict))) => {
                return Ok(Taken::Refused(conflict.code()));
            }
            Err(Error::Refused(_)) => return Ok(Taken::Refused("the job is not what the answer says")),
            Err(error) => return Err(error),
            Ok(step) => {
                let key = parts.callback_keys.iter().find(|key| key.job_id == job.id);
                let about = Addressed {
                    tenant: tenant_id,
                    job: job.id,
                    correlation: key.map(|key| key.correlation_id.clone()),
                };
                return Ok(Taken::Done { step, about });
            }
        }
    }
}

/// The job that the answer means, or why there is none.
fn find_job<'a>(
    context: &Context,
    parts: &'a TenantParts,
    answer: &Answer,
    event: &BusEvent,
) -> Result<Result<&'a Job, &'static str>, Error> {
    let by_id = |id: Id<Job>| parts.jobs.iter().find(|job| job.id == id);
    let found = match &answer.about {
        About::Job(id, _) => by_id(*id).ok_or("the job is unknown"),
        // It cannot say which attempt it means: one that began after it is another.
        About::Tenant(_) => match parts.tenant.open_job_id.and_then(by_id) {
            None => Err("the tenant has no open job"),
            Some(job) if Answer::is_stale(event, job) => Err("it is older than the open job"),
            Some(job) => Ok(job),
        },
        About::Proof {
            context: said,
            secret,
            ..
        } => {
            let mut proved = Err("its proof fits no job");
            let live = |key: &&tenantry_store::CallbackKey| context.now < key.expires_at;
            for key in parts.callback_keys.iter().filter(live) {
                let purpose = format!("callback/{}", key.job_id);
                let own = context.app.keyring.open(&purpose, &key.sealed_secret);
                let own = own.map_err(|error| Error::Internal(Box::new(error)))?;
                let is_secret = own
                    .expose_secret()
                    .as_bytes()
                    .ct_eq(secret.expose_secret().as_bytes());
                let is_context = key.context.as_bytes().ct_eq(said.as_bytes());
                if bool::from(is_secret & is_context) {
                    proved = by_id(key.job_id).ok_or("the job is unknown");
                }
            }
            proved
        }
    };
    Ok(found)
}

async fn go_on(
    context: &Context,
    scope: &TenantScope,
    parts: &TenantParts,
    job: &Job,
    answer: &Answer,
    event: &BusEvent,
) -> Result<&'static str, Error> {
    let Some(outcome) = answer.outcome(job) else {
        let Some(noted) = job.clone().pass(INFRASTRUCTURE_READY, context.now) else {
            return Ok("repeated");
        };
        let mut transaction = Transaction::new();
        transaction.replace_job(scope, &noted);
        context.store.commit(transaction).await?;
        return Ok(INFRASTRUCTURE_READY);
    };
    let step = match outcome {
        Outcome::Success { .. } => "succeeded",
        Outcome::Failure { .. } => "failed",
        Outcome::Cancelled { .. } => "cancelled",
    };
    let report = Report {
        job_id: job.id,
        outcome,
        resources: answer.resources(parts.tenant.id, context.now),
        message: Some((event.source.clone(), event.id.clone())),
    };
    close_job(context, parts, report).await?;
    Ok(step)
}
