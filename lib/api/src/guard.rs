use axum::body::Body as AxumBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{Method, StatusCode};
use subtle::ConstantTimeEq as _;
use tenantry_app::{Context, Idempotency, InvitationCode, TraceContext, sha256_hex};
use tenantry_domain::{
    Actor, Caller, Error as DomainError, Id, Kind, Member, Membership, Scope as Reach, TenantScope, User,
};
use tenantry_store::Standing;

use crate::body::read_bytes;
use crate::caller::Proof;
use crate::edge::RequestId;
use crate::path::param;
use crate::routes::QueryMembers;
use crate::{
    Access, BearerToken, ClientAddress, Edge, LeadId, Operation, Problem, TenantId, account, caller,
};

/// What the guard of a route knows about it.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) access: Access,
    /// The query members that the API document names.
    pub(crate) query: QueryMembers,
}

/// Lets a request in: token (401), access (403, 404), query (400), and only then the body and the handler.
pub(crate) async fn guard(
    State((edge, rules)): State<(Edge, Rules)>,
    request: Request,
    next: Next,
) -> Response {
    match admit(&edge, &rules, request).await {
        Ok((request, context)) => {
            let response = next.run(request).await;
            repeat_if_known(&context, response).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn admit(edge: &Edge, rules: &Rules, request: Request) -> Result<(Request, Context), Problem> {
    let (mut parts, body) = request.into_parts();
    let request_id = parts.extensions.get::<RequestId>().cloned().unwrap_or_default();
    let trace = parts.extensions.get::<TraceContext>().cloned();
    let trace = trace.unwrap_or_else(|| TraceContext::of_request(None, &request_id.0));
    let mut context = Context::new(&edge.app, request_id.0, trace);
    let caller = identify(edge, rules.access, &mut parts, &context).await?;
    let scope = authorize(edge, rules.access, &mut parts, &caller).await?;
    check_query(rules, &parts)?;
    let client = parts
        .extensions
        .get::<ClientAddress>()
        .cloned()
        .unwrap_or_default();
    let mut request = Request::from_parts(parts, body);
    // A code and a signature have their own rules for repeats, and nothing is read for a proof that is not checked yet.
    if !matches!(
        rules.access,
        Access::LeadCode | Access::Invitation | Access::Signature
    ) {
        context.idempotency = idempotency(&caller, &client, &mut request).await?;
    }
    let if_match = if_match(&request);
    let operation = Operation {
        context: context.clone(),
        caller,
        client,
        access: rules.access,
        scope,
        if_match,
    };
    request.extensions_mut().insert(operation);
    Ok((request, context))
}

/// All of `If-Match`; what is not text stays there as something that matches no version.
fn if_match(request: &Request) -> Option<String> {
    let values = request.headers().get_all(http::header::IF_MATCH).iter();
    let values: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

async fn identify(
    edge: &Edge,
    access: Access,
    parts: &mut Parts,
    context: &Context,
) -> Result<Caller, Problem> {
    if !access.needs_bearer() {
        return Ok(Caller::Anonymous);
    }
    let scrape_token = edge.app.config.metrics_token_sha256.as_ref();
    if access == Access::ScrapeToken && scrape_token.is_none() {
        return Err(Problem::no_such_route());
    }
    let Some(token) = caller::bearer(parts).map(str::to_owned) else {
        return Err(Problem::unauthenticated(
            "a bearer token is required in the Authorization header",
            false,
        ));
    };
    if access == Access::LeadCode || (access == Access::Invitation && InvitationCode::is_one(&token)) {
        parts.extensions.insert(BearerToken(token.into()));
        return Ok(Caller::Anonymous);
    }
    if access == Access::ScrapeToken {
        let is_right =
            scrape_token.is_some_and(|hash| bool::from(sha256_hex(&token).as_bytes().ct_eq(hash.as_bytes())));
        return if is_right {
            Ok(Caller::Anonymous)
        } else {
            Err(Problem::unauthenticated("the scrape token is another one", true))
        };
    }
    let proof = edge
        .authenticator
        .authenticate(&edge.app, &context.store, &token, context.now)
        .await?;
    resolve(context, access, proof).await
}

/// Looks up what the token only refers to: what a member may do now. One whom nothing is open to in its tenant is a person in none,
/// unless all that speaks for it is the word of a tenant that it does not belong to.
async fn resolve(context: &Context, access: Access, proof: Proof) -> Result<Caller, Problem> {
    match proof {
        Proof::Whole(caller) => Ok(caller),
        // Where members have no business nothing is looked up for them, and the function need not be able to.
        Proof::Referring { member, .. } if !access.asks_members() => Ok(Caller::Member(member)),
        Proof::Vouched { user_id, .. } if !access.asks_members() => Ok(Caller::Person(user_id)),
        Proof::Referring {
            is_tenants_word: true,
            ..
        } if matches!(access, Access::Person(_) | Access::Invitation) => {
            // Who it says that somebody is counts in that tenant, and what is a person's own is not the tenant's.
            let detail = "the token's issuer speaks for people in its own tenant only".to_owned();
            Err(DomainError::Forbidden(detail).into())
        }
        Proof::Referring {
            member,
            user_id,
            is_bound,
            is_tenants_word: _,
        } => match find_standing(context, member.tenant_id, member.membership_id).await? {
            Some(standing) if standing.is_open() => Ok(Caller::Member(Member {
                permissions: standing.membership.permissions(&standing.roles),
                ..member
            })),
            Some(standing) => Ok(Caller::Person(standing.membership.user_id)),
            None if is_bound => Err(caller::refused()),
            None => Ok(user_id.map_or(Caller::Member(member), Caller::Person)),
        },
        Proof::Vouched { tenant_id, user_id } => {
            let standing = find_standing(context, tenant_id, Membership::id_of(tenant_id, user_id)).await?;
            standing
                .map(|_| Caller::Person(user_id))
                .ok_or_else(caller::refused)
        }
    }
}

async fn find_standing(
    context: &Context,
    tenant_id: TenantId,
    membership_id: Id<Membership>,
) -> Result<Option<Standing>, Problem> {
    let scope = TenantScope::of_system(tenant_id, Actor::Member(membership_id));
    Ok(context.store.find_standing(&scope, membership_id).await?)
}

/// Permission first (403), then reach (404): what a caller may not know of does not exist for it.
async fn authorize(
    edge: &Edge,
    access: Access,
    parts: &mut Parts,
    caller: &Caller,
) -> Result<Option<TenantScope>, Problem> {
    match access {
        Access::Public | Access::LeadCode | Access::AnyCaller | Access::Signature | Access::ScrapeToken => {
            Ok(None)
        }
        Access::OwnLead => match caller {
            Caller::Lead(_) => own_lead(edge, parts, caller).await.map(|()| None),
            Caller::Operator(_) | Caller::Member(_) | Caller::Person(_) | Caller::Anonymous => {
                Err(DomainError::Forbidden("only the lead itself may do this".to_owned()).into())
            }
        },
        Access::OwnLeadOr(permission) => match caller {
            Caller::Lead(_) => own_lead(edge, parts, caller).await.map(|()| None),
            Caller::Operator(_) | Caller::Member(_) | Caller::Person(_) | Caller::Anonymous => {
                caller.require_operator(permission)?;
                Ok(None)
            }
        },
        Access::Invitation => match caller {
            // The code stands for its holder.
            Caller::Anonymous | Caller::Member(_) | Caller::Person(_) => Ok(None),
            Caller::Operator(_) | Caller::Lead(_) => {
                Err(DomainError::Forbidden("only the invited person may do this".to_owned()).into())
            }
        },
        Access::Member(permission) => match caller {
            Caller::Member(member) => Ok(Some(caller.scope(member.tenant_id, permission)?)),
            Caller::Operator(_) | Caller::Person(_) | Caller::Lead(_) | Caller::Anonymous => {
                Err(DomainError::Forbidden("only members have what this is about".to_owned()).into())
            }
        },
        Access::Person(permission) => match caller {
            Caller::Member(_) | Caller::Person(_) => {
                // Who is in no tenant now holds no permission of one, and still has what is its own.
                if permission.scope() == Reach::Tenant && matches!(caller, Caller::Member(_)) {
                    caller.require_permission(permission)?;
                }
                let id: Id<User> = param(parts, edge, "id").await?;
                if caller.is_person(id) {
                    Ok(None)
                } else {
                    Err(DomainError::not_found(Kind::User, id).into())
                }
            }
            Caller::Operator(_) | Caller::Lead(_) | Caller::Anonymous => {
                caller.require_operator(permission)?;
                Ok(None)
            }
        },
        Access::AccountEither(permission, other) => {
            if !caller.permissions().holds(other) {
                caller.require_permission(permission)?;
            }
            account::scope_of_request(parts, edge, caller, access).await
        }
        Access::AnyLeadOr(permission) => {
            if !matches!(caller, Caller::Lead(_)) {
                caller.require_permission(permission)?;
            }
            Ok(None)
        }
        Access::Operator(permission) => {
            caller.require_operator(permission)?;
            Ok(None)
        }
        Access::TenantByOperator(permission) => {
            caller.require_operator(permission)?;
            let tenant: TenantId = param(parts, edge, "id").await?;
            Ok(Some(caller.scope(tenant, permission)?))
        }
        Access::Tenant(permission) => {
            caller.require_permission(permission)?;
            let tenant: TenantId = param(parts, edge, "id").await?;
            Ok(Some(caller.scope(tenant, permission)?))
        }
        Access::TenantOrItsLead(permission) => {
            if !matches!(caller, Caller::Lead(_)) {
                caller.require_permission(permission)?;
            }
            let tenant: TenantId = param(parts, edge, "id").await?;
            match caller.scope_of_lead(tenant) {
                Some(scope) => Ok(Some(scope)),
                None => Ok(Some(caller.scope(tenant, permission)?)),
            }
        }
        Access::Account(permission) => {
            caller.require_permission(permission)?;
            account::scope_of_request(parts, edge, caller, access).await
        }
        Access::AccountByOperator(permission) => {
            caller.require_operator(permission)?;
            account::scope_of_request(parts, edge, caller, access).await
        }
        Access::AccountOrItsLead(permission) => {
            if !matches!(caller, Caller::Lead(_)) {
                caller.require_permission(permission)?;
            }
            account::scope_of_request(parts, edge, caller, access).await
        }
    }
}

async fn own_lead(edge: &Edge, parts: &mut Parts, caller: &Caller) -> Result<(), Problem> {
    let id: LeadId = param(parts, edge, "id").await?;
    if *caller == Caller::Lead(id) {
        Ok(())
    } else {
        Err(DomainError::not_found(Kind::Lead, id).into())
    }
}

fn check_query(rules: &Rules, parts: &Parts) -> Result<(), Problem> {
    let query = parts.uri.query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if !rules.query.contain(&name) {
            // The name is the client's own text; its length is bounded before it is said back.
            let name: String = name.chars().take(60).collect();
            return Err(Problem::malformed(
                "unknown_query_member",
                format!("{name}: is not known here"),
            ));
        }
    }
    Ok(())
}

/// Reads `Idempotency-Key` of a POST; the body is read for its fingerprint and handed on.
async fn idempotency(
    caller: &Caller,
    client: &ClientAddress,
    request: &mut Request,
) -> Result<Option<Idempotency>, Problem> {
    let Some(value) = request
        .headers()
        .get("idempotency-key")
        .filter(|_| *request.method() == Method::POST)
    else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .map(str::trim)
        .filter(|key| (1..=255).contains(&key.len()));
    let Some(key) = key.map(str::to_owned) else {
        let detail = "Idempotency-Key: must have 1 to 255 printable ASCII characters";
        return Err(Problem::malformed("invalid_idempotency_key", detail));
    };
    let body = std::mem::replace(request.body_mut(), AxumBody::empty());
    let bytes = read_bytes(Request::new(body)).await?;
    // With the query: on some routes it is what names the tenant.
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let head = format!("{} {target}\n", request.method());
    let fingerprint = sha256_hex([head.as_bytes(), &bytes].concat());
    *request.body_mut() = AxumBody::from(bytes);
    // Nobody is told apart from nobody by the address, so that strangers' keys do not meet.
    let caller = match caller {
        Caller::Anonymous => format!("anonymous {}", client.0),
        Caller::Operator(_) | Caller::Member(_) | Caller::Person(_) | Caller::Lead(_) => {
            caller.actor().to_string()
        }
    };
    Ok(Some(Idempotency {
        caller,
        key,
        fingerprint,
    }))
}

/// A repeated request may be refused before it reaches its transaction, because the first one changed the state that it is
/// checked against. The memory decides then.
async fn repeat_if_known(context: &Context, response: Response) -> Response {
    let Some(idempotency) = &context.idempotency else {
        return response;
    };
    let may_be_repeat = matches!(
        response.status(),
        StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::UNPROCESSABLE_ENTITY
    );
    if !may_be_repeat {
        return response;
    }
    let record = context
        .store
        .find_idempotency_record(&idempotency.caller, &idempotency.key, context.now)
        .await;
    match record {
        Ok(Some(record)) if record.fingerprint == idempotency.fingerprint => {
            Problem::repeated(record.reply).into_response()
        }
        Ok(Some(_)) => Problem::from(DomainError::IdempotencyKeyReused).into_response(),
        Ok(None) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}
