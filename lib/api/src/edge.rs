use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use tenantry_app::{App, TraceContext, metric};
use tenantry_domain::{Event, Id};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;
use tracing::field::Empty;

use crate::{Authenticator, Operation, Problem, Routes};

/// What the routes of all groups share.
#[derive(Clone)]
pub struct Edge {
    /// Store, clock, chance, configuration and keys.
    pub app: Arc<App>,
    /// Checks tokens.
    pub authenticator: Arc<Authenticator>,
}

/// The address of the client as API Gateway or the socket saw it; never a header that a client can write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientAddress(pub String);

#[derive(Clone, Debug, Default)]
pub(crate) struct RequestId(pub(crate) String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Headers that make a browser careful with an answer; a page that needs more sets its own.
const SECURITY_HEADERS: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'",
    ),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
];

/// The service of these groups, with everything that is true of every answer.
pub fn router(groups: Vec<Routes>, edge: &Edge) -> Router {
    let mut router = Router::new();
    for group in groups {
        router = router.merge(group.into_router(edge));
    }
    let no_such_method = || async {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the path has no such method",
        )
    };
    router
        .fallback(|| async { Problem::no_such_route() })
        .method_not_allowed_fallback(no_such_method)
        .layer(CatchPanicLayer::custom(|_| Problem::panicked().into_response()))
        .layer(from_fn(answer))
        .layer(cors(&edge.app.config.cors_origins))
        .layer(from_fn_with_state(edge.clone(), name))
        .with_state(edge.clone())
}

/// Gives the request its id and its span: outermost, so that every answer carries the one and every log line the other.
async fn name(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let given = request.extensions().get::<RequestId>().cloned();
    let id = given.map_or_else(
        || Id::<Event>::new(edge.app.clock.now(), &*edge.app.entropy).to_string(),
        |given| given.0,
    );
    request.extensions_mut().insert(RequestId(id.clone()));
    let trace = trace_of(&request, &id);
    let span = tracing::info_span!(
        "request",
        request.id = id,
        trace.id = trace.trace_id(),
        http.method = %request.method(),
        tenant.id = Empty,
        correlation.id = Empty
    );
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The trace that the platform in front of us has begun, or the caller's, or a new one. Two headers are none.
fn trace_of(request: &Request, id: &str) -> TraceContext {
    if let Some(given) = request.extensions().get::<TraceContext>() {
        return given.clone();
    }
    let mut values = request.headers().get_all(TRACEPARENT).iter();
    let given = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    TraceContext::of_request(given, id)
}

/// Renders problems, sets what every answer carries, and logs the answer once.
async fn answer(request: Request, next: Next) -> Response {
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_default();
    // The route's path, never the request's: ids may be there, codes and queries must not.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let begun = tokio::time::Instant::now();
    let mut response = next.run(request).await;
    let latency_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let problem = response.extensions_mut().remove::<Problem>();
    let (code, cause) = problem.as_ref().map_or(("none", None), Problem::cause);
    let status = response.status();
    metric::answered(&format!("{method} {route}"), status.as_u16(), latency_ms);
    match cause {
        Some(cause) => tracing::error!(
            http.route = route,
            http.status = status.as_u16(),
            error.code = code,
            error.cause = cause,
            "request failed"
        ),
        None if status.is_client_error() => tracing::info!(
            http.route = route,
            http.status = status.as_u16(),
            error.code = code,
            "request refused"
        ),
        None => tracing::info!(
            http.route = route,
            http.status = status.as_u16(),
            "request answered"
        ),
    }
    if let Some(problem) = problem {
        let allow = response.headers().get(ALLOW).cloned();
        response = problem.render(&request_id.0, allow);
    }
    for (name, value) in SECURITY_HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

fn cors(origins: &[String]) -> CorsLayer {
    if origins.is_empty() {
        return CorsLayer::new();
    }
    let origins = origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    let idempotency_key = HeaderName::from_static("idempotency-key");
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            http::header::AUTHORIZATION,
            http::header::CONTENT_TYPE,
            http::header::IF_MATCH,
            idempotency_key,
            TRACEPARENT,
        ])
        .expose_headers([
            http::header::ETAG,
            http::header::LOCATION,
            http::header::RETRY_AFTER,
            REQUEST_ID,
        ])
        .max_age(std::time::Duration::from_hours(1))
}

impl Edge {
    /// Lets the caller's request id stand, where the platform in front of us (API Gateway) has given one.
    pub fn name_request(request: &mut http::Extensions, id: String) {
        request.insert(RequestId(id));
    }
}

impl Operation {
    /// Names the request that led to this one, so that one search finds the lines of both.
    pub fn correlate(&self, request_id: &str) {
        tracing::Span::current().record("correlation.id", request_id);
    }

    /// Puts the tenant into the request's span, so that every line of it can be found.
    pub fn about_tenant(&self, id: impl std::fmt::Display) {
        tracing::Span::current().record("tenant.id", tracing::field::display(id));
    }
}
