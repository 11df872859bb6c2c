use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenantry_app::{Admitted, Candidate, FirstKey, IdentityProvider, IdentityWish, Progress, ProviderError};
use tenantry_domain::{Id, Identity, Login, ProviderId, ProviderName};

use crate::AUDIENCE;
use crate::issuer::LocalIssuer;
use crate::oidc::Sessions;

/// The local issuer as a provider of identities: it lets in whom we know, so there is nothing to set up.
pub struct LocalIdentity {
    issuer: String,
    sessions: Arc<Sessions>,
}

impl LocalIdentity {
    /// For this issuer, and who signed in to it.
    pub fn new(issuer: &LocalIssuer, sessions: Arc<Sessions>) -> Self {
        Self {
            issuer: issuer.url().to_owned(),
            sessions,
        }
    }

    fn end_sessions(&self, login: &Login) {
        if login.provider == ProviderName::Local
            && let Ok(user_id) = Id::parse(login.auth_id.as_str())
        {
            self.sessions.end_all_of(user_id);
            tracing::info!(user.id = %user_id, "a person was signed out of the local issuer");
        }
    }
}

impl IdentityProvider for LocalIdentity {
    fn name(&self) -> ProviderName {
        ProviderName::Local
    }

    fn set_up<'a>(
        &'a self,
        wish: &'a IdentityWish,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Identity, ProviderError>> {
        let identity = Identity {
            provider: ProviderName::Local,
            place: ProviderId::abridge("local", "local"),
            is_own: false,
            organization: Some(ProviderId::abridge(&wish.tenant_id.to_string(), "local")),
            issuer: self.issuer.clone(),
            client_id: Some(ProviderId::abridge(AUDIENCE, AUDIENCE)),
        };
        std::future::ready(Ok(identity)).boxed()
    }

    fn admit<'a>(
        &'a self,
        _: &'a Identity,
        candidate: &'a Candidate,
        _: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Admitted, ProviderError>> {
        let admitted = Admitted {
            auth_id: ProviderId::abridge(&candidate.user_id.to_string(), "local"),
            key: FirstKey::Known,
        };
        std::future::ready(Ok(admitted)).boxed()
    }

    fn sign_out<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.end_sessions(login);
        std::future::ready(Ok(())).boxed()
    }

    fn expel<'a>(&'a self, _: &'a Identity, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.sign_out(login)
    }

    fn forget<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.sign_out(login)
    }
}

#[cfg(test)]
mod tests {
    use tenantry_app::OsEntropy;
    use tenantry_domain::{Email, PersonName, TenantKey, Text, Timestamp};

    use super::*;

    /// There is nothing to note.
    struct Nothing;

    impl Progress for Nothing {
        fn made(&self, _: &str) -> Option<String> {
            None
        }

        fn note<'a>(&'a self, _: &'static str, _: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
            std::future::ready(Ok(())).boxed()
        }
    }

    #[tokio::test]
    async fn a_tenant_and_its_people_are_there_as_soon_as_somebody_asks() {
        let issuer = LocalIssuer::with_base(&[7; 32], "http://localhost:3000").expect("any seed makes a key");
        let provider = LocalIdentity::new(&issuer, Arc::new(Sessions::new(Arc::new(OsEntropy))));
        let now = Timestamp::from_millis(1_768_469_400_000);
        let wish = IdentityWish {
            tenant_id: Id::new(now, &OsEntropy),
            key: TenantKey::parse("acme").expect("it is a key"),
            name: Text::parse("Acme").expect("it is a name"),
            is_silo: true,
        };
        let candidate = Candidate {
            tenant_id: wish.tenant_id,
            user_id: Id::new(now, &OsEntropy),
            email: Email::parse("ada@acme.com").expect("it is an address"),
            first_name: PersonName::abridge("Ada", "person"),
            last_name: None,
            locale: None,
            is_administrator: true,
        };

        let identity = provider.set_up(&wish, &Nothing).await.expect("it is in memory");
        let admitted = provider
            .admit(&identity, &candidate, &Nothing)
            .await
            .expect("it is in memory");

        let organization = identity.organization.as_ref().map(ToString::to_string);
        assert_eq!(organization, Some(wish.tenant_id.to_string()));
        assert_eq!(identity.issuer, "http://localhost:3000/local-issuer");
        assert!(!identity.is_own, "all tenants share it");
        assert_eq!(admitted.auth_id.as_str(), candidate.user_id.to_string());
        assert!(matches!(admitted.key, FirstKey::Known));
    }
}
