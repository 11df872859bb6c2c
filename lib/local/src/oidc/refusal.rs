use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::oidc::answer_log::Told;
use crate::oidc::parameters::Unusable;

/// An error that a client reads: RFC 6749 section 5.2, RFC 6750 section 3.1.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: &'static str,
    pub(super) description: String,
    /// How a client could prove more, where the answer has to say.
    pub(super) challenge: Option<&'static str>,
    pub(super) told: Told,
}

impl Refusal {
    pub(super) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.into(),
            challenge: None,
            told: Told::refused(error),
        }
    }

    pub(super) fn invalid_client(challenge: Option<&'static str>) -> Self {
        let rule = "there are public clients only: send client_id, and no secret";
        Self {
            status: StatusCode::UNAUTHORIZED,
            challenge,
            ..Self::new("invalid_client", rule)
        }
    }

    pub(super) fn failed(error: &tenantry_app::Error) -> Self {
        let (status, code, description) = failure(error);
        Self {
            status,
            told: Told::failed(code, error),
            ..Self::new(code, description)
        }
    }
}

/// What to answer when something of ours did not do its part.
pub(super) fn failure(error: &tenantry_app::Error) -> (StatusCode, &'static str, &'static str) {
    let is_unavailable = matches!(
        error,
        tenantry_app::Error::Store(tenantry_store::Error::Unavailable(_))
    );
    if is_unavailable {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return (status, "temporarily_unavailable", "the table does not answer");
    }
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    (status, "server_error", "something went wrong")
}

impl From<Unusable> for Refusal {
    fn from(unusable: Unusable) -> Self {
        Self::new("invalid_request", unusable.problem)
    }
}

impl From<tenantry_app::Error> for Refusal {
    fn from(error: tenantry_app::Error) -> Self {
        Self::failed(&error)
    }
}

impl From<tenantry_store::Error> for Refusal {
    fn from(error: tenantry_store::Error) -> Self {
        Self::failed(&error.into())
    }
}

impl From<crate::Error> for Refusal {
    fn from(error: crate::Error) -> Self {
        Self::failed(&tenantry_app::Error::Internal(error.into()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = (self.status, unkept(), Json(body)).into_response();
        if let Some(challenge) = self.challenge {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        self.told.about(response)
    }
}

/// Nobody keeps an answer of the issuer.
pub(super) fn unkept() -> [(http::HeaderName, &'static str); 2] {
    [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")]
}
