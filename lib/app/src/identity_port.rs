//! The port to identity providers: Cognito, Keycloak, Auth0, or the local product's own issuer.

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tenantry_domain::{
    Email, Id, Identity, Locale, Login, PersonName, ProviderId, ProviderName, Tenant, TenantKey, Text, User,
};
use thiserror::Error;

/// A tenant whose people shall be able to sign in. All of it comes from our table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityWish {
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// Its short name.
    pub key: TenantKey,
    /// Its name for people.
    pub name: Text<100>,
    /// Whether it shall share with no other tenant.
    pub is_silo: bool,
}

/// A person who shall be able to sign in to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// The person, as we know it: what makes asking twice find the same login.
    pub user_id: Id<User>,
    /// Where it is written to, and what it signs in with.
    pub email: Email,
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: Option<PersonName>,
    /// The language that it is spoken to in.
    pub locale: Option<Locale>,
    /// Whether it administers the tenant.
    pub is_administrator: bool,
}

/// What became of a person's login.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The person's id there; the `sub` of its tokens.
    pub auth_id: ProviderId,
    /// How the person gets in for the first time.
    pub key: FirstKey,
}

/// How a person gets in for the first time.
#[derive(Clone, Debug)]
pub enum FirstKey {
    /// It has signed in before, or has been told already.
    Known,
    /// The provider has written to it.
    MailedByProvider,
    /// Whoever opens this address can choose a password: it goes into a mail and nowhere else.
    Link(SecretString),
    /// A password that has to be changed at once: it goes into a mail and nowhere else.
    Password(SecretString),
}

/// Why a provider did not do what it was asked for. Texts are for the log: never a secret, a password or an address.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// Too many requests, an error of its own, or no answer, until the deadline. The same call may succeed later.
    #[error("{provider} does not answer: {detail}")]
    Unavailable {
        /// Which one.
        provider: ProviderName,
        /// What it said last.
        detail: String,
        /// In how many seconds it wants to be asked again, if it says so.
        retry_after_s: Option<u32>,
    },
    /// It says no, and will say so again until somebody changes a setting.
    #[error("{provider} refuses: {detail}")]
    Refused {
        /// Which one.
        provider: ProviderName,
        /// Which call, and what it said.
        detail: String,
    },
    /// How far it is could not be noted.
    #[error(transparent)]
    Progress(#[from] Box<crate::Error>),
}

/// Notes how far a set-up is. What was noted is not asked for again; what was made and not noted is found by its name.
pub trait Progress: Send + Sync {
    /// What an earlier step made, or found.
    fn made(&self, step: &str) -> Option<String>;

    /// Notes what a step made. An empty text takes the step back: what it made is removed again.
    fn note<'a>(&'a self, step: &'static str, made: &'a str) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// A provider of identities. Every operation can be repeated, side by side and after having been cut off at any call.
pub trait IdentityProvider: Send + Sync {
    /// Which one.
    fn name(&self) -> ProviderName;

    /// Makes or finds where the tenant's people sign in. What would be harmful half done is undone before it answers `Refused`.
    fn set_up<'a>(
        &'a self,
        wish: &'a IdentityWish,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Identity, ProviderError>>;

    /// Makes or finds a person's login, and lets it into the tenant.
    fn admit<'a>(
        &'a self,
        identity: &'a Identity,
        candidate: &'a Candidate,
        progress: &'a dyn Progress,
    ) -> BoxFuture<'a, Result<Admitted, ProviderError>>;

    /// Ends a person's sessions: what it holds is not renewed any more. One who is not there has none.
    fn sign_out<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>>;

    /// Takes a person out of the tenant, and ends its sessions.
    fn expel<'a>(
        &'a self,
        identity: &'a Identity,
        login: &'a Login,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;

    /// Removes a person's login for good.
    fn forget<'a>(&'a self, login: &'a Login) -> BoxFuture<'a, Result<(), ProviderError>>;
}
