use serde::Serialize;
use tenantry_api::{Accepted, LeadId, Operation, Path, Problem};
use tenantry_store::{Rate, Transaction};
use utoipa::ToSchema;

use crate::verification_mail::new_verification;

/// That a mail is on its way, if there is such a lead.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeSent {
    /// A sentence for people.
    message: &'static str,
}

/// Send a new code.
///
/// The code before no longer counts. The answer does not tell whether there is such a lead. A verified lead gets a code as
/// well: with it, it can have a new token.
#[utoipa::path(post, path = "/leads/{id}/resend", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn resend_code(operation: Operation, Path(id): Path<LeadId>) -> Result<Accepted<CodeSent>, Problem> {
    let context = &operation.context;
    let limit = context.app.config.public_rate_per_minute;
    let mut transaction = Transaction::new();
    transaction.charge(&Rate::Client { address: &operation.client.0, limit }, context.now);
    if let Some(lead) = context.store.find_lead(id).await? {
        let (code, mail) = new_verification(context, &lead);
        let change = context.change(operation.caller.actor());
        transaction
            .charge(&Rate::Email { email: &lead.email, limit }, context.now)
            .expect_lead(&lead)
            .put_lead_code(&code)
            .audit(lead.id, &context.audit("lead.code_sent", &change))
            .send(&mail);
    }
    let body = CodeSent { message: "if there is such a lead, a mail with a new code is on its way" };
    operation.finish(transaction, Accepted { location: None, body }).await
}
