use tenantry_domain::{Actor, Outcome, TenantScope};
use tenantry_store::{OverdueJob, Store};

use crate::context::LOOKS;
use crate::job_report::end_job;
use crate::{Context, Error};

/// How many jobs one run fails at most; the next run goes on.
const MOST_FAILED: usize = 100;
/// How many of one shard are asked for at once.
const AT_ONCE: usize = 25;
/// How many are looked at in one run: those that cannot be failed do not hide the others, and do not keep a run from its end.
const MOST_FOUND: usize = 1_000;

/// What one run of the watchdog has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Jobs that the index called overdue.
    pub found: usize,
    /// Those that this run has failed.
    pub failed: usize,
    /// Those that it could not fail; the next run tries again.
    pub left: usize,
    /// Whether there may be more.
    pub has_more: bool,
}

/// Fails the jobs on which nobody reported in time. Runs may meet, and a job that does not let itself be failed stops no other.
pub async fn fail_overdue_jobs(context: &Context) -> Result<Watched, Error> {
    let mut watched = Watched::default();
    for shard in Store::job_shards() {
        let mut position = None;
        loop {
            if watched.failed >= MOST_FAILED || watched.found >= MOST_FOUND {
                watched.has_more = true;
                return Ok(watched);
            }
            let page = context
                .store
                .find_overdue_jobs(shard, context.now, AT_ONCE, position.as_deref());
            let (jobs, next) = page.await?;
            for overdue in jobs {
                watched.found += 1;
                match fail_overdue(context, overdue).await {
                    Ok(true) => watched.failed += 1,
                    // Somebody reported meanwhile, or another run was first; or the index is behind.
                    Ok(false) => {}
                    Err(error) => {
                        watched.left += 1;
                        tracing::error!(tenant.id = %overdue.tenant_id, job.id = %overdue.job_id, error = %error,
                            "an overdue job could not be failed");
                    }
                }
            }
            position = next;
            if position.is_none() {
                break;
            }
        }
    }
    Ok(watched)
}

/// Whether the job was still open, and is failed now.
async fn fail_overdue(context: &Context, overdue: OverdueJob) -> Result<bool, Error> {
    let OverdueJob { tenant_id, job_id } = overdue;
    let scope = TenantScope::of_system(tenant_id, Actor::System);
    let mut looks = 1;
    loop {
        let Some(parts) = context.store.find_tenant_with_jobs(&scope).await? else {
            return Ok(false);
        };
        let open = parts.jobs.iter().find(|job| job.id == job_id && job.is_open());
        let Some(job) = open.filter(|job| job.deadline <= context.now) else {
            return Ok(false);
        };
        let (_, transaction) = end_job(context, &parts, job, Outcome::overdue(), &[], Actor::System)?;
        match context.store.commit(transaction).await.map_err(Error::from) {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            Err(error) => return Err(error),
            Ok(()) => {
                tracing::warn!(tenant.id = %tenant_id, job.id = %job_id, job.kind = %job.kind, "nobody reported on the job in time");
                return Ok(true);
            }
        }
    }
}
