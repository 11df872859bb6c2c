//! Runs the consumer on Lambda.

use tenantry_aws::{Error, Process, consume};
use tenantry_logins::Logins;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let Process { app, telemetry, .. } = Process::start_with_identity().await?;
    let logins = Logins::new(app);
    // What was not done is in the answer; the queue brings it again.
    let handle = |batch| async { Ok::<_, std::convert::Infallible>(logins.handle(batch).await) };
    consume(telemetry, handle).await
}
