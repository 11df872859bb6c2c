use serde::Serialize;
use tenantry_api::Tagged;
use tenantry_domain::{Invoice, InvoiceLine, Party};
use utoipa::ToSchema;

/// What a tenant owes. All amounts are in minor units of the one currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Invoice)]
pub(crate) struct InvoiceView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Who owes.
    #[schema(format = "uuid")]
    tenant_id: String,
    /// What is read on paper; a tenant's numbers follow each other.
    #[schema(example = "ACME-000001")]
    number: String,
    /// For which subscription, unless it was made by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    subscription_id: Option<String>,
    /// PENDING, PAID or CANCELLED.
    #[schema(example = "PENDING")]
    status: &'static str,
    /// What for.
    lines: Vec<InvoiceLineView>,
    /// What all lines cost together.
    #[schema(example = 4900)]
    amount: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency_code: &'static str,
    /// The first day that it is for.
    #[schema(format = Date)]
    start_date: String,
    /// The last day that it is for.
    #[schema(format = Date)]
    end_date: String,
    /// When it was made.
    #[schema(format = Date)]
    issued_on: String,
    /// The last day on which it is paid in time.
    #[schema(format = Date)]
    due_date: String,
    /// When it was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    paid_on: Option<String>,
    /// Since when it is overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    overdue_since: Option<String>,
    /// Who is paid.
    seller: PartyView,
    /// Who pays.
    buyer: PartyView,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

/// A line of an invoice.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvoiceLine)]
pub(crate) struct InvoiceLineView {
    /// What for.
    description: String,
    /// How many.
    quantity: i64,
    /// What one costs.
    unit_amount: i64,
    /// What all of them cost.
    amount: i64,
}

/// One of the two that an invoice is between, as it was when the invoice was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvoiceParty)]
pub(crate) struct PartyView {
    /// Its name.
    name: String,
    /// Its address, line by line.
    address: Vec<String>,
    /// What its tax office calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    tax_id: Option<String>,
}

impl From<Invoice> for InvoiceView {
    fn from(invoice: Invoice) -> Self {
        let Invoice {
            id,
            tenant_id,
            number,
            subscription_id,
            status,
            lines,
            total,
            period,
            issued_on,
            due_on,
            paid_on,
            overdue_since,
            due_at: _,
            seller,
            buyer,
            created_at,
            created_by: _,
            modified_at,
            modified_by: _,
            version,
        } = invoice;
        Self {
            id: id.to_string(),
            tenant_id: tenant_id.to_string(),
            number,
            subscription_id: subscription_id.map(|id| id.to_string()),
            status: status.name(),
            lines: lines.into_iter().map(InvoiceLineView::from).collect(),
            amount: total.amount(),
            currency_code: total.currency().code(),
            start_date: period.from.to_string(),
            end_date: period.last().to_string(),
            issued_on: issued_on.to_string(),
            due_date: due_on.to_string(),
            paid_on: paid_on.map(|day| day.to_string()),
            overdue_since: overdue_since.map(|day| day.to_string()),
            seller: seller.into(),
            buyer: buyer.into(),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl From<InvoiceLine> for InvoiceLineView {
    fn from(line: InvoiceLine) -> Self {
        let InvoiceLine {
            description,
            quantity,
            unit_amount,
            amount,
        } = line;
        Self {
            description: description.to_string(),
            quantity,
            unit_amount: unit_amount.amount(),
            amount: amount.amount(),
        }
    }
}

impl From<Party> for PartyView {
    fn from(party: Party) -> Self {
        let Party {
            name,
            address,
            tax_id,
        } = party;
        Self {
            name,
            address,
            tax_id,
        }
    }
}

impl Tagged for InvoiceView {
    fn version(&self) -> u64 {
        self.version
    }
}
