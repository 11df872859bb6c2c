use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Actor, Administrator, Conflict, Entitlement, Entropy, Error, Id, IdentitySetup, ProviderName, Reason,
    Tenant, Text, Timestamp, Wire,
};

/// What a job asks the application plane to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Make the tenant's resources.
    Provision,
    /// Remove them.
    Deprovision,
    /// Make them fit another tier.
    ChangeTier,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// The application plane is expected to report.
    Open,
    /// It reported success.
    Succeeded,
    /// It reported failure, or nothing until the deadline.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What: `requested`, `succeeded`, `failed`, `cancelled`, `late_success_refused` or `late_failure_refused`.
    pub name: String,
    /// When.
    pub at: Timestamp,
}

/// How a job ended.
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
    /// Nobody waits for a report any more.
    #[serde(rename_all = "camelCase")]
    Cancelled {
        /// Who called it off.
        by: Actor,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<Reason>,
    },
}

/// One thing that an application plane is asked to do for a tenant, once.
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
    /// How the application plane is spoken to.
    #[serde(default)]
    pub wire: Wire,
    /// Where it stands.
    pub status: JobStatus,
    /// What the tenant is provisioned for; of a change of tier, what it shall be provisioned for.
    pub subscription: Entitlement,
    /// When an answer is overdue.
    pub deadline: Timestamp,
    /// What happened, oldest first.
    pub steps: Vec<Step>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<Outcome>,
    /// How far the set-up of the tenant's identity is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<IdentitySetup>,
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
    /// The tenant's next job.
    pub fn request(
        tenant: &Tenant,
        kind: JobKind,
        subscription: Entitlement,
        wire: Wire,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            id: Id::new(now, entropy),
            tenant_id: tenant.id,
            kind,
            attempt: tenant.job_count + 1,
            status: JobStatus::Open,
            subscription,
            deadline: now.plus_ms(wire.life_ms()),
            wire,
            steps: vec![Step {
                name: "requested".to_owned(),
                at: now,
            }],
            outcome: None,
            identity: None,
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
        let job = self.check_open()?;
        let status = outcome.status();
        let name = match outcome {
            Outcome::Success { .. } => "succeeded",
            Outcome::Failure { .. } => "failed",
            Outcome::Cancelled { .. } => "cancelled",
        };
        Ok(Self {
            status,
            outcome: Some(outcome),
            ..job
        }
        .with_step(name, now))
    }

    /// The open job with a note of how far it is; none when it is closed, or that was noted.
    #[must_use]
    pub fn pass(self, step: &str, now: Timestamp) -> Option<Self> {
        let is_news = self.is_open() && self.steps.iter().all(|known| known.name != step);
        is_news.then(|| self.with_step(step, now))
    }

    /// The open job with a note of what was made at the provider of identities.
    pub fn note_identity(
        self,
        provider: ProviderName,
        step: &str,
        made: &str,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut job = self.check_open()?;
        let setup = job.identity.get_or_insert_with(|| IdentitySetup::begin(provider));
        setup.made.insert(step.to_owned(), made.to_owned());
        Ok(job.with_step(&format!("identity_{step}"), now))
    }

    /// The open job with the tenant's first administrator.
    pub fn name_administrator(
        self,
        provider: ProviderName,
        administrator: Administrator,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut job = self.check_open()?;
        let setup = job.identity.get_or_insert_with(|| IdentitySetup::begin(provider));
        setup.administrator = Some(administrator);
        Ok(job.with_step("identity_ready", now))
    }

    fn check_open(self) -> Result<Self, Error> {
        if self.is_open() {
            return Ok(self);
        }
        Err(Conflict::JobClosed {
            job: self.id.to_string(),
            status: self.status,
        }
        .into())
    }

    /// The closed job with a note that a report came too late and said something else.
    #[must_use]
    pub fn refuse_late(self, outcome: &Outcome, now: Timestamp) -> Self {
        let name = match outcome {
            Outcome::Success { .. } => "late_success_refused",
            Outcome::Failure { .. } => "late_failure_refused",
            Outcome::Cancelled { .. } => "late_cancellation_refused",
        };
        self.with_step(name, now)
    }

    fn with_step(mut self, name: &str, now: Timestamp) -> Self {
        if self.steps.len() < MAX_STEPS {
            self.steps.push(Step {
                name: name.to_owned(),
                at: now,
            });
        }
        Self {
            modified_at: now,
            version: self.version + 1,
            ..self
        }
    }
}

impl Outcome {
    /// The status of a job with this outcome.
    pub fn status(&self) -> JobStatus {
        match self {
            Self::Success { .. } => JobStatus::Succeeded,
            Self::Failure { .. } => JobStatus::Failed,
            Self::Cancelled { .. } => JobStatus::Cancelled,
        }
    }

    /// The failure of a job on which nobody reported in time.
    pub fn overdue() -> Self {
        let reason = Text::parse("deadline_exceeded").expect("a word is a reason");
        Self::Failure { reason: Some(reason) }
    }

    /// Why there is no success; a cancelled job always has a reason.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Success { .. } => None,
            Self::Failure { reason } => reason.clone(),
            Self::Cancelled { reason, .. } => {
                let plain = || Text::parse("cancelled").expect("a word is a reason");
                Some(reason.clone().unwrap_or_else(plain))
            }
        }
    }
}

impl JobKind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Deprovision => "deprovision",
            Self::ChangeTier => "change_tier",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "OPEN",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TenantStatus;
    use crate::examples::{job, now, tenant};

    fn success() -> Outcome {
        Outcome::Success {
            app_plane_url: Some("https://acme.app.example.com".to_owned()),
        }
    }

    fn failure() -> Outcome {
        Outcome::Failure {
            reason: Some(Reason::parse("no capacity").expect("the example is a reason")),
        }
    }

    fn cancellation() -> Outcome {
        Outcome::Cancelled {
            by: Actor::System,
            reason: None,
        }
    }

    fn open() -> Job {
        job(&tenant(TenantStatus::PendingProvision))
    }

    fn closed(outcome: Outcome) -> Job {
        open().close(outcome, now()).expect("it was open")
    }

    fn steps(job: &Job) -> Vec<&str> {
        job.steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn a_new_job_is_open_and_has_a_deadline() {
        let job = open();

        assert!(job.is_open());
        assert_eq!((job.attempt, job.version, &job.outcome), (1, 1, &None));
        assert_eq!(job.deadline, now().plus_ms(60 * 60_000));
        assert_eq!(steps(&job), ["requested"]);
    }

    #[test]
    fn attempts_go_on_counting_where_the_tenant_stopped() {
        let tenant = Tenant {
            job_count: 2,
            ..tenant(TenantStatus::ProvisionFailed)
        };

        assert_eq!(job(&tenant).attempt, 3);
    }

    #[test]
    fn a_job_closes_with_its_outcome() {
        for (outcome, status, step) in [
            (success(), JobStatus::Succeeded, "succeeded"),
            (failure(), JobStatus::Failed, "failed"),
            (Outcome::overdue(), JobStatus::Failed, "failed"),
            (cancellation(), JobStatus::Cancelled, "cancelled"),
        ] {
            let at = now().plus_ms(5);

            let closed = open().close(outcome.clone(), at).expect("it was open");

            assert_eq!(
                (closed.status, closed.outcome.as_ref(), closed.version),
                (status, Some(&outcome), 2)
            );
            assert_eq!(steps(&closed), ["requested", step]);
            assert_eq!((closed.modified_at, closed.created_at), (at, now()));
            assert!(!closed.is_open());
        }
    }

    #[test]
    fn a_closed_job_does_not_close_again() {
        for first in [success(), failure(), cancellation()] {
            for second in [success(), failure(), cancellation()] {
                let closed = closed(first.clone());
                let (job, status) = (closed.id.to_string(), closed.status);

                assert_eq!(
                    closed.close(second, now()),
                    Err(Conflict::JobClosed { job, status }.into())
                );
            }
        }
    }

    #[test]
    fn what_did_not_succeed_says_why_if_anybody_knows() {
        let unpaid = Some(Reason::parse("not paid").expect("the example is a reason"));
        let by_ada = Outcome::Cancelled {
            by: Actor::System,
            reason: unpaid.clone(),
        };
        let why = |outcome: Outcome| outcome.reason().map(|reason| reason.to_string());

        assert_eq!(why(success()), None);
        assert_eq!(why(Outcome::Failure { reason: None }), None);
        assert_eq!(why(Outcome::overdue()).as_deref(), Some("deadline_exceeded"));
        assert_eq!(why(cancellation()).as_deref(), Some("cancelled"));
        assert_eq!(by_ada.reason(), unpaid);
    }

    #[test]
    fn a_late_report_is_noted_and_changes_no_outcome() {
        let closed = closed(failure());

        let refused = closed.clone().refuse_late(&success(), now().plus_ms(9));
        let refused_again = refused.clone().refuse_late(&failure(), now().plus_ms(10));

        assert_eq!(
            (refused.status, &refused.outcome),
            (closed.status, &closed.outcome)
        );
        assert_eq!(
            steps(&refused_again),
            [
                "requested",
                "failed",
                "late_success_refused",
                "late_failure_refused"
            ]
        );
        assert_eq!(refused_again.version, closed.version + 2);
    }

    #[test]
    fn a_job_is_read_back_as_it_was_written() {
        for written in [
            open(),
            closed(success()),
            closed(failure()),
            closed(cancellation()),
        ] {
            let text = serde_json::to_string(&written).expect("a job has only plain members");

            assert_eq!(
                serde_json::from_str::<Job>(&text).expect("what was written can be read"),
                written
            );
        }
    }

    proptest! {
        #[test]
        fn steps_stay_bounded_however_often_a_sender_reports(reports in 0..200_usize, is_success in any::<bool>()) {
            let late = if is_success { success() } else { failure() };
            let mut job = closed(failure());
            let version = job.version;

            for _ in 0..reports {
                job = job.refuse_late(&late, now());
            }

            prop_assert_eq!(job.steps.len(), (reports + 2).min(MAX_STEPS));
            prop_assert_eq!(&*job.steps[0].name, "requested");
            prop_assert_eq!(job.version, version + reports as u64);
            prop_assert_eq!(job.status, JobStatus::Failed);
        }
    }
}
