use serde_json::json;
use tenantry_app::ProviderError;
use tenantry_domain::{Identity, Login};

use super::person::ONE;
use super::{DONE_OR_ABSENT, administrator, taking_over};
use crate::call::Call;
use crate::conversation::Conversation;

/// Ends all sessions, offline ones as well: the time before which tokens are void is set to now.
pub(super) async fn sign_out(talk: &Conversation<'_>, login: &Login) -> Result<(), ProviderError> {
    let parts = [login.place.as_str(), login.auth_id.as_str()];
    let call = Call::post("/admin/realms/{realm}/users/{id}/logout", &parts);
    talk.ask(call.expecting(DONE_OR_ABSENT)).await?;
    Ok(())
}

/// In a shared realm the person stays, in other tenants perhaps; one whom the organization's own identity provider brought
/// along is removed by Keycloak itself. In the tenant's own realm the login is disabled.
pub(super) async fn expel(
    talk: &Conversation<'_>,
    identity: &Identity,
    login: &Login,
) -> Result<(), ProviderError> {
    let (realm, id) = (login.place.as_str(), login.auth_id.as_str());
    if let Some(organization) = &identity.organization {
        let parts = [identity.place.as_str(), organization.as_str(), id];
        let call = Call::delete(
            "/admin/realms/{realm}/organizations/{organization}/members/{id}",
            &parts,
        );
        // 400 is "Not a member of the organization": somebody else was faster.
        talk.ask(call.expecting(&[204, 400, 404])).await?;
    }
    if identity.is_own {
        let found = talk
            .ask(Call::get(ONE, &[realm, id]).expecting(&[200, 404]))
            .await?;
        if found.status == 404 {
            return Ok(());
        }
        let mut user = found.body;
        // Whatever it says now: one that is locked out for a while, for wrong passwords, is shown as disabled.
        user["enabled"] = json!(false);
        taking_over::put(talk, realm, id, user).await?;
        administrator::dismiss(talk, realm, id).await?;
    }
    sign_out(talk, login).await
}

pub(super) async fn forget(talk: &Conversation<'_>, login: &Login) -> Result<(), ProviderError> {
    let call = Call::delete(ONE, &[login.place.as_str(), login.auth_id.as_str()]);
    talk.ask(call.expecting(DONE_OR_ABSENT)).await?;
    Ok(())
}
