use serde::Serialize;
use tenantry_domain::Lead;
use utoipa::ToSchema;

use super::AddressView;
use crate::Tagged;

/// A prospect.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Lead)]
pub struct LeadView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// First name.
    first_name: String,
    /// Last name.
    last_name: String,
    /// Company.
    company_name: String,
    /// E-mail address, lower-cased.
    #[schema(format = Email)]
    email: String,
    /// Postal address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<AddressView>,
    /// Whether the e-mail address was proved.
    is_validated: bool,
    /// When it was first proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    validated_at: Option<String>,
    /// The tenant that the lead became.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    tenant_id: Option<String>,
    /// When it signed up.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl From<Lead> for LeadView {
    fn from(lead: Lead) -> Self {
        let is_validated = lead.is_verified();
        let Lead {
            id,
            first_name,
            last_name,
            company_name,
            email,
            address,
            verified_at,
            tenant_id,
            created_at,
            modified_at,
            version,
        } = lead;
        Self {
            id: id.to_string(),
            first_name: first_name.to_string(),
            last_name: last_name.to_string(),
            company_name: company_name.to_string(),
            email: email.as_str().to_owned(),
            address: address.map(AddressView::from),
            is_validated,
            validated_at: verified_at.map(|at| at.to_string()),
            tenant_id: tenant_id.map(|id| id.to_string()),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

impl Tagged for LeadView {
    fn version(&self) -> u64 {
        self.version
    }
}
