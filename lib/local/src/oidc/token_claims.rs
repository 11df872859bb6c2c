use serde_json::{Map, Value, json};
use tenantry_app::{Context, Error, SignIn, TokenClaims};
use tenantry_domain::{Id, Permission, Tenant, Timestamp, User};

use crate::AUDIENCE;
use crate::oidc::IssuerDesk;
use crate::oidc::authorization::{PLATFORM, Scopes};
use crate::oidc::sessions::{Session, Who};

/// How long an access token lives: 15 minutes.
pub(super) const LIFE_S: i64 = 15 * 60;
/// The `sub` of operators.
pub(crate) const OPERATOR: &str = "local-operator";
/// Two dots, and a signature with ES256.
const FRAME_CHARS: usize = 2 + 86;
/// `{"typ":"at+jwt","alg":"ES256","kid":"local-12345678"}`, in base64.
const HEADER_CHARS: usize = 80;

/// The tokens of a session.
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) id_token: Option<String>,
    pub(super) tenant_id: Option<Id<Tenant>>,
}

/// Where a person wants to act, and what the client wants to find in the ID token again.
#[derive(Default)]
pub(super) struct Wish {
    pub(super) tenant_id: Option<Id<Tenant>>,
    pub(super) nonce: Option<String>,
}

/// Somebody of whom tokens speak.
enum Somebody {
    Operator,
    Person(Box<User>, TokenClaims),
}

impl IssuerDesk {
    /// What the session's tokens say by now. `None` if the person is gone.
    pub(super) async fn issue(
        &self,
        context: &Context,
        session: &Session,
        scopes: &Scopes,
        wish: Wish,
    ) -> Result<Option<Issued>, Error> {
        let Some(somebody) = find_somebody(context, session.who, wish.tenant_id).await? else {
            return Ok(None);
        };
        let sign = |kind: &str, claims: Map<String, Value>| {
            let signed = self.issuer.encode(kind, &Value::Object(claims));
            signed.map_err(|error| Error::Internal(error.into()))
        };
        let access = self.access_claims(context, session, scopes, &somebody);
        let id_claims = scopes
            .has("openid")
            .then(|| self.id_claims(context.now, session, scopes, wish.nonce, &somebody));
        Ok(Some(Issued {
            access_token: sign("at+jwt", access)?,
            id_token: id_claims.map(|claims| sign("JWT", claims)).transpose()?,
            tenant_id: somebody.tenant_id(),
        }))
    }

    /// RFC 9068 section 2.2, and ours as long as there is room.
    fn access_claims(
        &self,
        context: &Context,
        session: &Session,
        scopes: &Scopes,
        somebody: &Somebody,
    ) -> Map<String, Value> {
        let mut claims = self.common_claims(context.now, session, somebody);
        claims.insert("aud".to_owned(), json!(AUDIENCE));
        claims.insert("client_id".to_owned(), json!(session.client_id));
        claims.insert("scope".to_owned(), json!(scopes.text()));
        claims.insert("jti".to_owned(), json!(context.new_id::<Issued>()));
        match somebody {
            Somebody::Operator => {
                let permissions: Vec<&str> = Permission::all().map(Permission::name).collect();
                claims.insert("permissions".to_owned(), json!(permissions));
            }
            Somebody::Person(_, of_person) => {
                let chars = self.token_max_bytes.saturating_sub(FRAME_CHARS + HEADER_CHARS);
                let taken = Value::Object(claims.clone()).to_string().len();
                claims.extend(of_person.to_claims((chars * 3 / 4).saturating_sub(taken)));
            }
        }
        claims
    }

    /// OpenID Connect Core 1.0 sections 2 and 5.4, and in which tenant the person is.
    fn id_claims(
        &self,
        now: Timestamp,
        session: &Session,
        scopes: &Scopes,
        nonce: Option<String>,
        somebody: &Somebody,
    ) -> Map<String, Value> {
        let mut claims = self.common_claims(now, session, somebody);
        claims.insert("aud".to_owned(), json!(session.client_id));
        claims.extend(nonce.map(|nonce| ("nonce".to_owned(), json!(nonce))));
        match somebody {
            Somebody::Operator => claims.extend(describe(None, scopes)),
            Somebody::Person(user, of_person) => {
                claims.extend(describe(Some(user), scopes));
                if let Some(tenant) = &of_person.tenant {
                    claims.insert("tenantId".to_owned(), json!(tenant.tenant_id));
                    claims.insert("userTenantId".to_owned(), json!(tenant.membership_id));
                    claims.insert("role".to_owned(), json!(tenant.role));
                }
            }
        }
        claims
    }

    fn common_claims(&self, now: Timestamp, session: &Session, somebody: &Somebody) -> Map<String, Value> {
        let now_s = now.as_seconds();
        Map::from_iter([
            ("iss".to_owned(), json!(self.issuer.url())),
            ("sub".to_owned(), json!(somebody.subject())),
            ("iat".to_owned(), json!(now_s)),
            ("exp".to_owned(), json!(now_s + LIFE_S)),
            ("auth_time".to_owned(), json!(session.began_at.as_seconds())),
            ("sid".to_owned(), json!(session.id)),
        ])
    }
}

impl Somebody {
    fn subject(&self) -> String {
        match self {
            Self::Operator => OPERATOR.to_owned(),
            Self::Person(user, _) => user.id.to_string(),
        }
    }

    fn tenant_id(&self) -> Option<Id<Tenant>> {
        match self {
            Self::Operator => None,
            Self::Person(_, claims) => claims.tenant.as_ref().map(|tenant| tenant.tenant_id),
        }
    }
}

async fn find_somebody(
    context: &Context,
    who: Who,
    wanted: Option<Id<Tenant>>,
) -> Result<Option<Somebody>, Error> {
    let Who::Person(user_id) = who else {
        return Ok(Some(Somebody::Operator));
    };
    let Some(user) = context.store.find_user(user_id).await? else {
        return Ok(None);
    };
    let sign_in = SignIn {
        user_id: Some(user_id),
        login: None,
        wanted,
        hints: user.tenants.iter().copied().collect(),
    };
    let claims = sign_in.claims(context).await?;
    Ok(claims.map(|claims| Somebody::Person(Box::new(user), claims)))
}

/// What the scopes let a client know of a person, or of an operator, whom nobody knows.
pub(super) fn describe(user: Option<&User>, scopes: &Scopes) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut tell = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    let Some(user) = user else {
        if scopes.has("profile") {
            tell("name", json!("Local operator"));
            tell("preferred_username", json!(OPERATOR));
        }
        return claims;
    };
    if scopes.has("profile") {
        let (first_name, last_name) = (&user.profile.first_name, &user.profile.last_name);
        let name = match last_name {
            Some(last_name) => format!("{first_name} {last_name}"),
            None => first_name.to_string(),
        };
        tell("name", json!(name));
        tell("given_name", json!(first_name));
        if let Some(last_name) = last_name {
            tell("family_name", json!(last_name));
        }
        tell("preferred_username", json!(user.username));
    }
    if scopes.has("email") {
        tell("email", json!(user.email.as_str()));
        tell("email_verified", json!(true));
    }
    claims
}

/// What somebody may be told who asked for these scopes.
pub(super) fn granted(scopes: &Scopes, who: Who) -> Scopes {
    match who {
        Who::Operator => scopes.clone(),
        Who::Person(_) => scopes.clone().without(PLATFORM),
    }
}
