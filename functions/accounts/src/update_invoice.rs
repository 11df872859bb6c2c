use serde_json::Value;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_app::InvoiceCommand;
use tenantry_domain::{Day, Id, Invoice, InvoiceStatus, Kind, Rule};
use utoipa::ToSchema;

use crate::invoice_view::InvoiceView;

/// That an invoice was paid.
#[derive(Debug, ToSchema)]
#[schema(as = InvoicePayment, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct PaymentDoc {
    /// `PAID`, and nothing else.
    #[schema(example = "PAID")]
    status: String,
    /// On which day; today if absent.
    #[schema(value_type = Option<String>, format = Date)]
    paid_on: Option<String>,
}

/// The same as it was read.
pub(crate) struct Payment(Option<Day>);

impl FromMembers for Payment {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let status = members.value("status", paid);
        let paid_on = members.optional_text("paidOn", Day::parse);
        status?;
        Some(Self(paid_on?))
    }
}

/// `PAID`, or the number that the references use for it.
fn paid(value: &Value) -> Result<(), Rule> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match InvoiceStatus::parse(&text) {
        Ok(InvoiceStatus::Paid) => Ok(()),
        _ => Err(Rule::new(
            "unknown_status",
            "must be PAID: DELETE cancels an invoice",
        )),
    }
}

/// Note that an invoice was paid.
///
/// With the last overdue one, a tenant that was suspended because of them may be used again.
#[utoipa::path(
    patch,
    path = "/invoices/{id}",
    request_body(content = PaymentDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The invoice's id."), TenantQuery)
)]
pub(crate) async fn update_invoice(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Invoice>>,
    Body(Payment(paid_on)): Body<Payment>,
) -> Result<Found<InvoiceView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let check = |present: &Invoice| operation.require_version(Kind::Invoice, id, present.version);
    let command = InvoiceCommand::Pay(paid_on);
    let paid = tenantry_app::close_invoice(&operation.context, &scope, id, command, check).await?;
    Ok(Found(paid.into()))
}
