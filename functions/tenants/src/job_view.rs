use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::{Job, JobKind, JobStatus, Outcome, Step};
use utoipa::ToSchema;

/// One attempt to have a tenant provisioned.
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
    /// `provision`.
    kind: &'static str,
    /// Counts the tenant's jobs, from 1.
    attempt: u32,
    /// The wire that the application plane speaks.
    dialect: &'static str,
    /// OPEN, SUCCEEDED or FAILED.
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
    /// Why it failed, if the application plane said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
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
            created_at,
            modified_at,
            version,
        } = job;
        let (reason, app_plane_url) = match outcome {
            Some(Outcome::Success { app_plane_url }) => (None, app_plane_url),
            Some(Outcome::Failure { reason }) => (reason.map(|reason| reason.to_string()), None),
            None => (None, None),
        };
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            kind: match kind {
                JobKind::Provision => "provision",
                JobKind::Deprovision => "deprovision",
                JobKind::ChangeTier => "change_tier",
            },
            attempt,
            dialect: wire.dialect.name(),
            status: match status {
                JobStatus::Open => "OPEN",
                JobStatus::Succeeded => "SUCCEEDED",
                JobStatus::Failed => "FAILED",
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
