use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tenantry_api::Tagged;
use tenantry_domain::{Caller, Plan, PlanTerms, WireChanges};
use utoipa::ToSchema;

/// What is sold.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Plan)]
pub(crate) struct PlanView {
    /// Its id.
    #[schema(format = "uuid")]
    id: String,
    /// Name for people.
    name: String,
    /// What it is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The tier that its tenants are provisioned for.
    #[schema(example = "BASIC")]
    tier: String,
    /// POOLED or SILO.
    deployment: &'static str,
    /// What a billing interval costs, in minor units.
    #[schema(example = 4900)]
    price: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    currency_code: &'static str,
    /// MONTH, QUARTER or YEAR.
    billing_interval: &'static str,
    /// What it allows, by names that the application plane knows.
    limits: BTreeMap<String, u64>,
    /// Whether tenants may take it themselves.
    self_service: bool,
    /// How its application plane differs from the deployment's; for operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    application_plane: Option<Value>,
    /// When it was taken out of sale.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    archived_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    modified_at: String,
    /// Counts the changes; the `ETag`.
    version: u64,
}

impl PlanView {
    /// As the caller may see it.
    pub(crate) fn of(plan: Plan, caller: &Caller) -> Self {
        let Plan {
            id,
            terms,
            archived_at,
            created_at,
            created_by: _,
            modified_at,
            modified_by: _,
            version,
        } = plan;
        let PlanTerms {
            name,
            description,
            tier,
            deployment,
            price,
            billing_interval,
            limits,
            self_service,
            application_plane,
        } = terms;
        Self {
            id: id.to_string(),
            name: name.to_string(),
            description: description.map(|description| description.to_string()),
            tier,
            deployment: deployment.name(),
            price: price.amount(),
            currency_code: price.currency().code(),
            billing_interval: billing_interval.name(),
            limits,
            self_service,
            application_plane: application_plane
                .filter(|_| matches!(caller, Caller::Operator(_)))
                .map(as_given),
            archived_at: archived_at.map(|at| at.to_string()),
            created_at: created_at.to_string(),
            modified_at: modified_at.to_string(),
            version,
        }
    }
}

/// As it was given: only the table keeps the attributes as a text.
fn as_given(changes: WireChanges) -> Value {
    let attributes = changes.attributes.clone();
    let mut given = serde_json::to_value(changes).unwrap_or_default();
    if let Some(attributes) = attributes {
        given["attributes"] = Value::Object(attributes);
    }
    given
}

impl Tagged for PlanView {
    fn version(&self) -> u64 {
        self.version
    }
}

/// Whether the caller sees only what is for tenants to take.
pub(crate) fn sees_offers_only(caller: &Caller) -> bool {
    !matches!(caller, Caller::Operator(_))
}
