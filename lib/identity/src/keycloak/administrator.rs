//! What the administrator of a tenant may do in the realm that is the tenant's alone: see who is in it.
//!
//! Not more. Who may write the attributes of logins (`manage-users`) can become any of the tenant's people, and who may make
//! clients (`manage-clients`, `realm-admin`) can put any tenant's id into tokens. People are let in and out through us.

use serde_json::{Value, json};
use tenantry_app::{Progress, ProviderError};

use super::DONE_OR_ABSENT;
use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::made;

const ROLE: &str = "view-users";
const MAPPING: &str = "/admin/realms/{realm}/users/{id}/role-mappings/clients/{client}";

pub(super) async fn appoint(
    talk: &Conversation<'_>,
    realm: &str,
    person: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    if made(progress, "administrator").as_deref() == Some(person) {
        return Ok(());
    }
    let (client, role) = find_role(talk, realm).await?;
    let call = Call::post(MAPPING, &[realm, person, &client]).json(&json!([role]));
    talk.ask(call.expecting(&[204])).await?;
    progress.note("administrator", person).await
}

/// Takes the role away, so that one who comes back as an ordinary member does not have it still.
pub(super) async fn dismiss(talk: &Conversation<'_>, realm: &str, person: &str) -> Result<(), ProviderError> {
    let (client, role) = find_role(talk, realm).await?;
    let call = Call::delete(MAPPING, &[realm, person, &client]).json(&json!([role]));
    talk.ask(call.expecting(DONE_OR_ABSENT)).await?;
    Ok(())
}

async fn find_role(talk: &Conversation<'_>, realm: &str) -> Result<(String, Value), ProviderError> {
    let call = Call::get("/admin/realms/{realm}/clients", &[realm]);
    let clients = talk.ask(call.query(&[("clientId", "realm-management")])).await?;
    let client = clients.items().first().and_then(|client| text(client, "id"));
    let client = client.ok_or_else(|| talk.refusal("the realm has no client realm-management"))?;
    let call = Call::get(
        "/admin/realms/{realm}/clients/{client}/roles/{role}",
        &[realm, client, ROLE],
    );
    let role = talk.ask(call).await?.body;
    let id = text(&role, "id").ok_or_else(|| talk.odd("a role without an id"))?;
    Ok((client.to_owned(), json!({ "id": id, "name": ROLE })))
}
