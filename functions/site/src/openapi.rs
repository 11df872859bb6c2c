use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tenantry_api::Raw;

/// The API document of all groups, as `cargo xtask generate` wrote it; a function knows only its own routes.
pub const DOCUMENT: &str = include_str!("../../../infra/openapi/openapi.json");

/// Read the API document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json")))]
pub(crate) async fn find_openapi() -> Raw {
    Raw((
        [
            (CONTENT_TYPE, "application/json"),
            (CACHE_CONTROL, "public, max-age=300"),
        ],
        DOCUMENT,
    )
        .into_response())
}
