use serde::{Deserialize, Serialize};

use crate::{Change, Conflict, Email, Entropy, Id, PersonName, Rule, Tenant, Timestamp};

/// What a contact is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// A contact that is added to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContact {
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// E-mail address; its domain need not be one of the tenant's, because accountants and agencies have their own.
    pub email: Email,
    /// Whether it takes the place of the primary contact.
    pub is_primary: bool,
    /// What it is asked about.
    pub kind: ContactKind,
}

/// What may change of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactChanges {
    /// First name.
    pub first_name: Option<PersonName>,
    /// Last name.
    pub last_name: Option<PersonName>,
    /// E-mail address.
    pub email: Option<Email>,
    /// Whether it becomes the primary contact.
    pub is_primary: Option<bool>,
    /// What it is asked about.
    pub kind: Option<ContactKind>,
}

impl Contact {
    /// So many contacts a tenant has at most: all of them go out with a provisioning event, which is bounded.
    pub const MOST: u64 = 50;

    /// A further contact of a tenant.
    pub fn new(tenant_id: Id<Tenant>, new: NewContact, change: &Change, entropy: &dyn Entropy) -> Self {
        let NewContact {
            first_name,
            last_name,
            email,
            is_primary,
            kind,
        } = new;
        Self {
            is_primary,
            ..Self::first(tenant_id, (first_name, last_name, email), kind, change, entropy)
        }
    }

    /// The contact after the changes, or nothing if they change nothing. The flag can be taken, not given away: whoever
    /// becomes the primary contact takes it from the one that is.
    pub fn update(self, changes: ContactChanges, change: &Change) -> Result<Option<Self>, Conflict> {
        let ContactChanges {
            first_name,
            last_name,
            email,
            is_primary,
            kind,
        } = changes;
        if self.is_primary && is_primary == Some(false) {
            return Err(Conflict::PrimaryContactRequired(self.tenant_id.to_string()));
        }
        let before = self.clone();
        let contact = Self {
            first_name: first_name.unwrap_or(self.first_name),
            last_name: last_name.unwrap_or(self.last_name),
            email: email.unwrap_or(self.email),
            is_primary: is_primary.unwrap_or(self.is_primary),
            kind: kind.unwrap_or(self.kind),
            ..self
        };
        Ok((contact != before).then(|| contact.changed(change)))
    }

    /// The contact that was the primary one, once another one is.
    pub fn succeeded(self, change: &Change) -> Self {
        Self {
            is_primary: false,
            ..self.changed(change)
        }
    }

    /// Refuses the removal of the primary contact.
    pub fn check_removable(&self) -> Result<(), Conflict> {
        if self.is_primary {
            Err(Conflict::PrimaryContactRequired(self.tenant_id.to_string()))
        } else {
            Ok(())
        }
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            version: self.version + 1,
            ..self
        }
    }

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
