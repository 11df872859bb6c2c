use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderName;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use tenantry_api::{Path, Problem, Raw};
use tenantry_domain::Rule;

/// The viewer sets styles and images from data URLs; it loads nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A file of Swagger UI as `build.rs` compressed it.
macro_rules! viewer {
    ($name:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz"))
    };
}

/// A file's name.
pub(crate) struct FileName(String);

impl std::str::FromStr for FileName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Ok(Self(text.to_owned()))
    }
}

/// Read the API document as a page.
#[utoipa::path(get, path = "/docs", responses((status = 303, description = "To the page.")))]
pub(crate) async fn find_docs() -> Raw {
    Raw(Redirect::to("/docs/index.html").into_response())
}

/// Read a file of the page.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    params(("file" = String, Path, description = "The file's name.")),
    responses((status = 200, description = "The file."))
)]
pub(crate) async fn find_docs_file(Path(FileName(name)): Path<FileName>) -> Result<Raw, Problem> {
    let file = match name.as_str() {
        "index.html" => text("text/html; charset=utf-8", include_str!("docs.html")),
        "swagger-initializer.js" => text("text/javascript", include_str!("docs.js")),
        "swagger-ui-bundle.js" => compressed("text/javascript", viewer!("swagger-ui-bundle.js")),
        "swagger-ui.css" => compressed("text/css", viewer!("swagger-ui.css")),
        _ => return Err(Problem::no_such_route()),
    };
    Ok(Raw(file))
}

fn text(content_type: &'static str, text: &'static str) -> Response {
    (headers(content_type), text).into_response()
}

/// Every browser takes gzip, and nobody else has a use for the viewer.
fn compressed(content_type: &'static str, bytes: &'static [u8]) -> Response {
    (headers(content_type), [(CONTENT_ENCODING, "gzip")], bytes).into_response()
}

fn headers(content_type: &'static str) -> [(HeaderName, &'static str); 3] {
    [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "public, max-age=300"),
    ]
}
