use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Job, JobStatus, Lead, Tenant, TenantStatus, Timestamp, Transition};

/// What an event adds to the figures of the whole installation: business numbers that are shown and watched, never decided by.
///
/// The writer states it, and whoever delivers the event books it, once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<String, i64>);

impl Tally {
    /// Leads whose address is proved.
    pub const LEADS_VERIFIED: &str = "leads_verified";
    /// Leads whose address is not.
    pub const LEADS_UNVERIFIED: &str = "leads_unverified";
    /// Jobs that were requested, ever.
    pub const JOBS_REQUESTED: &str = "jobs_requested";
    /// Jobs that succeeded, ever.
    pub const JOBS_SUCCEEDED: &str = "jobs_succeeded";
    /// Jobs that failed, ever.
    pub const JOBS_FAILED: &str = "jobs_failed";
    /// Jobs that were called off, ever.
    pub const JOBS_CANCELLED: &str = "jobs_cancelled";
    /// Tenants that became active for the first time, ever.
    pub const ACTIVATIONS: &str = "activations";
    /// How long that took them from their creation, together, in milliseconds.
    pub const TIME_TO_ACTIVE_MS: &str = "time_to_active_ms";

    /// Memberships that there are, in whatever status.
    pub const MEMBERS: &str = "members";
    /// Roles that tenants made and still have.
    pub const ROLES: &str = "roles";
    /// Invitations that were sent, again or for the first time, ever.
    pub const INVITATIONS_SENT: &str = "invitations_sent";
    /// Invitations that were accepted, ever.
    pub const INVITATIONS_ACCEPTED: &str = "invitations_accepted";
    /// Invitations that were declined, ever.
    pub const INVITATIONS_DECLINED: &str = "invitations_declined";
    /// Invitations that were taken back, ever.
    pub const INVITATIONS_REVOKED: &str = "invitations_revoked";

    /// Tenants that are in this status.
    pub fn tenants(status: TenantStatus) -> String {
        format!("tenants_{}", status.name())
    }

    /// A lead came, was verified, or went.
    pub fn of_leads(transition: &Transition<'_, Lead>) -> Self {
        let figure = |lead: &Lead| {
            if lead.is_verified() {
                Self::LEADS_VERIFIED
            } else {
                Self::LEADS_UNVERIFIED
            }
        };
        Self::moved(transition.before().map(figure), transition.after().map(figure))
    }

    /// A tenant came, moved to another status, or went.
    pub fn of_tenants(transition: &Transition<'_, Tenant>, at: Timestamp) -> Self {
        let figure = |tenant: &Tenant| Self::tenants(tenant.status);
        let mut tally = Self::moved(transition.before().map(figure), transition.after().map(figure));
        if let Transition::Changed(before, after) = transition
            && before.status == TenantStatus::Provisioning
            && after.status == TenantStatus::Active
        {
            tally.add(Self::ACTIVATIONS, 1).add(
                Self::TIME_TO_ACTIVE_MS,
                at.as_millis() - after.created_at.as_millis(),
            );
        }
        tally
    }

    /// A job was requested, or ended.
    pub fn of_jobs(job: Option<&Job>) -> Self {
        let mut tally = Self::default();
        if let Some(job) = job {
            let figure = match job.status {
                JobStatus::Open => Self::JOBS_REQUESTED,
                JobStatus::Succeeded => Self::JOBS_SUCCEEDED,
                JobStatus::Failed => Self::JOBS_FAILED,
                JobStatus::Cancelled => Self::JOBS_CANCELLED,
            };
            tally.add(figure, 1);
        }
        tally
    }

    fn moved(from: Option<impl Into<String>>, to: Option<impl Into<String>>) -> Self {
        let mut tally = Self::default();
        if let Some(from) = from {
            tally.add(from, -1);
        }
        if let Some(to) = to {
            tally.add(to, 1);
        }
        tally
    }

    /// Adds to a figure.
    pub fn add(&mut self, figure: impl Into<String>, delta: i64) -> &mut Self {
        let figure = figure.into();
        let sum = self.get(&figure) + delta;
        if sum == 0 {
            self.0.remove(&figure);
        } else {
            self.0.insert(figure, sum);
        }
        self
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) -> &mut Self {
        for (figure, delta) in other.iter() {
            self.add(figure, delta);
        }
        self
    }

    /// A figure; zero if nothing was added to it.
    pub fn get(&self, figure: &str) -> i64 {
        self.0.get(figure).copied().unwrap_or_default()
    }

    /// Whether there is nothing to add.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The figures that are not zero, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(figure, delta)| (figure.as_str(), *delta))
    }
}

impl FromIterator<(String, i64)> for Tally {
    fn from_iter<I: IntoIterator<Item = (String, i64)>>(figures: I) -> Self {
        let mut tally = Self::default();
        for (figure, delta) in figures {
            tally.add(figure, delta);
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cancels_out_is_not_booked() {
        let mut tally = Tally::default();

        tally
            .add("a", 1)
            .add("b", 2)
            .merge(&Tally::from_iter([("a".to_owned(), -1)]));

        assert_eq!(tally.iter().collect::<Vec<_>>(), [("b", 2)]);
        assert_eq!(tally.get("a"), 0);
    }
}
