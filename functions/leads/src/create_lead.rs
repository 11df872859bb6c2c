use tenantry_api::view::LeadView;
use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem};
use tenantry_domain::{Address, Conflict, Email, Event, Lead, NewLead, PersonName};
use tenantry_store::{Rate, Transaction, Unique};
use utoipa::ToSchema;

use crate::verification_mail::new_verification;

/// A sign-up.
#[derive(Debug, ToSchema)]
#[schema(as = NewLead, rename_all = "camelCase")]
pub(crate) struct NewLeadBody {
    /// First name.
    #[schema(value_type = String, max_length = 100, example = "Ada")]
    first_name: PersonName,
    /// Last name.
    #[schema(value_type = String, max_length = 100, example = "Lovelace")]
    last_name: PersonName,
    /// Company; the tenant's name unless another is given.
    #[schema(value_type = String, max_length = 100, example = "Acme")]
    company_name: PersonName,
    /// Where the verification mail goes.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@acme.com")]
    email: Email,
    /// Postal address.
    #[schema(value_type = Option<tenantry_api::view::AddressView>)]
    address: Option<Address>,
}

impl FromMembers for NewLeadBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.text("firstName", PersonName::parse_name);
        let last_name = members.text("lastName", PersonName::parse_name);
        let company_name = members.text("companyName", PersonName::parse_name);
        let email = members.text("email", Email::parse);
        let address = members.optional_object("address");
        Some(Self {
            first_name: first_name?,
            last_name: last_name?,
            company_name: company_name?,
            email: email?,
            address: address?.and_then(Address::if_given),
        })
    }
}

/// Sign up.
///
/// A mail with a link and a one-time code goes to the address; the code proves that the address is the person's own.
/// Signing up again with the same address is allowed until one sign-up is verified.
#[utoipa::path(post, path = "/leads", request_body = NewLeadBody)]
pub(crate) async fn create_lead(operation: Operation, Body(body): Body<NewLeadBody>) -> Result<Created<LeadView>, Problem> {
    let context = &operation.context;
    let NewLeadBody { first_name, last_name, company_name, email, address } = body;
    let new = NewLead { first_name, last_name, company_name, email, address };
    let lead = Lead::sign_up(new, context.now, &*context.app.entropy);
    let limit = context.app.config.public_rate_per_minute;
    let by_client = Rate::Client { address: &operation.client.0, limit };
    let (code, mail) = new_verification(context, &lead);
    let change = context.change(operation.caller.actor());
    let event = Event::of_lead("lead.created", &lead, context.new_id(), context.now);
    let mut transaction = Transaction::new();
    transaction
        .charge(&by_client, context.now)
        .charge(&Rate::Email { email: &lead.email, limit }, context.now)
        .check_free(&Unique::LeadEmail(&lead.email), &lead.id.to_string(), Conflict::LeadAlreadyVerified)
        .create_lead(&lead)
        .put_lead_code(&code)
        .audit(lead.id, &context.audit("lead.created", &change))
        .send(&context.event(&event))
        .send(&mail);
    let location = format!("/leads/{}", lead.id);
    let created = operation.finish(transaction, Created { location, body: lead.into() }).await;
    if let Err(problem) = &created
        && problem.status() == http::StatusCode::CONFLICT
    {
        // The refused transaction took its own count back with it; guessing who is known here costs as much as signing up.
        context.store.charge(&by_client, context.now).await?;
    }
    created
}
