use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};
use tenantry_domain::{Id, Timestamp};

use crate::AUDIENCE;
use crate::oidc::IssuerDesk;
use crate::oidc::answer_log::{RequestName, Told};
use crate::oidc::authorization::Scopes;
use crate::oidc::refusal::{Refusal, unkept};
use crate::oidc::token_claims::{OPERATOR, describe};

/// OpenID Connect Core 1.0 section 5.3. Unlike the API, which believes an access token until it ends, this knows whether the
/// sign-in is over.
pub(super) async fn find_person(
    State(desk): State<IssuerDesk>,
    Extension(name): Extension<RequestName>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let context = desk.context(&name);
    let Some(token) = bearer(&headers) else {
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            challenge: Some("Bearer"),
            ..Refusal::new(
                "invalid_request",
                "an access token is required in the Authorization header",
            )
        });
    };
    let claims = desk
        .issuer
        .read(token)
        .filter(|claims| is_live(&desk, claims, context.now));
    let claims = claims.ok_or_else(invalid_token)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let scopes = Scopes::parse(text("scope"));
    if !scopes.has("openid") {
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            challenge: Some("Bearer error=\"insufficient_scope\", scope=\"openid\""),
            ..Refusal::new("insufficient_scope", "the token must have the scope openid")
        });
    }
    let subject = text("sub");
    let mut answer = Map::from_iter([("sub".to_owned(), json!(subject))]);
    let mut told = Told::done("person_described");
    if subject == OPERATOR {
        answer.extend(describe(None, &scopes));
    } else {
        let user_id = Id::parse(subject).map_err(|_| invalid_token())?;
        let user = context
            .store
            .find_user(user_id)
            .await?
            .ok_or_else(invalid_token)?;
        answer.extend(describe(Some(&user), &scopes));
        told = told.by(Some(user_id));
    }
    Ok(told.about((unkept(), Json(answer)).into_response()))
}

/// Whether it is one of our access tokens, not over, of a sign-in that is not over.
fn is_live(desk: &IssuerDesk, claims: &Map<String, Value>, now: Timestamp) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_current = claims
        .get("exp")
        .and_then(Value::as_i64)
        .is_some_and(|exp| now.as_seconds() < exp);
    let session = text("sid").and_then(|sid| Id::parse(sid).ok());
    // An ID token has no scope, even one whose client has our audience's name.
    text("aud") == Some(AUDIENCE)
        && text("scope").is_some()
        && is_current
        && session.is_some_and(|id| desk.sessions.is_live(id, now))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn invalid_token() -> Refusal {
    Refusal {
        status: StatusCode::UNAUTHORIZED,
        challenge: Some("Bearer error=\"invalid_token\""),
        ..Refusal::new(
            "invalid_token",
            "the token is not valid, or the sign-in that it is of is over",
        )
    }
}
