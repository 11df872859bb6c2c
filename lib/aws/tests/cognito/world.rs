//! Tenants and people who shall be let in, and notes of how far that is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, HttpClient};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use aws_types::region::Region;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tenantry_app::{
    Candidate, CognitoSettings, IdentityWish, OsEntropy, Progress, ProviderError, SystemClock,
};
use tenantry_aws::Cognito;
use tenantry_domain::{Clock as _, Email, Id, Locale, PersonName, TenantKey, Text};

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn sdk(url: &str, http: impl HttpClient + 'static) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(TokioSleep::new())
        .endpoint_url(url)
        .http_client(http)
        .build()
}

pub(crate) fn settings(user_pool_id: &str, client_id: &str) -> CognitoSettings {
    CognitoSettings {
        user_pool_id: user_pool_id.to_owned(),
        client_id: client_id.to_owned(),
        issuer_base: format!("https://cognito-idp.{REGION}.amazonaws.com"),
        token_trigger_arn: Some(format!(
            "arn:aws:lambda:{REGION}:000000000000:function:token-trigger"
        )),
        callback_urls: vec!["https://{key}.example.com/signed-in".to_owned()],
    }
}

pub(crate) fn cognito(sdk: &SdkConfig, settings: CognitoSettings, patience: Duration) -> Cognito {
    Cognito::new(sdk, settings, Arc::new(OsEntropy), patience)
}

fn id<T>() -> Id<T> {
    Id::new(SystemClock.now(), &OsEntropy)
}

pub(crate) fn wish(is_silo: bool) -> IdentityWish {
    IdentityWish {
        tenant_id: id(),
        key: TenantKey::parse("acme").expect("it is a key"),
        name: Text::parse("Acme & Söhne").expect("it is a name"),
        is_silo,
    }
}

/// Somebody whom nobody knows yet.
pub(crate) fn candidate(wish: &IdentityWish) -> Candidate {
    let user_id = id();
    Candidate {
        tenant_id: wish.tenant_id,
        user_id,
        email: Email::parse(&format!("ada+{user_id}@acme.com")).expect("it is an address"),
        first_name: PersonName::parse("Ada").expect("it is a name"),
        last_name: Some(PersonName::parse("Lovelace").expect("it is a name")),
        locale: Some(Locale::parse("de-CH").expect("it is a language")),
        is_administrator: true,
    }
}

/// What was noted, in memory.
#[derive(Default)]
pub(crate) struct Notes(Mutex<BTreeMap<String, String>>);

impl Notes {
    pub(crate) fn of(notes: &[(&str, &str)]) -> Self {
        let notes = notes
            .iter()
            .map(|(step, made)| ((*step).to_owned(), (*made).to_owned()));
        Self(Mutex::new(notes.collect()))
    }
}

impl Progress for Notes {
    fn made(&self, step: &str) -> Option<String> {
        self.0
            .lock()
            .expect("nobody panics in between")
            .get(step)
            .cloned()
    }

    fn note<'a>(&'a self, step: &'static str, made: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move {
            let mut notes = self.0.lock().expect("nobody panics in between");
            notes.insert(step.to_owned(), made.to_owned());
            Ok(())
        }
        .boxed()
    }
}
