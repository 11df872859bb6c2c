use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use tenantry_domain::Id;

use crate::oidc::IssuerDesk;
use crate::oidc::answer_log::Told;
use crate::oidc::page::{self, Page};
use crate::oidc::parameters::{Parameters, Unusable};
use crate::oidc::redirect_uri::RedirectUri;

/// OpenID Connect RP-Initiated Logout 1.0: a link of the front end.
pub(super) async fn follow(State(desk): State<IssuerDesk>, RawQuery(query): RawQuery) -> Response {
    answer(&desk, &Parameters::read(query.unwrap_or_default().as_bytes()))
}

/// The same as a form.
pub(super) async fn submit(State(desk): State<IssuerDesk>, body: Bytes) -> Response {
    answer(&desk, &Parameters::read(&body))
}

fn answer(desk: &IssuerDesk, parameters: &Parameters<'_>) -> Response {
    match sign_out(desk, parameters) {
        Ok(response) => response,
        Err(Unusable { problem }) => {
            let page = page::answer(StatusCode::BAD_REQUEST, &Page::Refused(&problem));
            Told::refused("invalid_request").about(page)
        }
    }
}

/// Nobody stays signed in here but in a session that the ID token names; without one there is nothing to end.
fn sign_out(desk: &IssuerDesk, parameters: &Parameters<'_>) -> Result<Response, Unusable> {
    let back = match parameters.find("post_logout_redirect_uri")? {
        None => None,
        Some(text) => Some(RedirectUri::parse(text).ok_or_else(|| Unusable {
            problem: "post_logout_redirect_uri must be on this machine".to_owned(),
        })?),
    };
    let state = parameters.find("state")?;
    // Good for this even when it is over (section 2).
    let claims = parameters
        .find("id_token_hint")?
        .and_then(|token| desk.issuer.read(token));
    let session = claims
        .as_ref()
        .and_then(|claims| Id::parse(claims.get("sid").and_then(Value::as_str)?).ok());
    let ended = session.and_then(|id| desk.sessions.end(id));
    let response = match back {
        Some(back) => {
            let state: Vec<(&str, &str)> = state.map(|state| ("state", state)).into_iter().collect();
            page::redirect(&back.with(&state))
        }
        None => page::answer(StatusCode::OK, &Page::SignedOut),
    };
    let told = match &ended {
        Some(ended) => Told::done("signed_out").by(ended.who.user_id()),
        None => Told::done("nobody_signed_out"),
    };
    Ok(told.about(response))
}
