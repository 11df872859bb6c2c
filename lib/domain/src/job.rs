use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Conflict, Entropy, Error, Id, Reason, Subscription, Tenant, Timestamp};

/// What a job asks the application plane to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Make the tenant's resources.
    Provision,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// The application plane is expected to report.
    Open,
    /// It reported success.
    Succeeded,
    /// It reported failure.
    Failed,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What: `requested`, `succeeded`, `failed`, `late_success_refused` or `late_failure_refused`.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// What the application plane reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub enum Outcome {
    /// The resources stand.
    #[serde(rename_all = "camelCase")]
    Success {
        /// Where the tenant finds its application.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        app_plane_url: Option<String>,
    },
    /// They do not.
    #[serde(rename_all = "camelCase")]
    Failure {
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<Reason>,
    },
}

/// One attempt to have a tenant provisioned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: Id<Job>,
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// What it asks for.
    pub kind: JobKind,
    /// Counts the tenant's jobs, from 1.
    pub attempt: u32,
    /// The wire that the application plane speaks.
    pub dialect: String,
    /// Where it stands.
    pub status: JobStatus,
    /// What the tenant is provisioned for.
    pub subscription: Subscription,
    /// When an answer is overdue.
    pub deadline: Timestamp,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
    /// What was reported.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// Steps beyond this many are not kept, so that a sender that never stops cannot grow a job without end.
const MAX_STEPS: usize = 50;

impl Job {
    /// A job that asks for the tenant's resources.
    pub fn provision(
        tenant: &Tenant,
        subscription: Subscription,
        life_ms: i64,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            id: Id::new(now, entropy),
            tenant_id: tenant.id,
            kind: JobKind::Provision,
            attempt: tenant.job_count + 1,
            dialect: "tenantry".to_owned(),
            status: JobStatus::Open,
            subscription,
            deadline: now.plus_ms(life_ms),
            steps: vec![Step { name: "requested".to_owned(), at: now }],
            outcome: None,
            created_at: now,
            modified_at: now,
            version: 1,
        }
    }

    /// Whether a report is still expected.
    pub fn is_open(&self) -> bool {
        self.status == JobStatus::Open
    }

    /// The job with its outcome. A closed job keeps the one it has.
    pub fn close(self, outcome: Outcome, now: Timestamp) -> Result<Self, Error> {
        if !self.is_open() {
            return Err(Conflict::JobClosed { job: self.id.to_string(), status: self.status }.into());
        }
        let status = outcome.status();
        let name = if status == JobStatus::Succeeded { "succeeded" } else { "failed" };
        Ok(Self { status, outcome: Some(outcome), ..self }.with_step(name, now))
    }

    /// The closed job with a note that a report came too late and said something else.
    #[must_use]
    pub fn refuse_late(self, outcome: &Outcome, now: Timestamp) -> Self {
        let name = match outcome {
            Outcome::Success { .. } => "late_success_refused",
            Outcome::Failure { .. } => "late_failure_refused",
        };
        self.with_step(name, now)
    }

    fn with_step(mut self, name: &str, now: Timestamp) -> Self {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(Step { name: name.to_owned(), at: now });
        }
        Self { modified_at: now, version: self.version + 1, ..self }
    }
}

impl Outcome {
    /// The status of a job with this outcome.
    pub fn status(&self) -> JobStatus {
        match self {
            Self::Success { .. } => JobStatus::Succeeded,
            Self::Failure { .. } => JobStatus::Failed,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "OPEN",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        })
    }
}
