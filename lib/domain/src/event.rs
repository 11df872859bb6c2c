use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

use crate::billing_event::{InvoiceFact, PlanFact, SubscriptionFact};
use crate::member_event::{GroupFact, GroupMemberFact, InvitationFact, MemberFact, RoleFact, UserFact};
use crate::{
    Address, Contact, ContactKind, Domain, Entitlement, Id, Job, JobKind, Lead, PersonName, Reason, Tally,
    Tenant, TenantKey, TenantStatus, Timestamp, Website,
};

/// How the application plane reports back.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    /// Where to POST the signed report.
    pub url: String,
    /// The HMAC key.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub secret: SecretString,
    /// Part of the signed text.
    pub context: String,
}

/// The event is the one place where the secret goes out, to the application plane that must sign with it.
fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// A lead as events show it: without personal data.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LeadFact {
    id: Id<Lead>,
    company_name: PersonName,
    is_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<Id<Tenant>>,
    created_at: Timestamp,
}

/// A tenant as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TenantFact {
    id: Id<Tenant>,
    key: TenantKey,
    name: PersonName,
    status: TenantStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    domains: Vec<Domain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    website: Option<Website>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_id: Option<Id<Lead>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_plane_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erasable_at: Option<Timestamp>,
    created_at: Timestamp,
    version: u64,
}

/// What may be said of a tenant that was erased.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ErasedTenantFact {
    id: Id<Tenant>,
    key: TenantKey,
}

/// A person as the provisioning event shows it: whom the application plane makes the first administrator.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContactFact {
    first_name: PersonName,
    last_name: PersonName,
    email: crate::Email,
    is_primary: bool,
}

/// A job as events show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct JobFact {
    id: Id<Job>,
    attempt: u32,
    deadline: Timestamp,
}

/// A contact as its own events show it: without personal data, which listeners read with the permission to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContactRef {
    id: Id<Contact>,
    is_primary: bool,
    #[serde(rename = "type")]
    kind: ContactKind,
    version: u64,
}

/// What happened, with what a listener needs to know of it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum EventData {
    /// `lead.*`
    Lead {
        /// The lead after it.
        lead: LeadFact,
    },
    /// `tenant.*`
    #[serde(rename_all = "camelCase")]
    Tenant {
        /// The tenant after it.
        tenant: Box<TenantFact>,
        /// Why, when somebody said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// The job that led to it.
        #[serde(skip_serializing_if = "Option::is_none")]
        job_id: Option<Id<Job>>,
    },
    /// `contact.*`
    Contact {
        /// The contact after it.
        contact: ContactRef,
    },
    /// `tenant.provisioning_requested`
    #[serde(rename_all = "camelCase")]
    Provisioning {
        /// The tenant, with its contacts.
        tenant: Box<TenantFact>,
        /// Whom to make the first administrator.
        contacts: Vec<ContactFact>,
        /// What to provision.
        #[serde(serialize_with = "Entitlement::serialize_as_sent")]
        subscription: Box<Entitlement>,
        /// The job to report on.
        job: JobFact,
        /// How to report.
        callback: Callback,
    },
    /// `plan.*`
    Plan {
        /// The plan after it.
        plan: Box<PlanFact>,
    },
    /// `subscription.*`
    Subscription {
        /// The subscription after it.
        subscription: Box<SubscriptionFact>,
    },
    /// `invoice.*`
    Invoice {
        /// The invoice after it.
        invoice: Box<InvoiceFact>,
    },
    /// `tenant.deprovisioning_requested`, `tenant.tier_change_requested`
    #[serde(rename_all = "camelCase")]
    Job {
        /// The tenant as it is.
        tenant: Box<TenantFact>,
        /// What it is provisioned for; of a change of tier, what it shall be provisioned for.
        #[serde(serialize_with = "Entitlement::serialize_as_sent")]
        subscription: Box<Entitlement>,
        /// Why, when somebody said so.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// The job to report on.
        job: JobFact,
        /// How to report.
        callback: Callback,
    },
    /// `tenant.erased`
    Erased {
        /// The tenant that was.
        tenant: ErasedTenantFact,
    },
    /// `member.*`
    Member {
        /// The member after it.
        member: MemberFact,
    },
    /// `invitation.*`
    Invitation {
        /// The invitation after it.
        invitation: InvitationFact,
    },
    /// `role.*`
    Role {
        /// The role after it.
        role: RoleFact,
    },
    /// `group.created`, `group.updated`, `group.deleted`
    Group {
        /// The group after it.
        group: GroupFact,
    },
    /// `group.members_added`, `group.member_updated`, `group.member_removed`
    GroupMembers {
        /// The group after it.
        group: GroupFact,
        /// Those of its members that it is about.
        members: Vec<GroupMemberFact>,
    },
    /// `user.*`
    User {
        /// The person after it.
        user: UserFact,
    },
}

/// A fact that leaves through the outbox. Its id is stable: a listener that sees it twice has seen one event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Unique.
    pub id: Id<Event>,
    /// `lead.created` for example; with the version it names the schema.
    pub kind: &'static str,
    /// The id of the lead or tenant.
    pub subject: String,
    /// The tenant it belongs to.
    pub tenant_id: Option<Id<Tenant>>,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub data: EventData,
    /// What it adds to the installation's figures.
    pub tally: Tally,
}

/// What became of something: an event tells its last state, the figures count the difference.
#[derive(Debug)]
pub enum Transition<'a, T> {
    /// It is new.
    Created(&'a T),
    /// It was the one and is the other.
    Changed(&'a T, &'a T),
    /// It is gone.
    Removed(&'a T),
}

impl<'a, T> Transition<'a, T> {
    /// What there was.
    pub fn before(&self) -> Option<&'a T> {
        match self {
            Self::Created(_) => None,
            Self::Changed(before, _) | Self::Removed(before) => Some(before),
        }
    }

    /// What there is.
    pub fn after(&self) -> Option<&'a T> {
        match self {
            Self::Created(after) | Self::Changed(_, after) => Some(after),
            Self::Removed(_) => None,
        }
    }

    fn last(&self) -> &'a T {
        match self {
            Self::Created(last) | Self::Changed(_, last) | Self::Removed(last) => last,
        }
    }
}

impl Event {
    /// Something happened to a lead.
    pub fn of_lead(
        kind: &'static str,
        transition: Transition<'_, Lead>,
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let lead = transition.last();
        let fact = LeadFact {
            id: lead.id,
            company_name: lead.company_name.clone(),
            is_verified: lead.is_verified(),
            tenant_id: lead.tenant_id,
            created_at: lead.created_at,
        };
        let data = EventData::Lead { lead: fact };
        Self {
            id,
            kind,
            subject: lead.id.to_string(),
            tenant_id: lead.tenant_id,
            at,
            data,
            tally: Tally::of_leads(&transition),
        }
    }

    /// Something happened to a tenant.
    pub fn of_tenant(
        kind: &'static str,
        transition: Transition<'_, Tenant>,
        job: Option<&Job>,
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let tenant = transition.last();
        let mut tally = Tally::of_tenants(&transition, at);
        tally.merge(&Tally::of_jobs(job));
        let data = EventData::Tenant {
            tenant: fact_of(tenant),
            reason: reason_of(tenant, job),
            job_id: job.map(|job| job.id),
        };
        Self {
            id,
            kind,
            subject: tenant.id.to_string(),
            tenant_id: Some(tenant.id),
            at,
            data,
            tally,
        }
    }

    /// Something happened to a contact; the event is about its tenant.
    pub fn of_contact(kind: &'static str, contact: &Contact, id: Id<Event>, at: Timestamp) -> Self {
        let fact = ContactRef {
            id: contact.id,
            is_primary: contact.is_primary,
            kind: contact.kind,
            version: contact.version,
        };
        Self {
            id,
            kind,
            subject: contact.tenant_id.to_string(),
            tenant_id: Some(contact.tenant_id),
            at,
            data: EventData::Contact { contact: fact },
            tally: Tally::default(),
        }
    }

    /// An application plane is asked to do something for a tenant. Only who makes its resources hears of its people.
    pub fn job_requested(
        transition: Transition<'_, Tenant>,
        contacts: &[Contact],
        job: &Job,
        reason: Option<Reason>,
        callback: Callback,
        id: Id<Event>,
        at: Timestamp,
    ) -> Self {
        let tenant = transition.last();
        let mut tally = Tally::of_tenants(&transition, at);
        tally.merge(&Tally::of_jobs(Some(job)));
        let contacts = contacts.iter().map(|contact| ContactFact {
            first_name: contact.first_name.clone(),
            last_name: contact.last_name.clone(),
            email: contact.email.clone(),
            is_primary: contact.is_primary,
        });
        let (tenant_fact, subscription) = (fact_of(tenant), Box::new(job.subscription.clone()));
        let job_fact = JobFact {
            id: job.id,
            attempt: job.attempt,
            deadline: job.deadline,
        };
        let data = match job.kind {
            JobKind::Provision => EventData::Provisioning {
                tenant: tenant_fact,
                contacts: contacts.collect(),
                subscription,
                job: job_fact,
                callback,
            },
            JobKind::Deprovision | JobKind::ChangeTier => EventData::Job {
                tenant: tenant_fact,
                subscription,
                reason,
                job: job_fact,
                callback,
            },
        };
        let (subject, tenant_id) = (tenant.id.to_string(), Some(tenant.id));
        Self {
            id,
            kind: job.kind.request(),
            subject,
            tenant_id,
            at,
            data,
            tally,
        }
    }

    /// Nothing is left of a tenant but its key, its audit trail and the record of its end.
    pub fn tenant_erased(tenant: &Tenant, id: Id<Event>, at: Timestamp) -> Self {
        let fact = ErasedTenantFact {
            id: tenant.id,
            key: tenant.key.clone(),
        };
        Self {
            id,
            kind: "tenant.erased",
            subject: tenant.id.to_string(),
            tenant_id: Some(tenant.id),
            at,
            data: EventData::Erased { tenant: fact },
            tally: Tally::of_tenants(&Transition::Removed(tenant), at),
        }
    }
}

impl JobKind {
    /// The event that asks for such a job.
    pub fn request(self) -> &'static str {
        match self {
            Self::Provision => "tenant.provisioning_requested",
            Self::Deprovision => "tenant.deprovisioning_requested",
            Self::ChangeTier => "tenant.tier_change_requested",
        }
    }

    /// The event that tells how such a job ended.
    pub fn result(self, is_success: bool) -> &'static str {
        match (self, is_success) {
            (Self::Provision, true) => "tenant.activated",
            (Self::Provision, false) => "tenant.provisioning_failed",
            (Self::Deprovision, true) => "tenant.offboarded",
            (Self::Deprovision, false) => "tenant.deprovisioning_failed",
            (Self::ChangeTier, true) => "tenant.tier_changed",
            (Self::ChangeTier, false) => "tenant.tier_change_failed",
        }
    }
}

/// Why a job did not succeed, or why the tenant stands where it stands.
fn reason_of(tenant: &Tenant, job: Option<&Job>) -> Option<Reason> {
    let ended = job.and_then(|job| Some((job.kind, job.outcome.as_ref()?)));
    match ended {
        Some((JobKind::ChangeTier, outcome)) => outcome.reason(),
        Some((JobKind::Provision | JobKind::Deprovision, outcome)) => {
            outcome.reason().or_else(|| tenant.status_reason.clone())
        }
        None => tenant.status_reason.clone(),
    }
}

fn fact_of(tenant: &Tenant) -> Box<TenantFact> {
    Box::new(TenantFact {
        id: tenant.id,
        key: tenant.key.clone(),
        name: tenant.name.clone(),
        status: tenant.status,
        tier: tenant.tier.clone(),
        domains: tenant.domains.clone(),
        website: tenant.website.clone(),
        address: tenant.address.clone(),
        lead_id: tenant.lead_id,
        app_plane_url: tenant.app_plane_url.clone(),
        erasable_at: tenant.erasable_at,
        created_at: tenant.created_at,
        version: tenant.version,
    })
}
