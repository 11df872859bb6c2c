use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::request::RequestContext;
use lambda_http::{RequestExt as _, service_fn};
use secrecy::SecretString;
use tenantry_api::{Authenticator, ClientAddress, Edge, Routes, router};
use tenantry_app::{App, Config, ConfigError, IdentityProviders, Keyring, OsEntropy, SystemClock};
use tenantry_domain::Entropy as _;
use tenantry_store::{Settings, Store};
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::https::{Https, aws_roots};
use crate::keys::HttpKeys;
use crate::sdk::sdk_config;
use crate::telemetry::{Telemetry, Work};
use crate::tokens::RING;

/// Why a function could not start.
pub type Error = lambda_http::Error;

/// How long the calls of one request to the table may take together; API Gateway gives up after 30 seconds.
const PATIENCE: Duration = Duration::from_secs(6);

/// The AWS SDKs' name for a file of trust roots; they stand in for those that are compiled in.
pub(crate) const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// What a function has in hand when it starts.
pub struct Process {
    /// The SDK's configuration.
    pub sdk: SdkConfig,
    /// Store, clock, chance, settings and keys.
    pub app: Arc<App>,
    /// Logs, metrics and spans.
    pub telemetry: Telemetry,
}

impl Process {
    /// Reads the environment, opens the keyring, and makes the first call to the table, so that the first request need not.
    pub async fn start() -> Result<Self, Error> {
        let telemetry = Telemetry::start(setting(CA_BUNDLE).as_deref())?;
        let sdk = sdk_of_environment()?;
        let table = Table::new(&sdk)?;
        // Two connections at once: each is several round trips.
        let (keyring, ()) = tokio::join!(open_keyring(&sdk), table.warm_up());
        Self::with(sdk, telemetry, &table, keyring?, IdentityProviders::default())
    }

    /// The same with the providers of identities that the deployment names.
    #[cfg(feature = "identity")]
    pub async fn start_with_identity() -> Result<Self, Error> {
        let telemetry = Telemetry::start(setting(CA_BUNDLE).as_deref())?;
        let sdk = sdk_of_environment()?;
        let table = Table::new(&sdk)?;
        let config = Config::read(setting)?;
        // Two calls to Secrets Manager at once are large together.
        let providers = Box::pin(crate::providers::providers(&sdk, &config));
        let (keyring, providers, ()) = tokio::join!(open_keyring(&sdk), providers, table.warm_up());
        Self::with(sdk, telemetry, &table, keyring?, providers?)
    }

    /// Starts without the deployment's keys.
    pub async fn start_without_keys() -> Result<Self, Error> {
        let telemetry = Telemetry::start(setting(CA_BUNDLE).as_deref())?;
        let sdk = sdk_of_environment()?;
        let table = Table::new(&sdk)?;
        table.warm_up().await;
        Self::with(
            sdk,
            telemetry,
            &table,
            throwaway_keyring(),
            IdentityProviders::default(),
        )
    }

    fn with(
        sdk: SdkConfig,
        telemetry: Telemetry,
        table: &Table,
        keyring: Keyring,
        identity: IdentityProviders,
    ) -> Result<Self, Error> {
        let config = Config::read(setting)?;
        let app = App {
            store: table.open(&keyring),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            config,
            keyring,
            identity,
        };
        Ok(Self {
            sdk,
            telemetry,
            app: Arc::new(app),
        })
    }
}

struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Table {
    fn new(sdk: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            client: aws_sdk_dynamodb::Client::new(sdk),
            name: setting("TABLE_NAME").ok_or_else(|| ConfigError::new("TABLE_NAME", "is not set"))?,
        })
    }

    fn open(&self, keyring: &Keyring) -> Store {
        let settings = Settings {
            table: self.name.clone(),
            cursor_key: keyring.cursor_key(),
            audit_keys: keyring.audit_keys(),
            entropy: Arc::new(OsEntropy),
            patience: PATIENCE,
        };
        Store::new(&self.client, settings)
    }

    /// Makes a call, whose connection stays in the HTTP client. It needs no key, so it need not wait for one.
    async fn warm_up(&self) {
        if let Err(error) = self.open(&throwaway_keyring()).warm_up().await {
            tracing::warn!(error = %error, "the table did not answer during start; requests will try again");
        }
    }
}

fn throwaway_keyring() -> Keyring {
    let mut bytes = [0; 32];
    OsEntropy.fill(&mut bytes);
    Keyring::from_bytes(bytes)
}

/// Serves a group of routes behind API Gateway.
pub async fn serve(routes: Routes) -> Result<(), Error> {
    run(Process::start().await?, routes).await
}

/// Serves a group that speaks to providers of identities.
#[cfg(feature = "identity")]
pub async fn serve_with_identity(routes: Routes) -> Result<(), Error> {
    run(Process::start_with_identity().await?, routes).await
}

/// Serves a group that seals nothing and gives out nothing signed; it may not read the deployment's keys.
pub async fn serve_without_keys(routes: Routes) -> Result<(), Error> {
    run(Process::start_without_keys().await?, routes).await
}

/// Has tokens signed and verified by ring, which is linked for TLS; once in a process, and before the first token.
pub fn choose_cryptography() -> Result<(), Error> {
    RING.install_default()
        .map_err(|_| "the cryptography of tokens was chosen before the start".into())
}

async fn run(Process { app, telemetry, .. }: Process, routes: Routes) -> Result<(), Error> {
    choose_cryptography()?;
    let authenticator = Authenticator::new(
        app.config.issuers.clone(),
        Arc::new(HttpKeys::new(setting(CA_BUNDLE))),
    );
    let edge = Edge {
        app,
        authenticator: Arc::new(authenticator),
    };
    let router = router(vec![routes], &edge);
    let serve = |mut request: lambda_http::Request| {
        let (router, telemetry) = (router.clone(), telemetry.clone());
        async move {
            let (span, trace) = telemetry.begin(Work::Request(&route_of(&request)), request.headers());
            name_client(&mut request);
            if let Some(trace) = trace {
                request.extensions_mut().insert(trace);
            }
            let response = router.oneshot(request).instrument(span.clone()).await?;
            telemetry
                .end(span, response.status(), request_id(&response))
                .await;
            Ok::<_, std::convert::Infallible>(response)
        }
    };
    lambda_http::run(service_fn(serve)).await
}

/// The route as API Gateway names it.
fn route_of(request: &lambda_http::Request) -> String {
    let route = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone(),
        _ => None,
    };
    route.unwrap_or_else(|| "none".to_owned())
}

/// Takes the client's address and the request's id from API Gateway, which no client can write.
fn name_client(request: &mut lambda_http::Request) {
    let (address, id) = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            (context.http.source_ip.clone(), context.request_id.clone())
        }
        _ => (None, None),
    };
    request
        .extensions_mut()
        .insert(ClientAddress(address.unwrap_or_default()));
    if let Some(id) = id {
        Edge::name_request(request.extensions_mut(), id);
    }
}

fn request_id<B>(response: &http::Response<B>) -> &str {
    let id = response.headers().get("x-request-id");
    id.and_then(|id| id.to_str().ok()).unwrap_or_default()
}

fn sdk_of_environment() -> Result<SdkConfig, Error> {
    let https = Https::trusting(aws_roots(setting(CA_BUNDLE).as_deref())?)?;
    Ok(sdk_config(https, setting)?)
}

/// From Secrets Manager; or from `TENANTRY_MASTER_KEY` (base64 of 32 bytes), for runs outside AWS.
async fn open_keyring(sdk: &SdkConfig) -> Result<Keyring, Error> {
    if let Some(key) = setting("TENANTRY_MASTER_KEY") {
        let bytes = STANDARD
            .decode(key)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let bytes =
            bytes.ok_or_else(|| ConfigError::new("TENANTRY_MASTER_KEY", "must be base64 of 32 bytes"))?;
        return Ok(Keyring::from_bytes(bytes));
    }
    let name = setting("MASTER_KEY_SECRET_ARN")
        .ok_or_else(|| ConfigError::new("MASTER_KEY_SECRET_ARN", "is not set"))?;
    let secret = aws_sdk_secretsmanager::Client::new(sdk)
        .get_secret_value()
        .secret_id(name)
        .send()
        .await?;
    let text = SecretString::from(secret.secret_string.unwrap_or_default());
    Ok(Keyring::parse(&text)?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a function reads its environment"
)]
pub(crate) fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
