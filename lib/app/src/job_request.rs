//! What leaves the house when an application plane is asked for something, or a tenant's use stops and goes on: the one
//! place that puts it into the words that the other side knows.

use secrecy::ExposeSecret;
use tenantry_domain::{Callback, Event, Id, Job, Reason, Tenant, Timestamp, Transition};
use tenantry_store::{CallbackKey, TenantParts, Transaction};

use crate::{Context, Error, JobRequest, new_webhook_secret};

/// How long after its deadline a job's callback key can still be told from a forged one: a day.
const LATE_MS: i64 = 24 * 60 * 60 * 1000;

/// Asks the application plane for a job in its own words, and says how it reports.
pub(crate) fn send_request(
    context: &Context,
    transaction: &mut Transaction,
    parts: &TenantParts,
    (tenant, job): (&Tenant, &Job),
    reason: Option<Reason>,
    callback: &Callback,
) -> Result<(), Error> {
    let contacts = &parts.contacts;
    let event = Event::job_requested(
        Transition::Changed(&parts.tenant, tenant),
        contacts,
        job,
        reason,
        callback.clone(),
        context.new_id(),
        context.now,
    );
    transaction.send(&context.job_request(&JobRequest {
        event: &event,
        tenant,
        contacts,
        job,
        callback,
    })?);
    Ok(())
}

/// Tells everybody that something became of a tenant: `kind` is the event's name.
pub(crate) fn tell(
    context: &Context,
    transaction: &mut Transaction,
    kind: &'static str,
    transition: Transition<'_, Tenant>,
    job: Option<&Job>,
) {
    let event = Event::of_tenant(kind, transition, job, context.new_id(), context.now);
    transaction.send(&context.event(&event));
}

/// A secret for the report on a job: sealed for the table, and plain for the event.
pub(crate) fn new_callback(context: &Context, job: &Job) -> (CallbackKey, Callback) {
    let (entropy, keyring) = (&*context.app.entropy, &context.app.keyring);
    let secret = new_webhook_secret(entropy);
    let callback_context = Id::<Callback>::new(context.now, entropy).to_string();
    let key = CallbackKey {
        tenant_id: job.tenant_id,
        job_id: job.id,
        sealed_secret: keyring.seal(&format!("callback/{}", job.id), secret.expose_secret(), entropy),
        context: callback_context.clone(),
        expires_at: last_word(job),
        correlation_id: context.request_id.clone(),
        spent_at: None,
    };
    let callback = Callback {
        url: format!("{}/webhook", context.app.config.api_url),
        secret,
        context: callback_context,
    };
    (key, callback)
}

fn last_word(job: &Job) -> Timestamp {
    job.deadline.plus_ms(LATE_MS)
}
