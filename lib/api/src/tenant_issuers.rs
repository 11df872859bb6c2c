//! Issuers of one tenant each, as the set-up of their identity registered them.

use std::collections::HashMap;

use tenantry_app::{IdentitySettings, Issuer};
use tenantry_domain::{ProviderName, Timestamp};
use tenantry_store::{Store, TenantIssuer};

use crate::Problem;

/// What was found lately. Foreign issuers cost a lookup each, so there are only so many lookups in a second, and only of
/// names that may be one of ours.
#[derive(Default)]
pub(crate) struct TenantIssuers {
    known: HashMap<String, Found>,
    second: i64,
    lookups: u32,
}

struct Found {
    issuer: Option<TenantIssuer>,
    at: Timestamp,
}

/// One that was found counts for so long: five minutes.
const KEPT_MS: i64 = 5 * 60_000;
/// One that was not found is looked for again after so long: a minute.
const MISSED_MS: i64 = 60_000;
/// And for so long while there are no lookups left: an hour.
const KEPT_AT_MOST_MS: i64 = 60 * 60_000;
/// So many names are remembered.
const MOST: usize = 1_000;
/// So many lookups in a second; a name that is not known yet is refused beyond them.
const LOOKUPS_PER_SECOND: u32 = 20;
/// A longer name is nobody's.
const MAX_LEN: usize = 300;

impl TenantIssuers {
    pub(crate) async fn find(
        &mut self,
        settings: &IdentitySettings,
        store: &Store,
        claimed: &str,
        now: Timestamp,
    ) -> Result<Option<Issuer>, Problem> {
        if claimed.len() > MAX_LEN || !may_be_ours(settings, claimed) {
            return Ok(None);
        }
        if let Some(found) = self.known.get(claimed) {
            let life_ms = if found.issuer.is_some() {
                KEPT_MS
            } else {
                MISSED_MS
            };
            if now.as_millis() - found.at.as_millis() < life_ms {
                return Ok(found.issuer.clone().map(described));
            }
        }
        if self.second != now.as_seconds() {
            (self.second, self.lookups) = (now.as_seconds(), 0);
        }
        if self.lookups >= LOOKUPS_PER_SECOND {
            return Ok(self.known_lately(claimed, now));
        }
        self.lookups += 1;
        let issuer = store.find_issuer(claimed).await?;
        self.make_room();
        let found = Found {
            issuer: issuer.clone(),
            at: now,
        };
        self.known.insert(claimed.to_owned(), found);
        Ok(issuer.map(described))
    }

    /// While strangers' names use up the lookups, who was known before still is.
    fn known_lately(&self, claimed: &str, now: Timestamp) -> Option<Issuer> {
        let found = self.known.get(claimed)?;
        let age_ms = now.as_millis() - found.at.as_millis();
        found
            .issuer
            .clone()
            .filter(|_| age_ms < KEPT_AT_MOST_MS)
            .map(described)
    }

    /// Strangers' names are forgotten before those of issuers.
    fn make_room(&mut self) {
        if self.known.len() >= MOST {
            self.known.retain(|_, found| found.issuer.is_some());
        }
        if self.known.len() >= MOST {
            self.known.clear();
        }
    }
}

/// Pools and realms stand below the addresses of the configured providers.
fn may_be_ours(settings: &IdentitySettings, claimed: &str) -> bool {
    let cognito = settings
        .cognito
        .as_ref()
        .map(|cognito| format!("{}/", cognito.issuer_base));
    let keycloak = settings
        .keycloak
        .as_ref()
        .map(|keycloak| format!("{}/realms/", keycloak.url));
    cognito
        .into_iter()
        .chain(keycloak)
        .any(|base| claimed.starts_with(&base))
}

fn described(issuer: TenantIssuer) -> Issuer {
    let TenantIssuer {
        issuer,
        tenant_id,
        provider,
        audiences,
        jwks_uri,
        created_at: _,
    } = issuer;
    Issuer {
        tenant_id: Some(tenant_id),
        // Our trigger puts permissions into Cognito's tokens; Keycloak does not know them.
        resolve_permissions: provider == ProviderName::Keycloak,
        ..Issuer::new(issuer, audiences, jwks_uri, false)
    }
}
