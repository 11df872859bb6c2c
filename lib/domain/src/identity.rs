//! Who signs a tenant's people in, and how they are known there.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Id, Rule, Text, Timestamp, User};

/// A kind of identity provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderName {
    /// Amazon Cognito.
    Cognito,
    /// Keycloak.
    Keycloak,
    /// Auth0.
    Auth0,
    /// The local product's own issuer.
    Local,
}

/// What a provider calls something: a realm, a pool, an organization, a person.
pub type ProviderId = Text<200>;

/// Where the people of one tenant sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The kind of provider.
    pub provider: ProviderName,
    /// Where logins are kept: a Cognito user pool's id, a Keycloak realm, an Auth0 domain.
    pub place: ProviderId,
    /// Whether the place is this tenant's alone.
    pub is_own: bool,
    /// What holds the tenant's people together there: a group or an organization.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub organization: Option<ProviderId>,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// With which client the tenant's application signs people in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<ProviderId>,
}

/// How a provider knows a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The kind of provider.
    // To listeners a text: one more kind is no break of what they were promised.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub provider: ProviderName,
    /// Where the login is kept.
    pub place: ProviderId,
    /// The person's id there; the `sub` of its tokens.
    pub auth_id: ProviderId,
}

/// How far the set-up of a tenant's identity is. It stands on the job that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentitySetup {
    /// The kind of provider.
    pub provider: ProviderName,
    /// What the provider calls what was made or found, by step.
    #[serde(default)]
    pub made: BTreeMap<String, String>,
    /// The first administrator, once everything is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub administrator: Option<Administrator>,
}

/// The first administrator of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Administrator {
    /// The person.
    pub user_id: Id<User>,
    /// How the provider knows it.
    pub auth_id: ProviderId,
    /// Whether it is a member already; otherwise it is invited.
    pub is_member: bool,
    /// When the set-up was complete.
    pub at: Timestamp,
}

impl ProviderName {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Cognito, Self::Keycloak, Self::Auth0, Self::Local];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cognito => "cognito",
            Self::Keycloak => "keycloak",
            Self::Auth0 => "auth0",
            Self::Local => "local",
        }
    }

    /// Reads a name in any case.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let known = Self::ALL
            .into_iter()
            .find(|name| name.name().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| Rule::new("unknown_identity_provider", "must be cognito, keycloak or auth0"))
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl IdentitySetup {
    /// One that has not begun.
    pub fn begin(provider: ProviderName) -> Self {
        Self {
            provider,
            made: BTreeMap::new(),
            administrator: None,
        }
    }
}

impl Login {
    /// Whether it is kept there.
    pub fn is_at(&self, provider: ProviderName, place: &ProviderId) -> bool {
        self.provider == provider && self.place == *place
    }
}

impl Identity {
    /// How a person is known where this tenant's people sign in.
    pub fn login(&self, auth_id: ProviderId) -> Login {
        Login {
            provider: self.provider,
            place: self.place.clone(),
            auth_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_in_any_case() {
        for provider in ProviderName::ALL {
            assert_eq!(ProviderName::parse(provider.name()), Ok(provider));
            assert_eq!(ProviderName::parse(&provider.name().to_uppercase()), Ok(provider));
        }
        for unknown in ["", "okta", "cognito2", "auth 0"] {
            let rule = ProviderName::parse(unknown).expect_err(unknown);
            assert_eq!(rule.code, "unknown_identity_provider");
        }
    }
}
