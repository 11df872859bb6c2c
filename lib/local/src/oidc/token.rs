use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::oidc::IssuerDesk;
use crate::oidc::answer_log::{RequestName, Told};
use crate::oidc::authorization::Scopes;
use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::{Refusal, unkept};
use crate::oidc::sessions::{Session, Shown, Worthless};
use crate::oidc::token_claims::{Issued, LIFE_S, Wish};

const FORM: &str = "application/x-www-form-urlencoded";

/// RFC 6749 sections 4.1.3 and 6, RFC 7636 section 4.5.
pub(super) async fn issue_tokens(
    State(desk): State<IssuerDesk>,
    Extension(name): Extension<RequestName>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if !kind
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case(FORM)
    {
        return Err(Refusal::new(
            "invalid_request",
            format!("the body must be {FORM}"),
        ));
    }
    let body = body.map_err(|_| Refusal::new("invalid_request", "the body is too large"))?;
    let form = Parameters::read(&body);
    if headers.contains_key(AUTHORIZATION) {
        return Err(Refusal::invalid_client(Some("Basic realm=\"local-issuer\"")));
    }
    for secret in ["client_secret", "client_assertion"] {
        if form.find(secret)?.is_some() {
            return Err(Refusal::invalid_client(None));
        }
    }
    match form.need("grant_type")? {
        "authorization_code" => redeem(&desk, &name, &form).await,
        "refresh_token" => renew(&desk, &name, &form).await,
        _ => Err(Refusal::new(
            "unsupported_grant_type",
            "grant_type must be authorization_code or refresh_token",
        )),
    }
}

async fn redeem(desk: &IssuerDesk, name: &RequestName, form: &Parameters<'_>) -> Result<Response, Refusal> {
    let shown = Shown {
        code: form.need("code")?,
        client_id: form.need("client_id")?,
        redirect_uri: form.need("redirect_uri")?,
        verifier: form.need("code_verifier")?,
    };
    let context = desk.context(name);
    let (session, grant) = desk.sessions.redeem(&shown, context.now).map_err(worthless)?;
    let wish = Wish {
        tenant_id: grant.tenant_id,
        nonce: grant.nonce,
    };
    let issued = desk.issue(&context, &session, &session.scopes, wish).await?;
    let issued = issued.ok_or_else(|| gone(desk, &session))?;
    // Somebody may have shown the code a second time meanwhile.
    let token = desk
        .sessions
        .give_token(session.id)
        .ok_or_else(|| worthless(Worthless::Unknown))?;
    Ok(answer(&session, &session.scopes, issued, &token, "tokens_issued"))
}

async fn renew(desk: &IssuerDesk, name: &RequestName, form: &Parameters<'_>) -> Result<Response, Refusal> {
    let (token, client_id) = (form.need("refresh_token")?, form.need("client_id")?);
    let context = desk.context(name);
    let session = desk
        .sessions
        .find(token, client_id, context.now)
        .map_err(worthless)?;
    let scopes = match form.find("scope")? {
        None => session.scopes.clone(),
        Some(asked) => session
            .scopes
            .narrowed(asked)
            .ok_or_else(|| Refusal::new("invalid_scope", "scope must hold nothing that was not granted"))?,
    };
    let issued = desk.issue(&context, &session, &scopes, Wish::default()).await?;
    let issued = issued.ok_or_else(|| gone(desk, &session))?;
    // Last, so that a client that hears of a failure can ask again.
    let next = desk
        .sessions
        .rotate(token, client_id, context.now)
        .map_err(worthless)?;
    Ok(answer(&session, &scopes, issued, &next, "tokens_renewed"))
}

fn answer(
    session: &Session,
    scopes: &Scopes,
    issued: Issued,
    refresh_token: &SecretString,
    step: &'static str,
) -> Response {
    let mut body = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": LIFE_S,
        "refresh_token": refresh_token.expose_secret(),
        "scope": scopes.text(),
    });
    if let Some(id_token) = issued.id_token {
        body["id_token"] = Value::String(id_token);
    }
    let told = Told::done(step)
        .by(session.who.user_id())
        .in_tenant(issued.tenant_id);
    told.about((unkept(), Json(body)).into_response())
}

fn worthless(why: Worthless) -> Refusal {
    let refusal = Refusal::new("invalid_grant", why.to_string());
    match why {
        Worthless::Reused(who) => Refusal {
            told: Told::reused("invalid_grant").by(who.user_id()),
            ..refusal
        },
        Worthless::Unknown
        | Worthless::Expired
        | Worthless::OtherClient
        | Worthless::OtherRedirectUri
        | Worthless::WrongVerifier => refusal,
    }
}

fn gone(desk: &IssuerDesk, session: &Session) -> Refusal {
    desk.sessions.end(session.id);
    Refusal::new("invalid_grant", "the person is not there any more")
}
