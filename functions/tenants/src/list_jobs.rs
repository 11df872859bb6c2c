use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};

use crate::job_view::JobView;

/// List a tenant's provisioning jobs.
#[utoipa::path(get, path = "/tenants/{id}/jobs", params(("id" = String, Path, description = "The tenant's id."), ListQuery))]
pub(crate) async fn list_jobs(
    operation: Operation,
    Scope(scope): Scope,
    Query(query): Query<ListQuery>,
) -> Result<Paged<JobView>, Problem> {
    let page = query.page(&operation.caller, &format!("jobs {}", scope.tenant_id()))?;
    let jobs = operation.context.store.list_jobs(&scope, &page).await?;
    Ok(Paged(jobs.map(JobView::from)))
}
