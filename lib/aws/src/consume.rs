use std::future::Future;

use http::{HeaderMap, StatusCode};
use lambda_runtime::{LambdaEvent, service_fn};
use tracing::Instrument as _;

use crate::Error;
use crate::telemetry::{Telemetry, Work};

/// Hands each Lambda event to the consumer and answers what it returns; an error has Lambda bring the event again.
pub async fn consume<E, R, X, F, H>(telemetry: Telemetry, handle: H) -> Result<(), Error>
where
    E: for<'de> serde::Deserialize<'de>,
    R: serde::Serialize,
    X: std::error::Error,
    F: Future<Output = Result<R, X>>,
    H: Fn(E) -> F,
{
    let (telemetry, handle) = (&telemetry, &handle);
    lambda_runtime::run(service_fn(|event: LambdaEvent<E>| async move {
        let (span, _) = telemetry.begin(Work::Batch, &HeaderMap::new());
        let result = handle(event.payload).instrument(span.clone()).await;
        let status = if result.is_ok() {
            StatusCode::OK
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        telemetry.end(span, status, &event.context.request_id).await;
        // What Lambda keeps of it goes to a queue that others read: the cause is in the log.
        result.map_err(|error| Error::from(error.to_string()))
    }))
    .await
}
