use serde_json::{Value, json};
use tenantry_app::{IdentityWish, Progress, ProviderError};

use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::{made, take_back};

const MEMBERS: &str = "/api/v2/organizations/{id}/members";

/// Finds the database connection that keeps logins.
pub(super) async fn find_connection(
    talk: &Conversation<'_>,
    name: &str,
    progress: &dyn Progress,
) -> Result<String, ProviderError> {
    if let Some(id) = made(progress, "connection") {
        return Ok(id);
    }
    let answer = talk
        .ask(Call::get("/api/v2/connections", &[]).query(&[("name", name)]))
        .await?;
    let is_it =
        |found: &&Value| text(found, "name") == Some(name) && text(found, "strategy") == Some("auth0");
    let id = answer
        .items()
        .iter()
        .find(is_it)
        .and_then(|found| text(found, "id"));
    let id = id.ok_or_else(|| talk.refusal("there is no database connection with the configured name"))?;
    progress.note("connection", id).await?;
    Ok(id.to_owned())
}

/// Makes or finds the tenant's organization, and says whether it was made now.
pub(super) async fn find_or_make(
    talk: &Conversation<'_>,
    wish: &IdentityWish,
    progress: &dyn Progress,
) -> Result<(String, bool), ProviderError> {
    if let Some(id) = made(progress, "organization") {
        return Ok((id, false));
    }
    let (id, is_new) = match find(talk, wish).await? {
        Some(id) => (id, false),
        None => make(talk, wish).await?,
    };
    progress.note("organization", &id).await?;
    Ok((id, is_new))
}

async fn find(talk: &Conversation<'_>, wish: &IdentityWish) -> Result<Option<String>, ProviderError> {
    let call = Call::get("/api/v2/organizations/name/{name}", &[&name(wish)]);
    let answer = talk.ask(call.expecting(&[200, 404])).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let whose = answer.body.pointer("/metadata/tenantId").and_then(Value::as_str);
    if whose != Some(&wish.tenant_id.to_string()) {
        return Err(talk.refusal("the organization with the tenant's id as name was not made for it"));
    }
    let id = text(&answer.body, "id").ok_or_else(|| talk.odd("an organization without an id"))?;
    Ok(Some(id.to_owned()))
}

async fn make(talk: &Conversation<'_>, wish: &IdentityWish) -> Result<(String, bool), ProviderError> {
    let call = Call::post("/api/v2/organizations", &[]).json(&json!({
        "name": name(wish),
        "display_name": wish.name.as_str(),
        "metadata": { "tenantId": wish.tenant_id.to_string() },
    }));
    let answer = talk.ask(call.expecting(&[201, 409])).await?;
    if answer.status == 201 {
        let id = text(&answer.body, "id").ok_or_else(|| talk.odd("an organization without an id"))?;
        return Ok((id.to_owned(), true));
    }
    let found = find(talk, wish).await?;
    found
        .map(|id| (id, false))
        .ok_or_else(|| talk.odd("an organization is there and is not"))
}

/// Lower-case letters, digits, `-` and `_`, at most 50 of them, and nobody else's: the tenant's id.
fn name(wish: &IdentityWish) -> String {
    format!("t-{}", wish.tenant_id)
}

/// Lets people of the connection sign in to the organization, provided that they are its members.
pub(super) async fn enable(
    talk: &Conversation<'_>,
    organization: &str,
    connection: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    if made(progress, "enabled").is_some() {
        return Ok(());
    }
    let body = json!({ "connection_id": connection, "assign_membership_on_login": false });
    let call = Call::post("/api/v2/organizations/{id}/enabled_connections", &[organization]).json(&body);
    let answer = talk.ask(call.expecting(&[201, 400, 409])).await?;
    if answer.status != 201 {
        // Because it is enabled already?
        let pattern = "/api/v2/organizations/{id}/enabled_connections/{connection}";
        let call = Call::get(pattern, &[organization, connection]);
        if talk.ask(call.expecting(&[200, 404])).await?.status == 404 {
            return Err(talk.refusal(format!("the connection cannot be enabled: {}", answer.status)));
        }
    }
    progress.note("enabled", connection).await
}

/// Removes an organization that this run has made, unless it has members already: then another run has found it and goes on.
pub(super) async fn remove(
    talk: &Conversation<'_>,
    organization: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    let members = talk.ask(Call::get(MEMBERS, &[organization])).await?;
    if members.items().is_empty() {
        take_back(progress, &["enabled", "organization"]).await?;
        let call = Call::delete("/api/v2/organizations/{id}", &[organization]);
        talk.ask(call.expecting(&[204, 404])).await?;
    }
    Ok(())
}

/// Makes a person a member. One who is already stays one: 204 as well.
pub(super) async fn join(
    talk: &Conversation<'_>,
    organization: &str,
    person: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    if made(progress, "member").as_deref() == Some(person) {
        return Ok(());
    }
    let call = Call::post(MEMBERS, &[organization]).json(&json!({ "members": [person] }));
    talk.ask(call.expecting(&[204, 409])).await?;
    progress.note("member", person).await
}

/// Gives a member the administrator's role in the organization.
pub(super) async fn appoint(
    talk: &Conversation<'_>,
    organization: &str,
    person: &str,
    role: &str,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    if made(progress, "administrator").as_deref() == Some(person) {
        return Ok(());
    }
    let call = Call::post(
        "/api/v2/organizations/{id}/members/{user}/roles",
        &[organization, person],
    );
    talk.ask(call.json(&json!({ "roles": [role] })).expecting(&[204, 409]))
        .await?;
    progress.note("administrator", person).await
}

/// Takes a person out of the organization, with its roles there.
pub(super) async fn leave(
    talk: &Conversation<'_>,
    organization: &str,
    person: &str,
) -> Result<(), ProviderError> {
    let call = Call::delete(MEMBERS, &[organization]).json(&json!({ "members": [person] }));
    talk.ask(call.expecting(&[204, 404])).await?;
    Ok(())
}
