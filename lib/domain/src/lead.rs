use serde::{Deserialize, Serialize};

use crate::{
    Address, AddressChanges, Change, Conflict, Email, Entropy, Error, Id, Patch, PersonName, Tenant,
    Timestamp,
};

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
    pub address: Patch<AddressChanges>,
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
        let NewLead {
            first_name,
            last_name,
            company_name,
            email,
            address,
        } = new;
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
        Ok(Self {
            tenant_id: Some(tenant_id),
            ..self
        }
        .changed(now))
    }

    /// The corrected lead.
    #[must_use]
    pub fn correct(self, changes: LeadChanges, change: &Change) -> Self {
        let LeadChanges {
            first_name,
            last_name,
            company_name,
            address,
        } = changes;
        Self {
            first_name: first_name.unwrap_or(self.first_name),
            last_name: last_name.unwrap_or(self.last_name),
            company_name: company_name.unwrap_or(self.company_name),
            address: address.merge(self.address),
            ..self
        }
        .changed(change.at)
    }

    fn changed(self, now: Timestamp) -> Self {
        Self {
            modified_at: now,
            version: self.version + 1,
            ..self
        }
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
        f.debug_struct("LeadCode")
            .field("lead_id", &self.lead_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Actor;
    use crate::examples::{id, lead, name, now};

    fn code() -> LeadCode {
        LeadCode {
            lead_id: id(1),
            hash: "5f".repeat(32),
            expires_at: now().plus_ms(CODE_LIFE_MS),
        }
    }

    #[test]
    fn a_new_lead_is_not_verified_and_has_no_tenant() {
        let lead = lead();

        assert!(!lead.is_verified());
        assert_eq!((lead.tenant_id, lead.version, lead.created_at), (None, 1, now()));
    }

    #[test]
    fn verifying_again_keeps_the_first_time() {
        let (first, second) = (now().plus_ms(1), now().plus_ms(2));

        let verified = lead().verify(first).verify(second);

        assert_eq!(
            (verified.verified_at, verified.modified_at, verified.version),
            (Some(first), second, 3)
        );
    }

    #[test]
    fn an_unverified_lead_gets_no_tenant() {
        let lead = lead();
        let named = lead.id.to_string();

        assert_eq!(
            lead.onboard(id(2), now()),
            Err(Conflict::LeadNotVerified(named).into())
        );
    }

    #[test]
    fn a_lead_gets_one_tenant_and_no_other() {
        let onboarded = lead()
            .verify(now())
            .onboard(id(2), now())
            .expect("it is verified");
        let named = onboarded.id.to_string();

        assert_eq!((onboarded.tenant_id, onboarded.version), (Some(id(2)), 3));
        for again in [id(2), id(3)] {
            let refused = onboarded.clone().onboard(again, now());
            assert_eq!(refused, Err(Conflict::LeadAlreadyOnboarded(named.clone()).into()));
        }
    }

    #[test]
    fn a_correction_leaves_what_it_does_not_name() {
        let changes = LeadChanges {
            company_name: Some(name("Acme Ltd")),
            ..LeadChanges::default()
        };
        let change = Change {
            by: Actor::System,
            at: now().plus_ms(7),
        };

        let corrected = lead().correct(changes, &change);

        let expected = Lead {
            company_name: name("Acme Ltd"),
            modified_at: change.at,
            version: 2,
            ..lead()
        };
        assert_eq!(corrected, expected);
    }

    #[test]
    fn a_code_dies_at_the_instant_it_names() {
        let code = code();

        assert!(code.is_alive(now()));
        assert!(code.is_alive(now().plus_ms(CODE_LIFE_MS - 1)));
        assert!(!code.is_alive(now().plus_ms(CODE_LIFE_MS)));
        assert!(!code.is_alive(now().plus_ms(CODE_LIFE_MS + 1)));
    }

    #[test]
    fn a_printed_code_shows_no_hash() {
        let code = code();

        assert!(!format!("{code:?}").contains(&code.hash));
    }

    proptest! {
        #[test]
        fn a_code_is_alive_exactly_before_it_expires(after_ms in -CODE_LIFE_MS..2 * CODE_LIFE_MS) {
            prop_assert_eq!(code().is_alive(now().plus_ms(after_ms)), after_ms < CODE_LIFE_MS);
        }
    }
}
