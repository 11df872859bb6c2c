use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tenantry_app::{
    App, Candidate, Context, Envelope, Error, IdentityProvider, Progress, ProviderError, TraceContext,
    look_again,
};
use tenantry_domain::{
    Actor, Conflict, Id, Identity, Kind, Login, Membership, MembershipStatus, Role, Tenant, TenantScope,
};
use tenantry_store::{OutboxMessage, Standing, Transaction, Wanted};

/// Takes the events of members and persons.
#[derive(Clone)]
pub struct Logins {
    app: Arc<App>,
}

/// A batch of a queue, as Lambda has it.
#[derive(Debug, Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
}

/// Which messages of a batch the queue has to bring again.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

/// An event as `EventBridge` delivers it.
#[derive(Debug, Deserialize)]
pub struct Task {
    detail: Envelope,
}

/// What events say of a member, as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MemberSaid {
    id: Id<Membership>,
    status: MembershipStatus,
    #[serde(default)]
    previous_role_id: Option<Id<Role>>,
    #[serde(default)]
    login: Option<Login>,
}

#[derive(Debug, Deserialize)]
struct MemberData {
    member: MemberSaid,
}

#[derive(Debug, Deserialize)]
struct UserData {
    user: UserSaid,
}

#[derive(Debug, Deserialize)]
struct UserSaid {
    #[serde(default)]
    logins: Vec<Login>,
}

impl Logins {
    /// With what this process has.
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Takes a batch; answers which messages have to come again.
    pub async fn handle(&self, batch: Batch) -> Failures {
        let mut failures = Failures::default();
        for record in batch.records {
            let task = match serde_json::from_str::<Task>(&record.body) {
                Ok(task) => task,
                Err(error) => {
                    // It will be no other one the next time: the queue of dead letters is for people to look at.
                    tracing::error!(error = %error, "a message is no event of ours");
                    failures.add(record.message_id);
                    continue;
                }
            };
            if self.take(&task).await.is_err() {
                failures.add(record.message_id);
            }
        }
        failures
    }

    /// Does what one event asks for. An error was logged, and may pass.
    pub async fn take(&self, task: &Task) -> Result<(), Error> {
        let event = &task.detail;
        let trace = TraceContext::of_request(event.traceparent.as_deref(), &event.correlationid);
        let context = Context {
            correlation_id: event.correlationid.clone(),
            ..Context::new(&self.app, event.id.to_string(), trace)
        };
        let tenant_id = event.tenantid.map(|id| id.to_string());
        let done = self.follow(&context, event).await;
        match &done {
            Ok(done) => {
                tracing::info!(message.id = %event.id, event.kind = event.kind, tenant.id = tenant_id, done, "an event was followed");
            }
            Err(error) => {
                tracing::error!(message.id = %event.id, event.kind = event.kind, tenant.id = tenant_id, error = %error, "an event has to come again");
            }
        }
        done.map(|_| ())
    }

    /// Answers what was done, for the log.
    async fn follow(&self, context: &Context, event: &Envelope) -> Result<&'static str, Error> {
        if event.kind == "user.erased.v1" {
            let data: UserData = read(event)?;
            for login in &data.user.logins {
                if let Some(provider) = self.app.identity.find(login.provider) {
                    provider.forget(login).await.map_err(Error::of_provider)?;
                }
            }
            return Ok("forgotten");
        }
        let data: MemberData = read(event)?;
        let (said, tenant_id) = (
            data.member,
            event.tenantid.ok_or_else(|| malformed("it names no tenant"))?,
        );
        let scope = TenantScope::of_system(tenant_id, Actor::System);
        match event.kind.as_str() {
            "member.created.v1" | "member.joined.v1" | "member.activated.v1" => {
                let is_activation = event.kind == "member.activated.v1";
                self.let_in(context, &scope, said.id, is_activation).await
            }
            "member.updated.v1"
                if said.previous_role_id.is_none() && said.status != MembershipStatus::Inactive =>
            {
                Ok("nothing")
            }
            "member.updated.v1" | "member.deactivated.v1" => self.sign_out(said.login.as_ref()).await,
            "member.removed.v1" => self.let_out(context, &scope, &said).await,
            _ => Ok("nothing"),
        }
    }

    /// An active member of a tenant whose people sign in somewhere gets a login there, and acts with it.
    async fn let_in(
        &self,
        context: &Context,
        scope: &TenantScope,
        id: Id<Membership>,
        is_activation: bool,
    ) -> Result<&'static str, Error> {
        let Some(standing) = context.store.find_standing(scope, id).await? else {
            return Ok("nothing");
        };
        let Standing {
            tenant, membership, ..
        } = &standing;
        let Some((identity, provider)) = self.identity_of(tenant) else {
            return Ok("nothing");
        };
        // Who has a login keeps it, whoever made it. In a place of the tenant's own it may have been switched off meanwhile.
        let has_login = membership
            .login
            .as_ref()
            .is_some_and(|login| login.is_at(identity.provider, &identity.place));
        if !membership.is_active() || (has_login && !(identity.is_own && is_activation)) {
            return Ok("nothing");
        }
        let candidate = Candidate {
            tenant_id: tenant.id,
            user_id: membership.user_id,
            email: membership.email.clone(),
            first_name: membership.profile.first_name.clone(),
            last_name: membership.profile.last_name.clone(),
            locale: membership.locale.clone(),
            is_administrator: membership.is_owner(),
        };
        let admitted = provider
            .admit(identity, &candidate, &Unnoted)
            .await
            .map_err(Error::of_provider)?;
        let login = identity.login(admitted.auth_id);
        let mail = context.first_key_mail(
            (&membership.email, &membership.profile.first_name),
            tenant,
            &admitted.key,
        );
        // The provider may have taken longer than the table is waited for.
        let fresh = Context {
            store: self.app.store.for_request(),
            ..context.clone()
        };
        if look_again(|| note(&fresh, scope, membership, &login, mail.as_ref())).await? {
            return Ok("let in");
        }
        // It has left while it was let in, and the event of that knows of no login to let out.
        provider
            .expel(identity, &login)
            .await
            .map_err(Error::of_provider)?;
        Ok("let in and out again")
    }

    /// Who is still, or again, a member has only its sessions ended: it was another membership that ended.
    async fn let_out(
        &self,
        context: &Context,
        scope: &TenantScope,
        said: &MemberSaid,
    ) -> Result<&'static str, Error> {
        let Some(login) = &said.login else {
            return Ok("nothing");
        };
        let present = context.store.find_standing(scope, said.id).await?;
        if present.is_some_and(|standing| standing.membership.is_active()) {
            return self.sign_out(Some(login)).await;
        }
        let tenant = context.store.find_tenant(scope).await?;
        match tenant.as_ref().and_then(|tenant| self.identity_of(tenant)) {
            Some((identity, provider)) if login.is_at(identity.provider, &identity.place) => {
                provider
                    .expel(identity, login)
                    .await
                    .map_err(Error::of_provider)?;
                Ok("let out")
            }
            _ => self.sign_out(Some(login)).await,
        }
    }

    async fn sign_out(&self, login: Option<&Login>) -> Result<&'static str, Error> {
        let Some(login) = login else {
            return Ok("nothing");
        };
        let Some(provider) = self.app.identity.find(login.provider) else {
            return Ok("nothing");
        };
        provider.sign_out(login).await.map_err(Error::of_provider)?;
        Ok("signed out")
    }

    fn identity_of<'a>(
        &'a self,
        tenant: &'a Tenant,
    ) -> Option<(&'a Identity, &'a Arc<dyn IdentityProvider>)> {
        let identity = tenant.identity.as_ref()?;
        Some((identity, self.app.identity.find(identity.provider)?))
    }
}

/// Notes how the provider knows the person, on the person and on its membership, and sends what it has to be told. Answers
/// whether the person is a member still.
async fn note(
    context: &Context,
    scope: &TenantScope,
    admitted: &Membership,
    login: &Login,
    mail: Option<&OutboxMessage>,
) -> Result<bool, Error> {
    let wanted = Wanted {
        members: vec![admitted.id],
        users: vec![admitted.user_id],
        ..Wanted::default()
    };
    let people = context.store.find_people(scope, &wanted).await?;
    let found = people
        .as_ref()
        .and_then(|people| people.member(admitted.id).zip(people.user(admitted.user_id)));
    let Some((member, user)) = found else {
        return Ok(false);
    };
    let change = context.change(Actor::System);
    let mut transaction = Transaction::new();
    if let Some(known) = user.clone().known_as(login.clone(), &change) {
        transaction.replace_user(user, &known);
    }
    if let Some(after) = member.clone().with_login(login.clone(), &change) {
        let lost = Conflict::ModifiedConcurrently {
            kind: Kind::Member,
            id: member.id.to_string(),
        };
        transaction.note_login(scope, &after, lost.into());
    }
    if let Some(mail) = mail {
        transaction.send(mail);
    }
    if !transaction.is_empty() {
        context.store.commit(transaction).await?;
    }
    Ok(true)
}

/// Nothing is noted of a single login: it is found again by the person's id.
struct Unnoted;

impl Progress for Unnoted {
    fn made(&self, _: &str) -> Option<String> {
        None
    }

    fn note<'a>(&'a self, _: &'static str, _: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        std::future::ready(Ok(())).boxed()
    }
}

fn read<T: for<'de> Deserialize<'de>>(event: &Envelope) -> Result<T, Error> {
    T::deserialize(&event.data).map_err(|error| Error::Internal(error.into()))
}

fn malformed(why: &'static str) -> Error {
    Error::Internal(why.into())
}

impl Failures {
    fn add(&mut self, message_id: String) {
        self.batch_item_failures.push(Failure {
            item_identifier: message_id,
        });
    }
}
