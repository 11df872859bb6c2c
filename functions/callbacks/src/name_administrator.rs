use serde_json::{Map, Value};
use tenantry_api::{FromMembers, Members, NoContent, Operation, Problem, RawBody};
use tenantry_app::{NamedAdministrator, name_administrator as name};
use tenantry_domain::{Email, Error as DomainError, ProviderId, TenantKey};
use utoipa::ToSchema;

use crate::signed::{Over, Signed, refused};

/// The first administrator of a tenant, whose login the application plane has made.
#[derive(Debug, ToSchema)]
#[schema(as = UserCallback, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct AdministratorDoc {
    /// The short name of the tenant.
    #[schema(example = "acme")]
    tenant_key: String,
    /// The address of the tenant's primary contact.
    #[schema(format = Email)]
    email: String,
    /// How Cognito knows the administrator: the `sub` of its tokens.
    #[schema(max_length = 200)]
    cognito_auth_id: String,
    /// The client with which the tenant's application signs people in; only `clientId` is looked at.
    #[schema(value_type = Option<Object>)]
    auth_client: Option<Map<String, Value>>,
    /// Not looked at, as what follows: what counts is what Tenantry knows.
    tenant_name: Option<String>,
    /// Not looked at.
    first_name: Option<String>,
    /// Not looked at.
    middle_name: Option<String>,
    /// Not looked at.
    last_name: Option<String>,
    /// Not looked at.
    phone: Option<String>,
    /// Not looked at.
    #[schema(value_type = Option<Object>)]
    address: Option<Map<String, Value>>,
}

/// Name a tenant's first administrator.
///
/// For application planes that make logins themselves. Signed as `/manage/users` is, with the secret of the tenant's open job.
/// The primary contact becomes the tenant's owner with this login; one who is a person here already is invited instead when
/// the tenant is ready. A repeated call changes nothing.
#[utoipa::path(
    post,
    path = "/user-callback",
    request_body = AdministratorDoc,
    params(
        ("x-signature" = String, Header, description = "Lower-case hex HMAC-SHA256."),
        ("x-timestamp" = String, Header, description = "Milliseconds since 1970.")
    )
)]
pub(crate) async fn name_administrator(
    operation: Operation,
    signed: Signed,
    RawBody(body): RawBody,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    signed.check_time(context)?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| refused())?;
    let key = value.get("tenantKey").and_then(Value::as_str);
    let key = key
        .and_then(|key| TenantKey::parse(key).ok())
        .ok_or_else(refused)?;
    let tenant_id = context.store.find_owner_of_key(&key).await?.ok_or_else(refused)?;
    operation.about_tenant(tenant_id);
    let (parts, key) = signed.verify(context, tenant_id, &body, Over::Nothing).await?;
    operation.correlate(&key.correlation_id);
    let Administrator(named) = Members::read(value, &context.app.config).map_err(DomainError::Invalid)?;
    name(context, parts, key.job_id, &named).await?;
    Ok(NoContent)
}

struct Administrator(NamedAdministrator);

impl FromMembers for Administrator {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.text("tenantKey", TenantKey::parse)?;
        let email = members.text("email", Email::parse);
        let auth_id = members.text("cognitoAuthId", ProviderId::parse);
        let client = members.optional_object::<Client>("authClient");
        for name in [
            "tenantName",
            "firstName",
            "middleName",
            "lastName",
            "phone",
            "address",
        ] {
            members.optional_value(name);
        }
        Some(Self(NamedAdministrator {
            email: email?,
            auth_id: auth_id?,
            client_id: client?.map(|Client(id)| id),
        }))
    }
}

struct Client(ProviderId);

impl FromMembers for Client {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let id = members.text("clientId", ProviderId::parse);
        // Secrets and lifetimes of clients are the application plane's own: none of them is kept here.
        members.rest();
        id.map(Self)
    }
}
