use serde::{Deserialize, Serialize};

use crate::{Change, Email, Entropy, Id, PersonName, Rule, Tenant, Timestamp};

/// What a contact is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    /// Administers the tenant.
    Admin,
    /// Receives invoices.
    Billing,
    /// Anything else.
    Other,
}

/// A person whom the platform can turn to about a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Its id.
    pub id: Id<Contact>,
    /// Whose contact it is.
    pub tenant_id: Id<Tenant>,
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// E-mail address.
    pub email: Email,
    /// Whether it is the one that mails go to.
    pub is_primary: bool,
    /// What it is asked about.
    pub kind: ContactKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

impl ContactKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Billing, Self::Other];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Billing => "billing",
            Self::Other => "other",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| Rule::new("unknown_type", "must be one of admin, billing, other"))
    }
}

impl Contact {
    /// The first contact of a tenant: primary, and its administrator.
    pub fn first(
        tenant_id: Id<Tenant>,
        (first_name, last_name, email): (PersonName, PersonName, Email),
        kind: ContactKind,
        change: &Change,
        entropy: &dyn Entropy,
    ) -> Self {
        Self {
            id: Id::new(change.at, entropy),
            tenant_id,
            first_name,
            last_name,
            email,
            is_primary: true,
            kind,
            created_at: change.at,
            modified_at: change.at,
            version: 1,
        }
    }
}
