use axum::extract::{FromRequest, RawPathParams, Request};
use http::Method;
use http::request::Parts;
use serde::Deserialize;
use serde_json::Value;
use tenantry_domain::{Caller, Error as DomainError, Id, Invalid, Rule, TenantScope, Violation};
use utoipa::IntoParams;

use crate::body::{FromMembers, read_json, read_object};
use crate::{Access, Edge, Operation, Problem, TenantId};

/// How a request on an account's things names the tenant. The guard reads it; handlers take the `Scope`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct TenantQuery {
    /// The tenant. A member may leave its own out; operators have none and must name one.
    #[param(format = "uuid")]
    pub tenant_id: Option<String>,
}

/// The body of a request that creates something in an account: the tenant that `tenantId` names, and the other members. A
/// member may leave its own tenant out.
#[derive(Debug)]
pub struct AccountBody<T>(pub TenantScope, pub T);

const MEMBER: &str = "tenantId";
const MISSING: &str = "must name the tenant, because the caller belongs to none";

/// What creates something names the tenant in its body; everything else, in its query, so that it is known before a body is read.
pub(crate) async fn scope_of_request(
    parts: &mut Parts,
    edge: &Edge,
    caller: &Caller,
    access: Access,
) -> Result<Option<TenantScope>, Problem> {
    use axum::extract::FromRequestParts as _;

    let names_one = RawPathParams::from_request_parts(parts, edge)
        .await
        .is_ok_and(|params| params.iter().next().is_some());
    if parts.method == Method::POST && !names_one {
        return Ok(None);
    }
    let named = tenant_in(parts.uri.query().unwrap_or_default())?;
    match scope_in(caller, access, named)? {
        Some(scope) => Ok(Some(scope)),
        None => Err(Problem::malformed(
            "tenant_required",
            format!("{MEMBER}: {MISSING}"),
        )),
    }
}

fn tenant_in(query: &str) -> Result<Option<TenantId>, Problem> {
    let mut named = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == MEMBER);
    let Some((_, text)) = named.next() else {
        return Ok(None);
    };
    if named.next().is_some() {
        return Err(Problem::malformed(
            "invalid_query",
            format!("{MEMBER}: must be there once"),
        ));
    }
    match Id::parse(&text) {
        Ok(id) => Ok(Some(id)),
        Err(rule) => Err(Problem::malformed("invalid_query", format!("{MEMBER}: {rule}"))),
    }
}

/// Proof that the caller may act in the tenant that it named, or in its own; `None` if it has none and named none.
fn scope_in(
    caller: &Caller,
    access: Access,
    named: Option<TenantId>,
) -> Result<Option<TenantScope>, DomainError> {
    let permission = match access {
        Access::AccountEither(permission, other) if !caller.permissions().holds(permission) => other,
        _ => access
            .permission()
            .expect("every account route asks for a permission"),
    };
    let own = match caller {
        Caller::Member(member) => Some(member.tenant_id),
        Caller::Operator(_) | Caller::Person(_) | Caller::Lead(_) | Caller::Anonymous => None,
    };
    let Some(tenant_id) = named.or(own) else {
        return Ok(None);
    };
    // The guard has let no lead in where the route is not open to leads.
    match caller.scope_of_lead(tenant_id) {
        Some(scope) => Ok(Some(scope)),
        None => caller.scope(tenant_id, permission).map(Some),
    }
}

impl<T: FromMembers + Send> FromRequest<Edge> for AccountBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let operation = request.extensions().get::<Operation>().cloned();
        let operation = operation.expect("every route stands behind the guard, which makes the operation");
        let mut value = read_json(request).await?;
        let mut violations = Vec::new();
        let named = take_tenant(&mut value, &mut violations);
        // Out of reach comes before what else is wrong: a stranger learns nothing about bodies.
        let scope = scope_in(&operation.caller, operation.access, named)?;
        if scope.is_none() && violations.is_empty() {
            violations.push(Rule::new("required", MISSING).at(format!("/{MEMBER}")));
        }
        let body = read_object(String::new(), value, &edge.app.config, &mut violations);
        match (scope, body) {
            (Some(scope), Some(body)) if violations.is_empty() => Ok(Self(scope, body)),
            _ => Err(DomainError::Invalid(Invalid(violations)).into()),
        }
    }
}

fn take_tenant(value: &mut Value, violations: &mut Vec<Violation>) -> Option<TenantId> {
    let rule = match value.as_object_mut()?.shift_remove(MEMBER)? {
        Value::Null => return None,
        Value::String(text) => match Id::parse(&text) {
            Ok(id) => return Some(id),
            Err(rule) => rule,
        },
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Rule::new("invalid_type", "must be a string")
        }
    };
    violations.push(rule.at(format!("/{MEMBER}")));
    None
}
