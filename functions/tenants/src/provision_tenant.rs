use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tenantry_api::{Accepted, Body, FromMembers, Members, Operation, Problem, Scope};
use tenantry_app::{Context, new_webhook_secret};
use tenantry_domain::{
    Callback, Conflict, Error as DomainError, Event, Id, Job, Kind, Plan, Rule, Subscription, TenantCommand, TenantScope, Text,
};
use tenantry_store::{CallbackKey, TenantParts, Transaction};
use utoipa::ToSchema;

use crate::job_view::JobView;

/// How long after its deadline a job's callback key can still be told from a forged one: a day.
const LATE_MS: i64 = 24 * 60 * 60 * 1000;

/// More than this of a plan does not fit beside the tenant into an event of 256 KiB.
const MAX_PLAN_BYTES: usize = 64 * 1024;

/// What the tenant is provisioned for.
#[derive(Debug, ToSchema)]
#[schema(as = SubscriptionToProvision, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document; the domain's subscription is what is read")]
pub(crate) struct SubscriptionDoc {
    /// Its id on the billing side.
    #[schema(max_length = 200, example = "sub_1")]
    id: String,
    /// Who subscribed.
    #[schema(max_length = 200)]
    subscriber_id: Option<String>,
    /// When it begins.
    #[schema(max_length = 40)]
    start_date: Option<String>,
    /// When it ends.
    #[schema(max_length = 40)]
    end_date: Option<String>,
    /// The billing side's status number.
    status: Option<i64>,
    /// The plan's id on the billing side.
    #[schema(max_length = 200)]
    plan_id: Option<String>,
    /// The invoice that paid for it.
    #[schema(max_length = 200)]
    invoice_id: Option<String>,
    /// The plan: `tier` is one of the configured tiers in any case; everything else goes to the application plane as it is.
    #[schema(value_type = Object, example = json!({"tier": "BASIC"}))]
    plan: Value,
}

/// The subscription as it was read.
pub(crate) struct SubscriptionBody(Subscription);

struct PlanBody(Plan);

impl FromMembers for SubscriptionBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let id = members.text("id", Text::parse);
        let subscriber_id = members.optional_text("subscriberId", Text::parse);
        let start_date = members.optional_text("startDate", Text::parse);
        let end_date = members.optional_text("endDate", Text::parse);
        let status = members.optional_number("status");
        let plan_id = members.optional_text("planId", Text::parse);
        let invoice_id = members.optional_text("invoiceId", Text::parse);
        let plan = members.object::<PlanBody>("plan");
        Some(Self(Subscription {
            id: id?,
            subscriber_id: subscriber_id?,
            start_date: start_date?,
            end_date: end_date?,
            status: status?,
            plan_id: plan_id?,
            invoice_id: invoice_id?,
            plan: plan?.0,
        }))
    }
}

impl FromMembers for PlanBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let tiers = &members.config.tiers;
        let tier = members.text("tier", |tier| tiers.find(tier));
        let rest: Map<String, Value> = members.rest();
        if Value::Object(rest.clone()).to_string().len() > MAX_PLAN_BYTES {
            let rule = Rule::new("too_large", format!("must have at most {MAX_PLAN_BYTES} bytes"));
            return members.note("", rule);
        }
        Some(Self(Plan { tier: tier?, rest }))
    }
}

/// Start provisioning.
///
/// An event asks the application plane to make the tenant's resources; it reports back to `/webhook`. While a job is open,
/// starting again answers with that job. After a failure it starts the next attempt.
#[utoipa::path(
    post,
    path = "/tenants/{id}/provision",
    request_body = SubscriptionDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn provision_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(SubscriptionBody(subscription)): Body<SubscriptionBody>,
) -> Result<Accepted<JobView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let parts = find_parts(&operation, &scope).await?;
    if let Some(job) = open_job(&parts) {
        return operation.finish(Transaction::new(), accepted(job)).await;
    }
    match start(&operation, &scope, &parts, subscription).await {
        // Another start won the race; its job is the answer.
        Err(problem) if problem.status() == http::StatusCode::CONFLICT && is_startable(&parts) => {
            let parts = find_parts(&operation, &scope).await?;
            let job = open_job(&parts).ok_or(problem)?;
            operation.finish(Transaction::new(), accepted(job)).await
        }
        started => started,
    }
}

async fn start(
    operation: &Operation,
    scope: &TenantScope,
    parts: &TenantParts,
    subscription: Subscription,
) -> Result<Accepted<JobView>, Problem> {
    let context = &operation.context;
    let change = context.change(scope.actor().clone());
    let life_ms = context.app.config.job_life_ms;
    let job = Job::provision(&parts.tenant, subscription, life_ms, context.now, &*context.app.entropy);
    let tenant = parts.tenant.clone().provision(&job, &change)?;
    let (callback_key, callback) = new_callback(context, &job);
    let event = Event::provisioning_requested((&tenant, &parts.contacts), &job, callback, context.new_id(), context.now);
    let mut entry = context.audit("tenant.provisioning_requested", &change);
    entry.before = Some(serde_json::json!({ "status": parts.tenant.status }));
    entry.after = Some(serde_json::json!({ "status": tenant.status, "tier": tenant.tier, "jobId": job.id }));
    let conflict = Conflict::ModifiedConcurrently { kind: Kind::Tenant, id: tenant.id.to_string() };
    let mut transaction = Transaction::new();
    transaction
        .replace_tenant(scope, &parts.tenant, &tenant, conflict.into())
        .create_job(scope, &job, &callback_key)
        .audit(tenant.id, &entry)
        .send(&context.sealed_event(&event));
    operation.finish(transaction, accepted(job)).await
}

async fn find_parts(operation: &Operation, scope: &TenantScope) -> Result<TenantParts, Problem> {
    let parts = operation.context.store.find_tenant_with_jobs(scope).await?;
    Ok(parts.ok_or_else(|| DomainError::not_found(Kind::Tenant, scope.tenant_id()))?)
}

fn open_job(parts: &TenantParts) -> Option<Job> {
    parts.jobs.iter().find(|job| Some(job.id) == parts.tenant.open_job_id).cloned()
}

fn is_startable(parts: &TenantParts) -> bool {
    TenantCommand::Provision.leads(parts.tenant.status).is_some()
}

fn new_callback(context: &Context, job: &Job) -> (CallbackKey, Callback) {
    let secret = new_webhook_secret(&*context.app.entropy);
    let callback_context = Id::<Callback>::new(context.now, &*context.app.entropy).to_string();
    let purpose = format!("callback/{}", job.id);
    let key = CallbackKey {
        tenant_id: job.tenant_id,
        job_id: job.id,
        sealed_secret: context.app.keyring.seal(&purpose, secret.expose_secret(), &*context.app.entropy),
        context: callback_context.clone(),
        expires_at: job.deadline.plus_ms(LATE_MS),
        spent_at: None,
    };
    let url = format!("{}/webhook", context.app.config.api_url);
    (key, Callback { url, secret, context: callback_context })
}

fn accepted(job: Job) -> Accepted<JobView> {
    let location = Some(format!("/tenants/{}/jobs/{}", job.tenant_id, job.id));
    Accepted { location, body: job.into() }
}
