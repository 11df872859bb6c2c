//! What only the local product serves: the mailbox, tokens for trying things, the bus, the schedules' tasks, and the pages
//! that mails link to.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tenantry_domain::{Actor, Clock, Id, Membership, Permission, Tenant, TenantScope, User};
use tenantry_provisioning::{Provisioning, Task};
use tenantry_store::Store;

use crate::bus::{ForeignEvent, LocalBus};
use crate::issuer::{LocalIssuer, Subject};
use crate::mailbox::Mailbox;

/// What the local routes show.
#[derive(Clone)]
pub struct Desk {
    /// The mailbox.
    pub mailbox: Arc<Mailbox>,
    /// The bus.
    pub bus: Arc<LocalBus>,
    /// Does what a schedule asks for.
    pub provisioning: Provisioning,
    /// Where members are looked up.
    pub store: Store,
    /// The issuer of local tokens.
    pub issuer: Arc<LocalIssuer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Opens `/metrics` of the local product, unless `METRICS_TOKEN_SHA256` says otherwise.
pub(crate) const SCRAPE_TOKEN: &str = "local";

/// The local routes.
pub fn router(desk: Desk) -> Router {
    Router::new()
        .route("/local/mailbox", get(find_mailbox))
        .route("/local/token", get(find_token))
        .route("/local/events", get(find_events).post(publish_event))
        .route("/local/tasks", post(carry_out_task))
        .route("/local/verify", get(find_verify_page))
        .route("/local/invitation", get(find_invitation_page))
        .with_state(desk)
}

async fn find_mailbox(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.contains("text/html") {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'";
        return ([(CONTENT_SECURITY_POLICY, policy)], Html(desk.mailbox.page())).into_response();
    }
    Json(json!({ "items": desk.mailbox.mails() })).into_response()
}

async fn find_events(State(desk): State<Desk>) -> Response {
    Json(json!({ "items": desk.bus.entries() })).into_response()
}

/// Lets a client play the application plane that answers over the bus.
async fn publish_event(State(desk): State<Desk>, Json(event): Json<ForeignEvent>) -> Response {
    let id = desk.bus.publish(event, desk.clock.now());
    (StatusCode::ACCEPTED, Json(json!({ "id": id }))).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DueTask {
    task: Task,
}

/// Lets a client not wait for a schedule.
async fn carry_out_task(State(desk): State<Desk>, Json(due): Json<DueTask>) -> Response {
    match desk.provisioning.carry_out(due.task).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenQuery {
    r#as: String,
    tenant_id: Option<String>,
    user_id: Option<String>,
    permissions: Option<String>,
}

async fn find_token(State(desk): State<Desk>, Query(query): Query<TokenQuery>) -> Response {
    let now = desk.clock.now();
    if query.r#as == "scraper" {
        return Json(json!({ "token": SCRAPE_TOKEN })).into_response();
    }
    match subject(&desk.store, query).await {
        Ok(subject) => match desk.issuer.token(&subject, now) {
            Ok(token) => Json(json!({ "token": token })).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        },
        Err(detail) => (
            StatusCode::BAD_REQUEST,
            Json(json!({ "status": 400, "code": "invalid_query", "detail": detail })),
        )
            .into_response(),
    }
}

/// An operator with all permissions, or a member with those that it holds; or either with those that were asked for.
async fn subject(store: &Store, query: TokenQuery) -> Result<Subject, &'static str> {
    let wanted: Option<Vec<String>> = query.permissions.as_ref().map(|names| {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    });
    match query.r#as.as_str() {
        "operator" => Ok(Subject::Operator {
            permissions: wanted.unwrap_or_else(|| names(Permission::all())),
        }),
        "member" => {
            let tenant_id = query.tenant_id.ok_or("tenantId: is required for a member")?;
            let user_id = query.user_id.ok_or("userId: is required for a member")?;
            let tenant_id = Id::parse(&tenant_id).map_err(|_| "tenantId: must be a UUID")?;
            let user_id = Id::parse(&user_id).map_err(|_| "userId: must be a UUID")?;
            let permissions = match wanted {
                Some(wanted) => wanted,
                None => held_by(store, tenant_id, user_id).await?,
            };
            Ok(Subject::Member {
                tenant_id,
                user_id,
                permissions,
            })
        }
        _ => Err("as: must be operator, member or scraper"),
    }
}

/// What the member may do, as an identity provider would put it into its token.
async fn held_by(
    store: &Store,
    tenant_id: Id<Tenant>,
    user_id: Id<User>,
) -> Result<Vec<String>, &'static str> {
    let scope = TenantScope::of_system(tenant_id, Actor::System);
    let found = store
        .for_request()
        .find_access(&scope, Membership::id_of(tenant_id, user_id))
        .await;
    match found {
        Ok(Some((membership, roles))) if membership.is_active() => {
            Ok(names(membership.permissions(&roles).iter()))
        }
        Ok(_) => Err("userId: is no active member of the tenant"),
        Err(_) => Err("the table does not answer"),
    }
}

fn names(permissions: impl Iterator<Item = Permission>) -> Vec<String> {
    permissions
        .map(|permission| permission.name().to_owned())
        .collect()
}

/// Stands for the front end that the verification mail links to.
async fn find_verify_page() -> Response {
    page(include_str!("verify.html"))
}

/// Stands for the front end that an invitation's mail links to.
async fn find_invitation_page() -> Response {
    page(include_str!("invitation.html"))
}

fn page(text: &'static str) -> Response {
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
    ([(CONTENT_SECURITY_POLICY, policy)], Html(text)).into_response()
}
