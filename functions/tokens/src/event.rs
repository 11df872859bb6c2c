use serde_json::Value;
use tenantry_domain::{Id, Login, ProviderId, ProviderName, Tenant};

/// What we read of a trigger's event. Clients write some of it, and Cognito itself leaves things out: what is not there, or not
/// of the kind that it should be, is not there.
#[derive(Debug)]
pub struct Event<'a> {
    /// Whether the event decides about the access token, as those of versions 2 and 3 do.
    pub(crate) has_access_token: bool,
    /// Why tokens are made.
    pub(crate) trigger: &'a str,
    pub(crate) region: &'a str,
    pub(crate) pool: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) user_name: &'a str,
    /// The login's id in the pool. Machines have none.
    pub(crate) sub: &'a str,
    /// The pool's groups that the person is in.
    pub(crate) groups: Vec<&'a str>,
    pub(crate) scopes: Vec<&'a str>,
    pub(crate) wish: Wish,
}

/// Where the client says that the person goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It does not say.
    Unsaid,
    /// To this tenant.
    Tenant(Id<Tenant>),
    /// To something that is no tenant's id.
    Unusable,
}

impl<'a> Event<'a> {
    /// Reads it; `None` if it is not even an object.
    pub fn read(event: &'a Value) -> Option<Self> {
        event.as_object()?;
        let request = &event["request"];
        let version = &event["version"];
        Some(Self {
            has_access_token: version != "1" && version != 1,
            trigger: text(&event["triggerSource"]),
            region: text(&event["region"]),
            pool: text(&event["userPoolId"]),
            client_id: text(&event["callerContext"]["clientId"]),
            user_name: text(&event["userName"]),
            sub: text(&request["userAttributes"]["sub"]),
            groups: texts(&request["groupConfiguration"]["groupsToOverride"]),
            scopes: texts(&request["scopes"]),
            wish: Wish::read(&request["clientMetadata"]["tenantId"]),
        })
    }

    /// The login that was proved; machines have none.
    pub(crate) fn login(&self) -> Option<Login> {
        Some(Login {
            provider: ProviderName::Cognito,
            place: ProviderId::parse(self.pool).ok()?,
            auth_id: ProviderId::parse(self.sub).ok()?,
        })
    }

    /// The tenants that groups are named after.
    pub(crate) fn hints(&self) -> Vec<Id<Tenant>> {
        self.groups
            .iter()
            .filter_map(|group| Id::parse(group).ok())
            .collect()
    }
}

impl Wish {
    fn read(wish: &Value) -> Self {
        match wish {
            Value::Null => Self::Unsaid,
            Value::String(text) => Id::parse(text).map_or(Self::Unusable, Self::Tenant),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Self::Unusable,
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
