//! Keycloak, from version 26 on, over its admin API.
//!
//! A tenant that shares has an organization in the shared realm and a client of its own there. One that does not has a realm,
//! named by its id: nobody chooses that name, so it can be neither `master` nor somebody else's.
//!
//! **Who a token speaks of.** The tenant's client puts `tenantId` into access tokens, always the same; `userId` is the attribute
//! `tenantryUserId` of the login; `permissionsRef` says where the permissions are looked up. In a shared realm anybody who has a
//! login there can sign in with any tenant's client, also one who is no member: the API looks for the membership of
//! (tenant, person) in its own table, and who has none there may do nothing.
//!
//! **Whose attribute that is.** Who can write `tenantryUserId` can become anybody. A realm of ours declares it as writable by
//! administrators alone; a shared realm that does not is refused, and so is one where it would be dropped without a word.
//!
//! **What is left alone.** The shared realm's settings, its mail server above all, belong to whoever made it. The service account
//! has a client secret and no password, and nobody's password but a first one, to be changed at once, is ever set.

mod administrator;
mod client;
mod expel;
mod first_key;
mod organization;
mod person;
mod profile;
mod realm;
mod set_up;
mod spelling;
mod taking_over;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tenantry_app::{
    Admitted, Candidate, IdentityProvider, IdentityWish, KeycloakSettings, Patience, Progress, ProviderError,
};
use tenantry_domain::{Clock, Entropy, Identity, Login, ProviderName};

use crate::HttpClient;
use crate::api::Api;
use crate::call::Call;
use crate::conversation::Conversation;
use person::Arrival;

/// Keycloak as an identity provider.
pub struct Keycloak {
    settings: KeycloakSettings,
    smtp_password: Option<SecretString>,
    api: Api,
    entropy: Arc<dyn Entropy>,
    patience: Duration,
}

/// It is done, or was done before, or there is nothing to do it to.
const DONE_OR_ABSENT: &[u16] = &[204, 404];

impl Keycloak {
    /// With the secret of the service account, and the password with which new realms send mail. The calls of one operation
    /// may take `patience` together.
    pub fn new(
        settings: KeycloakSettings,
        secret: SecretString,
        smtp_password: Option<SecretString>,
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        patience: Duration,
    ) -> Self {
        let (realm, client) = (settings.service_realm.clone(), settings.service_client_id.clone());
        let grant = move || {
            Call::post("/realms/{realm}/protocol/openid-connect/token", &[&realm]).form(&[
                ("grant_type", "client_credentials"),
                ("client_id", &client),
                ("client_secret", secret.expose_secret()),
            ])
        };
        Self {
            api: Api::new(&settings.url, http, clock, Box::new(grant), None),
            settings,
            smtp_password,
            entropy,
            patience,
        }
    }

    fn talk(&self) -> Conversation<'_> {
        Conversation {
            provider: ProviderName::Keycloak,
            api: &self.api,
            patience: Patience::new(ProviderName::Keycloak, self.patience, self.entropy.clone()),
        }
    }

    async fn welcome(
        &self,
        identity: &Identity,
        candidate: &Candidate,
        progress: &dyn Progress,
    ) -> Result<Admitted, ProviderError> {
        let talk = self.talk();
        let realm = identity.place.as_str();
        let can_mail = if identity.is_own {
            realm::can_mail(&talk, realm).await?
        } else {
            self.settings.shared_realm_mails
        };
        let arrival = Arrival {
            talk: &talk,
            realm,
            is_own: identity.is_own,
            can_mail,
            candidate,
            progress,
        };
        let person = arrival.find_or_make().await?;
        if let Some(organization) = &identity.organization {
            organization::join(&talk, realm, organization.as_str(), &person.id, progress).await?;
        }
        if identity.is_own && candidate.is_administrator {
            administrator::appoint(&talk, realm, &person.id, progress).await?;
        }
        let client_id = identity.client_id.as_ref().map(|id| id.as_str());
        let key = first_key::hand_over(&arrival, &person, client_id, &*self.entropy).await?;
        Ok(Admitted {
            auth_id: talk.id(&person.id)?,
            key,
        })
    }
}

impl IdentityProvider for Keycloak {
    fn name(&self) -> ProviderName {
        ProviderName::Keycloak
    }

    fn set_up<'a>(
        &'a self,
        wish: &'a IdentityWish,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Identity, ProviderError>> {
        Box::pin(self.prepare(wish, progress))
    }

    fn admit<'a>(
        &'a self,
        identity: &'a Identity,
        candidate: &'a Candidate,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Admitted, ProviderError>> {
        Box::pin(self.welcome(identity, candidate, progress))
    }

    fn sign_out<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { expel::sign_out(&self.talk(), login).await })
    }

    fn expel<'a>(
        &'a self,
        identity: &'a Identity,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { expel::expel(&self.talk(), identity, login).await })
    }

    fn forget<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { expel::forget(&self.talk(), login).await })
    }
}
