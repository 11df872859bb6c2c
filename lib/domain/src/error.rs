use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::{
    Dialect, InvitationStatus, InvoiceStatus, JobKind, JobStatus, MembershipStatus, SubscriptionStatus,
    TenantStatus, Timestamp,
};

/// What a value breaks: a stable code and a sentence, before it is known where the value stood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct Rule {
    /// Stable, lower_snake.
    pub code: &'static str,
    /// What the value must be.
    pub detail: String,
}

impl Rule {
    /// A broken rule.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// The same rule, broken at this place.
    pub fn at(self, pointer: impl Into<String>) -> Violation {
        Violation {
            pointer: pointer.into(),
            code: self.code,
            detail: self.detail,
        }
    }
}

/// A rule broken at a place in a request body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the body.
    pub pointer: String,
    /// Stable, lower_snake.
    pub code: &'static str,
    /// What the value must be.
    pub detail: String,
}

/// Every rule that a request body breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub Vec<Violation>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, violation) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            let place = if violation.pointer.is_empty() {
                "the body"
            } else {
                &violation.pointer
            };
            write!(f, "{separator}{place} {}", violation.detail)?;
        }
        Ok(())
    }
}

/// The kinds of things that a request can name and miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A prospect.
    Lead,
    /// A customer.
    Tenant,
    /// A provisioning job.
    Job,
    /// A person to turn to.
    Contact,
    /// What is sold.
    Plan,
    /// What a tenant has bought.
    Subscription,
    /// What a tenant owes.
    Invoice,
    /// A setting of a tenant.
    TenantConfig,
    /// A person.
    User,
    /// A person in a tenant.
    Member,
    /// What members do.
    Role,
    /// Members who belong together.
    Group,
    /// A person is asked to become a member.
    Invitation,
    /// What was decided about one permission of a member.
    Override,
    /// What a member wants remembered.
    Preference,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lead => "lead",
            Self::Tenant => "tenant",
            Self::Job => "job",
            Self::Contact => "contact",
            Self::Plan => "plan",
            Self::Subscription => "subscription",
            Self::Invoice => "invoice",
            Self::TenantConfig => "tenant config",
            Self::User => "user",
            Self::Member => "member",
            Self::Role => "role",
            Self::Group => "group",
            Self::Invitation => "invitation",
            Self::Override => "permission override",
            Self::Preference => "preference",
        })
    }
}

/// Why a well-formed request cannot be carried out now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Conflict {
    /// The tenant key belongs to another tenant, or to one that was offboarded and keeps it reserved.
    #[error("tenant key `{0}` is taken")]
    TenantKeyTaken(String),
    /// The e-mail address was verified by another lead.
    #[error(
        "a lead with this e-mail address is verified already; ask for a new link with POST /leads/{{id}}/resend"
    )]
    LeadAlreadyVerified,
    /// The lead's e-mail address is not verified.
    #[error("lead `{0}` has not verified its e-mail address")]
    LeadNotVerified(String),
    /// The lead has its tenant.
    #[error("lead `{0}` has a tenant already")]
    LeadAlreadyOnboarded(String),
    /// The tenant's state machine has no such arrow.
    #[error("a tenant that is {from} cannot be {command}")]
    InvalidTransition {
        /// The present status.
        from: TenantStatus,
        /// The command as a past participle.
        command: &'static str,
    },
    /// The job has its outcome, and this report says something else.
    #[error("job `{job}` is closed as {status}")]
    JobClosed {
        /// The job.
        job: String,
        /// How it ended.
        status: JobStatus,
    },
    /// Another job of the tenant is under way, and it is of another kind.
    #[error("job `{job}` ({kind}) is open; wait for its end or cancel it")]
    JobOpen {
        /// The job.
        job: String,
        /// What it asks for.
        kind: JobKind,
    },
    /// The tenant has had another job since.
    #[error("job `{0}` is not the tenant's latest")]
    JobSuperseded(String),
    /// The tenant is in this tier.
    #[error("the tenant's tier is {0} already")]
    TierUnchanged(String),
    /// The tenant was offboarded too lately to be erased.
    #[error("tenant `{tenant}` cannot be erased before {until}")]
    GracePeriodRunning {
        /// The tenant.
        tenant: String,
        /// From when on it can.
        until: Timestamp,
    },
    /// Somebody else changed the thing between our read and our write.
    #[error("{kind} `{id}` was changed by another request; read it again and retry")]
    ModifiedConcurrently {
        /// What was changed.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// The tenant may not be changed by its members now.
    #[error("tenant `{0}` is suspended")]
    TenantSuspended(String),
    /// The tenant cannot be used now.
    #[error("tenant `{tenant}` is {status}, and nobody can act in it")]
    TenantNotActive {
        /// The tenant.
        tenant: String,
        /// Where it stands.
        status: TenantStatus,
    },
    /// The plan is out of sale.
    #[error("plan `{0}` is archived")]
    PlanArchived(String),
    /// The tenant has a subscription that is used or will be.
    #[error("tenant `{tenant}` has subscription `{subscription}`; change or cancel that one")]
    SubscriptionExists {
        /// The tenant.
        tenant: String,
        /// What it has.
        subscription: String,
    },
    /// The subscription is over.
    #[error("subscription `{id}` has ended as {status}")]
    SubscriptionEnded {
        /// The subscription.
        id: String,
        /// How it ended.
        status: SubscriptionStatus,
    },
    /// The invoice was paid or cancelled.
    #[error("invoice `{id}` is {status}")]
    InvoiceClosed {
        /// The invoice.
        id: String,
        /// What became of it.
        status: InvoiceStatus,
    },
    /// The application plane has no word for it.
    #[error("the application plane speaks {dialect}, which cannot ask for another tier")]
    TierChangeUnsupported {
        /// What it speaks.
        dialect: Dialect,
    },
    /// A tenant always has exactly one primary contact.
    #[error("tenant `{0}` must have a primary contact; make another contact the primary one first")]
    PrimaryContactRequired(String),
    /// The tenant has as many contacts as it may have.
    #[error("tenant `{0}` has as many contacts as a tenant may have")]
    TooManyContacts(String),
    /// The tenant has a setting under this key.
    #[error("there is a setting with the key `{0}` already; change that one")]
    TenantConfigExists(String),
    /// The username belongs to somebody else.
    #[error("username `{0}` is taken")]
    UsernameTaken(String),
    /// The e-mail address belongs to somebody else.
    #[error("this e-mail address belongs to somebody else")]
    EmailTaken,
    /// The login at the identity provider is somebody else's.
    #[error("this login at the identity provider belongs to somebody else")]
    LoginTaken,
    /// The tenant has its first administrator.
    #[error("tenant `{0}` has another first administrator already")]
    AdministratorNamed(String),
    /// The tenant's people sign in with another provider.
    #[error("the tenant's people sign in with {0}, which cannot be changed here")]
    IdentityProviderFixed(String),
    /// The person is a member of the tenant.
    #[error("user `{0}` is a member of the tenant already")]
    MemberExists(String),
    /// The person belongs to as many tenants as it may.
    #[error("user `{0}` belongs to as many tenants as a person may")]
    TooManyTenants(String),
    /// The person is invited to the tenant, and has not answered.
    #[error("this person has an invitation to the tenant already; send that one again")]
    InvitationExists,
    /// The invitation was not answered in time.
    #[error("invitation `{0}` has expired; ask for it to be sent again")]
    InvitationExpired(String),
    /// What the invitation promises may not be given any more.
    #[error("invitation `{0}` does not hold any more, because of its role or its sender; ask for a new one")]
    InvitationOutdated(String),
    /// The tenant has a role of this name.
    #[error("there is a role with the name `{0}` already")]
    RoleNameTaken(String),
    /// The role is somebody's.
    #[error("role `{0}` is in use; give its members another one first")]
    RoleInUse(String),
    /// The role is one that every tenant has.
    #[error("role `{0}` belongs to the system and stays as it is")]
    SystemRole(&'static str),
    /// The tenant has as many roles as it may have.
    #[error("tenant `{0}` has as many roles as a tenant may have")]
    TooManyRoles(String),
    /// A tenant always has an active owner.
    #[error("tenant `{0}` must have an active owner; make somebody else one first")]
    LastOwner(String),
    /// The tenant has a group of this name.
    #[error("there is a group with the name `{0}` already")]
    GroupNameTaken(String),
    /// The member is in the group.
    #[error("member `{0}` is in the group already")]
    GroupMemberExists(String),
    /// The group has as many members as it may have.
    #[error("group `{0}` has as many members as a group may have")]
    GroupFull(String),
    /// A group that others are in always has an owner.
    #[error("group `{0}` must have an owner; make somebody else one first")]
    LastGroupOwner(String),
    /// The member is in as many groups as it may be.
    #[error("member `{0}` is in as many groups as a member may be")]
    TooManyGroupsOfMember(String),
    /// There is a decision about this permission of the member.
    #[error("there is a decision about {0} already; change that one")]
    OverrideExists(&'static str),
    /// The member has as many preferences as it may have.
    #[error("member `{0}` has as many preferences as a member may have")]
    TooManyPreferences(String),
    /// The setting is not one that members keep for themselves.
    #[error("the setting `{0}` has secrets; change it under /tenant-configs")]
    SecretsInConfig(String),
    /// The invitation was answered or taken back.
    #[error("invitation `{id}` is {status}")]
    InvitationClosed {
        /// The invitation.
        id: String,
        /// What became of it.
        status: InvitationStatus,
    },
    /// The membership's state machine has no such arrow.
    #[error("a member that is {from} cannot be {command}")]
    InvalidMembershipTransition {
        /// The present status.
        from: MembershipStatus,
        /// The command as a past participle.
        command: &'static str,
    },
    /// A request with this idempotency key is being carried out.
    #[error("a request with this Idempotency-Key is in progress")]
    IdempotencyInProgress,
}

impl Conflict {
    /// The stable code that a client can branch on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TenantKeyTaken(_) => "tenant_key_taken",
            Self::LeadAlreadyVerified => "lead_already_verified",
            Self::LeadNotVerified(_) => "lead_not_verified",
            Self::LeadAlreadyOnboarded(_) => "lead_already_onboarded",
            Self::InvalidTransition { .. } | Self::InvalidMembershipTransition { .. } => "invalid_transition",
            Self::JobClosed { .. } => "job_closed",
            Self::JobOpen { .. } => "job_open",
            Self::JobSuperseded(_) => "job_superseded",
            Self::TierUnchanged(_) => "tier_unchanged",
            Self::GracePeriodRunning { .. } => "grace_period_running",
            Self::ModifiedConcurrently { .. } => "modified_concurrently",
            Self::TenantSuspended(_) => "tenant_suspended",
            Self::TenantNotActive { .. } => "tenant_not_active",
            Self::PlanArchived(_) => "plan_archived",
            Self::SubscriptionExists { .. } => "subscription_exists",
            Self::SubscriptionEnded { .. } => "subscription_ended",
            Self::InvoiceClosed { .. } => "invoice_closed",
            Self::TierChangeUnsupported { .. } => "tier_change_unsupported",
            Self::PrimaryContactRequired(_) => "primary_contact_required",
            Self::TooManyContacts(_) => "too_many_contacts",
            Self::TenantConfigExists(_) => "tenant_config_exists",
            Self::UsernameTaken(_) => "username_taken",
            Self::EmailTaken => "email_taken",
            Self::LoginTaken => "login_taken",
            Self::AdministratorNamed(_) => "administrator_named",
            Self::IdentityProviderFixed(_) => "identity_provider_fixed",
            Self::MemberExists(_) => "member_exists",
            Self::TooManyTenants(_) => "too_many_tenants",
            Self::InvitationExists => "invitation_exists",
            Self::InvitationExpired(_) => "invitation_expired",
            Self::InvitationOutdated(_) => "invitation_outdated",
            Self::RoleNameTaken(_) => "role_name_taken",
            Self::RoleInUse(_) => "role_in_use",
            Self::SystemRole(_) => "system_role",
            Self::TooManyRoles(_) => "too_many_roles",
            Self::LastOwner(_) => "last_owner",
            Self::GroupNameTaken(_) => "group_name_taken",
            Self::GroupMemberExists(_) => "group_member_exists",
            Self::GroupFull(_) => "group_full",
            Self::LastGroupOwner(_) => "last_group_owner",
            Self::TooManyGroupsOfMember(_) => "too_many_groups",
            Self::OverrideExists(_) => "override_exists",
            Self::TooManyPreferences(_) => "too_many_preferences",
            Self::SecretsInConfig(_) => "config_has_secrets",
            Self::InvitationClosed { .. } => "invitation_closed",
            Self::IdempotencyInProgress => "idempotency_in_progress",
        }
    }
}

/// Why a command was refused; knows nothing of HTTP. A variant is reused unless a client would act differently.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// There is no such thing, or none that this caller may know of.
    #[error("{kind} `{id}` does not exist")]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// As the caller named it.
        id: String,
    },
    /// The state of things forbids it now.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The input breaks rules.
    #[error("{0}")]
    Invalid(Invalid),
    /// The caller did not prove who it is.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The caller's membership does not let it act: it was deactivated, removed, or never accepted.
    #[error("the membership `{0}` is not active")]
    MembershipInactive(String),
    /// `If-Match` named another version.
    #[error("{kind} `{id}` has another version")]
    PreconditionFailed {
        /// What has another version.
        kind: Kind,
        /// Its id.
        id: String,
    },
    /// Too many requests of this client or for this e-mail address.
    #[error("too many requests; try again in {retry_after_s} seconds")]
    RateLimited {
        /// When trying again makes sense.
        retry_after_s: u32,
    },
    /// The idempotency key came with another request before.
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyKeyReused,
}

impl Error {
    /// Nothing of this kind has this id.
    pub fn not_found(kind: Kind, id: impl fmt::Display) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }

    /// One broken rule at one place.
    pub fn invalid(violation: Violation) -> Self {
        Self::Invalid(Invalid(vec![violation]))
    }
}
