use serde_json::{Value, json};
use tenantry_app::{Candidate, Progress, ProviderError};

use super::profile::ATTRIBUTE;
use super::spelling;
use crate::answer::text;
use crate::call::Call;
use crate::conversation::Conversation;
use crate::steps::made;

const ALL: &str = "/admin/realms/{realm}/users";
pub(super) const ONE: &str = "/admin/realms/{realm}/users/{id}";

/// A person on its way into a realm.
pub(super) struct Arrival<'a> {
    pub(super) talk: &'a Conversation<'a>,
    pub(super) realm: &'a str,
    pub(super) is_own: bool,
    pub(super) can_mail: bool,
    pub(super) candidate: &'a Candidate,
    pub(super) progress: &'a dyn Progress,
}

/// A person who has a login.
pub(super) struct Person {
    pub(super) id: String,
    /// Nobody can sign in with it yet, but for a first password that still has to be changed.
    pub(super) is_unused: bool,
}

impl Arrival<'_> {
    /// Finds the login by our id, then by its address, or makes it.
    ///
    /// A login that has the address and is nobody's yet becomes the person's only if the address was verified, or if nobody can
    /// sign in with it. Otherwise whoever made it, with a password of their own and somebody else's address, would get in as
    /// that person as soon as it is invited. One that carries another id of ours stays that person's.
    pub(super) async fn find_or_make(&self) -> Result<Person, ProviderError> {
        let person = match self.find().await? {
            Some(found) => self.take_over(found).await?,
            None => self.make().await?,
        };
        self.progress.note("user", &person.id).await?;
        Ok(person)
    }

    async fn find(&self) -> Result<Option<Value>, ProviderError> {
        if let Some(id) = made(self.progress, "user")
            && let Some(user) = self.read(&id).await?
            && self.is_ours(&user)
        {
            return Ok(Some(user));
        }
        let by_id = format!("{ATTRIBUTE}:{}", self.candidate.user_id);
        let mut found = self.search(&[("q", &by_id)]).await?;
        found.retain(|user| self.is_ours(user));
        if found.is_empty() {
            let address = self.candidate.email.as_str();
            found = self.search(&[("email", address), ("exact", "true")]).await?;
            found.retain(|user| text(user, "email").is_some_and(|email| email.eq_ignore_ascii_case(address)));
        }
        match &found[..] {
            [] => Ok(None),
            [one] => self.read(id_of(self.talk, one)?).await,
            _ => Err(self
                .talk
                .refusal("several logins of the realm could be the person's")),
        }
    }

    async fn search(&self, query: &[(&str, &str)]) -> Result<Vec<Value>, ProviderError> {
        let answer = self.talk.ask(Call::get(ALL, &[self.realm]).query(query)).await?;
        Ok(answer.items().to_vec())
    }

    async fn read(&self, id: &str) -> Result<Option<Value>, ProviderError> {
        let call = Call::get(ONE, &[self.realm, id]).expecting(&[200, 404]);
        let answer = self.talk.ask(call).await?;
        Ok((answer.status == 200).then_some(answer.body))
    }

    async fn make(&self) -> Result<Person, ProviderError> {
        let call = Call::post(ALL, &[self.realm]).json(&self.new_user());
        let answer = self.talk.ask(call.expecting(&[201, 409])).await?;
        if answer.status == 409 {
            return match self.find().await? {
                Some(found) => self.take_over(found).await,
                None => Err(self
                    .talk
                    .refusal("a login with another address has the person's as user name")),
            };
        }
        let id = answer
            .made_id()
            .ok_or_else(|| self.talk.odd("a user without an address"))?;
        self.check_kept(&id).await?;
        Ok(Person { id, is_unused: true })
    }

    /// Nobody's address is verified by our word for it, and there is no password until somebody chooses one.
    fn new_user(&self) -> Value {
        let candidate = self.candidate;
        // A realm that cannot mail could not verify, and would let nobody past.
        let actions: &[&str] = if self.can_mail {
            &["VERIFY_EMAIL", "UPDATE_PASSWORD"]
        } else {
            &["UPDATE_PASSWORD"]
        };
        let mut attributes = json!({ ATTRIBUTE: [candidate.user_id.to_string()] });
        if let Some(locale) = &candidate.locale {
            attributes["locale"] = json!([locale.as_str()]);
        }
        json!({
            "username": spelling::user_name(candidate),
            "email": candidate.email.as_str(),
            "emailVerified": false,
            "enabled": true,
            "firstName": spelling::name(&candidate.first_name),
            "lastName": candidate.last_name.as_ref().and_then(spelling::name),
            "attributes": attributes,
            "requiredActions": actions,
        })
    }

    /// An attribute that the user profile does not declare is dropped, and the answer is a success.
    pub(super) async fn check_kept(&self, id: &str) -> Result<(), ProviderError> {
        match self.read(id).await? {
            Some(user) if self.is_ours(&user) => Ok(()),
            Some(_) => {
                let detail = format!("the realm's user profile does not keep the attribute {ATTRIBUTE}");
                Err(self.talk.refusal(detail))
            }
            None => Err(self.talk.odd("a login that has just been made is not there")),
        }
    }

    pub(super) fn is_ours(&self, user: &Value) -> bool {
        owner(user) == Some(&self.candidate.user_id.to_string())
    }
}

pub(super) fn id_of<'a>(talk: &Conversation<'_>, user: &'a Value) -> Result<&'a str, ProviderError> {
    text(user, "id").ok_or_else(|| talk.odd("a user without an id"))
}

pub(super) fn owner(user: &Value) -> Option<&str> {
    let values = user.get("attributes")?.get(ATTRIBUTE)?.as_array()?;
    values.first()?.as_str()
}
