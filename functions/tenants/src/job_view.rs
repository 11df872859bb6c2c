use serde::Serialize;
use tenantry_api::{Accepted, Tagged};
use tenantry_domain::{Job, JobStatus, Outcome, Step};
use utoipa::ToSchema;

/// One thing that an application plane is asked to do for a tenant, once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub(crate) struct JobView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// `provision`, `deprovision` or `change_tier`.
    kind: &'static str,
    /// Counts the tenant's jobs, from 1.
    attempt: u32,
    /// The wire that the application plane speaks.
    dialect: &'static str,
    /// OPEN, SUCCEEDED, FAILED or CANCELLED.
    status: &'static str,
    /// The subscription's id on the billing side.
    subscription_id: String,
    /// The tier.
    tier: String,
    /// When an answer is overdue.
    #[schema(format = DateTime)]
    deadline: String,
    /// What happened, oldest first.
    steps: Vec<StepView>,
    /// Why it failed or was cancelled, if somebody said so; `deadline_exceeded` if nobody reported in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Who cancelled it.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_by: Option<String>,
    /// Where the application is, if the application plane said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_plane_url: Option<String>,
    /// When it was started.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

/// Something that happened to a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobStep)]
pub(crate) struct StepView {
    /// What.
    name: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let Job {
            id,
            tenant_id,
            kind,
            attempt,
            wire,
            status,
            subscription,
            deadline,
            steps,
            outcome,
            // What was made stands among the steps; what it is called concerns nobody else.
            identity: _,
            created_at,
            modified_at,
            version,
        } = job;
        let reason = outcome
            .as_ref()
            .and_then(Outcome::reason)
            .map(|reason| reason.to_string());
        let (cancelled_by, app_plane_url) = match outcome {
            Some(Outcome::Success { app_plane_url }) => (None, app_plane_url),
            Some(Outcome::Cancelled { by, .. }) => (Some(by.to_string()), None),
            Some(Outcome::Failure { .. }) | None => (None, None),
        };
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            kind: kind.name(),
            attempt,
            dialect: wire.dialect.name(),
            status: match status {
                JobStatus::Open => "OPEN",
                JobStatus::Succeeded => "SUCCEEDED",
                JobStatus::Failed => "FAILED",
                JobStatus::Cancelled => "CANCELLED",
            },
            subscription_id: subscription.id.to_string(),
            tier: subscription.plan.tier,
            deadline: deadline.to_string(),
            steps: steps
                .into_iter()
                .map(|Step { name, at }| StepView {
                    name,
                    at: at.to_string(),
                })
                .collect(),
            reason,
            cancelled_by,
            app_plane_url,
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for JobView {
    fn version(&self) -> u64 {
        self.version
    }
}

/// The answer to whatever started, stopped or repeated a job.
pub(crate) fn accepted(job: Job) -> Accepted<JobView> {
    let location = Some(format!("/tenants/{}/jobs/{}", job.tenant_id, job.id));
    Accepted {
        location,
        body: job.into(),
    }
}
