//! The set-up of a tenant's identity: where its people sign in, and its first administrator.
//!
//! Each thing that a provider makes is found again by its name, and noted on the job as soon as it is there, so whoever is cut
//! off asks again and goes on. What the table says of tenant and administrator is written last, in one transaction.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::json;
use tenantry_domain::{
    Actor, Administrator, Conflict, Contact, Email, Error as DomainError, Event, Id, Identity, Job, JobKind,
    Kind, Login, Membership, MembershipStatus, Profile, ProviderId, ProviderName, Rule, SystemRole, Tenant,
    TenantScope, User, Username,
};
use tenantry_store::{People, TenantIssuer, TenantParts, Transaction, Unique, Wanted};

use crate::context::LOOKS;
use crate::start_job::find_job;
use crate::{Admitted, Candidate, Context, Error, FirstKey, IdentityWish, Progress, ProviderError};

/// What an application plane says of an administrator that it has made a login for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAdministrator {
    /// Its address: that of the tenant's primary contact.
    pub email: Email,
    /// How the provider knows it.
    pub auth_id: ProviderId,
    /// With which client the tenant's application signs people in.
    pub client_id: Option<ProviderId>,
}

/// Sets up where the people of the job's tenant sign in, with its primary contact as first administrator, and answers how the
/// provider knows it. What was set up before is the answer, and nothing changes.
pub async fn set_up_identity(
    context: &Context,
    parts: TenantParts,
    job_id: Id<Job>,
    asked: Option<ProviderName>,
) -> Result<ProviderId, Error> {
    let mut parts = parts;
    let mut looks = 1;
    loop {
        match set_up_once(context, &parts, job_id, asked).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            ended => return ended,
        }
        parts = look(context, &scope_of(parts.tenant.id)).await?;
    }
}

/// Notes the administrator that the application plane has made a login for. The same again changes nothing; another one is refused.
pub async fn name_administrator(
    context: &Context,
    parts: TenantParts,
    job_id: Id<Job>,
    named: &NamedAdministrator,
) -> Result<(), Error> {
    let mut parts = parts;
    let mut looks = 1;
    loop {
        match name_once(context, &parts, job_id, named).await {
            Err(error) if error.is_lost_race() && looks < LOOKS => looks += 1,
            ended => return ended,
        }
        parts = look(context, &scope_of(parts.tenant.id)).await?;
    }
}

async fn look(context: &Context, scope: &TenantScope) -> Result<TenantParts, Error> {
    let parts = context.store.find_tenant_with_jobs(scope).await?;
    Ok(parts.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?)
}

fn scope_of(tenant_id: Id<Tenant>) -> TenantScope {
    TenantScope::of_system(tenant_id, Actor::ApplicationPlane)
}

async fn set_up_once(
    context: &Context,
    parts: &TenantParts,
    job_id: Id<Job>,
    asked: Option<ProviderName>,
) -> Result<ProviderId, Error> {
    let job = find_job(parts, job_id)?;
    if let Some(administrator) = administrator_of(job) {
        return Ok(administrator.auth_id.clone());
    }
    check_wants_identity(job)?;
    let app = &context.app;
    let provider = app
        .identity
        .choose(&app.config.identity, (&parts.tenant, job), asked)?;
    let contact = primary_contact(parts)?;
    let person = find_person(context, parts, contact).await?;
    let progress = JobProgress {
        context: context.clone(),
        provider: provider.name(),
        job: Arc::new(Mutex::new(job.clone())),
    };
    let identity = provider
        .set_up(&wish(context, parts, job), &progress)
        .await
        .map_err(Error::of_provider)?;
    let candidate = Candidate {
        tenant_id: parts.tenant.id,
        user_id: person.id(),
        email: contact.email.clone(),
        first_name: contact.first_name.clone(),
        last_name: Some(contact.last_name.clone()),
        locale: None,
        is_administrator: true,
    };
    let admitted = provider
        .admit(&identity, &candidate, &progress)
        .await
        .map_err(Error::of_provider)?;
    let job = progress.job();
    finish(
        context,
        parts,
        &job,
        contact,
        &person,
        (&identity, &admitted, Voucher::Provider),
    )
    .await
}

async fn name_once(
    context: &Context,
    parts: &TenantParts,
    job_id: Id<Job>,
    named: &NamedAdministrator,
) -> Result<(), Error> {
    let job = find_job(parts, job_id)?;
    if let Some(administrator) = administrator_of(job) {
        if administrator.auth_id == named.auth_id {
            return Ok(());
        }
        return Err(Conflict::AdministratorNamed(parts.tenant.id.to_string()).into());
    }
    check_wants_identity(job)?;
    let contact = primary_contact(parts)?;
    if contact.email != named.email {
        let rule = Rule::new(
            "not_the_primary_contact",
            "must be the address of the tenant's primary contact",
        );
        return Err(DomainError::invalid(rule.at("/email")).into());
    }
    let identity = named_identity(context, parts, named)?;
    let person = find_person(context, parts, contact).await?;
    let admitted = Admitted {
        auth_id: named.auth_id.clone(),
        key: FirstKey::Known,
    };
    let said = (&identity, &admitted, Voucher::ApplicationPlane);
    finish(context, parts, job, contact, &person, said).await?;
    Ok(())
}

/// Where the application plane has made the login: where the tenant's people sign in already, or the pool that tenants share.
fn named_identity(
    context: &Context,
    parts: &TenantParts,
    named: &NamedAdministrator,
) -> Result<Identity, DomainError> {
    if let Some(identity) = &parts.tenant.identity {
        return Ok(identity.clone());
    }
    let pool = context.app.config.identity.cognito.as_ref();
    let identity = pool.and_then(|pool| {
        Some(Identity {
            provider: ProviderName::Cognito,
            place: ProviderId::parse(&pool.user_pool_id).ok()?,
            is_own: false,
            organization: ProviderId::parse(&parts.tenant.id.to_string()).ok(),
            issuer: format!("{}/{}", pool.issuer_base, pool.user_pool_id),
            client_id: named
                .client_id
                .clone()
                .or_else(|| ProviderId::parse(&pool.client_id).ok()),
        })
    });
    identity.ok_or_else(|| {
        let rule = Rule::new(
            "unknown_identity_provider",
            "must be absent: no Cognito pool is configured",
        );
        DomainError::invalid(rule.at("/cognitoAuthId"))
    })
}

fn administrator_of(job: &Job) -> Option<&Administrator> {
    job.identity.as_ref()?.administrator.as_ref()
}

fn check_wants_identity(job: &Job) -> Result<(), Error> {
    if !job.is_open() {
        let (job, status) = (job.id.to_string(), job.status);
        return Err(Conflict::JobClosed { job, status }.into());
    }
    match job.kind {
        JobKind::Provision | JobKind::ChangeTier => Ok(()),
        JobKind::Deprovision => {
            let rule = Rule::new("wrong_job", "must be that of a tenant that is not about to leave");
            Err(DomainError::invalid(rule.at("/tenant/id")).into())
        }
    }
}

fn primary_contact(parts: &TenantParts) -> Result<&Contact, DomainError> {
    let contact = parts.contacts.iter().find(|contact| contact.is_primary);
    contact.ok_or_else(|| DomainError::not_found(Kind::Contact, "primary"))
}

/// A tenant has what it has; a new one shares with others unless its plan or tier says otherwise.
fn wish(context: &Context, parts: &TenantParts, job: &Job) -> IdentityWish {
    let (tenant, plan) = (&parts.tenant, &job.subscription.plan);
    let tiers = &context.app.config.identity.silo_tiers;
    let deployment = plan.rest.get("deployment").and_then(serde_json::Value::as_str);
    let planned = deployment.map_or_else(
        || tiers.iter().any(|tier| tier.eq_ignore_ascii_case(&plan.tier)),
        |deployment| deployment.eq_ignore_ascii_case("SILO"),
    );
    IdentityWish {
        tenant_id: tenant.id,
        key: tenant.key.clone(),
        name: tenant.name.clone(),
        is_silo: tenant
            .identity
            .as_ref()
            .map_or(planned, |identity| identity.is_own),
    }
}

/// The primary contact as a person.
enum Person {
    /// Nobody has the address. The id follows from tenant and contact, so that whoever asks again finds the same login.
    New(Id<User>),
    /// Somebody has it: who it is, and whether it is a member of the tenant.
    Known(Box<User>, Option<Box<Membership>>),
}

impl Person {
    fn id(&self) -> Id<User> {
        match self {
            Self::New(id) => *id,
            Self::Known(user, _) => user.id,
        }
    }
}

/// Who says that a login is the contact's. A provider has made or found it for the person. An application plane may have made it
/// for whomever it likes: somebody who is known here gets none by its word, or it could become that person in other tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voucher {
    Provider,
    ApplicationPlane,
}

async fn find_person(context: &Context, parts: &TenantParts, contact: &Contact) -> Result<Person, Error> {
    let tenant_id = parts.tenant.id;
    let new = User::id_of_contact(tenant_id, contact.id);
    let people = find_people(context, tenant_id, contact, new).await?;
    let [owner] = people.owners[..] else {
        return Err(DomainError::not_found(Kind::Tenant, tenant_id).into());
    };
    let (id, people) = match owner {
        None => return Ok(Person::New(new)),
        Some(id) if id == new => (id, people),
        Some(id) => (id, find_people(context, tenant_id, contact, id).await?),
    };
    let user = people.user(id).cloned();
    // The marker of somebody who is being erased at this moment.
    let user = user.ok_or_else(|| lost(Kind::User, id))?;
    let member = people.member(Membership::id_of(tenant_id, id)).cloned();
    Ok(Person::Known(Box::new(user), member.map(Box::new)))
}

async fn find_people(
    context: &Context,
    tenant_id: Id<Tenant>,
    contact: &Contact,
    user_id: Id<User>,
) -> Result<People, Error> {
    let wanted = Wanted {
        members: vec![Membership::id_of(tenant_id, user_id)],
        users: vec![user_id],
        owners_of: vec![Unique::UserEmail(&contact.email)],
        ..Wanted::default()
    };
    let people = fresh(context)
        .store
        .find_people(&scope_of(tenant_id), &wanted)
        .await?;
    Ok(people.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?)
}

/// A provider may have taken longer than the table is waited for.
fn fresh(context: &Context) -> Context {
    Context {
        store: context.app.store.for_request(),
        ..context.clone()
    }
}

fn lost<T>(kind: Kind, id: Id<T>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind,
        id: id.to_string(),
    }
    .into()
}

/// Writes what is set up: where the tenant's people sign in, the administrator as a person and as the tenant's owner, and what
/// it has to be told. Somebody who is known already is not made a member unasked: it is invited when the tenant is ready.
async fn finish(
    context: &Context,
    parts: &TenantParts,
    job: &Job,
    contact: &Contact,
    person: &Person,
    (identity, admitted, voucher): (&Identity, &Admitted, Voucher),
) -> Result<ProviderId, Error> {
    let context = &fresh(context);
    let (before, scope) = (&parts.tenant, scope_of(parts.tenant.id));
    let change = context.change(Actor::ApplicationPlane);
    let login = identity.login(admitted.auth_id.clone());
    let mut transaction = Transaction::new();
    let is_member = add_person(
        context,
        &mut transaction,
        (before, contact),
        person,
        (&login, voucher),
    )?;
    let administrator = Administrator {
        user_id: person.id(),
        auth_id: admitted.auth_id.clone(),
        is_member,
        at: context.now,
    };
    let ready = job
        .clone()
        .name_administrator(identity.provider, administrator, context.now)?;
    let after = before.clone().identified(identity.clone(), person.id(), &change);
    let mut entry = context.audit("tenant.identity_set_up", &change);
    entry.before = Some(json!({ "identity": before.identity.as_ref().map(|identity| identity.provider) }));
    entry.after = Some(json!({
        "identity": identity.provider,
        "administratorId": person.id(),
        "jobId": job.id,
    }));
    transaction
        .replace_job(&scope, &ready)
        .replace_tenant(&scope, before, &after, lost(Kind::Tenant, before.id))
        .audit(&parts.trail, &entry);
    if identity.is_own {
        transaction.put_issuer(&scope, &issuer_of(context, before.id, identity));
    }
    if let Some(mail) = context.first_key_mail((&contact.email, &contact.first_name), before, &admitted.key) {
        transaction.send(&mail);
    }
    context.store.commit(transaction).await?;
    Ok(admitted.auth_id.clone())
}

/// The administrator as a person and a member; answers whether it is a member that can act.
fn add_person(
    context: &Context,
    transaction: &mut Transaction,
    (tenant, contact): (&Tenant, &Contact),
    person: &Person,
    (login, voucher): (&Login, Voucher),
) -> Result<bool, Error> {
    let change = context.change(Actor::ApplicationPlane);
    let scope = scope_of(tenant.id);
    match person {
        Person::New(id) => {
            let profile = Profile {
                first_name: contact.first_name.clone(),
                middle_name: None,
                last_name: Some(contact.last_name.clone()),
                phone: None,
                photo_url: None,
            };
            let email = contact.email.clone();
            let user = User::new(*id, Username::of_email(&email), email, profile, context.now);
            let user = User {
                logins: vec![login.clone()],
                ..user.join(tenant.id, &change)?
            };
            let owner = SystemRole::Owner.id(tenant.id);
            let member = Membership {
                login: Some(login.clone()),
                ..Membership::new(tenant.id, &user, owner, MembershipStatus::Active, context.now)
            };
            let event = Event::of_member("member.joined", &member, 1, context.new_id(), context.now);
            transaction
                .create_user(&user)
                .create_membership(&scope, &member)
                .send(&context.event(&event));
            Ok(true)
        }
        Person::Known(_, member) if voucher == Voucher::ApplicationPlane => {
            Ok(member.as_ref().is_some_and(|member| member.is_active()))
        }
        Person::Known(user, member) => {
            if let Some(known) = user.as_ref().clone().known_as(login.clone(), &change) {
                transaction.replace_user(user, &known);
            }
            let Some(member) = member else {
                return Ok(false);
            };
            if let Some(after) = member.as_ref().clone().with_login(login.clone(), &change) {
                transaction.note_login(&scope, &after, lost(Kind::Member, after.id));
            }
            Ok(member.is_active())
        }
    }
}

fn issuer_of(context: &Context, tenant_id: Id<Tenant>, identity: &Identity) -> TenantIssuer {
    let keys = match identity.provider {
        ProviderName::Keycloak => "protocol/openid-connect/certs",
        ProviderName::Cognito | ProviderName::Auth0 | ProviderName::Local => ".well-known/jwks.json",
    };
    let client = identity.client_id.iter().map(ToString::to_string);
    TenantIssuer {
        issuer: identity.issuer.clone(),
        tenant_id,
        provider: identity.provider,
        audiences: client.chain([AUDIENCE.to_owned()]).collect(),
        jwks_uri: format!("{}/{keys}", identity.issuer),
        created_at: context.now,
    }
}

/// What tokens say that are for us, where the provider lets us choose.
const AUDIENCE: &str = "tenantry";

/// Notes on the open job what a provider has made.
struct JobProgress {
    context: Context,
    provider: ProviderName,
    job: Arc<Mutex<Job>>,
}

impl JobProgress {
    fn job(&self) -> Job {
        self.job.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn write(&self, step: &str, made: &str) -> Result<(), Error> {
        let context = fresh(&self.context);
        let mut job = self.job();
        let scope = scope_of(job.tenant_id);
        let mut looks = 1;
        loop {
            let noted = job
                .clone()
                .note_identity(self.provider, step, made, context.now)?;
            let mut transaction = Transaction::new();
            transaction.replace_job(&scope, &noted);
            match context.store.commit(transaction).await.map_err(Error::from) {
                Ok(()) => {
                    *self.job.lock().unwrap_or_else(PoisonError::into_inner) = noted;
                    return Ok(());
                }
                Err(error) if error.is_lost_race() && looks < LOOKS => {
                    looks += 1;
                    let present = context.store.find_job(&scope, job.id).await?;
                    job = present.ok_or_else(|| DomainError::not_found(Kind::Job, job.id))?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Progress for JobProgress {
    fn made(&self, step: &str) -> Option<String> {
        self.job().identity?.made.get(step).cloned()
    }

    fn note<'a>(&'a self, step: &'static str, made: &'a str) -> BoxFuture<'a, Result<(), ProviderError>> {
        async move {
            if self.made(step).as_deref() == Some(made) {
                return Ok(());
            }
            self.write(step, made)
                .await
                .map_err(|error| ProviderError::Progress(Box::new(error)))
        }
        .boxed()
    }
}
