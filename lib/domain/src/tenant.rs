use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Actor, Address, AddressChanges, Change, Conflict, Domain, Email, Entropy, Error, Id, Identity, Job,
    JobKind, Lead, Outcome, PersonName, Reason, Rule, TenantScope, Timestamp, User, Website, Wire,
};

/// The short name of a tenant in host names and paths: 1 to 10 lower-case letters and digits. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TenantKey(String);

impl TenantKey {
    /// Checks; a key is an identifier, so nothing is trimmed or lower-cased.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let is_key = (1..=10).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if is_key {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::new(
                "invalid_tenant_key",
                "must be 1 to 10 lower-case letters and digits",
            ))
        }
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Where a tenant stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TenantStatus {
    /// Signed up; nobody was asked to make its resources yet.
    PendingProvision,
    /// An application plane is making its resources.
    Provisioning,
    /// In use.
    Active,
    /// Kept, but not to be used.
    Suspended,
    /// Its resources could not be made.
    ProvisionFailed,
    /// An application plane is removing its resources.
    Deprovisioning,
    /// Offboarded.
    Inactive,
}

impl TenantStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::PendingProvision,
        Self::Provisioning,
        Self::Active,
        Self::Suspended,
        Self::ProvisionFailed,
        Self::Deprovisioning,
        Self::Inactive,
    ];

    /// The name on the wire and in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingProvision => "PENDING_PROVISION",
            Self::Provisioning => "PROVISIONING",
            Self::Active => "ACTIVE",
            Self::Suspended => "SUSPENDED",
            Self::ProvisionFailed => "PROVISION_FAILED",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Inactive => "INACTIVE",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|status| status.name() == text);
        found.ok_or_else(|| Rule::new("unknown_status", format!("must be one of {}", names())))
    }
}

impl fmt::Display for TenantStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What can happen to a tenant's status; the arrows of its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantCommand {
    /// Ask an application plane to make the resources.
    Provision,
    /// The resources stand.
    Activate,
    /// The resources could not be made.
    FailProvisioning,
    /// Stop the tenant's use.
    Suspend,
    /// Let it be used again.
    Reactivate,
    /// Ask an application plane to remove the resources.
    Offboard,
    /// The resources are gone.
    Deactivate,
}

impl TenantCommand {
    /// Every command.
    pub const ALL: [Self; 7] = [
        Self::Provision,
        Self::Activate,
        Self::FailProvisioning,
        Self::Suspend,
        Self::Reactivate,
        Self::Offboard,
        Self::Deactivate,
    ];

    /// The status that the command leads to, if there is such an arrow.
    pub fn leads(self, from: TenantStatus) -> Option<TenantStatus> {
        use TenantStatus::{
            Active, Deprovisioning, Inactive, PendingProvision, ProvisionFailed, Provisioning, Suspended,
        };
        match (self, from) {
            (Self::Provision, PendingProvision | ProvisionFailed) => Some(Provisioning),
            (Self::Activate, Provisioning) | (Self::Reactivate, Suspended) => Some(Active),
            (Self::FailProvisioning, Provisioning) => Some(ProvisionFailed),
            (Self::Suspend, Active) => Some(Suspended),
            (Self::Offboard, Active | Suspended | ProvisionFailed) => Some(Deprovisioning),
            (Self::Deactivate, Deprovisioning) => Some(Inactive),
            (
                Self::Provision
                | Self::Activate
                | Self::FailProvisioning
                | Self::Suspend
                | Self::Reactivate
                | Self::Offboard
                | Self::Deactivate,
                _,
            ) => None,
        }
    }

    fn past_participle(self) -> &'static str {
        match self {
            Self::Provision => "provisioned",
            Self::Activate => "activated",
            Self::FailProvisioning => "marked as failed",
            Self::Suspend => "suspended",
            Self::Reactivate => "reactivated",
            Self::Offboard => "offboarded",
            Self::Deactivate => "deactivated",
        }
    }
}

/// A customer: everything else in Tenantry belongs to one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id.
    pub id: Id<Tenant>,
    /// Its short name, unique for ever.
    pub key: TenantKey,
    /// Its name for people.
    pub name: PersonName,
    /// Where it stands.
    pub status: TenantStatus,
    /// Why it stands there, when somebody said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status_reason: Option<Reason>,
    /// Mail domains that its people come from.
    pub domains: Vec<Domain>,
    /// Its web site.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub website: Option<Website>,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Address>,
    /// The user who is its single point of contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spoc_user_id: Option<Id<User>>,
    /// The lead that it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lead_id: Option<Id<Lead>>,
    /// Where its people find their application.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app_plane_url: Option<String>,
    /// The tier that it is or will be provisioned for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tier: Option<String>,
    /// How the application plane that has it is spoken to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub wire: Option<Wire>,
    /// Where its people sign in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub identity: Option<Identity>,
    /// The job whose report is awaited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open_job_id: Option<Id<Job>>,
    /// How many jobs it has had.
    pub job_count: u32,
    /// From when on it may be erased, once it is offboarded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub erasable_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: Actor,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Who changed it.
    pub modified_by: Actor,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What is needed to make a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Short name.
    pub key: TenantKey,
    /// Name for people.
    pub name: PersonName,
    /// Mail domains, at least one.
    pub domains: Vec<Domain>,
    /// Web site.
    pub website: Option<Website>,
    /// Postal address.
    pub address: Option<Address>,
}

/// What a merge patch says about a member that may be empty (RFC 7396: absent is not null).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Leave it.
    #[default]
    Keep,
    /// Empty it.
    Clear,
    /// Put this there.
    Set(T),
}

impl<T> Patch<T> {
    /// The value after the patch.
    pub fn apply(self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// Changes to a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantChanges {
    /// Name for people.
    pub name: Option<PersonName>,
    /// Mail domains.
    pub domains: Option<Vec<Domain>>,
    /// Web site.
    pub website: Patch<Website>,
    /// Postal address.
    pub address: Patch<AddressChanges>,
    /// The user who is the single point of contact.
    pub spoc_user_id: Patch<Id<User>>,
}

impl Tenant {
    /// A new tenant that waits for provisioning. The contact's e-mail domain must be one of the tenant's.
    pub fn found(
        new: NewTenant,
        contact_email: &Email,
        lead_id: Option<Id<Lead>>,
        change: &Change,
        entropy: &dyn Entropy,
    ) -> Result<Self, Error> {
        let NewTenant {
            key,
            name,
            domains,
            website,
            address,
        } = new;
        if !domains
            .iter()
            .any(|domain| domain.as_str() == contact_email.domain())
        {
            let rule = Rule::new(
                "email_domain_mismatch",
                "must contain the domain of the contact's e-mail address",
            );
            return Err(Error::invalid(rule.at("/domains")));
        }
        Ok(Self {
            id: Id::new(change.at, entropy),
            key,
            name,
            status: TenantStatus::PendingProvision,
            status_reason: None,
            domains,
            website,
            address,
            spoc_user_id: None,
            lead_id,
            app_plane_url: None,
            tier: None,
            wire: None,
            identity: None,
            open_job_id: None,
            job_count: 0,
            erasable_at: None,
            created_at: change.at,
            created_by: change.by.clone(),
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: 1,
        })
    }

    /// The tenant with the job under way.
    pub fn provision(self, job: &Job, change: &Change) -> Result<Self, Error> {
        let tenant = self.after(TenantCommand::Provision, None, change)?;
        Ok(Self {
            tier: Some(job.subscription.plan.tier.clone()),
            wire: Some(job.wire.clone()),
            ..tenant.awaiting(job)
        })
    }

    /// The tenant with one more job under way that its status asks for, or bears.
    pub fn start(self, job: &Job, change: &Change) -> Result<Self, Error> {
        let (wanted, command) = match job.kind {
            JobKind::Provision => return self.provision(job, change),
            JobKind::Deprovision => (TenantStatus::Deprovisioning, "offboarded again"),
            JobKind::ChangeTier => (TenantStatus::Active, "moved to another tier"),
        };
        if self.status != wanted {
            let from = self.status;
            return Err(Conflict::InvalidTransition { from, command }.into());
        }
        Ok(self.changed(change).awaiting(job))
    }

    /// The tenant after its job, which is closed with this outcome.
    pub fn close(self, job: &Job, outcome: &Outcome, change: &Change) -> Result<Self, Error> {
        match (job.kind, outcome) {
            (JobKind::Provision, Outcome::Success { app_plane_url }) => {
                self.activate(app_plane_url.clone(), change)
            }
            (JobKind::Provision, Outcome::Failure { .. } | Outcome::Cancelled { .. }) => {
                self.fail_provisioning(outcome.reason(), change)
            }
            (JobKind::Deprovision, Outcome::Success { .. }) => self.deactivate(change),
            (JobKind::ChangeTier, Outcome::Success { app_plane_url }) => Ok(Self {
                tier: Some(job.subscription.plan.tier.clone()),
                wire: Some(job.wire.clone()),
                app_plane_url: app_plane_url.clone().or(self.app_plane_url.clone()),
                open_job_id: None,
                ..self.changed(change)
            }),
            (
                JobKind::Deprovision | JobKind::ChangeTier,
                Outcome::Failure { .. } | Outcome::Cancelled { .. },
            ) => Ok(Self {
                open_job_id: None,
                ..self.changed(change)
            }),
        }
    }

    fn awaiting(self, job: &Job) -> Self {
        Self {
            open_job_id: Some(job.id),
            job_count: job.attempt,
            ..self
        }
    }

    /// The tenant whose people sign in there. Who administers it is its point of contact, unless there is one.
    pub fn identified(self, identity: Identity, administrator: Id<User>, change: &Change) -> Self {
        Self {
            identity: Some(identity),
            spoc_user_id: self.spoc_user_id.or(Some(administrator)),
            ..self.changed(change)
        }
    }

    /// The tenant in use.
    pub fn activate(self, app_plane_url: Option<String>, change: &Change) -> Result<Self, Error> {
        let tenant = self.after(TenantCommand::Activate, None, change)?;
        Ok(Self {
            app_plane_url: app_plane_url.or(tenant.app_plane_url),
            open_job_id: None,
            ..tenant
        })
    }

    /// The tenant whose provisioning failed.
    pub fn fail_provisioning(self, reason: Option<Reason>, change: &Change) -> Result<Self, Error> {
        let tenant = self.after(TenantCommand::FailProvisioning, reason, change)?;
        Ok(Self {
            open_job_id: None,
            ..tenant
        })
    }

    /// The tenant that may not be used.
    pub fn suspend(self, reason: Reason, change: &Change) -> Result<Self, Error> {
        self.after(TenantCommand::Suspend, Some(reason), change)
    }

    /// The tenant that may be used again.
    pub fn reactivate(self, change: &Change) -> Result<Self, Error> {
        self.after(TenantCommand::Reactivate, None, change)
    }

    /// The tenant whose resources are to be removed by this job; from `erasable_at` on it may be erased.
    pub fn offboard(
        self,
        job: &Job,
        reason: Option<Reason>,
        erasable_at: Timestamp,
        change: &Change,
    ) -> Result<Self, Error> {
        let tenant = self.after(TenantCommand::Offboard, reason, change)?;
        Ok(Self {
            erasable_at: Some(erasable_at),
            ..tenant.awaiting(job)
        })
    }

    /// The tenant whose resources are gone, its application with them.
    pub fn deactivate(self, change: &Change) -> Result<Self, Error> {
        let reason = self.status_reason.clone();
        let tenant = self.after(TenantCommand::Deactivate, reason, change)?;
        Ok(Self {
            open_job_id: None,
            app_plane_url: None,
            ..tenant
        })
    }

    /// Whether it may be erased now: its resources are gone, and the time is over in which it may be wanted back.
    pub fn check_erasable(&self, now: Timestamp) -> Result<(), Error> {
        if self.status != TenantStatus::Inactive {
            return Err(Conflict::InvalidTransition {
                from: self.status,
                command: "erased",
            }
            .into());
        }
        match self.erasable_at {
            Some(erasable_at) if now < erasable_at => Err(Conflict::GracePeriodRunning {
                tenant: self.id.to_string(),
                until: erasable_at,
            }
            .into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Whoever belongs to a suspended tenant changes nothing about it.
    pub fn check_not_suspended_for(&self, scope: &TenantScope) -> Result<(), Error> {
        if scope.is_bound() && self.status == TenantStatus::Suspended {
            return Err(Conflict::TenantSuspended(self.id.to_string()).into());
        }
        Ok(())
    }

    /// The changed tenant; `None` when nothing would change. A suspended tenant's own members may not change it.
    pub fn update(
        self,
        changes: TenantChanges,
        scope: &TenantScope,
        change: &Change,
    ) -> Result<Option<Self>, Error> {
        self.check_not_suspended_for(scope)?;
        let TenantChanges {
            name,
            domains,
            website,
            address,
            spoc_user_id,
        } = changes;
        let before = self.clone();
        let tenant = Self {
            name: name.unwrap_or(self.name),
            domains: domains.unwrap_or(self.domains),
            website: website.apply(self.website),
            address: address.merge(self.address),
            spoc_user_id: spoc_user_id.apply(self.spoc_user_id),
            ..self
        };
        if tenant == before {
            Ok(None)
        } else {
            Ok(Some(tenant.changed(change)))
        }
    }

    fn after(self, command: TenantCommand, reason: Option<Reason>, change: &Change) -> Result<Self, Error> {
        let Some(status) = command.leads(self.status) else {
            let command = command.past_participle();
            return Err(Conflict::InvalidTransition {
                from: self.status,
                command,
            }
            .into());
        };
        Ok(Self {
            status,
            status_reason: reason,
            ..self
        }
        .changed(change))
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            modified_by: change.by.clone(),
            version: self.version + 1,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::TenantCommand::{
        Activate, Deactivate, FailProvisioning, Offboard, Provision, Reactivate, Suspend,
    };
    use super::TenantStatus::{
        Active, Deprovisioning, Inactive, PendingProvision, ProvisionFailed, Provisioning, Suspended,
    };
    use super::*;
    use crate::examples::{
        Counter, change, email, id, job, job_of_kind, member, name, new_tenant, now, operator, tenant,
    };
    use crate::{Caller, Permission};

    /// The arrows of DESIGN.md section 4; there are no others.
    const ARROWS: [(TenantStatus, TenantCommand, TenantStatus); 10] = [
        (PendingProvision, Provision, Provisioning),
        (ProvisionFailed, Provision, Provisioning),
        (Provisioning, Activate, Active),
        (Provisioning, FailProvisioning, ProvisionFailed),
        (Active, Suspend, Suspended),
        (Suspended, Reactivate, Active),
        (Active, Offboard, Deprovisioning),
        (Suspended, Offboard, Deprovisioning),
        (ProvisionFailed, Offboard, Deprovisioning),
        (Deprovisioning, Deactivate, Inactive),
    ];

    fn target(from: TenantStatus, command: TenantCommand) -> Option<TenantStatus> {
        ARROWS
            .into_iter()
            .find(|(status, arrow, _)| (*status, *arrow) == (from, command))
            .map(|(_, _, to)| to)
    }

    fn reason() -> Reason {
        Reason::parse("not paid").expect("the example is a reason")
    }

    fn carry_out(tenant: Tenant, command: TenantCommand) -> Result<Tenant, Error> {
        match command {
            Provision => {
                let job = job(&tenant);
                tenant.provision(&job, &change())
            }
            Activate => tenant.activate(Some("https://acme.app.example.com".to_owned()), &change()),
            FailProvisioning => tenant.fail_provisioning(Some(reason()), &change()),
            Suspend => tenant.suspend(reason(), &change()),
            Reactivate => tenant.reactivate(&change()),
            Offboard => {
                let job = job_of_kind(&tenant, JobKind::Deprovision);
                tenant.offboard(&job, Some(reason()), now(), &change())
            }
            Deactivate => tenant.deactivate(&change()),
        }
    }

    fn renamed(text: &str) -> TenantChanges {
        TenantChanges {
            name: Some(name(text)),
            ..TenantChanges::default()
        }
    }

    fn scope_of_member(tenant: &Tenant) -> TenantScope {
        let member = Caller::Member(member(tenant.id, [Permission::UpdateTenant]));
        member
            .scope(tenant.id, Permission::UpdateTenant)
            .expect("it is the member's own tenant")
    }

    fn scope_of_operator(tenant: &Tenant) -> TenantScope {
        let operator = Caller::Operator(operator([Permission::UpdateTenant]));
        operator
            .scope(tenant.id, Permission::UpdateTenant)
            .expect("operators reach every tenant")
    }

    #[test]
    fn exactly_the_arrows_of_the_design_exist() {
        for from in TenantStatus::ALL {
            for command in TenantCommand::ALL {
                assert_eq!(
                    command.leads(from),
                    target(from, command),
                    "{command:?} of a tenant that is {from}"
                );
            }
        }
    }

    #[test]
    fn every_method_does_what_its_command_says() {
        for from in TenantStatus::ALL {
            for command in TenantCommand::ALL {
                let before = tenant(from);

                let after = carry_out(before.clone(), command);

                let Some(to) = target(from, command) else {
                    let Err(Error::Conflict(Conflict::InvalidTransition { from: named, .. })) = after else {
                        panic!("{command:?} from {from}: {after:?}");
                    };
                    assert_eq!(named, from);
                    continue;
                };
                let after = after.expect("the arrow exists");
                assert_eq!(
                    (after.status, after.version),
                    (to, before.version + 1),
                    "{command:?} from {from}"
                );
                assert_eq!((after.modified_at, after.modified_by), (change().at, change().by));
                assert_eq!(
                    (after.created_at, after.created_by),
                    (before.created_at, before.created_by)
                );
            }
        }
    }

    #[test]
    fn a_refused_command_is_named_in_the_refusal() {
        let refused = carry_out(tenant(Active), Provision).expect_err("an active tenant is not provisioned");

        assert_eq!(
            refused.to_string(),
            "a tenant that is ACTIVE cannot be provisioned"
        );
    }

    #[test]
    fn every_status_can_be_reached() {
        let mut reached = vec![PendingProvision];

        for _ in ARROWS {
            let next: Vec<_> = ARROWS
                .iter()
                .filter(|(from, _, _)| reached.contains(from))
                .map(|(_, _, to)| *to)
                .collect();
            reached.extend(next);
        }

        for status in TenantStatus::ALL {
            assert!(reached.contains(&status), "{status}");
        }
    }

    #[test]
    fn a_provisioned_tenant_awaits_its_job_and_then_awaits_none() {
        let before = tenant(PendingProvision);
        let job = job(&before);

        let started = before
            .provision(&job, &change())
            .expect("it waits for provisioning");
        let active = started
            .clone()
            .activate(Some("https://a.example.com".to_owned()), &change())
            .expect("it was started");
        let failed = started
            .clone()
            .fail_provisioning(Some(reason()), &change())
            .expect("it was started");

        assert_eq!(
            (started.open_job_id, started.job_count, started.tier.as_deref()),
            (Some(job.id), 1, Some("BASIC"))
        );
        assert_eq!(
            (active.open_job_id, active.app_plane_url.as_deref()),
            (None, Some("https://a.example.com"))
        );
        assert_eq!((failed.open_job_id, failed.status_reason), (None, Some(reason())));
    }

    fn cancelled() -> Outcome {
        Outcome::Cancelled {
            by: Actor::System,
            reason: None,
        }
    }

    fn success() -> Outcome {
        Outcome::Success {
            app_plane_url: Some("https://b.example.com".to_owned()),
        }
    }

    #[test]
    fn a_job_of_each_kind_leaves_the_tenant_where_its_outcome_says() {
        let cases = [
            (JobKind::Provision, Provisioning, success(), Active),
            (
                JobKind::Provision,
                Provisioning,
                Outcome::overdue(),
                ProvisionFailed,
            ),
            (JobKind::Provision, Provisioning, cancelled(), ProvisionFailed),
            (JobKind::Deprovision, Deprovisioning, success(), Inactive),
            (
                JobKind::Deprovision,
                Deprovisioning,
                Outcome::overdue(),
                Deprovisioning,
            ),
            (JobKind::Deprovision, Deprovisioning, cancelled(), Deprovisioning),
            (JobKind::ChangeTier, Active, success(), Active),
            (JobKind::ChangeTier, Suspended, success(), Suspended),
            (JobKind::ChangeTier, Active, Outcome::overdue(), Active),
            (JobKind::ChangeTier, Suspended, cancelled(), Suspended),
        ];

        for (kind, from, outcome, to) in cases {
            let before = Tenant {
                tier: Some("OLD".to_owned()),
                ..tenant(from)
            };
            let job = job_of_kind(&before, kind);
            let before = before.awaiting(&job);

            let after = before
                .clone()
                .close(&job, &outcome, &change())
                .expect("it awaits the job");

            assert_eq!(
                (after.status, after.open_job_id),
                (to, None),
                "{kind:?} {outcome:?}"
            );
            assert_eq!(after.version, before.version + 1);
            let is_moved = kind == JobKind::ChangeTier && outcome == success();
            let tier = if is_moved { "BASIC" } else { "OLD" };
            assert_eq!(after.tier.as_deref(), Some(tier), "{kind:?} {outcome:?}");
        }
    }

    #[test]
    fn a_job_starts_only_where_it_makes_sense() {
        for status in TenantStatus::ALL {
            for (kind, wanted) in [
                (JobKind::Provision, &[PendingProvision, ProvisionFailed][..]),
                (JobKind::Deprovision, &[Deprovisioning]),
                (JobKind::ChangeTier, &[Active]),
            ] {
                let before = tenant(status);
                let job = job_of_kind(&before, kind);

                let started = before.start(&job, &change());

                assert_eq!(started.is_ok(), wanted.contains(&status), "{kind:?} of {status}");
                if let Ok(started) = started {
                    assert_eq!((started.open_job_id, started.job_count), (Some(job.id), 1));
                }
            }
        }
    }

    #[test]
    fn a_tenant_is_erased_only_when_it_is_gone_and_its_grace_is_over() {
        let until = now().plus_ms(1_000);
        for status in TenantStatus::ALL {
            let gone = Tenant {
                erasable_at: Some(until),
                ..tenant(status)
            };

            let late = gone.check_erasable(until);
            let early = gone.check_erasable(now());

            assert_eq!(late.is_ok(), status == Inactive, "{status}");
            let is_grace = matches!(early, Err(Error::Conflict(Conflict::GracePeriodRunning { .. })));
            assert_eq!(is_grace, status == Inactive, "{status}");
        }
    }

    #[test]
    fn the_reason_goes_when_the_status_it_explains_goes() {
        let suspended = tenant(Active).suspend(reason(), &change()).expect("it is active");

        let reactivated = suspended.clone().reactivate(&change()).expect("it is suspended");
        let job = job_of_kind(&suspended, JobKind::Deprovision);
        let offboarded = suspended
            .offboard(&job, Some(reason()), now(), &change())
            .expect("it is suspended");
        let gone = offboarded.deactivate(&change()).expect("it is being removed");

        assert_eq!(reactivated.status_reason, None);
        assert_eq!(gone.status_reason, Some(reason()));
    }

    #[test]
    fn a_report_without_an_address_keeps_the_one_that_is_known() {
        let known = Tenant {
            app_plane_url: Some("https://known.example.com".to_owned()),
            ..tenant(Provisioning)
        };

        let active = known.activate(None, &change()).expect("it is being provisioned");

        assert_eq!(active.app_plane_url.as_deref(), Some("https://known.example.com"));
    }

    #[test]
    fn a_tenant_is_founded_only_with_the_domain_of_its_contact() {
        let founded = |domains: &[&str], contact: &str| {
            Tenant::found(
                new_tenant(domains),
                &email(contact),
                None,
                &change(),
                &Counter::default(),
            )
        };

        assert!(founded(&["acme.com"], "ada@acme.com").is_ok());
        assert!(founded(&["acme.org", "ACME.com"], "Ada@Acme.COM").is_ok());
        assert!(founded(&["acme.com"], "ada@sub.acme.com").is_err());
        for domains in [&["acme.org"][..], &["sub.acme.com"], &["com.acme"], &[]] {
            let Err(Error::Invalid(invalid)) = founded(domains, "ada@acme.com") else {
                panic!("{domains:?}")
            };
            assert_eq!(
                (&*invalid.0[0].pointer, invalid.0[0].code),
                ("/domains", "email_domain_mismatch"),
                "{domains:?}"
            );
        }
    }

    #[test]
    fn a_new_tenant_waits_for_provisioning() {
        let founded = tenant(PendingProvision);

        assert_eq!(
            (founded.status, founded.version, founded.job_count),
            (PendingProvision, 1, 0)
        );
        assert_eq!(
            (founded.created_at, &founded.created_by),
            (founded.modified_at, &founded.modified_by)
        );
        assert_eq!(founded.id.made_at(), founded.created_at);
    }

    #[test]
    fn a_members_change_of_a_suspended_tenant_is_refused() {
        let suspended = tenant(Suspended);
        let scope = scope_of_member(&suspended);

        let refused = suspended.clone().update(renamed("New"), &scope, &change());

        assert_eq!(
            refused,
            Err(Conflict::TenantSuspended(suspended.id.to_string()).into())
        );
    }

    #[test]
    fn operators_change_a_tenant_in_any_status_and_members_in_all_but_one() {
        for status in TenantStatus::ALL {
            let present = tenant(status);

            let by_operator = present
                .clone()
                .update(renamed("New"), &scope_of_operator(&present), &change());
            let by_member = present
                .clone()
                .update(renamed("New"), &scope_of_member(&present), &change());

            let by_operator = by_operator.expect("operators may").expect("the name changed");
            assert_eq!(
                (by_operator.name.as_str(), by_operator.status, by_operator.version),
                ("New", status, 2)
            );
            assert_eq!(by_member.is_ok(), status != Suspended, "{status}");
        }
    }

    #[test]
    fn an_update_that_changes_nothing_is_no_change() {
        let present = tenant(Active);
        let scope = scope_of_operator(&present);
        let cleared = TenantChanges {
            website: Patch::Clear,
            ..TenantChanges::default()
        };

        for changes in [TenantChanges::default(), renamed("Acme"), cleared] {
            assert_eq!(present.clone().update(changes, &scope, &change()), Ok(None));
        }
    }

    #[test]
    fn a_patch_keeps_clears_or_sets() {
        for present in [None, Some(1)] {
            assert_eq!(Patch::Keep.apply(present), present);
            assert_eq!(Patch::Clear.apply(present), None);
            assert_eq!(Patch::Set(2).apply(present), Some(2));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let valid = ["a", "0", "acme", "acme123456"];
        let hostile = [
            "",
            " ",
            "Acme",
            "ACME",
            "acme1234567",
            "ac me",
            " acme",
            "acme\n",
            "acme#",
            "a-b",
            "a_b",
            "a.b",
            "../x",
            "ä",
            "\u{430}",
            "\u{ff11}",
            "acme\0",
            "%61",
            "*",
            "a/b",
        ];

        for text in valid {
            assert_eq!(TenantKey::parse(text).as_ref().map(TenantKey::as_str), Ok(text));
        }
        for text in hostile {
            assert_eq!(
                TenantKey::parse(text).map_err(|rule| rule.code),
                Err("invalid_tenant_key"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_status_is_read_only_in_its_own_spelling() {
        for status in TenantStatus::ALL {
            assert_eq!(TenantStatus::parse(status.name()), Ok(status));
            assert_eq!(
                serde_json::to_value(status).expect("a status is a text"),
                status.name()
            );
        }
        for text in ["", "active", "Active", " ACTIVE", "UNKNOWN", "0", "ACTIVE#"] {
            assert_eq!(
                TenantStatus::parse(text).map_err(|rule| rule.code),
                Err("unknown_status"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_tenant_is_read_back_as_it_was_written() {
        let written = Tenant {
            lead_id: Some(id(9)),
            spoc_user_id: Some(id(8)),
            ..tenant(Active)
        };

        let text = serde_json::to_string(&written).expect("a tenant has only plain members");
        let read: Tenant = serde_json::from_str(&text).expect("what was written can be read");

        assert_eq!(read, written);
    }

    fn any_command() -> impl Strategy<Value = TenantCommand> {
        prop::sample::select(TenantCommand::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn no_sequence_of_commands_leaves_the_machine(commands in prop::collection::vec(any_command(), 0..60)) {
            let mut present = tenant(PendingProvision);
            for command in commands {
                let (status, version, jobs) = (present.status, present.version, present.job_count);
                match carry_out(present.clone(), command) {
                    Ok(after) => {
                        prop_assert_eq!(Some(after.status), target(status, command));
                        prop_assert_eq!(after.version, version + 1);
                        prop_assert_eq!(after.job_count, jobs + u32::from(matches!(command, Provision | Offboard)));
                        let awaits = matches!(after.status, Provisioning | Deprovisioning);
                        prop_assert_eq!(after.open_job_id.is_some(), awaits);
                        prop_assert_eq!((after.id, &after.key), (present.id, &present.key));
                        present = after;
                    }
                    Err(refused) => {
                        prop_assert_eq!(target(status, command), None);
                        let is_named = matches!(refused, Error::Conflict(Conflict::InvalidTransition { .. }));
                        prop_assert!(is_named, "{:?}", refused);
                    }
                }
            }
        }

        #[test]
        fn a_key_that_was_printed_is_the_same_key(text in "[a-z0-9]{1,10}") {
            let key = TenantKey::parse(&text).expect("it is a key");

            prop_assert_eq!(key.to_string(), &*text);
            prop_assert_eq!(TenantKey::parse(&key.to_string()), Ok(key));
        }

        #[test]
        fn no_text_becomes_a_key_that_could_forge_another(text in any::<String>()) {
            if let Ok(key) = TenantKey::parse(&text) {
                prop_assert_eq!(key.as_str(), &*text);
                prop_assert!(text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
            }
        }
    }
}
