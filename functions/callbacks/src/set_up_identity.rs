use serde::Serialize;
use serde_json::{Map, Value};
use tenantry_api::{Count, FromMembers, Members, Operation, Problem, RawBody};
use tenantry_app::set_up_identity as set_up;
use tenantry_domain::{Error as DomainError, Id, ProviderName, Rule, Tenant};
use utoipa::ToSchema;

use crate::signed::{Over, Signed, refused};

/// What an application plane says of a tenant whose people shall be able to sign in.
#[derive(Debug, ToSchema)]
#[schema(as = IdentityWish, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct IdentityWishDoc {
    /// The tenant.
    tenant: TenantWishDoc,
    /// The plan, as the reference sends it; nothing of it is looked at.
    #[schema(value_type = Option<Object>)]
    plan: Option<Map<String, Value>>,
}

/// The tenant that is meant. Key, name, tier and contacts may stand here, too, and are not looked at: what counts is what
/// Tenantry knows.
#[derive(Debug, ToSchema)]
#[schema(as = IdentityWishTenant, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct TenantWishDoc {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// `cognito`, `keycloak` or `auth0`, unless its plan or the deployment says.
    #[schema(example = "cognito")]
    identity_provider: Option<String>,
}

/// The first administrator of a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = IdentitySetUp)]
pub(crate) struct SetUpView {
    /// How the identity provider knows it: the `sub` of its tokens.
    #[schema(example = "0b6f1c9a-5c3e-4f0f-8a7e-3d1c2b4a5f6e")]
    auth_id: String,
}

/// Set up a tenant's identity.
///
/// Signed with the secret of the open job's event: header `x-timestamp` is now in milliseconds since 1970, within 20 seconds of
/// our clock; `x-signature` is the lower-case hex HMAC-SHA256 of body and timestamp, one behind the other. Makes or finds
/// where the tenant's people sign in, and a login for its primary contact, who becomes its owner. A repeated call goes on where
/// the one before was cut off, and once everything is there answers as before, for a day.
#[utoipa::path(
    post,
    path = "/manage/users",
    request_body = IdentityWishDoc,
    params(
        ("x-signature" = String, Header, description = "Lower-case hex HMAC-SHA256."),
        ("x-timestamp" = String, Header, description = "Milliseconds since 1970.")
    )
)]
pub(crate) async fn set_up_identity(
    operation: Operation,
    signed: Signed,
    RawBody(body): RawBody,
) -> Result<Count<SetUpView>, Problem> {
    let context = &operation.context;
    signed.check_time(context)?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| refused())?;
    let tenant_id = tenant_in(&value).ok_or_else(refused)?;
    operation.about_tenant(tenant_id);
    let (parts, key) = signed.verify(context, tenant_id, &body, Over::Nothing).await?;
    operation.correlate(&key.correlation_id);
    let wish: Wish = Members::read(value, &context.app.config).map_err(DomainError::Invalid)?;
    let auth_id = set_up(context, parts, key.job_id, wish.provider).await?;
    Ok(Count(SetUpView {
        auth_id: auth_id.to_string(),
    }))
}

fn tenant_in(body: &Value) -> Option<Id<Tenant>> {
    Id::parse(body.pointer("/tenant/id")?.as_str()?).ok()
}

struct Wish {
    provider: Option<ProviderName>,
}

impl FromMembers for Wish {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let tenant = members.object::<TenantWish>("tenant");
        match members.optional_value("plan") {
            None | Some(Value::Object(_)) => {}
            Some(_) => return members.note("plan", Rule::new("invalid_type", "must be an object")),
        }
        Some(Self {
            provider: tenant?.provider,
        })
    }
}

struct TenantWish {
    provider: Option<ProviderName>,
}

impl FromMembers for TenantWish {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.text("id", Id::<Tenant>::parse)?;
        let provider = members.optional_text("identityProvider", ProviderName::parse);
        // Whatever else the reference sends of a tenant: ours is what counts.
        members.rest();
        Some(Self { provider: provider? })
    }
}
