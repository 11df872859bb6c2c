use axum::response::{Html, IntoResponse};
use http::header::CONTENT_SECURITY_POLICY;
use tenantry_api::Raw;

/// Say what this is.
#[utoipa::path(get, path = "/", responses((status = 200, description = "A page.", content_type = "text/html")))]
pub(crate) async fn find_home() -> Raw {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    Raw((
        [(CONTENT_SECURITY_POLICY, policy)],
        Html(include_str!("home.html")),
    )
        .into_response())
}
