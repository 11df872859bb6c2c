use tenantry_app::{IdentityWish, Progress, ProviderError};
use tenantry_domain::{Identity, ProviderName};

use super::{Keycloak, client, profile, realm};
use crate::call::push_segment;
use crate::conversation::Conversation;

/// Where a tenant's people are, before it has a client there.
pub(super) struct Place {
    pub(super) realm: String,
    pub(super) organization: Option<String>,
    /// Made by this run, so this run may remove it again.
    pub(super) is_new: bool,
}

impl Keycloak {
    pub(super) async fn prepare(
        &self,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<Identity, ProviderError> {
        let talk = self.talk();
        // Before anything is made.
        let redirect_uris = client::redirect_uris(&talk, &self.settings, &wish.key)?;
        let place = if wish.is_silo {
            self.own_realm(&talk, wish, progress).await?
        } else {
            self.shared_realm(&talk, wish, progress).await?
        };
        match self.furnish(&talk, wish, &place, redirect_uris, progress).await {
            Ok(client_id) => self.identity(&talk, &place, &client_id),
            Err(ProviderError::Refused { detail, .. }) if place.is_new => {
                let removed = realm::remove(&talk, &place, progress).await;
                Err(talk.refusal_after(removed, detail))
            }
            Err(error) => Err(error),
        }
    }

    async fn furnish(
        &self,
        talk: &Conversation<'_>,
        wish: &IdentityWish,
        place: &Place,
        redirect_uris: Vec<String>,
        progress: &dyn Progress,
    ) -> Result<String, ProviderError> {
        if place.organization.is_none() {
            profile::declare(talk, &place.realm, progress).await?;
        }
        client::find_or_make(talk, wish, &place.realm, redirect_uris, progress).await
    }

    fn identity(
        &self,
        talk: &Conversation<'_>,
        place: &Place,
        client_id: &str,
    ) -> Result<Identity, ProviderError> {
        let organization = place.organization.as_deref().map(|id| talk.id(id)).transpose()?;
        let mut issuer = format!("{}/realms/", self.settings.url);
        push_segment(&mut issuer, &place.realm);
        Ok(Identity {
            provider: ProviderName::Keycloak,
            place: talk.id(&place.realm)?,
            is_own: organization.is_none(),
            organization,
            issuer,
            client_id: Some(talk.id(client_id)?),
        })
    }
}
