use secrecy::ExposeSecret;
use serde::Serialize;
use subtle::ConstantTimeEq;
use tenantry_api::{BearerToken, Count, LeadId, Operation, Path, Problem};
use tenantry_app::{lead_token, sha256_hex};
use tenantry_domain::{Actor, Conflict, Error as DomainError, Event, Lead, LeadCode};
use tenantry_store::{Rate, Transaction, Unique};
use utoipa::ToSchema;

/// A lead that proved its e-mail address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedLead {
    /// The lead's id.
    #[schema(format = "uuid")]
    id: String,
    /// The lead's own token, good for 60 minutes: it reads the lead, creates its tenant, and reads that tenant.
    token: String,
}

const REFUSED: &str = "the code is not valid, was used, or has expired";

/// Prove the e-mail address.
///
/// Takes the code from the mail as bearer token. A code works once, for 15 minutes, for its own lead.
#[utoipa::path(post, path = "/leads/{id}/verify", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn verify_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
    BearerToken(code): BearerToken,
) -> Result<Count<VerifiedLead>, Problem> {
    let context = &operation.context;
    let limit = context.app.config.public_rate_per_minute;
    let by_client = Rate::Client { address: &operation.client.0, limit };
    let found = context.store.find_lead_with_code(id).await?;
    let Some((lead, stored)) = found.and_then(|found| matching(found, code.expose_secret(), context.now)) else {
        context.store.charge(&by_client, context.now).await?;
        return Err(DomainError::Unauthenticated(REFUSED).into());
    };
    let verified = lead.clone().verify(context.now);
    let change = context.change(Actor::Lead(id));
    let mut transaction = Transaction::new();
    transaction
        .charge(&by_client, context.now)
        .spend_lead_code(&stored, DomainError::Unauthenticated(REFUSED))
        .reserve(&Unique::LeadEmail(&lead.email), &id.to_string(), Conflict::LeadAlreadyVerified)
        .replace_lead(&lead, &verified)
        .audit(id, &context.audit("lead.verified", &change));
    if !lead.is_verified() {
        let event = Event::of_lead("lead.verified", &verified, context.new_id(), context.now);
        transaction.send(&context.event(&event));
    }
    context.store.commit(transaction).await?;
    let token = lead_token::issue(&context.app.keyring, id, context.now).expose_secret().to_owned();
    Ok(Count(VerifiedLead { id: id.to_string(), token }))
}

/// The lead and its code, if that is the code that was sent and it still counts.
fn matching(
    (lead, stored): (Lead, Option<LeadCode>),
    code: &str,
    now: tenantry_domain::Timestamp,
) -> Option<(Lead, LeadCode)> {
    let stored = stored.filter(|stored| stored.is_alive(now))?;
    let is_equal = bool::from(sha256_hex(code).as_bytes().ct_eq(stored.hash.as_bytes()));
    is_equal.then_some((lead, stored))
}
