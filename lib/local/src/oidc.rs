//! The local product as an OpenID Connect issuer, so that a front end can be developed against it: authorization code with PKCE
//! for public clients on loopback addresses. It asks nobody for a password, so it is for a laptop, and in no function's tree.

mod answer_log;
mod authorization;
mod authorize;
mod discovery;
mod logout;
mod page;
mod parameters;
mod redirect_uri;
mod refusal;
mod sessions;
mod token;
mod token_claims;
mod userinfo;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use http::Method;
use http::header::WWW_AUTHENTICATE;
use tenantry_app::{App, Context, TraceContext};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::issuer::LocalIssuer;
use crate::oidc::answer_log::RequestName;

pub use sessions::Sessions;

/// More than any form of ours needs.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// What the issuer's routes work with.
#[derive(Clone)]
pub(crate) struct IssuerDesk {
    /// Store, clock and chance.
    pub(crate) app: Arc<App>,
    /// Signs.
    pub(crate) issuer: Arc<LocalIssuer>,
    /// Codes and refresh tokens.
    pub(crate) sessions: Arc<Sessions>,
    /// How long an access token may be.
    pub(crate) token_max_bytes: usize,
}

impl IssuerDesk {
    fn context(&self, name: &RequestName) -> Context {
        let trace = TraceContext::of_request(None, &name.0);
        Context::new(&self.app, name.0.clone(), trace)
    }
}

/// The issuer's routes. Front ends on other ports call some of them from the browser.
pub(crate) fn router(desk: IssuerDesk) -> Router {
    let from_front_ends = Router::new()
        .route(
            "/local-issuer/.well-known/openid-configuration",
            get(discovery::find_configuration),
        )
        .route("/local-issuer/jwks.json", get(discovery::find_keys))
        .route("/local-issuer/token", post(token::issue_tokens))
        .route(
            "/local-issuer/userinfo",
            get(userinfo::find_person).post(userinfo::find_person),
        );
    let from_people = Router::new()
        .route(
            "/local-issuer/authorize",
            get(authorize::show).post(authorize::submit),
        )
        .route("/local-issuer/logout", get(logout::follow).post(logout::submit));
    let log = from_fn_with_state(desk.clone(), answer_log::answer);
    from_front_ends
        .layer(log.clone())
        .layer(cors())
        .merge(from_people.layer(log))
        .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
        .with_state(desk)
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| {
            origin.to_str().is_ok_and(redirect_uri::is_loopback_origin)
        }))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([WWW_AUTHENTICATE])
}
