use serde_json::{Map, Value, json};
use tenantry_app::TokenClaims;
use tenantry_domain::{Id, Permissions, Tenant};

use crate::Event;
use crate::room::{left_for_claims, surplus_bytes, written_bytes};

/// Whom tokens are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nobody whom we know: a machine, or a person of another application.
    Stranger,
    /// Somebody who operates the platform, and what it may do there.
    Operator(Permissions),
    /// A person, and the tenant that it acts in.
    Person(TokenClaims),
}

/// What of ours goes into the tokens of one event.
#[derive(Clone, Debug)]
pub struct Answer {
    has_access_token: bool,
    is_operator: bool,
    claims: Map<String, Value>,
}

/// Every claim of ours. None of them comes into a token from anywhere else: not from an attribute of the pool, and not from
/// what an app client maps.
const OURS: [&str; 7] = [
    "userId",
    "tenantId",
    "userTenantId",
    "role",
    "permissions",
    "permissionsRef",
    "status",
];
/// Those that an ID token has, too. What somebody may do is nothing that a front end is to decide by.
const OF_ID_TOKEN: [&str; 4] = ["userId", "tenantId", "userTenantId", "role"];
/// The scope that makes a token an operator's, as issuers are described if nobody says otherwise.
const PLATFORM: &str = "platform";

impl Subject {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Operator(_) => "operator",
            Self::Person(_) => "person",
        }
    }

    /// The tenant that it acts in.
    pub(crate) fn tenant_id(&self) -> Option<Id<Tenant>> {
        match self {
            Self::Person(claims) => claims.tenant.as_ref().map(|tenant| tenant.tenant_id),
            Self::Stranger | Self::Operator(_) => None,
        }
    }
}

impl Answer {
    /// For tokens of this subject, of which the access token is to have at most so many bytes.
    pub fn new(event: &Event<'_>, subject: &Subject, token_max_bytes: usize) -> Self {
        let claims = match subject {
            Subject::Stranger => Map::new(),
            Subject::Operator(permissions) => {
                let claims = Map::from_iter([("permissions".to_owned(), json!(permissions))]);
                let scopes: Vec<&str> = event.scopes.iter().copied().chain([PLATFORM]).collect();
                // There is nothing that a reference could be looked up in.
                if written_bytes(&json!(claims)) > left_for_claims(event, &scopes, token_max_bytes) {
                    tracing::warn!("an operator's token is longer than tokens are to be");
                }
                claims
            }
            Subject::Person(person) => {
                let room = left_for_claims(event, &event.scopes, token_max_bytes);
                // Of our claims, only what a tenant calls its role can be written in more than one way.
                let role = person
                    .tenant
                    .as_ref()
                    .map(|tenant| surplus_bytes(&json!(tenant.role)));
                person.to_claims(room.saturating_sub(role.unwrap_or_default()))
            }
        };
        Self {
            has_access_token: event.has_access_token,
            is_operator: matches!(subject, Subject::Operator(_)),
            claims,
        }
    }

    /// Whether permissions are referred to instead of named.
    pub fn refers(&self) -> bool {
        self.claims.contains_key("permissionsRef")
    }

    /// The member of the event's response that Cognito looks at, and its value.
    pub fn into_details(self) -> (&'static str, Value) {
        let of_id_token = |(name, _): &(&String, &Value)| OF_ID_TOKEN.contains(&name.as_str());
        let id_claims = self.claims.iter().filter(of_id_token);
        let id_claims = id_claims
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let id_token = of_token(id_claims);
        // An event of version 1 takes texts, for the ID token alone.
        if !self.has_access_token {
            return ("claimsOverrideDetails", id_token.into());
        }
        let scopes = if self.is_operator {
            "scopesToAdd"
        } else {
            "scopesToSuppress"
        };
        let mut access_token = of_token(self.claims);
        access_token.insert(scopes.to_owned(), json!([PLATFORM]));
        let details = json!({ "idTokenGeneration": id_token, "accessTokenGeneration": access_token });
        ("claimsAndScopeOverrideDetails", details)
    }
}

/// What is said of one token. A claim that is suppressed as well as added is suppressed, and one may be suppressed that would
/// not have been there, says the Developer Guide.
fn of_token(claims: Map<String, Value>) -> Map<String, Value> {
    let others: Vec<&str> = OURS
        .into_iter()
        .filter(|name| !claims.contains_key(*name))
        .collect();
    let mut token = Map::new();
    if !claims.is_empty() {
        token.insert("claimsToAddOrOverride".to_owned(), claims.into());
    }
    token.insert("claimsToSuppress".to_owned(), json!(others));
    token
}
