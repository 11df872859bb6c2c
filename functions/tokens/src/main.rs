//! Runs the trigger on Lambda.

use tenantry_aws::{Error, Process, consume};
use tenantry_tokens::{Settings, Tokens};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::read(variable)?;
    let Process { app, telemetry, .. } = Process::start_without_keys().await?;
    let tokens = Tokens::new(app, settings);
    consume(telemetry, |event| tokens.handle(event)).await
}

#[expect(
    clippy::disallowed_methods,
    reason = "the start of a process reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
