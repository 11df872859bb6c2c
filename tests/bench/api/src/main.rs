//! The API in one process over plain HTTP: the functions' routers, as they are, without Lambda in front. A second port
//! has what the product is compared with: the same `DynamoDB` calls through the bare SDK, and an answer without any work.
//!
//! `tenantry-bench load` starts it. It takes the client's address from a header, so it is no server for anything else.

mod control;
mod replay;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config as SdkConfig};
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lexopt::prelude::{Long, ValueExt as _};
use tenantry_api::{Authenticator, ClientAddress, Edge, KeyFetch, KeySource, router};
use tenantry_app::{App, Config, IdentityProviders, Issuer, Keyring, OsEntropy, SystemClock};
use tenantry_domain::Entropy as _;
use tenantry_store::{Settings, Store};
use tokio::net::TcpListener;

use crate::replay::Recorder;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the process that starts this one says.
#[derive(Default)]
struct Options {
    table: String,
    endpoint: String,
    issuer: String,
    audience: String,
    key_set: String,
}

/// An issuer whose keys are known.
struct KnownKeys(String);

impl KeySource for KnownKeys {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, KeyFetch> {
        std::future::ready(Ok(self.0.clone())).boxed()
    }
}

/// One thread, as a function has.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let options = read_arguments()?;
    init_logs();
    tenantry_aws::choose_cryptography()?;
    let recorder = Recorder::default();
    let client = client(&options.endpoint);
    let recorded = Client::from_conf(client.config().to_builder().interceptor(recorder.clone()).build());
    let (product, control) = (bind().await?, bind().await?);
    let _ = writeln!(
        std::io::stdout(),
        "{}\n{}",
        product.local_addr()?,
        control.local_addr()?
    );
    let measured = api(&options, &client)?;
    let beside = control::router(recorder, &client, api(&options, &recorded)?);
    let (product, control) = tokio::join!(serve(product, measured), serve(control, beside));
    product.and(control)
}

async fn bind() -> Result<TcpListener, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?)
}

async fn serve(listener: TcpListener, router: Router) -> Result<(), Error> {
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

fn api(options: &Options, client: &Client) -> Result<Router, Error> {
    let mut config = Config::read(|name| (name == "PUBLIC_RATE_PER_MINUTE").then(|| "1000000".to_owned()))?;
    config.issuers = vec![Issuer::new(
        options.issuer.clone(),
        vec![options.audience.clone()],
        "https://issuer.example.com/jwks.json".to_owned(),
        true,
    )];
    let mut master = [0; 32];
    OsEntropy.fill(&mut master);
    let keyring = Keyring::from_bytes(master);
    let settings = Settings {
        table: options.table.clone(),
        cursor_key: keyring.cursor_key(),
        audit_keys: keyring.audit_keys(),
        entropy: Arc::new(OsEntropy),
        patience: Duration::from_secs(10),
    };
    let authenticator = Authenticator::new(
        config.issuers.clone(),
        Arc::new(KnownKeys(options.key_set.clone())),
    );
    let app = App {
        store: Store::new(client, settings),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        config,
        keyring,
        identity: IdentityProviders::default(),
    };
    let edge = Edge {
        app: Arc::new(app),
        authenticator: Arc::new(authenticator),
    };
    let groups = vec![
        tenantry_site::routes(),
        tenantry_leads::routes(),
        tenantry_tenants::routes(),
        tenantry_accounts::routes(),
        tenantry_users::routes(),
        tenantry_access::routes(),
        tenantry_callbacks::routes(),
    ];
    Ok(router(groups, &edge).layer(from_fn(name_client)))
}

/// The load comes from one machine and stands for many.
async fn name_client(mut request: Request, next: Next) -> Response {
    let address = request
        .headers()
        .get("x-bench-client")
        .and_then(|value| value.to_str().ok());
    let address = ClientAddress(address.unwrap_or("203.0.113.7").to_owned());
    request.extensions_mut().insert(address);
    next.run(request).await
}

/// As the functions: no TLS here, so that it is not counted as the SDK's work.
fn client(endpoint: &str) -> Client {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .build();
    Client::from_conf(config)
}

/// As the functions, but to standard error: standard output says where we are.
fn init_logs() {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .without_time()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .init();
}

fn read_arguments() -> Result<Options, Error> {
    let mut options = Options::default();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("table") => options.table = arguments.value()?.string()?,
            Long("endpoint") => options.endpoint = arguments.value()?.string()?,
            Long("issuer") => options.issuer = arguments.value()?.string()?,
            Long("audience") => options.audience = arguments.value()?.string()?,
            Long("key-set") => options.key_set = arguments.value()?.string()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}
