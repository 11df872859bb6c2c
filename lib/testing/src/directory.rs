use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenantry_app::{
    Admitted, Candidate, FirstKey, IdentityProvider, IdentityProviders, IdentityWish, Progress, ProviderError,
};
use tenantry_domain::{Identity, Login, ProviderId, ProviderName};

/// Somebody else's directory of people, as identity providers keep one: in memory, slow enough to be cut off before and after
/// each thing it does, and in trouble when a test says so. The real providers are tested against their own contracts.
#[derive(Default)]
pub struct Directory {
    name: Option<ProviderName>,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    organizations: BTreeMap<String, u32>,
    logins: BTreeMap<String, u32>,
    members: BTreeSet<(String, String)>,
    calls: Vec<String>,
    trouble: Option<Trouble>,
    first_key: Option<FirstKey>,
}

/// What a directory answers instead.
#[derive(Clone, Copy, Debug)]
pub enum Trouble {
    /// That it is busy, for so many seconds.
    Busy(u32),
    /// No.
    Refusal,
}

impl Directory {
    /// One that is taken for this provider.
    pub fn of(name: ProviderName) -> Arc<Self> {
        Arc::new(Self {
            name: Some(name),
            entries: Mutex::default(),
        })
    }

    /// As the only provider there is.
    pub fn alone(self: &Arc<Self>) -> IdentityProviders {
        IdentityProviders::new([Arc::clone(self) as Arc<dyn IdentityProvider>])
    }

    /// Is in trouble from now on, or is not any more.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        self.entries().trouble = trouble;
    }

    /// Hands out this key from now on to whoever is new.
    pub fn set_first_key(&self, key: FirstKey) {
        self.entries().first_key = Some(key);
    }

    /// What was asked for since it was last asked.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.entries().calls)
    }

    /// How many organizations and logins there are; one that was made twice counts twice.
    pub fn counts(&self) -> (u32, u32) {
        let entries = self.entries();
        (
            entries.organizations.values().sum(),
            entries.logins.values().sum(),
        )
    }

    /// Who is in which organization.
    pub fn members(&self) -> BTreeSet<(String, String)> {
        self.entries().members.clone()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call, between two moments in which the caller may vanish.
    async fn serve<T>(&self, call: String, act: impl FnOnce(&mut Entries) -> T) -> Result<T, ProviderError> {
        tokio::task::yield_now().await;
        let answer = {
            let mut entries = self.entries();
            entries.calls.push(call.clone());
            match entries.trouble {
                None => Ok(act(&mut entries)),
                Some(trouble) => Err(self.error(trouble, call)),
            }
        };
        tokio::task::yield_now().await;
        answer
    }

    fn error(&self, trouble: Trouble, detail: String) -> ProviderError {
        let provider = self.name();
        match trouble {
            Trouble::Busy(seconds) => ProviderError::Unavailable {
                provider,
                detail,
                retry_after_s: Some(seconds),
            },
            Trouble::Refusal => ProviderError::Refused { provider, detail },
        }
    }

    fn id(text: &str) -> ProviderId {
        ProviderId::parse(text).expect("it is short and not blank")
    }
}

impl IdentityProvider for Directory {
    fn name(&self) -> ProviderName {
        self.name.unwrap_or(ProviderName::Cognito)
    }

    fn set_up<'a>(
        &'a self,
        wish: &'a IdentityWish,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Identity, ProviderError>> {
        async move {
            let organization = wish.tenant_id.to_string();
            if progress.made("organization").is_none() {
                self.serve("set up".to_owned(), |entries| {
                    entries.organizations.entry(organization.clone()).or_insert(1);
                })
                .await?;
                progress.note("organization", &organization).await?;
            }
            let place = if wish.is_silo {
                format!("pool-{}", wish.key)
            } else {
                "pool".to_owned()
            };
            Ok(Identity {
                provider: self.name(),
                issuer: format!("https://idp.example.com/{place}"),
                place: Self::id(&place),
                is_own: wish.is_silo,
                organization: Some(Self::id(&organization)),
                client_id: Some(Self::id("front-end")),
            })
        }
        .boxed()
    }

    fn admit<'a>(
        &'a self,
        identity: &'a Identity,
        candidate: &'a Candidate,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Admitted, ProviderError>> {
        async move {
            let auth_id = format!("sub-{}", candidate.user_id);
            let is_new = self
                .serve(format!("admit {}", candidate.email.as_str()), |entries| {
                    let is_new = !entries.logins.contains_key(&auth_id);
                    entries.logins.entry(auth_id.clone()).or_insert(1);
                    is_new
                })
                .await?;
            progress.note("login", &auth_id).await?;
            let organization = identity
                .organization
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            self.serve("let in".to_owned(), |entries| {
                entries.members.insert((organization, auth_id.clone()));
            })
            .await?;
            let key = match self.entries().first_key.clone() {
                Some(key) => key,
                None if is_new => FirstKey::MailedByProvider,
                None => FirstKey::Known,
            };
            Ok(Admitted {
                auth_id: Self::id(&auth_id),
                key,
            })
        }
        .boxed()
    }

    fn sign_out<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.serve(format!("sign out {}", login.auth_id), |_| ()).boxed()
    }

    fn expel<'a>(
        &'a self,
        identity: &'a Identity,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.serve(format!("expel {}", login.auth_id), |entries| {
            let organization = identity
                .organization
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            entries.members.remove(&(organization, login.auth_id.to_string()));
        })
        .boxed()
    }

    fn forget<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.serve(format!("forget {}", login.auth_id), |entries| {
            entries.logins.remove(login.auth_id.as_str());
        })
        .boxed()
    }
}
