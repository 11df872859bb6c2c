use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    Actor, Address, Change, Conflict, Domain, Email, Entropy, Error, Id, Job, Lead, PersonName, Reason, Rule, TenantScope,
    Timestamp, User, Website,
};

/// The short name of a tenant in host names and paths: 1 to 10 lower-case letters and digits. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TenantKey(String);

impl TenantKey {
    /// Checks; a key is an identifier, so nothing is trimmed or lower-cased.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let is_key = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if is_key {
            Ok(Self(text.to_owned()))
        } else {
            Err(Rule::new("invalid_tenant_key", "must be 1 to 10 lower-case letters and digits"))
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
        use TenantStatus::{Active, Deprovisioning, Inactive, PendingProvision, ProvisionFailed, Provisioning, Suspended};
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
    /// The job whose report is awaited.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub open_job_id: Option<Id<Job>>,
    /// How many jobs it has had.
    pub job_count: u32,
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
    pub address: Patch<Address>,
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
        let NewTenant { key, name, domains, website, address } = new;
        if !domains.iter().any(|domain| domain.as_str() == contact_email.domain()) {
            let rule = Rule::new("email_domain_mismatch", "must contain the domain of the contact's e-mail address");
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
            open_job_id: None,
            job_count: 0,
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
            open_job_id: Some(job.id),
            job_count: job.attempt,
            ..tenant
        })
    }

    /// The tenant in use.
    pub fn activate(self, app_plane_url: Option<String>, change: &Change) -> Result<Self, Error> {
        let tenant = self.after(TenantCommand::Activate, None, change)?;
        Ok(Self { app_plane_url: app_plane_url.or(tenant.app_plane_url), open_job_id: None, ..tenant })
    }

    /// The tenant whose provisioning failed.
    pub fn fail_provisioning(self, reason: Option<Reason>, change: &Change) -> Result<Self, Error> {
        let tenant = self.after(TenantCommand::FailProvisioning, reason, change)?;
        Ok(Self { open_job_id: None, ..tenant })
    }

    /// The tenant that may not be used.
    pub fn suspend(self, reason: Reason, change: &Change) -> Result<Self, Error> {
        self.after(TenantCommand::Suspend, Some(reason), change)
    }

    /// The tenant that may be used again.
    pub fn reactivate(self, change: &Change) -> Result<Self, Error> {
        self.after(TenantCommand::Reactivate, None, change)
    }

    /// The tenant whose resources are to be removed.
    pub fn offboard(self, reason: Option<Reason>, change: &Change) -> Result<Self, Error> {
        self.after(TenantCommand::Offboard, reason, change)
    }

    /// The tenant whose resources are gone.
    pub fn deactivate(self, change: &Change) -> Result<Self, Error> {
        let reason = self.status_reason.clone();
        self.after(TenantCommand::Deactivate, reason, change)
    }

    /// The changed tenant; `None` when nothing would change. A suspended tenant's own members may not change it.
    pub fn update(self, changes: TenantChanges, scope: &TenantScope, change: &Change) -> Result<Option<Self>, Error> {
        if scope.is_member() && self.status == TenantStatus::Suspended {
            return Err(Conflict::TenantSuspended(self.id.to_string()).into());
        }
        let TenantChanges { name, domains, website, address, spoc_user_id } = changes;
        let before = self.clone();
        let tenant = Self {
            name: name.unwrap_or(self.name),
            domains: domains.unwrap_or(self.domains),
            website: website.apply(self.website),
            address: address.apply(self.address),
            spoc_user_id: spoc_user_id.apply(self.spoc_user_id),
            ..self
        };
        if tenant == before { Ok(None) } else { Ok(Some(tenant.changed(change))) }
    }

    fn after(self, command: TenantCommand, reason: Option<Reason>, change: &Change) -> Result<Self, Error> {
        let Some(status) = command.leads(self.status) else {
            let command = command.past_participle();
            return Err(Conflict::InvalidTransition { from: self.status, command }.into());
        };
        Ok(Self { status, status_reason: reason, ..self }.changed(change))
    }

    fn changed(self, change: &Change) -> Self {
        Self { modified_at: change.at, modified_by: change.by.clone(), version: self.version + 1, ..self }
    }
}
