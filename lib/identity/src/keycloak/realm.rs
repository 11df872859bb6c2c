use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tenantry_app::{IdentityWish, Progress, ProviderError};

use super::set_up::Place;
use super::{DONE_OR_ABSENT, Keycloak};
use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::{made, take_back};

/// Marks a realm as made for a tenant.
const TENANT: &str = "tenantryTenantId";

impl Keycloak {
    /// Makes or finds the realm that is the tenant's alone.
    pub(super) async fn own_realm(
        &self,
        talk: &Conversation<'_>,
        wish: &IdentityWish,
        progress: &dyn Progress,
    ) -> Result<Place, ProviderError> {
        let realm = wish.tenant_id.to_string();
        let mut is_new = false;
        if made(progress, "realm").is_none() {
            let call = Call::post("/admin/realms", &[]).json(&self.new_realm(wish));
            is_new = talk.ask(call.expecting(&[201, 409])).await?.status == 201;
            // What the service account may do in the realm stands in tokens from now on.
            talk.renew_token().await;
            if !is_new {
                let found = read(talk, &realm).await?.unwrap_or_default();
                let marks = found.pointer("/attributes").unwrap_or(&Value::Null);
                if text(marks, TENANT) != Some(&realm) {
                    return Err(talk.refusal("the realm with the tenant's id was not made for it"));
                }
            }
            progress.note("realm", &realm).await?;
        }
        Ok(Place {
            realm,
            organization: None,
            is_new,
        })
    }

    fn new_realm(&self, wish: &IdentityWish) -> Value {
        let id = wish.tenant_id.to_string();
        let mut smtp = self.settings.smtp.clone();
        if let (Some(smtp), Some(password)) = (&mut smtp, &self.smtp_password) {
            smtp.insert("password".to_owned(), password.expose_secret().into());
        }
        let can_mail = smtp.is_some();
        json!({
            "realm": id,
            "displayName": wish.name.as_str(),
            "enabled": true,
            "sslRequired": "external",
            "registrationAllowed": false,
            "loginWithEmailAllowed": true,
            "duplicateEmailsAllowed": false,
            "editUsernameAllowed": false,
            "bruteForceProtected": true,
            // Both need mail: without it, the first would lock people out and the second would fail.
            "verifyEmail": can_mail,
            "resetPasswordAllowed": can_mail,
            "smtpServer": smtp.unwrap_or_default(),
            "attributes": { TENANT: id },
        })
    }
}

/// Reads a realm's settings, if it is there.
pub(super) async fn read(talk: &Conversation<'_>, realm: &str) -> Result<Option<Value>, ProviderError> {
    let call = || Call::get("/admin/realms/{realm}", &[realm]).expecting(&[200, 404]);
    let mut answer = talk.ask(call()).await?;
    // Who may not view it is answered with the name alone, and 200: https://github.com/keycloak/keycloak/issues/26301. That is
    // also what a token sees that is older than the realm.
    let is_veiled =
        |answer: &crate::answer::Answer| answer.status == 200 && answer.body.get("enabled").is_none();
    if is_veiled(&answer) {
        talk.renew_token().await;
        answer = talk.ask(call()).await?;
    }
    if is_veiled(&answer) {
        return Err(talk.refusal("the service account may not view the realm"));
    }
    Ok((answer.status == 200).then_some(answer.body))
}

/// Whether a realm of our making can mail: it keeps what it was made with, whatever the settings say now.
pub(super) async fn can_mail(talk: &Conversation<'_>, realm: &str) -> Result<bool, ProviderError> {
    let found = read(talk, realm)
        .await?
        .ok_or_else(|| talk.refusal("the tenant's realm is not there"))?;
    let host = found.pointer("/smtpServer/host").and_then(Value::as_str);
    Ok(host.is_some_and(|host| !host.is_empty()))
}

/// Removes what this run has made. If somebody is in it already, another run has found it and goes on: it stays.
pub(super) async fn remove(
    talk: &Conversation<'_>,
    place: &Place,
    progress: &dyn Progress,
) -> Result<(), ProviderError> {
    let realm = place.realm.as_str();
    let (people, container) = match &place.organization {
        None => (
            Call::get("/admin/realms/{realm}/users/count", &[realm]),
            Call::delete("/admin/realms/{realm}", &[realm]),
        ),
        Some(id) => (
            Call::get(
                "/admin/realms/{realm}/organizations/{id}/members/count",
                &[realm, id],
            ),
            Call::delete("/admin/realms/{realm}/organizations/{id}", &[realm, id]),
        ),
    };
    if talk.ask(people).await?.body.as_u64() != Some(0) {
        return Ok(());
    }
    take_back(progress, &["client", "profile", "organization", "realm"]).await?;
    talk.ask(container.expecting(DONE_OR_ABSENT)).await?;
    Ok(())
}
