//! Runs the relay on Lambda.

use std::convert::Infallible;
use std::sync::Arc;

use tenantry_aws::{Error, EventBridge, Process, Ses, consume};
use tenantry_relay::Relay;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let Process { sdk, app, telemetry } = Process::start().await?;
    let bus = EventBridge::new(&sdk, &app.config.event_bus);
    let mail = Ses::new(&sdk, &app.config.mail_from);
    let relay = Relay::new(app, Arc::new(bus), Arc::new(mail))?;
    // What could not be delivered is in the answer; the stream brings it again.
    let handle = |event| async { Ok::<_, Infallible>(relay.handle(event).await) };
    consume(telemetry, handle).await
}
