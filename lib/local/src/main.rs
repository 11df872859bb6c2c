//! `cargo run`: starts the whole product on one port.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::{Long, Short, ValueExt as _};
use tenantry_local::{Options, Server};
use tokio::signal::unix::{SignalKind, signal};

const HELP: &str = "\
Tenantry on your machine: API, table, relay, mailbox and a sample application plane in one process.

Usage: tenantry [--port PORT] [--data DIR] [--no-app-plane]

  --port PORT      port on loopback, 3000 if absent, 0 for any free one
  --data DIR       keeps data in this folder instead of in memory
  --no-app-plane   leaves provisioning events unanswered, so that you can play the application plane
  --help           prints this

Settings come from the environment: APPLICATION_PLANE, BILLING_GRACE_DAYS, CORS_ORIGINS, EVENT_SOURCE, FRONTEND_URL,
INVITATION_DAYS, INVITATION_URL, INVOICE_DUE_DAYS, INVOICE_SELLER, JOB_DEADLINE_MINUTES, LOG_LEVEL, METRICS_TOKEN_SHA256,
OFFBOARD_GRACE_DAYS, PUBLIC_RATE_PER_MINUTE, TIERS, TOKEN_MAX_BYTES.";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match read_arguments() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print(HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            complain(&format!("{error}; see --help"));
            return ExitCode::from(2);
        }
    };
    let level = setting("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
    // Standard output belongs to the lines below; logs go to standard error.
    tracing_subscriber::fmt()
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_env_filter(level)
        .init();
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    // Before the server starts, so that no signal is missed.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let server = Server::start(options, setting)
        .await
        .map_err(|error| format!("cannot start: {error}"))?;
    let Server {
        url, table_endpoint, ..
    } = &server;
    print(&format!("mailbox   {url}/local/mailbox"));
    print(&format!("docs      {url}/docs"));
    print(&format!("issuer    {url}/local-issuer"));
    print(&format!("dynamodb  {table_endpoint}"));
    print(url);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.stop().await;
    Ok(())
}

fn read_arguments() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options {
        port: 3000,
        ..Options::default()
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => options.port = arguments.value()?.parse()?,
            Long("data") => options.data = Some(PathBuf::from(arguments.value()?)),
            Long("no-app-plane") => options.no_app_plane = true,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(options))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the local product reads its environment"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A reader that went away is no reason to stop serving.
fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "tenantry: {line}");
}
