use serde_json::{Value, json};
use tenantry_app::ProviderError;

use super::DONE_OR_ABSENT;
use super::person::{Arrival, ONE, Person, id_of, owner};
use super::profile::ATTRIBUTE;
use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;

impl Arrival<'_> {
    /// Makes a login that was found the person's, or refuses to.
    pub(super) async fn take_over(&self, found: Value) -> Result<Person, ProviderError> {
        let id = id_of(self.talk, &found)?.to_owned();
        let ways_in = self.ways_in(&id, &found).await?;
        let is_ours = self.is_ours(&found);
        let refuse = |why: &str| Err(self.talk.refusal(why));
        if !is_ours && owner(&found).is_some() {
            return refuse("the person's address belongs to another person's login");
        }
        if !is_ours && ways_in.some() && !is(&found, "emailVerified") {
            return refuse(
                "the person's address belongs to a login that has not verified it: verify or remove it",
            );
        }
        let is_unused = !ways_in.some() || (ways_in.has_credentials && must_change(&found));
        let mut wanted = found.clone();
        if self.is_own {
            // It was `expel` that disabled it.
            wanted["enabled"] = json!(true);
        }
        wanted["attributes"][ATTRIBUTE] = json!([self.candidate.user_id.to_string()]);
        if is_unused && text(&found, "email") != Some(self.candidate.email.as_str()) {
            // Its first key goes to where we know the person to be.
            wanted["email"] = json!(self.candidate.email.as_str());
            wanted["emailVerified"] = json!(false);
        }
        if wanted != found {
            if !self.is_own {
                // A login that is locked out for a while is shown as disabled, and would be from then on.
                remove(&mut wanted, "enabled");
            }
            put(self.talk, self.realm, &id, wanted).await?;
            self.check_kept(&id).await?;
        }
        Ok(Person { id, is_unused })
    }

    async fn ways_in(&self, id: &str, user: &Value) -> Result<WaysIn, ProviderError> {
        let parts = [self.realm, id];
        let credentials = Call::get("/admin/realms/{realm}/users/{id}/credentials", &parts);
        let has_credentials = !self.talk.ask(credentials).await?.items().is_empty();
        let elsewhere = Call::get("/admin/realms/{realm}/users/{id}/federated-identity", &parts);
        let is_known_elsewhere = text(user, "federationLink").is_some()
            || (!has_credentials && !self.talk.ask(elsewhere).await?.items().is_empty());
        Ok(WaysIn {
            has_credentials,
            is_known_elsewhere,
        })
    }
}

/// How somebody could sign in.
struct WaysIn {
    has_credentials: bool,
    is_known_elsewhere: bool,
}

impl WaysIn {
    fn some(&self) -> bool {
        self.has_credentials || self.is_known_elsewhere
    }
}

/// Replaces a login's profile. All of it is sent: what is missing is emptied (https://github.com/keycloak/keycloak/issues/28220).
/// Its required actions are no part of that, and may have been done meanwhile.
pub(super) async fn put(
    talk: &Conversation<'_>,
    realm: &str,
    id: &str,
    mut user: Value,
) -> Result<(), ProviderError> {
    for computed in ["requiredActions", "access", "userProfileMetadata"] {
        remove(&mut user, computed);
    }
    let call = Call::put(ONE, &[realm, id]).json(&user);
    talk.ask(call.expecting(DONE_OR_ABSENT)).await?;
    Ok(())
}

fn remove(user: &mut Value, member: &str) {
    if let Some(members) = user.as_object_mut() {
        members.remove(member);
    }
}

fn is(user: &Value, member: &str) -> bool {
    user.get(member) == Some(&Value::Bool(true))
}

fn must_change(user: &Value) -> bool {
    let actions = user.get("requiredActions").and_then(Value::as_array);
    actions.is_some_and(|actions| actions.contains(&json!("UPDATE_PASSWORD")))
}
