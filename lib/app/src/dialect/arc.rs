//! ARC: what its orchestrator hands to a CodeBuild pipeline, and what the pipeline says when it ends.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tenantry_domain::{Callback, Contact, ContactKind, Job, JobKind, Tenant, TenantStatus, Wire};

use crate::dialect::{Said, as_text};

/// The request for a job, in the shape that ARC's Terraform rule and its sandbox take; none for another tier.
pub(super) fn job_request(
    wire: &Wire,
    job: &Job,
    tenant: &Tenant,
    contacts: &[Contact],
    callback: &Callback,
) -> Option<Said> {
    let name = match job.kind {
        JobKind::Provision => "TENANT_PROVISIONING",
        JobKind::Deprovision => "TENANT_DEPROVISIONING",
        JobKind::ChangeTier => return None,
    };
    let tenant = tenant_of(tenant, contacts);
    let plan = job.subscription.plan.as_sent();
    let mut environment = Map::new();
    if let Some(Value::Object(sizes)) = plan.get("sizeConfig") {
        environment.extend(texts(sizes));
    }
    for (key, value) in texts(&wire.attributes) {
        if key != APP_CONFIG && !environment.contains_key(&key) {
            environment.insert(key, value);
        }
    }
    environment.insert("tenant".to_owned(), Value::String(tenant.to_string()));
    environment.insert(
        "secret".to_owned(),
        Value::String(callback.secret.expose_secret().to_owned()),
    );
    environment.insert("context".to_owned(), Value::String(callback.context.clone()));
    let app_config = wire
        .attributes
        .get(APP_CONFIG)
        .cloned()
        .unwrap_or_else(|| json!({}));
    let mut detail = Map::new();
    detail.insert("tenant".to_owned(), tenant);
    detail.insert(APP_CONFIG.to_owned(), app_config);
    detail.insert("planConfig".to_owned(), Value::Object(plan));
    detail.insert(
        "builderConfig".to_owned(),
        json!({ "type": "CODE_BUILD", "config": { "environmentOverride": environment } }),
    );
    Some(Said { name, detail })
}

/// The one attribute that is no variable of the build.
const APP_CONFIG: &str = "appConfig";

/// A build's variables are plain text.
fn texts(values: &Map<String, Value>) -> Map<String, Value> {
    let text = |(key, value): (&String, &Value)| match as_text(value)? {
        Value::String(text) => Some((key.clone(), Value::String(text))),
        value => Some((key.clone(), Value::String(value.to_string()))),
    };
    values.iter().filter_map(text).collect()
}

/// The tenant without its audit columns.
fn tenant_of(tenant: &Tenant, contacts: &[Contact]) -> Value {
    let contacts: Vec<Value> = contacts
        .iter()
        .map(|contact| {
            json!({
                "id": contact.id,
                "firstName": contact.first_name,
                "lastName": contact.last_name,
                "email": contact.email,
                "isPrimary": contact.is_primary,
                "type": kind_of(contact.kind),
                "tenantId": contact.tenant_id,
            })
        })
        .collect();
    let mut said = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            said.insert(key.to_owned(), value);
        }
    };
    put("id", json!(tenant.id));
    put("name", json!(tenant.name));
    put("status", json!(status_of(tenant.status)));
    put("key", json!(tenant.key));
    put("domains", json!(tenant.domains));
    put("spocUserId", json!(tenant.spoc_user_id));
    put("leadId", json!(tenant.lead_id));
    put("contacts", Value::Array(contacts));
    put("address", json!(tenant.address));
    Value::Object(said)
}

fn kind_of(kind: ContactKind) -> &'static str {
    match kind {
        ContactKind::Admin => "admin",
        ContactKind::Billing => "billing",
        ContactKind::Other => "other",
    }
}

/// ARC's numbers; it has none for a suspended tenant, which is as little in use as an inactive one.
fn status_of(status: TenantStatus) -> u8 {
    match status {
        TenantStatus::Active => 0,
        TenantStatus::PendingProvision => 1,
        TenantStatus::Provisioning => 2,
        TenantStatus::ProvisionFailed => 3,
        TenantStatus::Deprovisioning => 4,
        TenantStatus::Inactive | TenantStatus::Suspended => 5,
    }
}
