use serde_json::{Value, json};
use tenantry_app::{IdentityWish, KeycloakSettings, Progress, ProviderError};
use tenantry_domain::TenantKey;

use super::profile::ATTRIBUTE;
use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::made;

const PATTERN: &str = "/admin/realms/{realm}/clients";

/// What the API expects in `aud`.
const AUDIENCE: &str = "tenantry";

/// Where people may come back to. Plain `http:`, which includes a developer's own machine, only beside a Keycloak that is
/// spoken to without TLS itself.
pub(super) fn redirect_uris(
    talk: &Conversation<'_>,
    settings: &KeycloakSettings,
    key: &TenantKey,
) -> Result<Vec<String>, ProviderError> {
    let uris: Vec<String> = settings
        .redirect_uris
        .iter()
        .map(|uri| uri.replace("{key}", key.as_str()))
        .collect();
    let is_for_developers = settings.url.starts_with("http://");
    let is_sound =
        |uri: &String| uri.starts_with("https://") || (is_for_developers && uri.starts_with("http://"));
    if uris.is_empty() || !uris.iter().all(is_sound) {
        return Err(talk.refusal("redirectUris must name addresses that begin with https://"));
    }
    Ok(uris)
}

/// Makes or finds the client with which the tenant's application signs people in; its id is what applications know it by.
pub(super) async fn find_or_make(
    talk: &Conversation<'_>,
    wish: &IdentityWish,
    realm: &str,
    redirect_uris: Vec<String>,
    progress: &dyn Progress,
) -> Result<String, ProviderError> {
    if let Some(client_id) = made(progress, "client") {
        return Ok(client_id);
    }
    let client_id = format!("tenantry-{}", wish.tenant_id);
    let call = Call::post(PATTERN, &[realm]).json(&new_client(wish, &client_id, redirect_uris));
    if talk.ask(call.expecting(&[201, 409])).await?.status == 409 {
        let call = Call::get(PATTERN, &[realm]).query(&[("clientId", &client_id)]);
        let found = talk.ask(call).await?;
        if !found.items().iter().any(|client| speaks_for(client, wish)) {
            return Err(talk.refusal("the client with the tenant's id does not put that id into tokens"));
        }
    }
    progress.note("client", &client_id).await?;
    Ok(client_id)
}

fn speaks_for(client: &Value, wish: &IdentityWish) -> bool {
    let mappers = client.get("protocolMappers").and_then(Value::as_array);
    mappers.into_iter().flatten().any(|mapper| {
        let config = mapper.get("config").unwrap_or(&Value::Null);
        text(config, "claim.name") == Some("tenantId")
            && text(config, "claim.value") == Some(&wish.tenant_id.to_string())
    })
}

/// A public client: authorization code with PKCE (RFC 7636, S256) and nothing else. Its tokens carry no roles of the realm,
/// so that an application cannot do as an administrator what the administrator could.
fn new_client(wish: &IdentityWish, client_id: &str, redirect_uris: Vec<String>) -> Value {
    let tenant_id = wish.tenant_id.to_string();
    json!({
        "clientId": client_id,
        "name": wish.name.as_str(),
        "protocol": "openid-connect",
        "enabled": true,
        "publicClient": true,
        "standardFlowEnabled": true,
        "implicitFlowEnabled": false,
        "directAccessGrantsEnabled": false,
        "serviceAccountsEnabled": false,
        "fullScopeAllowed": false,
        "redirectUris": redirect_uris,
        "webOrigins": ["+"],
        "attributes": { "pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+" },
        "protocolMappers": [
            mapper("tenantId", "oidc-hardcoded-claim-mapper", &json!({
                "claim.name": "tenantId", "claim.value": tenant_id, "jsonType.label": "String",
            })),
            mapper("userId", "oidc-usermodel-attribute-mapper", &json!({
                "claim.name": "userId", "user.attribute": ATTRIBUTE, "jsonType.label": "String", "multivalued": "false",
            })),
            // The API looks the membership up: a token's own list would be as old as the token.
            mapper("permissionsRef", "oidc-hardcoded-claim-mapper", &json!({
                "claim.name": "permissionsRef", "claim.value": "membership", "jsonType.label": "String",
            })),
            mapper("audience", "oidc-audience-mapper", &json!({ "included.custom.audience": AUDIENCE })),
        ],
    })
}

fn mapper(name: &str, kind: &str, config: &Value) -> Value {
    let mut config = config.clone();
    config["access.token.claim"] = json!("true");
    config["id.token.claim"] = json!("false");
    config["userinfo.token.claim"] = json!("false");
    json!({ "name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": config })
}
