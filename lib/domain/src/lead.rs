use serde::{Deserialize, Serialize};

use crate::{Address, Change, Conflict, Email, Entropy, Error, Id, Patch, PersonName, Tenant, Timestamp};

/// How long a verification code lives: 15 minutes.
pub const CODE_LIFE_MS: i64 = 15 * 60 * 1000;

/// How long a lead's token lives: 60 minutes.
pub const TOKEN_LIFE_MS: i64 = 60 * 60 * 1000;

/// A prospect: somebody who signed up and may become a tenant's first person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    /// Its id.
    pub id: Id<Lead>,
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// Company.
    pub company_name: PersonName,
    /// Address that the verification mail goes to.
    pub email: Email,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Address>,
    /// When the e-mail address was first proved.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verified_at: Option<Timestamp>,
    /// The tenant that it became.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant_id: Option<Id<Tenant>>,
    /// When it signed up.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What a sign-up says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLead {
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// Company.
    pub company_name: PersonName,
    /// E-mail address.
    pub email: Email,
    /// Postal address.
    pub address: Option<Address>,
}

/// Corrections to a lead; the e-mail address only while it is not verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeadChanges {
    /// First name.
    pub first_name: Option<PersonName>,
    /// Last name.
    pub last_name: Option<PersonName>,
    /// Company.
    pub company_name: Option<PersonName>,
    /// Postal address.
    pub address: Patch<Address>,
}

/// The stored half of a verification code: its SHA-256, and until when it counts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeadCode {
    /// The lead that it was mailed to.
    pub lead_id: Id<Lead>,
    /// Lower-case hex SHA-256 of the code.
    pub hash: String,
    /// The first instant at which it no longer counts.
    pub expires_at: Timestamp,
}

impl Lead {
    /// A lead that has just signed up.
    pub fn sign_up(new: NewLead, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let NewLead { first_name, last_name, company_name, email, address } = new;
        Self {
            id: Id::new(now, entropy),
            first_name,
            last_name,
            company_name,
            email,
            address,
            verified_at: None,
            tenant_id: None,
            created_at: now,
            modified_at: now,
            version: 1,
        }
    }

    /// Whether the e-mail address was proved.
    pub fn is_verified(&self) -> bool {
        self.verified_at.is_some()
    }

    /// The lead with its e-mail address proved; proving it again keeps the first time.
    #[must_use]
    pub fn verify(self, now: Timestamp) -> Self {
        let verified_at = self.verified_at.or(Some(now));
        Self { verified_at, ..self }.changed(now)
    }

    /// The lead with its one tenant.
    pub fn onboard(self, tenant_id: Id<Tenant>, now: Timestamp) -> Result<Self, Error> {
        if !self.is_verified() {
            return Err(Conflict::LeadNotVerified(self.id.to_string()).into());
        }
        if self.tenant_id.is_some() {
            return Err(Conflict::LeadAlreadyOnboarded(self.id.to_string()).into());
        }
        Ok(Self { tenant_id: Some(tenant_id), ..self }.changed(now))
    }

    /// The corrected lead.
    #[must_use]
    pub fn correct(self, changes: LeadChanges, change: &Change) -> Self {
        let LeadChanges { first_name, last_name, company_name, address } = changes;
        Self {
            first_name: first_name.unwrap_or(self.first_name),
            last_name: last_name.unwrap_or(self.last_name),
            company_name: company_name.unwrap_or(self.company_name),
            address: address.apply(self.address),
            ..self
        }
        .changed(change.at)
    }

    fn changed(self, now: Timestamp) -> Self {
        Self { modified_at: now, version: self.version + 1, ..self }
    }
}

impl LeadCode {
    /// Whether the code still counts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

impl std::fmt::Debug for LeadCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeadCode").field("lead_id", &self.lead_id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
