use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use tenantry_api::ClientAddress;
use tenantry_app::{Config, OsEntropy, SystemClock, sha256_hex};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Error;
use crate::app_plane::AppPlane;
use crate::issuer::IssuerSettings;
use crate::local_routes::SCRAPE_TOKEN;
use crate::product::{Ingredients, Product};

/// How often the stream is looked at; DynamoDB's own takes about as long to reach a function.
const STREAM_PAUSE: Duration = Duration::from_millis(100);
/// How often what has expired is removed.
const SWEEP_PAUSE: Duration = Duration::from_mins(1);
/// How often deadlines are watched; deployed, every five minutes.
const WATCH_PAUSE: Duration = Duration::from_secs(2);
/// How long open connections may take to end.
const GRACE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(6);

/// How the local product is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port on loopback; 0 for any free one.
    pub port: u16,
    /// Where data is kept; in memory if absent.
    pub data: Option<PathBuf>,
    /// Whether the sample application plane stays away.
    pub no_app_plane: bool,
}

/// The running product.
pub struct Server {
    /// Where it is reached.
    pub url: String,
    /// Where its embedded table is reached.
    pub table_endpoint: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    app_plane: Option<JoinHandle<()>>,
    product: Arc<Product>,
    /// Held as long as the server runs.
    _lock: Option<File>,
}

impl Server {
    /// Starts serving; settings are looked up by the names of environment variables.
    pub async fn start(options: Options, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let lock = options.data.as_deref().map(lock_folder).transpose()?;
        let listener = TcpListener::bind(("127.0.0.1", options.port))
            .await
            .map_err(|error| Error::new(format!("port {}: {error}", options.port)))?;
        let url = format!(
            "http://localhost:{}",
            listener.local_addr().map_err(Error::new)?.port()
        );
        let config = Config::read(|name| lookup(name).or_else(|| default(name, &url))).map_err(Error::new)?;
        let wire = config.application_plane.clone();
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let ingredients = Ingredients {
            clock: clock.clone(),
            entropy,
            config,
            data: options.data,
            patience: PATIENCE,
            identity: None,
        };
        let settings =
            IssuerSettings::read(&url, lookup("TOKEN_MAX_BYTES").as_deref()).map_err(Error::new)?;
        let product = Arc::new(Product::start_at(ingredients, settings).await?);
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(serve(listener, product.router.clone(), stopped.clone())),
            tokio::spawn(pump(Arc::clone(&product), stopped.clone())),
            tokio::spawn(sweep(Arc::clone(&product), stopped.clone())),
            tokio::spawn(keep_schedules(Arc::clone(&product), stopped)),
        ];
        let app_plane = if options.no_app_plane {
            None
        } else {
            Some(tokio::spawn(
                AppPlane::listen(&product.bus, wire, url.clone(), clock)?.run(),
            ))
        };
        let table_endpoint = product.table.endpoint.clone();
        Ok(Self {
            url,
            table_endpoint,
            stop,
            tasks,
            app_plane,
            product,
            _lock: lock,
        })
    }

    /// Lets the application plane finish, ends open requests, delivers what is in the outbox, and stops.
    pub async fn stop(self) {
        if let Some(app_plane) = self.app_plane {
            // The bus forgets: an event that is not answered now never would be.
            if let Err(error) = self.product.relay_once().await {
                tracing::error!(error = %error, "the stream could not be read");
            }
            self.product.bus.close();
            if tokio::time::timeout(GRACE, app_plane).await.is_err() {
                tracing::warn!("the application plane did not finish in time");
            }
        }
        let _ = self.stop.send(true);
        for task in self.tasks {
            if tokio::time::timeout(GRACE, task).await.is_err() {
                tracing::warn!("a connection did not end in time");
            }
        }
        self.product.table.stop();
    }
}

/// Two processes on one folder would both run its relay.
fn lock_folder(folder: &Path) -> Result<File, Error> {
    let name = folder.display();
    let failed = |error: std::io::Error| Error::new(format!("data folder {name}: {error}"));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let lock = File::create(folder.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(format!("data folder {name}: another process uses it")))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// What is different from the defaults when everything is on one port.
fn default(name: &str, url: &str) -> Option<String> {
    match name {
        "API_URL" => Some(url.to_owned()),
        "METRICS_TOKEN_SHA256" => Some(sha256_hex(SCRAPE_TOKEN)),
        "FRONTEND_URL" => Some(format!("{url}/local/verify")),
        "INVITATION_URL" => Some(format!("{url}/local/invitation")),
        _ => None,
    }
}

async fn serve(listener: TcpListener, router: axum::Router, mut stopped: watch::Receiver<bool>) {
    let service = router
        .layer(from_fn(name_client))
        .into_make_service_with_connect_info::<SocketAddr>();
    let until = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(until).await {
        tracing::error!(error = %error, "the server stopped");
    }
}

async fn name_client(mut request: Request, next: Next) -> Response {
    let address = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip().to_string());
    request
        .extensions_mut()
        .insert(ClientAddress(address.unwrap_or_default()));
    next.run(request).await
}

/// Runs the relay as the stream's event source does.
async fn pump(product: Arc<Product>, mut stopped: watch::Receiver<bool>) {
    loop {
        if let Err(error) = product.relay_once().await {
            tracing::error!(error = %error, "the stream could not be read");
        }
        product.take_answers().await;
        product.follow_members().await;
        if *stopped.borrow() {
            return;
        }
        let _ = tokio::time::timeout(STREAM_PAUSE, stopped.changed()).await;
    }
}

/// Does what the schedules have the function do.
async fn keep_schedules(product: Arc<Product>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        for task in ["watch_deadlines", "sweep_billing"] {
            let input = serde_json::json!({ "task": task });
            if let Err(error) = product.provisioning.handle(input).await {
                tracing::error!(task, error = %error, "a task of the schedule could not be done");
            }
        }
        let _ = tokio::time::timeout(WATCH_PAUSE, stopped.changed()).await;
    }
}

async fn sweep(product: Arc<Product>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        if let Err(error) = product.table.sweep() {
            tracing::warn!(error = %error, "expired items could not be removed");
        }
        let _ = tokio::time::timeout(SWEEP_PAUSE, stopped.changed()).await;
    }
}
