use tenantry_api::{Found, Operation, Path, Problem, Scope};
use tenantry_domain::{Error as DomainError, Id, Job, Kind};

use crate::job_view::JobView;

/// Read a provisioning job.
#[utoipa::path(
    get,
    path = "/tenants/{id}/jobs/{jobId}",
    params(("id" = String, Path, description = "The tenant's id."), ("jobId" = String, Path, description = "The job's id."))
)]
pub(crate) async fn find_job(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Job>>,
) -> Result<Found<JobView>, Problem> {
    let job = operation.context.store.find_job(&scope, id).await?;
    let job = job.ok_or_else(|| DomainError::not_found(Kind::Job, id))?;
    Ok(Found(job.into()))
}
