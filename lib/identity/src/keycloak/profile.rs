use serde_json::{Value, json};
use tenantry_app::{Progress, ProviderError};

use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::made;

/// Who a login is, to us: the attribute behind the claim `userId`. Who can write it can become anybody.
pub(super) const ATTRIBUTE: &str = "tenantryUserId";

const PATTERN: &str = "/admin/realms/{realm}/users/profile";

/// Declares our attribute in a realm of our making.
pub(super) async fn declare(
    talk: &Conversation<'_>,
    realm: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    if made(progress, "profile").is_some() {
        return Ok(());
    }
    let mut profile = talk.ask(Call::get(PATTERN, &[realm])).await?.body;
    if !is_guarded(&profile) {
        let Some(attributes) = profile.get_mut("attributes").and_then(Value::as_array_mut) else {
            return Err(talk.odd("a user profile without attributes"));
        };
        attributes.retain(|attribute| text(attribute, "name") != Some(ATTRIBUTE));
        attributes.push(json!({
            "name": ATTRIBUTE,
            "displayName": "Tenantry's id",
            "permissions": { "view": ["admin"], "edit": ["admin"] },
            "multivalued": false,
        }));
        talk.ask(Call::put(PATTERN, &[realm]).json(&profile)).await?;
    }
    progress.note("profile", ATTRIBUTE).await
}

/// Refuses a shared realm in which people could write our attribute, or which would drop it: undeclared ones are not stored,
/// and nothing says so.
pub(super) async fn check(talk: &Conversation<'_>, realm: &str) -> Result<(), ProviderError> {
    let profile = talk.ask(Call::get(PATTERN, &[realm])).await?.body;
    if is_guarded(&profile) {
        return Ok(());
    }
    Err(talk.refusal(format!(
        "the shared realm's user profile must declare the attribute {ATTRIBUTE}, viewed by admin and edited by admin alone"
    )))
}

fn is_guarded(profile: &Value) -> bool {
    let attributes = profile.get("attributes").and_then(Value::as_array);
    let ours = attributes
        .into_iter()
        .flatten()
        .find(|attribute| text(attribute, "name") == Some(ATTRIBUTE));
    let list = |name: &str| {
        let list = ours
            .and_then(|attribute| attribute.pointer(name))
            .and_then(Value::as_array);
        list.map_or(&[][..], Vec::as_slice)
    };
    list("/permissions/edit") == ["admin"] && list("/permissions/view").contains(&json!("admin"))
}
