use serde::Serialize;
use tenantry_api::{Count, Operation};
use utoipa::ToSchema;

/// A sign of life. Nothing of the request is said back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ping {
    /// Always the same.
    greeting: &'static str,
    /// Our clock.
    #[schema(format = DateTime)]
    date: String,
}

/// Answer.
#[utoipa::path(get, path = "/ping")]
pub(crate) async fn find_ping(operation: Operation) -> Count<Ping> {
    Count(Ping {
        greeting: "Hello from Tenantry",
        date: operation.context.now.to_string(),
    })
}
