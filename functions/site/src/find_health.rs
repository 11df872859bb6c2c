use serde::Serialize;
use tenantry_api::{Count, Operation, Problem};
use utoipa::ToSchema;

/// That everything that a request needs is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`; if it is not, the answer is a 503.
    status: &'static str,
    /// The version that runs.
    version: &'static str,
}

/// Check that the table answers.
#[utoipa::path(get, path = "/health")]
pub(crate) async fn find_health(operation: Operation) -> Result<Count<Health>, Problem> {
    operation.context.store.warm_up().await?;
    Ok(Count(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    }))
}
