use secrecy::ExposeSecret as _;
use serde_json::json;
use tenantry_app::{FirstKey, ProviderError, new_password};
use tenantry_domain::Entropy;

use super::person::{Arrival, Person};
use crate::call::Call;
use crate::steps::made;

/// For how long a mailed link is good: five days.
const LINK_S: &str = "432000";

/// Sees to it that the person can get in for the first time.
///
/// A mail is noted, so that being asked again does not mail again; only one whose answer was lost is sent twice. A password is
/// not noted: whoever asks mails it in its own transaction, and if that fails, asks again and gets another one.
pub(super) async fn hand_over(
    arrival: &Arrival<'_>,
    person: &Person,
    client_id: Option<&str>,
    entropy: &dyn Entropy,
) -> Result<FirstKey, ProviderError> {
    if !person.is_unused {
        return Ok(FirstKey::Known);
    }
    let parts = [arrival.realm, &person.id];
    if !arrival.can_mail {
        let password = new_password(entropy);
        let body = json!({ "type": "password", "value": password.expose_secret(), "temporary": true });
        let call = Call::put("/admin/realms/{realm}/users/{id}/reset-password", &parts).json(&body);
        arrival.talk.ask(call.expecting(&[204])).await?;
        return Ok(FirstKey::Password(password));
    }
    if made(arrival.progress, "invited").as_deref() == Some(&person.id) {
        return Ok(FirstKey::Known);
    }
    let mut query = vec![("lifespan", LINK_S)];
    query.extend(client_id.map(|id| ("client_id", id)));
    // Who follows the link has read the mail: that is what verifies the address.
    let call = Call::put("/admin/realms/{realm}/users/{id}/execute-actions-email", &parts)
        .query(&query)
        .json(&json!(["VERIFY_EMAIL", "UPDATE_PASSWORD"]));
    arrival.talk.ask(call.expecting(&[204])).await?;
    arrival.progress.note("invited", &person.id).await?;
    Ok(FirstKey::MailedByProvider)
}
