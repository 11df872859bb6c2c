//! Auth0, over its Management API.
//!
//! Every tenant has an organization, whether it shares or not: Auth0 has nothing between that and another Auth0 tenant, with an
//! address and a contract of its own. Logins are kept in one database connection, each under an id that follows from ours.
//!
//! **Who a token speaks of.** A post-login Action of the deployment puts the claims into access tokens: `tenantId` from
//! `event.organization.metadata.tenantId`, `userId` from `event.user.app_metadata.tenantryUserId`, and `permissionsRef` with
//! the value `membership`. Neither metadata can be written by people themselves; `user_metadata` could.
//!
//! **Why no organization invitations.** Auth0's own invitation makes a login when it is accepted, so there would be no id to
//! remember for the person, and nobody to sign out or to expel. We make the login and a ticket for choosing its password, which
//! is how Auth0 documents inviting people into a database connection; the ticket goes out with our mail.

mod organization;
mod person;
mod taking_over;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use tenantry_app::{
    Admitted, Auth0Settings, Candidate, IdentityProvider, IdentityWish, Patience, Progress, ProviderError,
};
use tenantry_domain::{Clock, Entropy, Identity, Login, ProviderName};

use crate::HttpClient;
use crate::api::Api;
use crate::call::Call;
use crate::conversation::Conversation;
use person::Arrival;

/// Auth0 as an identity provider.
pub struct Auth0 {
    settings: Auth0Settings,
    api: Api,
    entropy: Arc<dyn Entropy>,
    patience: Duration,
}

impl Auth0 {
    /// With the secret of the machine-to-machine application. The calls of one operation may take `patience` together.
    pub fn new(
        settings: Auth0Settings,
        secret: SecretString,
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        patience: Duration,
    ) -> Self {
        let (audience, client) = (
            format!("{}/api/v2/", settings.url),
            settings.management_client_id.clone(),
        );
        let grant = move || {
            Call::post("/oauth/token", &[]).json(&json!({
                "grant_type": "client_credentials",
                "client_id": client,
                "client_secret": secret.expose_secret(),
                "audience": audience,
            }))
        };
        let reset = Some("x-ratelimit-reset");
        Self {
            api: Api::new(&settings.url, http, clock, Box::new(grant), reset),
            settings,
            entropy,
            patience,
        }
    }

    fn talk(&self) -> Conversation<'_> {
        Conversation {
            provider: ProviderName::Auth0,
            api: &self.api,
            patience: Patience::new(ProviderName::Auth0, self.patience, self.entropy.clone()),
        }
    }

    async fn prepare(&self, wish: &IdentityWish, progress: &dyn Progress) -> Result<Identity, ProviderError> {
        let talk = self.talk();
        let connection = organization::find_connection(&talk, &self.settings.connection, progress).await?;
        let (id, is_new) = organization::find_or_make(&talk, wish, progress).await?;
        match organization::enable(&talk, &id, &connection, progress).await {
            Ok(()) => {}
            Err(ProviderError::Refused { detail, .. }) if is_new => {
                let removed = organization::remove(&talk, &id, progress).await;
                return Err(talk.refusal_after(removed, detail));
            }
            Err(error) => return Err(error),
        }
        let (_, host) = self.settings.url.split_once("://").unwrap_or_default();
        Ok(Identity {
            provider: ProviderName::Auth0,
            place: talk.id(host)?,
            is_own: false,
            organization: Some(talk.id(&id)?),
            issuer: format!("{}/", self.settings.url),
            client_id: Some(talk.id(&self.settings.client_id)?),
        })
    }

    async fn welcome(
        &self,
        identity: &Identity,
        candidate: &Candidate,
        progress: &dyn Progress,
    ) -> Result<Admitted, ProviderError> {
        let talk = self.talk();
        let organization = identity.organization.as_ref().map(|id| id.as_str());
        let Some(organization) = organization else {
            return Err(talk.refusal("the tenant has no organization"));
        };
        let arrival = Arrival {
            talk: &talk,
            settings: &self.settings,
            organization,
            candidate,
            progress,
            entropy: &*self.entropy,
        };
        let person = arrival.find_or_make().await?;
        organization::join(&talk, organization, &person.id, progress).await?;
        if let Some(role) = self
            .settings
            .administrator_role_id
            .as_deref()
            .filter(|_| candidate.is_administrator)
        {
            organization::appoint(&talk, organization, &person.id, role, progress).await?;
        }
        Ok(Admitted {
            auth_id: talk.id(&person.id)?,
            key: arrival.first_key(&person).await?,
        })
    }
}

/// Ends all sessions and voids the refresh tokens. Auth0 answers before it has done so.
async fn sign_out(talk: &Conversation<'_>, login: &Login) -> Result<(), ProviderError> {
    for pattern in ["/api/v2/users/{id}/sessions", "/api/v2/users/{id}/refresh-tokens"] {
        let call = Call::delete(pattern, &[login.auth_id.as_str()]);
        talk.ask(call.expecting(&[202, 204, 404])).await?;
    }
    Ok(())
}

impl IdentityProvider for Auth0 {
    fn name(&self) -> ProviderName {
        ProviderName::Auth0
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
        Box::pin(async move { sign_out(&self.talk(), login).await })
    }

    fn expel<'a>(
        &'a self,
        identity: &'a Identity,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let talk = self.talk();
            if let Some(organization) = &identity.organization {
                organization::leave(&talk, organization.as_str(), login.auth_id.as_str()).await?;
            }
            sign_out(&talk, login).await
        })
    }

    fn forget<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let call = Call::delete("/api/v2/users/{id}", &[login.auth_id.as_str()]);
            self.talk().ask(call.expecting(&[204, 404])).await?;
            Ok(())
        })
    }
}
