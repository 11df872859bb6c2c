use serde_json::{Value, json};
use tenantry_app::{IdentityWish, Progress, ProviderError};

use super::set_up::Place;
use super::{Keycloak, profile, realm};
use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::made;

const PATTERN: &str = "/admin/realms/{realm}/organizations";

/// Whose organization it is: an attribute that only administrators of the realm can write.
const TENANT: &str = "tenantryTenantId";

impl Keycloak {
    /// Makes or finds the tenant's organization in the realm that tenants share.
    pub(super) async fn shared_realm(
        &self,
        talk: &Conversation<'_>,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<Place, ProviderError> {
        let shared = self.settings.shared_realm.as_str();
        let place = |id: String, is_new| Place {
            realm: shared.to_owned(),
            organization: Some(id),
            is_new,
        };
        if let Some(id) = made(progress, "organization") {
            return Ok(place(id, false));
        }
        let Some(settings) = realm::read(talk, shared).await? else {
            return Err(talk.refusal("the shared realm is not there"));
        };
        if settings.get("organizationsEnabled") != Some(&Value::Bool(true)) {
            return Err(talk.refusal("the shared realm must have organizations enabled"));
        }
        profile::check(talk, shared).await?;
        let (id, is_new) = find_or_make(talk, shared, wish).await?;
        progress.note("organization", &id).await?;
        Ok(place(id, is_new))
    }
}

async fn find_or_make(
    talk: &Conversation<'_>,
    shared: &str,
    wish: &IdentityWish,
) -> Result<(String, bool), ProviderError> {
    if let Some(id) = find(talk, shared, wish).await? {
        return Ok((id, false));
    }
    let call = Call::post(PATTERN, &[shared]).json(&new_organization(wish));
    let answer = talk.ask(call.expecting(&[201, 409])).await?;
    if answer.status == 201 {
        let id = answer
            .made_id()
            .ok_or_else(|| talk.odd("an organization without an address"))?;
        return Ok((id, true));
    }
    match find(talk, shared, wish).await? {
        Some(id) => Ok((id, false)),
        None => Err(talk.refusal("an organization that is not the tenant's has its key as name or alias")),
    }
}

async fn find(
    talk: &Conversation<'_>,
    shared: &str,
    wish: &IdentityWish,
) -> Result<Option<String>, ProviderError> {
    let query = format!("{TENANT}:{}", wish.tenant_id);
    let answer = talk
        .ask(Call::get(PATTERN, &[shared]).query(&[("q", &query)]))
        .await?;
    let found = answer.items().first();
    Ok(found.and_then(|found| text(found, "id")).map(str::to_owned))
}

/// Names of tenants are not unique, keys are. Before version 26.4 an organization needs a domain; never one of the tenant's:
/// whoever has an address there would be taken for one of its people, and nobody has proven that it is the tenant's. This one
/// is nobody's (RFC 6761 section 6.4).
fn new_organization(wish: &IdentityWish) -> Value {
    json!({
        "name": wish.key.as_str(),
        "alias": wish.key.as_str(),
        "description": wish.name.as_str(),
        "enabled": true,
        "domains": [{ "name": format!("{}.invalid", wish.tenant_id), "verified": false }],
        "attributes": { TENANT: [wish.tenant_id.to_string()] },
    })
}

/// Makes a person a member: 409 if it is one.
pub(super) async fn join(
    talk: &Conversation<'_>,
    realm: &str,
    organization: &str,
    person: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    if made(progress, "member").as_deref() == Some(person) {
        return Ok(());
    }
    let call = Call::post(
        "/admin/realms/{realm}/organizations/{id}/members",
        &[realm, organization],
    );
    // Bare, and called JSON all the same: before 26.0.6, quotes were taken as a part of it
    // (https://github.com/keycloak/keycloak/issues/34401).
    talk.ask(call.bare_json(person).expecting(&[201, 409])).await?;
    progress.note("member", person).await
}
