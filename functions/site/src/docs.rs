use std::sync::Arc;

use axum::response::{IntoResponse, Redirect};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use tenantry_api::{Path, Problem, Raw};
use tenantry_domain::Rule;
use utoipa_swagger_ui::Config;

/// The viewer sets styles and images from data URLs; it loads nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

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
    let config = Arc::new(
        Config::new(["/openapi.json"])
            .try_it_out_enabled(true)
            .validator_url("none"),
    );
    match utoipa_swagger_ui::serve(&name, config) {
        Ok(Some(file)) => {
            let headers = [
                (CONTENT_TYPE, file.content_type),
                (CONTENT_SECURITY_POLICY, POLICY.to_owned()),
                (CACHE_CONTROL, "public, max-age=300".to_owned()),
            ];
            Ok(Raw((headers, file.bytes.into_owned()).into_response()))
        }
        Ok(None) => Err(Problem::no_such_route()),
        Err(error) => Err(Problem::internal(&*error)),
    }
}
