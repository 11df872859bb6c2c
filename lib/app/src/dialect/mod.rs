//! What an application plane is told and what it answers, in its own language.

mod answer;
mod arc;
#[cfg(test)]
mod golden;
mod sbt;

pub use answer::{About, Answer, BusEvent, Ignored, Verdict};
use serde_json::{Map, Value};
use tenantry_domain::{
    Callback, Conflict, Contact, Dialect, Entitlement, Error as DomainError, Event, Invalid, Job, JobKind,
    Rule, Tenant, Wire,
};
use tenantry_store::OutboxMessage;

use crate::message::Posted;
use crate::{Context, Envelope};

/// What an application plane is asked to do with a tenant.
#[derive(Debug)]
pub struct JobRequest<'a> {
    /// The request as our own event.
    pub event: &'a Event,
    /// The tenant with the job under way.
    pub tenant: &'a Tenant,
    /// Its contacts.
    pub contacts: &'a [Contact],
    /// The job.
    pub job: &'a Job,
    /// How to report on it.
    pub callback: &'a Callback,
}

/// What an application plane is told of a tenant that stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It may be used again.
    Reactivated,
    /// It may not be used.
    Suspended,
}

/// What goes to a foreign application plane.
struct Said {
    name: &'static str,
    detail: Map<String, Value>,
}

impl Context {
    /// How the application plane of a tenant with this entitlement is spoken to: as the deployment says, and its plan.
    pub fn wire_for(&self, entitlement: &Entitlement) -> Result<Wire, DomainError> {
        let wire = &self.app.config.application_plane;
        match &entitlement.application_plane {
            Some(changes) => wire.with(changes).map_err(DomainError::Invalid),
            None => Ok(wire.clone()),
        }
    }

    /// The request for a job as its application plane understands it, sealed: it names a person and carries a secret. What
    /// the plane cannot work without has to be there, or nobody would hear of the job again.
    pub fn job_request(&self, request: &JobRequest<'_>) -> Result<OutboxMessage, DomainError> {
        let JobRequest {
            event,
            tenant,
            contacts,
            job,
            callback,
        } = request;
        let wire = &job.wire;
        let said = match wire.dialect {
            Dialect::Tenantry => {
                check_keys(&told_of_plan(wire, job), job)?;
                if wire.bus.is_none() && wire.source.is_none() {
                    return Ok(self.sealed_event(event));
                }
                let envelope = Envelope {
                    source: wire
                        .source
                        .clone()
                        .unwrap_or_else(|| self.app.config.event_source.clone()),
                    ..self.envelope(event)
                };
                let posted = Posted {
                    bus: wire.bus.clone(),
                    ..envelope.into()
                };
                return Ok(self.sealed_post(&posted, event.tally.clone()));
            }
            Dialect::Arc => {
                check_keys(&told_of_plan(wire, job), job)?;
                arc::job_request(wire, job, tenant, contacts, callback)
            }
            Dialect::Sbt09 | Dialect::Sbt058 | Dialect::Sbt05 | Dialect::Sbt03 => {
                let said = sbt::job_request(wire, job, tenant, contacts);
                if let Some(Said { detail, .. }) = &said {
                    check_keys(detail, job)?;
                }
                said
            }
        };
        let said = said.ok_or(Conflict::TierChangeUnsupported {
            dialect: wire.dialect,
        })?;
        Ok(self.sealed_post(&self.posted(event, wire, said), event.tally.clone()))
    }

    /// What the application plane is told when its tenant is suspended or reactivated, beside our own event of it; only
    /// SBT's planes have a word for it.
    pub fn notice(&self, notice: Notice, tenant: &Tenant, contacts: &[Contact]) -> Option<OutboxMessage> {
        let wire = tenant.wire.as_ref()?;
        let said = match wire.dialect {
            Dialect::Tenantry | Dialect::Arc => return None,
            Dialect::Sbt09 | Dialect::Sbt058 | Dialect::Sbt05 | Dialect::Sbt03 => {
                sbt::notice(notice, wire, tenant, contacts)
            }
        };
        let posted = Posted {
            id: self.new_id(),
            bus: wire.bus.clone(),
            source: self.source_of(wire),
            detail_type: format!("{}{}", wire.prefix, said.name),
            time: self.now,
            correlationid: self.correlation_id.clone(),
            traceparent: Some(self.trace.traceparent()),
            detail: Value::Object(said.detail).to_string(),
        };
        Some(self.sealed_post(&posted, tenantry_domain::Tally::default()))
    }

    fn posted(&self, event: &Event, wire: &Wire, said: Said) -> Posted {
        Posted {
            id: event.id,
            bus: wire.bus.clone(),
            source: self.source_of(wire),
            detail_type: format!("{}{}", wire.prefix, said.name),
            time: event.at,
            correlationid: self.correlation_id.clone(),
            traceparent: Some(self.trace.traceparent()),
            detail: Value::Object(said.detail).to_string(),
        }
    }

    fn source_of(&self, wire: &Wire) -> String {
        wire.source
            .clone()
            .unwrap_or_else(|| self.app.config.event_source.clone())
    }
}

/// What a plan and the deployment say to an application plane that gets them as they are.
fn told_of_plan(wire: &Wire, job: &Job) -> Map<String, Value> {
    let mut told = wire.attributes.clone();
    told.extend(job.subscription.plan.as_sent());
    told
}

/// Says every key that the application plane requires and would not get.
fn check_keys(detail: &Map<String, Value>, job: &Job) -> Result<(), DomainError> {
    let keys = match job.kind {
        JobKind::Provision => &job.wire.required_keys,
        JobKind::Deprovision => &job.wire.required_keys_to_deprovision,
        JobKind::ChangeTier => return Ok(()),
    };
    let is_missing = |key: &&String| match detail.get(*key) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    };
    let violations: Vec<_> = keys
        .iter()
        .filter(is_missing)
        .map(|key| {
            let detail = format!("must say `{key}`: the application plane requires it");
            Rule::new("required_by_application_plane", detail).at(pointer_to(key, job.kind))
        })
        .collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(DomainError::Invalid(Invalid(violations)))
    }
}

/// Where a request that starts the job would say it; what the tenant's contacts say stands in no body.
fn pointer_to(key: &str, kind: JobKind) -> String {
    match (kind, key) {
        (JobKind::Provision, "email") => "/contacts".to_owned(),
        (JobKind::Provision, key) => format!("/plan/{}", key.replace('~', "~0").replace('/', "~1")),
        (JobKind::Deprovision | JobKind::ChangeTier, _) => String::new(),
    }
}

/// A value as text, as state machines and environments want it: JSON only where it is no scalar.
fn as_text(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Bool(value) => Some(Value::String(value.to_string())),
        Value::Number(value) => Some(Value::String(value.to_string())),
        Value::String(_) | Value::Array(_) | Value::Object(_) => Some(value.clone()),
    }
}

fn primary(contacts: &[Contact]) -> Option<&Contact> {
    contacts.iter().find(|contact| contact.is_primary)
}
