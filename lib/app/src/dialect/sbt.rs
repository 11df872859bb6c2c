//! AWS SaaS Builder Toolkit: a flat `detail`, whose variables an application plane reads one by one.

use serde_json::{Map, Value};
use tenantry_domain::{Contact, Dialect, Job, JobKind, Tenant, Wire};

use crate::dialect::{Notice, Said, as_text, primary};

/// The request for a job; none for another tier, which no version has a word for.
pub(super) fn job_request(wire: &Wire, job: &Job, tenant: &Tenant, contacts: &[Contact]) -> Option<Said> {
    let (name, mut detail) = match job.kind {
        JobKind::Provision => ("onboardingRequest", onboarding(wire, job, tenant, contacts)),
        JobKind::Deprovision => ("offboardingRequest", offboarding(wire, job, tenant, contacts)),
        JobKind::ChangeTier => return None,
    };
    // A state machine takes its variables as texts; what is JSON it asks for as such.
    for (key, value) in job.subscription.plan.rest.iter().chain(&wire.attributes) {
        if let (false, Some(value)) = (detail.contains_key(key), as_text(value)) {
            detail.insert(key.clone(), value);
        }
    }
    Some(Said { name, detail })
}

/// `PUT /tenants/{id}/activate` and `deactivate` said this up to 0.5.7; later versions know the names and fix no payload.
pub(super) fn notice(notice: Notice, wire: &Wire, tenant: &Tenant, contacts: &[Contact]) -> Said {
    let (name, mut detail) = match notice {
        Notice::Reactivated => {
            let mut detail = Map::new();
            put(&mut detail, "tenantId", Some(tenant.id.to_string()));
            put_item(&mut detail, tenant, contacts);
            detail.insert("sbtaws_active".to_owned(), Value::Bool(true));
            ("activateRequest", detail)
        }
        Notice::Suspended => {
            let mut detail = Map::new();
            put(&mut detail, "tenantId", Some(tenant.id.to_string()));
            return Said {
                name: "deactivateRequest",
                detail,
            };
        }
    };
    for (key, value) in &wire.attributes {
        if let (false, Some(value)) = (detail.contains_key(key), as_text(value)) {
            detail.insert(key.clone(), value);
        }
    }
    Said { name, detail }
}

/// Registration, tenant and ids in one object.
fn onboarding(wire: &Wire, job: &Job, tenant: &Tenant, contacts: &[Contact]) -> Map<String, Value> {
    let mut detail = Map::new();
    put(&mut detail, "tenantId", Some(tenant.id.to_string()));
    if has_registrations(wire.dialect) {
        put(&mut detail, "tenantRegistrationId", Some(job.id.to_string()));
    }
    put_item(&mut detail, tenant, contacts);
    let status = if has_registrations(wire.dialect) {
        "registrationStatus"
    } else {
        "tenantStatus"
    };
    put(&mut detail, status, Some("In progress".to_owned()));
    detail
}

fn offboarding(wire: &Wire, job: &Job, tenant: &Tenant, contacts: &[Contact]) -> Map<String, Value> {
    let mut detail = Map::new();
    put(&mut detail, "tenantId", Some(tenant.id.to_string()));
    if has_registrations(wire.dialect) {
        put(&mut detail, "tenantRegistrationId", Some(job.id.to_string()));
    }
    put(&mut detail, "tier", tenant.tier.clone());
    put(&mut detail, "tenantName", Some(tenant.name.to_string()));
    let email = primary(contacts).map(|contact| contact.email.as_str().to_owned());
    put(&mut detail, "email", email);
    detail.insert("sbtaws_active".to_owned(), Value::Bool(false));
    detail
}

fn put_item(detail: &mut Map<String, Value>, tenant: &Tenant, contacts: &[Contact]) {
    put(detail, "tenantName", Some(tenant.name.to_string()));
    let email = primary(contacts).map(|contact| contact.email.as_str().to_owned());
    put(detail, "email", email);
    put(detail, "tier", tenant.tier.clone());
}

fn put(detail: &mut Map<String, Value>, key: &str, value: Option<String>) {
    if let Some(value) = value {
        detail.insert(key.to_owned(), Value::String(value));
    }
}

/// Since 0.5.8 a registration stands beside the tenant, and results name it alone; ours is the job.
fn has_registrations(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Sbt09 | Dialect::Sbt058 => true,
        Dialect::Sbt05 | Dialect::Sbt03 | Dialect::Tenantry | Dialect::Arc => false,
    }
}
