//! A provider with its contract server, a clock that stands, seeded chance, and the tenant and the person of the tests.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde_json::json;
use tenantry_app::{
    Admitted, Auth0Settings, Candidate, IdentityProvider, IdentityWish, KeycloakSettings, Progress,
    ProviderError,
};
use tenantry_domain::{Clock, Email, Entropy, Id, Identity, PersonName, TenantKey, Timestamp};
use tenantry_identity::{Auth0, Keycloak};

use crate::auth0::Auth0Server;
use crate::keycloak::KeycloakServer;
use crate::wire::{Server, Wire};

pub const TENANT: &str = "019bc0ff-ee00-7000-8000-00000000acfe";
pub const USER: &str = "019bc0ff-ee00-7000-8000-000000000ada";
pub const ADDRESS: &str = "ada@acme.com";
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Which provider, and how the tenant is with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OwnRealm,
    OwnRealmThatMails,
    SharedRealm,
    SharedRealmThatMails,
    Auth0,
}

impl Kind {
    pub const ALL: [Self; 5] = [
        Self::OwnRealm,
        Self::OwnRealmThatMails,
        Self::SharedRealm,
        Self::SharedRealmThatMails,
        Self::Auth0,
    ];
    pub const KEYCLOAK: [Self; 4] = [
        Self::OwnRealm,
        Self::OwnRealmThatMails,
        Self::SharedRealm,
        Self::SharedRealmThatMails,
    ];

    pub fn is_silo(self) -> bool {
        matches!(self, Self::OwnRealm | Self::OwnRealmThatMails)
    }
}

pub struct World {
    pub kind: Kind,
    pub clock: Arc<StandingClock>,
    pub keycloak: Arc<KeycloakServer>,
    pub auth0: Arc<Auth0Server>,
    pub wire: Arc<Wire>,
    pub keycloak_settings: KeycloakSettings,
    pub auth0_settings: Auth0Settings,
    pub patience: Duration,
    entropy: Arc<SeededEntropy>,
}

impl World {
    pub fn new(kind: Kind) -> Self {
        let clock = Arc::new(StandingClock::default());
        let keycloak = Arc::new(KeycloakServer::new(clock.clone()));
        let auth0 = Arc::new(Auth0Server::new(clock.clone()));
        let server: Arc<dyn Server> = match kind {
            Kind::Auth0 => auth0.clone(),
            _ => keycloak.clone(),
        };
        let smtp = json!({ "host": "smtp.example", "port": "587", "auth": "true", "user": "u", "from": "no-reply@example.com" });
        Self {
            kind,
            keycloak_settings: KeycloakSettings {
                url: "https://id.example".to_owned(),
                service_realm: "master".to_owned(),
                service_client_id: "tenantry-service".to_owned(),
                shared_realm: "people".to_owned(),
                redirect_uris: vec!["https://{key}.app.example/*".to_owned()],
                smtp: (kind == Kind::OwnRealmThatMails)
                    .then(|| smtp.as_object().expect("the test is sound").clone()),
                shared_realm_mails: kind == Kind::SharedRealmThatMails,
            },
            auth0_settings: Auth0Settings {
                url: "https://acme.eu.auth0.com".to_owned(),
                management_client_id: "m2m".to_owned(),
                client_id: "app".to_owned(),
                connection: "people".to_owned(),
                administrator_role_id: Some("rol_admin".to_owned()),
            },
            patience: PATIENCE,
            entropy: Arc::default(),
            wire: Arc::new(Wire::new(server)),
            clock,
            keycloak,
            auth0,
        }
    }

    /// As a process that has just started has it.
    pub fn provider(&self) -> Box<dyn IdentityProvider> {
        let (http, clock, entropy) = (self.wire.clone(), self.clock.clone(), self.entropy.clone());
        let secret = SecretString::from("service-s3cret");
        if self.kind == Kind::Auth0 {
            Box::new(Auth0::new(
                self.auth0_settings.clone(),
                secret,
                http,
                clock,
                entropy,
                self.patience,
            ))
        } else {
            let smtp_password = Some(SecretString::from("smtp-s3cret"));
            let settings = self.keycloak_settings.clone();
            Box::new(Keycloak::new(
                settings,
                secret,
                smtp_password,
                http,
                clock,
                entropy,
                self.patience,
            ))
        }
    }

    pub fn wish(&self) -> IdentityWish {
        IdentityWish {
            tenant_id: Id::parse(TENANT).expect("the test is sound"),
            key: TenantKey::parse("acme").expect("the test is sound"),
            name: PersonName::parse("Acme").expect("the test is sound"),
            is_silo: self.kind.is_silo(),
        }
    }

    /// Sets up and admits, as the job does.
    pub async fn run(&self, progress: &Notes) -> Result<(Identity, Admitted), ProviderError> {
        let provider = self.provider();
        let identity = provider.set_up(&self.wish(), progress).await?;
        let admitted = provider.admit(&identity, &candidate(), progress).await?;
        Ok((identity, admitted))
    }

    pub async fn set_up(&self) -> Identity {
        self.provider()
            .set_up(&self.wish(), &Notes::default())
            .await
            .expect("the test is sound")
    }

    pub async fn admit(&self, identity: &Identity, candidate: &Candidate) -> Result<Admitted, ProviderError> {
        self.provider()
            .admit(identity, candidate, &Notes::default())
            .await
    }

    /// Carries it out, unless the wire cuts it off.
    pub async fn unless_cut<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wire.cut.notified() => None,
            done = work => Some(done),
        }
    }

    /// Makes the step after realm or organization a refusal.
    pub fn refuse_what_comes_after_the_container(&self, is_refused: bool) {
        self.auth0.state().refuses_connections = is_refused;
        let mut state = self.keycloak.state();
        for realm in state.realms.values_mut() {
            realm.refuses_clients = is_refused;
        }
        state.refuses_clients = is_refused;
    }

    /// How many there are of everything.
    pub fn census(&self) -> BTreeMap<&'static str, usize> {
        if self.kind == Kind::Auth0 {
            self.auth0.census()
        } else {
            self.keycloak.census()
        }
    }
}

/// The first administrator of the tests' tenant.
pub fn candidate() -> Candidate {
    Candidate {
        tenant_id: Id::parse(TENANT).expect("the test is sound"),
        user_id: Id::parse(USER).expect("the test is sound"),
        email: Email::parse(ADDRESS).expect("the test is sound"),
        first_name: PersonName::parse("Ada").expect("the test is sound"),
        last_name: Some(PersonName::parse("Lovelace").expect("the test is sound")),
        locale: None,
        is_administrator: true,
    }
}

/// What is noted of a set-up.
#[derive(Default)]
pub struct Notes {
    made: Mutex<BTreeMap<String, String>>,
    forgets: bool,
}

impl Notes {
    /// Notes that are never written.
    pub fn forgetting() -> Self {
        Self {
            forgets: true,
            ..Self::default()
        }
    }

    pub fn all(&self) -> BTreeMap<String, String> {
        self.made.lock().expect("no test panics with it").clone()
    }
}

impl Progress for Notes {
    fn made(&self, step: &str) -> Option<String> {
        self.made
            .lock()
            .expect("no test panics with it")
            .get(step)
            .cloned()
    }

    fn note<'a>(&'a self, step: &'static str, made: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        if !self.forgets {
            self.made
                .lock()
                .expect("no test panics with it")
                .insert(step.to_owned(), made.to_owned());
        }
        Box::pin(async { Ok(()) })
    }
}

/// 2026-01-15T09:30:00Z until it is moved.
pub struct StandingClock(AtomicI64);

impl Default for StandingClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_768_469_400_000))
    }
}

impl StandingClock {
    pub fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The same bytes in every run (splitmix64).
#[derive(Default)]
pub struct SeededEntropy(AtomicU64);

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let seed = self.0.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
            let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = u8::try_from((mixed ^ (mixed >> 27)) >> 56).expect("the test is sound");
        }
    }
}
