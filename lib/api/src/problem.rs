use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use tenantry_app::ProviderError;
use tenantry_domain::{Conflict, Error as DomainError, Violation};
use tenantry_store::{Error as StoreError, StoredReply};
use utoipa::openapi::response::{Response as ResponseDoc, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

/// An answer that is not a success. It becomes RFC 9457 problem details at the edge, which adds the request's id.
#[derive(Clone, Debug)]
pub struct Problem(Box<Kind>);

#[derive(Clone, Debug)]
enum Kind {
    /// Something the client can read about.
    Client {
        status: StatusCode,
        code: &'static str,
        detail: String,
        errors: Vec<Violation>,
        headers: Vec<(http::HeaderName, HeaderValue)>,
    },
    /// What the same request was answered before.
    Repeated(StoredReply),
    /// For the client only that it happened; the cause is for the log.
    Server {
        status: StatusCode,
        code: &'static str,
        cause: String,
    },
    /// Somebody else, whom we depend on, did not do its part; the cause is for the log.
    Upstream {
        code: &'static str,
        detail: &'static str,
        cause: String,
        retry_after_s: u32,
    },
}

/// RFC 9457 problem details.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDetails<'a> {
    /// Identifies the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "https://tenantry.dev/problems/tenant_key_taken")]
    kind: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: &'a str,
    /// The request's id, as in `x-request-id`.
    instance: &'a str,
    /// Stable; branch on this.
    code: &'a str,
    /// Every rule that the body breaks.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<ViolationDoc>)]
    errors: &'a [Violation],
}

/// A rule that the body breaks.
#[derive(ToSchema)]
#[schema(as = Violation)]
#[expect(dead_code, reason = "describes the domain's violation in the API document")]
pub(crate) struct ViolationDoc {
    /// Where: a JSON pointer.
    pointer: String,
    /// Stable; branch on this.
    code: String,
    /// What the value must be.
    detail: String,
}

impl Problem {
    /// A client error.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self(Box::new(Kind::Client {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }))
    }

    /// 400.
    pub fn malformed(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: the challenge names the scheme, and the error when a token was there (RFC 6750).
    pub fn unauthenticated(detail: &'static str, has_token: bool) -> Self {
        let challenge = if has_token {
            r#"Bearer realm="tenantry", error="invalid_token""#
        } else {
            r#"Bearer realm="tenantry""#
        };
        let code = if has_token {
            "invalid_token"
        } else {
            "token_required"
        };
        Self::new(StatusCode::UNAUTHORIZED, code, detail).with(WWW_AUTHENTICATE, challenge)
    }

    /// 401 for a signature that proves nothing: the challenge names our scheme.
    pub fn unsigned(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail).with(
            WWW_AUTHENTICATE,
            r#"Signature realm="tenantry", headers="x-timestamp x-signature""#,
        )
    }

    /// 404 for a path that no route has.
    pub fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_route", "there is no such path")
    }

    /// 500; the cause goes to the log only.
    pub fn internal(cause: &dyn std::error::Error) -> Self {
        Self(Box::new(Kind::Server {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            cause: chain(cause),
        }))
    }

    pub(crate) fn panicked() -> Self {
        let cause = "the handler panicked".to_owned();
        Self(Box::new(Kind::Server {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            cause,
        }))
    }

    pub(crate) fn repeated(reply: StoredReply) -> Self {
        Self(Box::new(Kind::Repeated(reply)))
    }

    pub(crate) fn with(mut self, name: http::HeaderName, value: &str) -> Self {
        if let (Kind::Client { headers, .. }, Ok(value)) = (&mut *self.0, HeaderValue::from_str(value)) {
            headers.push((name, value));
        }
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match &*self.0 {
            Kind::Client { status, .. } | Kind::Server { status, .. } => *status,
            Kind::Upstream { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Kind::Repeated(reply) => StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK),
        }
    }

    /// What the log should hear about it: the code, and the cause when it is ours.
    pub(crate) fn cause(&self) -> (&'static str, Option<&str>) {
        match &*self.0 {
            Kind::Client { code, .. } => (code, None),
            Kind::Server { code, cause, .. } | Kind::Upstream { code, cause, .. } => (code, Some(cause)),
            Kind::Repeated(_) => ("repeated", None),
        }
    }

    /// The answer, with the request's id in it.
    pub(crate) fn render(&self, request_id: &str, allow: Option<HeaderValue>) -> Response {
        match &*self.0 {
            Kind::Repeated(reply) => render_repeated(reply),
            Kind::Client {
                status,
                code,
                detail,
                errors,
                headers,
            } => {
                let mut response = render_details(*status, code, detail, errors, request_id);
                response.headers_mut().extend(
                    headers
                        .iter()
                        .map(|(name, value)| (Some(name.clone()), value.clone())),
                );
                if let Some(allow) = allow {
                    response.headers_mut().insert(ALLOW, allow);
                }
                response
            }
            Kind::Upstream {
                code,
                detail,
                retry_after_s,
                ..
            } => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let mut response = render_details(status, code, detail, &[], request_id);
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(*retry_after_s));
                response
            }
            Kind::Server { status, code, .. } => {
                let detail = if *status == StatusCode::SERVICE_UNAVAILABLE {
                    "the service is busy; try again"
                } else {
                    "something went wrong on our side; the request id identifies it"
                };
                let mut response = render_details(*status, code, detail, &[], request_id);
                if *status == StatusCode::SERVICE_UNAVAILABLE {
                    response
                        .headers_mut()
                        .insert(RETRY_AFTER, HeaderValue::from_static("2"));
                }
                response
            }
        }
    }
}

fn render_details(
    status: StatusCode,
    code: &str,
    detail: &str,
    errors: &[Violation],
    request_id: &str,
) -> Response {
    let kind = format!("https://tenantry.dev/problems/{code}");
    let title = status.canonical_reason().unwrap_or("Error");
    let details = ProblemDetails {
        kind,
        title,
        status: status.as_u16(),
        detail,
        instance: request_id,
        code,
        errors,
    };
    let body = serde_json::to_string(&details).expect("problem details are plain strings");
    (
        status,
        [
            (CONTENT_TYPE, "application/problem+json"),
            (CACHE_CONTROL, "no-store"),
        ],
        body,
    )
        .into_response()
}

fn render_repeated(reply: &StoredReply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK);
    let mut response = (status, reply.body.clone()).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    if !reply.body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in [
        (http::header::LOCATION, &reply.location),
        (http::header::ETAG, &reply.etag),
    ] {
        if let Some(value) = value
            .as_deref()
            .and_then(|value| HeaderValue::from_str(value).ok())
        {
            headers.insert(name, value);
        }
    }
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

/// The whole chain of causes: the log hears it once, here.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

impl From<DomainError> for Problem {
    fn from(error: DomainError) -> Self {
        let detail = error.to_string();
        match error {
            DomainError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            DomainError::Conflict(conflict) => conflict_problem(&conflict, detail),
            DomainError::Invalid(invalid) => Self(Box::new(Kind::Client {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                code: "invalid_body",
                detail: format!(
                    "the body breaks {} rule{}",
                    invalid.0.len(),
                    if invalid.0.len() == 1 { "" } else { "s" }
                ),
                errors: invalid.0,
                headers: Vec::new(),
            })),
            DomainError::Unauthenticated(detail) => Self::unauthenticated(detail, true),
            DomainError::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            DomainError::MembershipInactive(_) => {
                Self::new(StatusCode::FORBIDDEN, "membership_inactive", detail)
            }
            DomainError::PreconditionFailed { .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
            }
            DomainError::RateLimited { retry_after_s } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
                    .with(RETRY_AFTER, &retry_after_s.to_string())
            }
            DomainError::IdempotencyKeyReused => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused", detail)
            }
        }
    }
}

fn conflict_problem(conflict: &Conflict, detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, conflict.code(), detail)
}

impl From<Conflict> for Problem {
    fn from(conflict: Conflict) -> Self {
        DomainError::from(conflict).into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refusal) => refusal.into(),
            StoreError::Repeated(reply) => Self::repeated(*reply),
            StoreError::InvalidCursor => {
                Self::malformed("invalid_cursor", "cursor: is not one that this list gave out")
            }
            StoreError::Unavailable(ref cause) => {
                let (status, cause) = (StatusCode::SERVICE_UNAVAILABLE, chain(&**cause));
                Self(Box::new(Kind::Server {
                    status,
                    code: "unavailable",
                    cause,
                }))
            }
            StoreError::Overtaken | StoreError::Internal(_) => Self::internal(&error),
        }
    }
}

/// When it is asked again, if the provider does not say when.
const RETRY_PROVIDER_S: u32 = 10;
/// When it is asked again where somebody has to change a setting first.
const RETRY_SETTING_S: u32 = 300;

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        let cause = chain(&error);
        let (code, detail, retry_after_s) = match error {
            ProviderError::Unavailable { retry_after_s, .. } => (
                "identity_provider_unavailable",
                "the identity provider does not answer; try again, and what is there already will be found",
                retry_after_s.unwrap_or(RETRY_PROVIDER_S),
            ),
            ProviderError::Refused { .. } => (
                "identity_provider_refused",
                "the identity provider refuses what it is asked for; the request id identifies why",
                RETRY_SETTING_S,
            ),
            ProviderError::Progress(error) => return (*error).into(),
        };
        Self(Box::new(Kind::Upstream {
            code,
            detail,
            cause,
            retry_after_s,
        }))
    }
}

impl From<tenantry_app::Error> for Problem {
    fn from(error: tenantry_app::Error) -> Self {
        match error {
            tenantry_app::Error::Refused(refusal) => refusal.into(),
            tenantry_app::Error::Store(error) => error.into(),
            tenantry_app::Error::Provider(error) => error.into(),
            tenantry_app::Error::Internal(_) => Self::internal(&error),
        }
    }
}

/// The edge renders it: it knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Handlers return problems of many statuses; the document names the shape once, under `default`.
impl IntoResponses for Problem {
    fn responses() -> std::collections::BTreeMap<String, RefOr<ResponseDoc>> {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description("Anything else: see `code` and `detail`.")
            .content("application/problem+json", content)
            .build();
        [("default".to_owned(), response.into())].into()
    }
}
