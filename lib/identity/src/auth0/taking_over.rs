use http::Method;
use serde_json::{Value, json};
use tenantry_app::{FirstKey, ProviderError};

use super::person::{Arrival, ONE, Person, owner};
use crate::answer::text;
use crate::call::Call;

/// For how long a ticket is good: five days.
const TICKET_S: u32 = 432_000;

impl Arrival<'_> {
    /// Makes a login that was found the person's, or refuses to.
    pub(super) async fn take_over(&self, user: &Value) -> Result<Person, ProviderError> {
        let refuse = |why: &str| Err(self.talk.refusal(why));
        let id = text(user, "user_id").ok_or_else(|| self.talk.odd("a user without an id"))?;
        let owner = owner(user);
        let is_ours = owner == Some(&self.our_id()) || (owner.is_none() && id == self.new_id());
        if !self.is_in_connection(user) {
            return refuse("the person's login is in another connection");
        }
        if !is_ours && owner.is_some() {
            return refuse("the person's address belongs to another person's login");
        }
        if !is_ours && !is(user, "email_verified") {
            return refuse(
                "the person's address belongs to a login that has not verified it: verify or remove it",
            );
        }
        if is(user, "blocked") {
            return refuse("the person's login is blocked");
        }
        let logins = user
            .get("logins_count")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let is_unused = logins == 0 && text(user, "last_login").is_none();
        let mut changes = json!({});
        if owner.is_none() {
            changes["app_metadata"] = json!({ "tenantryUserId": self.our_id() });
        }
        let address = self.candidate.email.as_str();
        if is_unused && !text(user, "email").is_some_and(|email| email.eq_ignore_ascii_case(address)) {
            // Its first key goes to where we know the person to be.
            changes["connection"] = json!(self.settings.connection);
            changes["email"] = json!(address);
            changes["email_verified"] = json!(false);
            changes["verify_email"] = json!(false);
        }
        if changes != json!({}) {
            let call = Call::new(Method::PATCH, ONE, &[id]).json(&changes);
            self.talk.ask(call).await?;
        }
        Ok(Person {
            id: id.to_owned(),
            is_unused,
        })
    }

    /// A ticket for choosing a password, for one who has never signed in. Asked again, there is another one; the first is good
    /// until it runs out or one of them is used.
    pub(super) async fn first_key(&self, person: &Person) -> Result<FirstKey, ProviderError> {
        if !person.is_unused {
            return Ok(FirstKey::Known);
        }
        let call = Call::post("/api/v2/tickets/password-change", &[]).json(&json!({
            "user_id": person.id,
            "client_id": self.settings.client_id,
            "organization_id": self.organization,
            "ttl_sec": TICKET_S,
            // Who has the ticket has read the mail that it stood in.
            "mark_email_as_verified": true,
            "includeEmailInRedirect": false,
        }));
        let answer = self.talk.ask(call.expecting(&[201])).await?;
        let ticket =
            text(&answer.body, "ticket").ok_or_else(|| self.talk.odd("an answer without a ticket"))?;
        Ok(FirstKey::Link(ticket.into()))
    }
}

fn is(user: &Value, member: &str) -> bool {
    user.get(member) == Some(&Value::Bool(true))
}
