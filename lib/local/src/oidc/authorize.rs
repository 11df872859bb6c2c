use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use secrecy::ExposeSecret as _;
use tenantry_app::{Context, Error};
use tenantry_domain::{Email, Id, Tenant, TenantStatus};

use crate::oidc::IssuerDesk;
use crate::oidc::answer_log::{RequestName, Told};
use crate::oidc::authorization::{Authorization, PLATFORM, Unauthorizable};
use crate::oidc::page::{self, Choice, Page};
use crate::oidc::parameters::Parameters;
use crate::oidc::refusal::failure;
use crate::oidc::sessions::{Grant, Who};
use crate::oidc::token_claims::granted;

/// What came of an address.
enum Found {
    /// The person, and where it is to act.
    Person(Who, Option<Id<Tenant>>),
    /// Where it may act; it has to say where.
    Choices(Vec<Choice>),
    /// Why it cannot be signed in.
    Nobody(String),
}

/// Asks who is there.
pub(super) async fn show(State(desk): State<IssuerDesk>, RawQuery(query): RawQuery) -> Response {
    match Authorization::read(&Parameters::read(query.unwrap_or_default().as_bytes())) {
        Ok(authorization) => ask(&authorization, authorization.login_hint.as_deref(), None),
        Err(unauthorizable) => refuse(&desk, unauthorizable),
    }
}

/// Takes the answer. A client may also ask in this way, without one (OpenID Connect Core 1.0 section 3.1.2.1).
pub(super) async fn submit(
    State(desk): State<IssuerDesk>,
    Extension(name): Extension<RequestName>,
    body: Bytes,
) -> Response {
    let form = Parameters::read(&body);
    let authorization = match Authorization::read(&form) {
        Ok(authorization) => authorization,
        Err(unauthorizable) => return refuse(&desk, unauthorizable),
    };
    let (email, is_operator) = match (form.find("email"), form.find("as")) {
        (Ok(email), Ok(role)) => (email, role == Some("operator")),
        (Err(unusable), _) | (_, Err(unusable)) => {
            return refuse(&desk, Unauthorizable::Shown(unusable.problem));
        }
    };
    if is_operator {
        if !authorization.scopes.has(PLATFORM) {
            return ask(
                &authorization,
                email,
                Some("operators need the scope platform: have the client ask for it"),
            );
        }
        return go_back(&desk, authorization, Who::Operator, None);
    }
    let Some(email) = email else {
        return ask(&authorization, authorization.login_hint.as_deref(), None);
    };
    match find_person(&desk.context(&name), email, authorization.tenant_id).await {
        Ok(Found::Person(who, tenant_id)) => go_back(&desk, authorization, who, tenant_id),
        Ok(Found::Choices(choices)) => {
            let page = Page::Tenant {
                authorization: &authorization,
                email,
                choices: &choices,
            };
            Told::done("tenant_asked").about(page::answer(StatusCode::OK, &page))
        }
        Ok(Found::Nobody(problem)) => ask(&authorization, Some(email), Some(&problem)),
        Err(error) => {
            let (status, code, description) = failure(&error);
            Told::failed(code, &error).about(page::answer(status, &Page::Refused(description)))
        }
    }
}

async fn find_person(context: &Context, address: &str, wanted: Option<Id<Tenant>>) -> Result<Found, Error> {
    let Ok(email) = Email::parse(address) else {
        return Ok(Found::Nobody("this is no e-mail address".to_owned()));
    };
    let user = match context.store.find_user_with_email(&email).await? {
        Some(user_id) => context.store.find_user(user_id).await?,
        None => None,
    };
    let Some(user) = user else {
        let problem =
            "nobody has this address: people are those who accepted an invitation or were added to a tenant";
        return Ok(Found::Nobody(problem.to_owned()));
    };
    let tenants: Vec<Id<Tenant>> = user.tenants.iter().copied().collect();
    let memberships = context.store.find_memberships_of(user.id, &tenants).await?;
    let mut choices: Vec<Choice> = memberships
        .into_iter()
        .filter(|(membership, tenant)| membership.is_active() && tenant.status == TenantStatus::Active)
        .map(|(_, tenant)| Choice {
            is_usual: user.last_tenant_id.or(user.default_tenant_id) == Some(tenant.id),
            id: tenant.id,
            name: tenant.name.to_string(),
            key: tenant.key.to_string(),
        })
        .collect();
    choices.sort_by(|a, b| (&a.name, &a.key).cmp(&(&b.name, &b.key)));
    let who = Who::Person(user.id);
    Ok(match (wanted, &choices[..]) {
        (Some(wanted), choices) if choices.iter().any(|choice| choice.id == wanted) => {
            Found::Person(who, Some(wanted))
        }
        (Some(_), _) => Found::Nobody(
            "this person is no active member of the tenant, or the tenant is not active".to_owned(),
        ),
        (None, []) => Found::Person(who, None),
        (None, [only]) => Found::Person(who, Some(only.id)),
        (None, _) => Found::Choices(choices),
    })
}

fn ask(authorization: &Authorization, email: Option<&str>, problem: Option<&str>) -> Response {
    let page = Page::Address {
        authorization,
        email: email.unwrap_or_default(),
        problem,
    };
    let (status, told) = match problem {
        None => (StatusCode::OK, Told::done("person_asked")),
        Some(_) => (StatusCode::UNPROCESSABLE_ENTITY, Told::refused("access_denied")),
    };
    told.about(page::answer(status, &page))
}

/// The client gets a code.
fn go_back(
    desk: &IssuerDesk,
    authorization: Authorization,
    who: Who,
    tenant_id: Option<Id<Tenant>>,
) -> Response {
    let back = authorization.back;
    let grant = Grant {
        client_id: authorization.client_id,
        redirect_uri: back.redirect_uri.as_str().to_owned(),
        challenge: authorization.challenge,
        nonce: authorization.nonce,
        scopes: granted(&authorization.scopes, who),
        who,
        tenant_id,
    };
    let code = desk.sessions.give_code(grant, desk.app.clock.now());
    let place = back.with(desk.issuer.url(), &[("code", code.expose_secret())]);
    let told = Told::done("code_given").by(who.user_id()).in_tenant(tenant_id);
    told.about(page::redirect(&place))
}

fn refuse(desk: &IssuerDesk, unauthorizable: Unauthorizable) -> Response {
    match unauthorizable {
        Unauthorizable::Shown(problem) => {
            let page = page::answer(StatusCode::BAD_REQUEST, &Page::Refused(&problem));
            Told::refused("invalid_request").about(page)
        }
        Unauthorizable::Returned {
            back,
            error,
            description,
        } => {
            let answer = [("error", error), ("error_description", &description)];
            Told::refused(error).about(page::redirect(&back.with(desk.issuer.url(), &answer)))
        }
    }
}
