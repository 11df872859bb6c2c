use std::fmt;

use tenantry_domain::{Permission, Scope};

/// Who may call a route. Every route names one; nothing is public by omission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever holds the code that was mailed to the lead; the handler compares it.
    LeadCode,
    /// The lead that the path names.
    OwnLead,
    /// The lead that the path names, or an operator with the permission.
    OwnLeadOr(Permission),
    /// Any lead, or whoever holds the permission.
    AnyLeadOr(Permission),
    /// An operator with the permission.
    Operator(Permission),
    /// Whoever holds the permission in the tenant that the path names.
    Tenant(Permission),
    /// An operator with the permission, about the tenant that the path names.
    TenantByOperator(Permission),
    /// Whoever holds the permission in the tenant that the path names, or the lead that became this tenant.
    TenantOrItsLead(Permission),
    /// Whoever holds the permission in the tenant that the request names: a member's own if it names none.
    Account(Permission),
    /// An operator with the permission, about the tenant that the request names.
    AccountByOperator(Permission),
    /// Whoever holds the permission in the tenant that the request names, or the lead that became this tenant.
    AccountOrItsLead(Permission),
    /// Whoever holds one of the two permissions in the tenant that the request names: a member's own if it names none. The
    /// handler tells what the second one is not enough for.
    AccountEither(Permission, Permission),
    /// A member with the permission, about itself in its own tenant.
    Member(Permission),
    /// The person that the path names, or an operator with the permission. A permission of the tenant's is asked of the
    /// person as well.
    Person(Permission),
    /// Anybody who proves to be somebody.
    AnyCaller,
    /// Whoever holds the code of an invitation, or a member who says that it is the invited person; the handler looks.
    Invitation,
    /// An application plane; the handler checks its signature.
    Signature,
    /// Whoever holds the installation's scrape token; where none is set the route does not exist.
    ScrapeToken,
}

impl Access {
    /// The permission that opens the route, if one does.
    pub fn permission(self) -> Option<Permission> {
        match self {
            Self::OwnLeadOr(permission)
            | Self::AnyLeadOr(permission)
            | Self::Operator(permission)
            | Self::Tenant(permission)
            | Self::TenantByOperator(permission)
            | Self::TenantOrItsLead(permission)
            | Self::Account(permission)
            | Self::AccountByOperator(permission)
            | Self::AccountOrItsLead(permission)
            | Self::AccountEither(permission, _)
            | Self::Member(permission)
            | Self::Person(permission) => Some(permission),
            Self::Public
            | Self::LeadCode
            | Self::OwnLead
            | Self::AnyCaller
            | Self::Invitation
            | Self::Signature
            | Self::ScrapeToken => None,
        }
    }

    /// Whether members have business there, so that it matters who they are and what they may do.
    pub(crate) fn asks_members(self) -> bool {
        match self {
            Self::AnyLeadOr(_)
            | Self::Tenant(_)
            | Self::TenantOrItsLead(_)
            | Self::Account(_)
            | Self::AccountOrItsLead(_)
            | Self::AccountEither(_, _)
            | Self::Member(_)
            | Self::Person(_)
            | Self::AnyCaller
            | Self::Invitation => true,
            Self::Public
            | Self::LeadCode
            | Self::OwnLead
            | Self::OwnLeadOr(_)
            | Self::Operator(_)
            | Self::TenantByOperator(_)
            | Self::AccountByOperator(_)
            | Self::Signature
            | Self::ScrapeToken => false,
        }
    }

    /// Whether a bearer token (or code) has to come with the request.
    pub fn needs_bearer(self) -> bool {
        match self {
            Self::Public | Self::Signature => false,
            Self::LeadCode
            | Self::OwnLead
            | Self::OwnLeadOr(_)
            | Self::AnyLeadOr(_)
            | Self::Operator(_)
            | Self::Tenant(_)
            | Self::TenantByOperator(_)
            | Self::TenantOrItsLead(_)
            | Self::Account(_)
            | Self::AccountByOperator(_)
            | Self::AccountOrItsLead(_)
            | Self::AccountEither(_, _)
            | Self::Member(_)
            | Self::Person(_)
            | Self::AnyCaller
            | Self::Invitation
            | Self::ScrapeToken => true,
        }
    }
}

/// A sentence for the API document.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.permission().map(Permission::name).unwrap_or_default();
        match self {
            Self::Public => f.write_str("Public."),
            Self::LeadCode => f.write_str("The code from the mail, as bearer token."),
            Self::OwnLead => f.write_str("The lead itself."),
            Self::OwnLeadOr(_) => write!(f, "The lead itself, or an operator with `{name}`."),
            Self::AnyLeadOr(_) => write!(f, "Any lead, or a caller with `{name}`."),
            Self::Operator(_) | Self::TenantByOperator(_) => write!(f, "An operator with `{name}`."),
            Self::Tenant(_) => write!(f, "An operator, or a member of the tenant, with `{name}`."),
            Self::TenantOrItsLead(_) => {
                write!(
                    f,
                    "An operator, or a member of the tenant, with `{name}`; or the lead that became the tenant."
                )
            }
            Self::Account(_) => {
                write!(
                    f,
                    "An operator with `{name}`, who names the tenant, or a member of the tenant with it."
                )
            }
            Self::AccountByOperator(_) => write!(f, "An operator with `{name}`, who names the tenant."),
            Self::AccountOrItsLead(_) => {
                write!(
                    f,
                    "An operator with `{name}`, who names the tenant, or a member of the tenant with it; or the lead that \
                     became the tenant, which names it."
                )
            }
            Self::AccountEither(_, other) => {
                write!(
                    f,
                    "An operator with `{name}`, who names the tenant, or a member of the tenant with it; or with `{}`, as far \
                     as the description says.",
                    other.name()
                )
            }
            Self::Member(_) => write!(f, "A member with `{name}`, about itself."),
            Self::Person(permission) if permission.scope() == Scope::Tenant => {
                write!(f, "The person itself, or an operator, with `{name}`.")
            }
            Self::Person(_) => write!(f, "The person itself, or an operator with `{name}`."),
            Self::AnyCaller => f.write_str("Anybody with a token."),
            Self::Invitation => {
                f.write_str("The code from the mail as bearer token, or the token of the invited person.")
            }
            Self::ScrapeToken => f.write_str("The scrape token of the installation, as bearer token."),
            Self::Signature => f.write_str("Signed with the secret of the tenant's provisioning job."),
        }
    }
}
