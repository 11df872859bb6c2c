use serde_json::Value;
use tenantry_api::{AccountBody, Created, FromMembers, Members, Operation, Problem, Reply as _};
use tenantry_app::HandInvoice;
use tenantry_domain::{Currency, Day, Invoice, InvoiceLine, Money, Period, Rule, Text};
use utoipa::ToSchema;

use crate::invoice_view::InvoiceView;

/// All lines fit on some pages and into one item.
const MAX_LINES: usize = 100;

/// An invoice that is made by hand.
#[derive(Debug, ToSchema)]
#[schema(as = NewInvoice, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the operation's own type is what is read"
)]
pub(crate) struct NewInvoiceDoc {
    /// The tenant.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency_code: String,
    /// What for; amounts in minor units.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<NewInvoiceLineDoc>,
    /// The first day that it is for; today if absent.
    #[schema(value_type = Option<String>, format = Date)]
    start_date: Option<String>,
    /// The last day that it is for; the first one if absent.
    #[schema(value_type = Option<String>, format = Date)]
    end_date: Option<String>,
    /// The last day on which it is paid in time; if absent, so many days from now as the deployment grants.
    #[schema(value_type = Option<String>, format = Date)]
    due_date: Option<String>,
}

/// A line of an invoice.
#[derive(Debug, ToSchema)]
#[schema(as = NewInvoiceLine, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct NewInvoiceLineDoc {
    /// What for.
    #[schema(max_length = 300, example = "Set-up")]
    description: String,
    /// How many; one if absent.
    #[schema(minimum = 1)]
    quantity: Option<i64>,
    /// What one costs; negative for what is given back.
    #[schema(example = 25000)]
    unit_amount: i64,
}

/// The invoice as it was read.
pub(crate) struct InvoiceBody(HandInvoice);

struct LineBody {
    description: Text<300>,
    quantity: i64,
    unit_amount: i64,
}

impl FromMembers for LineBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let description = members.text("description", Text::parse);
        let quantity = members.optional_number("quantity");
        if quantity.flatten().is_some_and(|quantity| quantity < 1) {
            members.note::<()>("quantity", Rule::new("out_of_range", "must be at least 1"));
        }
        let unit_amount = members.value("unitAmount", whole_number);
        Some(Self {
            description: description?,
            quantity: quantity?.unwrap_or(1),
            unit_amount: unit_amount?,
        })
    }
}

impl FromMembers for InvoiceBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let currency = members.text("currencyCode", Currency::parse);
        let lines: Option<Vec<LineBody>> = members.optional_objects("lines", MAX_LINES);
        if lines.as_ref().is_some_and(Vec::is_empty) {
            members.note::<()>("lines", Rule::new("required", "must have at least one line"));
        }
        let start = members.optional_text("startDate", Day::parse);
        let end = members.optional_text("endDate", Day::parse);
        let due_on = members.optional_text("dueDate", Day::parse);
        let (start, end) = (start?, end?);
        let period = match (start, end) {
            (None, None) => None,
            (Some(from), end) if end.is_none_or(|end| end >= from) => Some(Period {
                from,
                until: end.unwrap_or(from).plus_days(1),
            }),
            _ => {
                let rule = "must not lie before startDate, which must be there";
                return members.note("endDate", Rule::new("out_of_range", rule));
            }
        };
        let (currency, mut read) = (currency?, Vec::new());
        for (position, line) in lines?.into_iter().enumerate() {
            let priced = Money::new(line.unit_amount, currency)
                .and_then(|unit| InvoiceLine::new(line.description, line.quantity, unit));
            match priced {
                Ok(line) => read.push(line),
                Err(rule) => members.note(&format!("lines/{position}"), rule)?,
            }
        }
        Some(Self(HandInvoice {
            lines: read,
            period,
            due_on: due_on?,
        }))
    }
}

fn whole_number(value: &Value) -> Result<i64, Rule> {
    let rule = || Rule::new("invalid_type", "must be a whole number of minor units");
    value.as_i64().ok_or_else(rule)
}

/// Make an invoice by hand.
///
/// It has the tenant's next number, and is owed like any other one.
#[utoipa::path(post, path = "/invoices", request_body = NewInvoiceDoc)]
pub(crate) async fn create_invoice(
    operation: Operation,
    AccountBody(scope, InvoiceBody(new)): AccountBody<InvoiceBody>,
) -> Result<Created<InvoiceView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |invoice: &Invoice| created(invoice).stored();
    let invoice = tenantry_app::issue_invoice(&operation.context, &scope, &new, reply).await?;
    Ok(created(&invoice))
}

fn created(invoice: &Invoice) -> Created<InvoiceView> {
    Created {
        location: format!("/invoices/{}", invoice.id),
        body: invoice.clone().into(),
    }
}
