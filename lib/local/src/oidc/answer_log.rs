use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use tenantry_domain::{Event, Id, Tenant, User};
use tracing::Instrument as _;

use crate::oidc::IssuerDesk;

/// What a request is called in its lines and its answer.
#[derive(Clone, Debug)]
pub(super) struct RequestName(pub(super) String);

/// What the log is told of an answer: what was done, for whom, and why not. Never a code, a token, an address or a client's name.
#[derive(Clone, Debug)]
pub(super) struct Told {
    step: &'static str,
    error: Option<&'static str>,
    cause: Option<String>,
    user_id: Option<Id<User>>,
    tenant_id: Option<Id<Tenant>>,
    is_alarming: bool,
}

impl Told {
    pub(super) fn done(step: &'static str) -> Self {
        Self {
            step,
            error: None,
            cause: None,
            user_id: None,
            tenant_id: None,
            is_alarming: false,
        }
    }

    pub(super) fn refused(error: &'static str) -> Self {
        Self {
            error: Some(error),
            ..Self::done("refused")
        }
    }

    /// Something of ours did not do its part: the whole chain of causes.
    pub(super) fn failed(error: &'static str, cause: &tenantry_app::Error) -> Self {
        let chain = std::iter::successors(Some(cause as &dyn std::error::Error), |cause| cause.source());
        let chain: Vec<String> = chain.map(ToString::to_string).collect();
        Self {
            cause: Some(chain.join(": ")),
            ..Self::refused(error)
        }
    }

    /// Something was used twice that is good for once.
    pub(super) fn reused(error: &'static str) -> Self {
        Self {
            is_alarming: true,
            ..Self::refused(error)
        }
    }

    pub(super) fn by(self, user_id: Option<Id<User>>) -> Self {
        Self { user_id, ..self }
    }

    pub(super) fn in_tenant(self, tenant_id: Option<Id<Tenant>>) -> Self {
        Self { tenant_id, ..self }
    }

    pub(super) fn about(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

/// Names the request, and logs its answer once.
pub(super) async fn answer(State(desk): State<IssuerDesk>, mut request: Request, next: Next) -> Response {
    let id = Id::<Event>::new(desk.app.clock.now(), &*desk.app.entropy).to_string();
    request.extensions_mut().insert(RequestName(id.clone()));
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", request.id = id, http.method = %request.method());
    let mut response = async {
        let mut response = next.run(request).await;
        let told = response.extensions_mut().remove::<Told>();
        log(
            &route,
            response.status().as_u16(),
            &told.unwrap_or_else(|| Told::done("answered")),
        );
        response
    }
    .instrument(span)
    .await;
    let headers = response.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    response
}

fn log(route: &str, status: u16, told: &Told) {
    let Told {
        step,
        error,
        cause,
        user_id,
        tenant_id,
        is_alarming,
    } = told;
    let (user_id, tenant_id) = (
        user_id.map(tracing::field::display),
        tenant_id.map(tracing::field::display),
    );
    match (cause, is_alarming) {
        (Some(cause), _) => tracing::error!(
            http.route = route,
            http.status = status,
            error.code = error,
            error.cause = cause,
            "the local issuer failed"
        ),
        (None, true) => tracing::warn!(
            http.route = route,
            http.status = status,
            error.code = error,
            user.id = user_id,
            "a code or token came to the local issuer twice: the sign-in that it is of is over"
        ),
        (None, false) => tracing::info!(
            http.route = route,
            http.status = status,
            step,
            error.code = error,
            user.id = user_id,
            tenant.id = tenant_id,
            "the local issuer answered"
        ),
    }
}
