use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tenantry_app::{Auth0Settings, Candidate, Progress, ProviderError, new_password};
use tenantry_domain::Entropy;

use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::made;

pub(super) const ONE: &str = "/api/v2/users/{id}";

/// A person on its way into an organization.
pub(super) struct Arrival<'a> {
    pub(super) talk: &'a Conversation<'a>,
    pub(super) settings: &'a Auth0Settings,
    pub(super) organization: &'a str,
    pub(super) candidate: &'a Candidate,
    pub(super) progress: &'a dyn Progress,
    pub(super) entropy: &'a dyn Entropy,
}

/// A person who has a login.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) is_unused: bool,
}

impl Arrival<'_> {
    /// Finds the login by the id that we would give it, then by its address, or makes it. Both look-ups see what was written a
    /// moment ago; Auth0's search does not.
    ///
    /// A login that has the address and is nobody's yet becomes the person's only if the address was verified: it has a
    /// password that whoever signed up with somebody else's address has chosen, and would get in with.
    pub(super) async fn find_or_make(&self) -> Result<Person, ProviderError> {
        let user = match self.find().await? {
            Some(user) => user,
            None => self.make().await?,
        };
        let person = self.take_over(&user).await?;
        self.progress.note("user", &person.id).await?;
        Ok(person)
    }

    async fn find(&self) -> Result<Option<Value>, ProviderError> {
        if let Some(id) = made(self.progress, "user")
            && let Some(user) = self.read(&id).await?
            && owner(&user) == Some(&self.our_id())
        {
            return Ok(Some(user));
        }
        if let Some(user) = self.read(&self.new_id()).await? {
            return Ok(Some(user));
        }
        let address = self.candidate.email.as_str();
        let call = Call::get("/api/v2/users-by-email", &[]).query(&[("email", address)]);
        let found = self.talk.ask(call).await?;
        // With the same address there may be logins of other connections: not ours to touch.
        let found: Vec<&Value> = found
            .items()
            .iter()
            .filter(|user| self.is_in_connection(user))
            .collect();
        match found[..] {
            [] => Ok(None),
            [user] => Ok(Some(user.clone())),
            _ => Err(self
                .talk
                .refusal("several logins of the connection have the person's address")),
        }
    }

    async fn read(&self, id: &str) -> Result<Option<Value>, ProviderError> {
        let answer = self
            .talk
            .ask(Call::get(ONE, &[id]).expecting(&[200, 404]))
            .await?;
        Ok((answer.status == 200).then_some(answer.body))
    }

    async fn make(&self) -> Result<Value, ProviderError> {
        let candidate = self.candidate;
        // The API wants a password. Nobody ever learns this one.
        let password = new_password(self.entropy);
        let mut user = json!({
            "connection": self.settings.connection,
            "user_id": self.local_id(),
            "email": candidate.email.as_str(),
            "email_verified": false,
            "verify_email": false,
            "password": password.expose_secret(),
            "given_name": candidate.first_name.as_str(),
            "app_metadata": { "tenantryUserId": self.our_id() },
        });
        if let Some(last_name) = &candidate.last_name {
            user["family_name"] = json!(last_name.as_str());
        }
        let call = Call::post("/api/v2/users", &[]).json(&user);
        let answer = self.talk.ask(call.expecting(&[201, 409])).await?;
        if answer.status == 201 {
            return Ok(answer.body);
        }
        let found = self.find().await?;
        found.ok_or_else(|| self.talk.odd("a user is there and is not"))
    }

    pub(super) fn our_id(&self) -> String {
        self.candidate.user_id.to_string()
    }

    /// Ours without hyphens; the connection's strategy stands before it.
    fn local_id(&self) -> String {
        self.our_id().replace('-', "")
    }

    pub(super) fn new_id(&self) -> String {
        format!("auth0|{}", self.local_id())
    }

    pub(super) fn is_in_connection(&self, user: &Value) -> bool {
        let identities = user.get("identities").and_then(Value::as_array);
        identities
            .into_iter()
            .flatten()
            .any(|identity| text(identity, "connection") == Some(&self.settings.connection))
    }
}

pub(super) fn owner(user: &Value) -> Option<&str> {
    user.pointer("/app_metadata/tenantryUserId")
        .and_then(Value::as_str)
}
