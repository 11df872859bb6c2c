//! Runs the consumer on Lambda.

use tenantry_aws::{Error, Process, consume};
use tenantry_provisioning::Provisioning;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let Process { app, telemetry, .. } = Process::start().await?;
    let provisioning = Provisioning::new(app);
    consume(telemetry, |input| provisioning.handle(input)).await
}
