//! What application planes say over the bus.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenantry_domain::{
    Dialect, FinalEvent, Id, Job, JobKind, Outcome, Reason, Resource, Tenant, Text, Timestamp,
};

use crate::web_address;

/// An event of the bus as a rule's target receives it.
#[derive(Clone, Debug, Deserialize)]
pub struct BusEvent {
    /// Given by the bus; an event that is delivered twice has one.
    pub id: String,
    /// What kind of event.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// Who says it.
    pub source: String,
    /// When, to the second.
    pub time: Timestamp,
    /// What.
    #[serde(default)]
    pub detail: Value,
}

/// What an application plane answered.
#[derive(Debug)]
pub struct Answer {
    /// What it names of the job.
    pub about: About,
    /// The kind of job that such an event ends, if it says so.
    pub kind: Option<JobKind>,
    /// How the job ended; none for what happens on the way.
    pub verdict: Verdict,
    language: Language,
    prefix: String,
    made: Vec<Made>,
}

/// What an answer names.
#[derive(Debug)]
pub enum About {
    /// The job; some name its tenant too.
    Job(Id<Job>, Option<Id<Tenant>>),
    /// Only the tenant: its open job is meant.
    Tenant(Id<Tenant>),
    /// The tenant, with what its job was started with as a proof.
    Proof {
        /// The tenant.
        tenant_id: Id<Tenant>,
        /// The callback's context.
        context: String,
        /// The callback's secret.
        secret: SecretString,
    },
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The job is over.
    Ended(Outcome),
    /// The infrastructure stands; whether that is all, the wire says.
    InfrastructureReady(Outcome),
}

/// Why an event is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored(pub &'static str);

/// Dialects that cannot be told apart by an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Tenantry,
    Arc,
    Sbt,
}

/// Something that was made for a tenant.
#[derive(Debug)]
struct Made {
    kind: Text<100>,
    external_identifier: Text<200>,
    metadata: Option<Value>,
}

impl Answer {
    /// Reads an event. Buses are shared: what is no answer is no error.
    pub fn read(event: &BusEvent) -> Result<Self, Ignored> {
        let endings = [("job.succeeded.v1", None, true), ("job.failed.v1", None, false)];
        for (name, kind, is_success) in endings {
            if let Some(prefix) = event.detail_type.strip_suffix(name) {
                return own(&event.detail, prefix, kind, is_success);
            }
        }
        // `deprovisionSuccess` ends like `provisionSuccess`.
        let endings = [
            ("deprovisionSuccess", JobKind::Deprovision, true),
            ("deprovisionFailure", JobKind::Deprovision, false),
            ("provisionSuccess", JobKind::Provision, true),
            ("provisionFailure", JobKind::Provision, false),
        ];
        for (name, kind, is_success) in endings {
            if let Some(prefix) = event.detail_type.strip_suffix(name) {
                return sbt(&event.detail, prefix, kind, is_success);
            }
        }
        let endings = [
            (
                "TENANT_DEPROVISIONING_SUCCESS",
                JobKind::Deprovision,
                ArcEnding::Success,
            ),
            (
                "TENANT_DEPROVISIONING_FAILURE",
                JobKind::Deprovision,
                ArcEnding::Failure,
            ),
            (
                "TENANT_PROVISIONING_SUCCESS",
                JobKind::Provision,
                ArcEnding::Infrastructure,
            ),
            (
                "TENANT_PROVISIONING_FAILURE",
                JobKind::Provision,
                ArcEnding::Failure,
            ),
            (
                "TENANT_DEPLOYMENT_SUCCESS",
                JobKind::Provision,
                ArcEnding::Success,
            ),
            (
                "TENANT_DEPLOYMENT_FAILURE",
                JobKind::Provision,
                ArcEnding::Failure,
            ),
        ];
        for (name, kind, ending) in endings {
            if let Some(prefix) = event.detail_type.strip_suffix(name) {
                return arc(&event.detail, prefix, kind, ending);
            }
        }
        Err(Ignored("it is no answer"))
    }

    /// Whether the job's application plane would say it, and in these words.
    pub fn fits(&self, event: &BusEvent, job: &Job) -> bool {
        let language = match job.wire.dialect {
            Dialect::Tenantry => Language::Tenantry,
            Dialect::Arc => Language::Arc,
            Dialect::Sbt09 | Dialect::Sbt058 | Dialect::Sbt05 | Dialect::Sbt03 => Language::Sbt,
        };
        let is_proved = matches!(self.about, About::Proof { .. });
        let is_source =
            job.wire.answers_from.contains(&event.source) || (job.wire.answers_from.is_empty() && is_proved);
        language == self.language
            && self.prefix == job.wire.prefix
            && self.kind.is_none_or(|kind| kind == job.kind)
            && is_source
    }

    /// Whether it was said before the job was asked for; the bus tells seconds.
    pub fn is_stale(event: &BusEvent, job: &Job) -> bool {
        event.time.as_seconds() < job.created_at.as_seconds()
    }

    /// How the job ends by it; none when it only goes on.
    pub fn outcome(&self, job: &Job) -> Option<Outcome> {
        match (&self.verdict, job.wire.final_event) {
            (Verdict::Ended(outcome), _)
            | (Verdict::InfrastructureReady(outcome), FinalEvent::Provisioning) => Some(outcome.clone()),
            (Verdict::InfrastructureReady(_), FinalEvent::Deployment) => None,
        }
    }

    /// What was made for the tenant, the last word on each.
    pub fn resources(&self, tenant_id: Id<Tenant>, now: Timestamp) -> Vec<Resource> {
        let mut resources: Vec<Resource> = Vec::new();
        for Made {
            kind,
            external_identifier,
            metadata,
        } in &self.made
        {
            resources
                .retain(|known| known.kind != *kind || known.external_identifier != *external_identifier);
            resources.push(Resource {
                tenant_id,
                kind: kind.clone(),
                external_identifier: external_identifier.clone(),
                metadata: metadata.clone(),
                reported_at: now,
            });
        }
        resources.truncate(crate::Report::MAX_RESOURCES);
        resources
    }
}

/// Our own dialect: `data` says what a signed report would say.
fn own(detail: &Value, prefix: &str, kind: Option<JobKind>, is_success: bool) -> Result<Answer, Ignored> {
    let data = detail.get("data").unwrap_or(&Value::Null);
    let job_id = id_at(data, "jobId").ok_or(Ignored("it names no job"))?;
    let made = data.get("resources").and_then(Value::as_array);
    let made = made.into_iter().flatten().filter_map(|resource| {
        Some(Made {
            kind: Text::parse(resource.get("type")?.as_str()?).ok()?,
            external_identifier: Text::parse(resource.get("externalIdentifier")?.as_str()?).ok()?,
            metadata: resource.get("metadata").filter(|value| !value.is_null()).cloned(),
        })
    });
    let outcome = if is_success {
        Outcome::Success {
            app_plane_url: url_at(data, "appPlaneUrl"),
        }
    } else {
        Outcome::Failure {
            reason: text_at(data, "reason").map(reason),
        }
    };
    Ok(Answer {
        about: About::Job(job_id, id_at(data, "tenantId")),
        kind,
        verdict: Verdict::Ended(outcome),
        language: Language::Tenantry,
        prefix: prefix.to_owned(),
        made: if is_success { made.collect() } else { Vec::new() },
    })
}

/// What an output repeats of our request: no resources, and one of them is personal.
const ECHOED: [&str; 8] = [
    "tenantId",
    "tenantRegistrationId",
    "tenantName",
    "email",
    "tier",
    "tenantStatus",
    "registrationStatus",
    "appPlaneUrl",
];

/// SBT: `tenantOutput` up to 0.3, a flat `jobOutput` up to 0.5.7, and `jobOutput.tenantData` since. The event's name says
/// how it ended, because what outputs say of it differs from plane to plane.
fn sbt(detail: &Value, prefix: &str, kind: JobKind, is_success: bool) -> Result<Answer, Ignored> {
    let tenant_id = id_at(detail, "tenantId");
    let about = match (id_at(detail, "tenantRegistrationId"), tenant_id) {
        (Some(job_id), tenant_id) => About::Job(job_id, tenant_id),
        (None, Some(tenant_id)) => About::Tenant(tenant_id),
        (None, None) => return Err(Ignored("it names neither tenant nor registration")),
    };
    let empty = Map::new();
    let output = detail
        .get("jobOutput")
        .or_else(|| detail.get("tenantOutput"))
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    let said = output
        .get("tenantData")
        .and_then(Value::as_object)
        .unwrap_or(output);
    let said_value = Value::Object(said.clone());
    let outcome = if is_success {
        Outcome::Success {
            app_plane_url: url_at(&said_value, "appPlaneUrl"),
        }
    } else {
        Outcome::Failure {
            reason: text_at(&Value::Object(output.clone()), "tenantStatus").map(reason),
        }
    };
    let made = said
        .iter()
        .filter(|(key, _)| !ECHOED.contains(&key.as_str()) && *key != "tenantRegistrationData")
        .filter_map(|(key, value)| made_of_output(key, value));
    Ok(Answer {
        about,
        kind: Some(kind),
        verdict: Verdict::Ended(outcome),
        language: Language::Sbt,
        prefix: prefix.to_owned(),
        made: if is_success && kind == JobKind::Provision {
            made.collect()
        } else {
            Vec::new()
        },
    })
}

/// An exported variable: a name of something, or JSON in a text, which is kept as it came and as what it says.
fn made_of_output(key: &str, value: &Value) -> Option<Made> {
    let kind = Text::parse(key).ok()?;
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    if text.is_empty() {
        return None;
    }
    let decoded = serde_json::from_str::<Value>(&text)
        .ok()
        .filter(|value| value.is_object() || value.is_array());
    if let (None, Ok(identifier)) = (&decoded, Text::parse(&text)) {
        return Some(Made {
            kind,
            external_identifier: identifier,
            metadata: None,
        });
    }
    let mut metadata = Map::from_iter([("value".to_owned(), Value::String(text))]);
    if let Some(decoded) = decoded {
        metadata.insert("decoded".to_owned(), decoded);
    }
    Some(Made {
        external_identifier: Text::parse(key).ok()?,
        kind,
        metadata: Some(Value::Object(metadata)),
    })
}

#[derive(Clone, Copy)]
enum ArcEnding {
    Success,
    Infrastructure,
    Failure,
}

/// ARC: `detail` is the environment of the build, among it what proves the answer. Nothing of it is kept but where things
/// are: it holds credentials.
fn arc(detail: &Value, prefix: &str, kind: JobKind, ending: ArcEnding) -> Result<Answer, Ignored> {
    let variable = |name: &str| text_at(detail, name).filter(|text| !text.is_empty());
    let tenant = match detail.get("tenant") {
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        tenant => tenant.cloned(),
    };
    let tenant_id = tenant
        .as_ref()
        .and_then(|tenant| id_at(tenant, "id"))
        .ok_or(Ignored("it names no tenant"))?;
    let (Some(secret), Some(context)) = (variable("secret"), variable("context")) else {
        return Err(Ignored("it proves nothing"));
    };
    let outcome = match ending {
        ArcEnding::Success | ArcEnding::Infrastructure => Outcome::Success {
            app_plane_url: url_at(detail, "APP_PLANE_REDIRECT_URL"),
        },
        ArcEnding::Failure => Outcome::Failure {
            reason: Some(reason(match variable("CODEBUILD_BUILD_ID") {
                Some(build) => format!("build {build} failed"),
                None => "the build failed".to_owned(),
            })),
        },
    };
    let mut made = Vec::new();
    if !matches!(ending, ArcEnding::Failure) && kind == JobKind::Provision {
        if let (Some(bucket), Some(key)) = (variable("TF_STATE_BUCKET"), variable("TF_KEY")) {
            made.extend(named(
                "terraform_state",
                &format!("{bucket}/{key}"),
                Some(serde_json::json!({ "bucket": bucket, "path": key })),
            ));
        }
        for (name, kind) in [
            ("API_ENDPOINT", "api_endpoint"),
            ("USER_CALLBACK_ENDPOINT", "user_callback_endpoint"),
            ("APP_PLANE_ENDPOINT_FEATURE_SERVICE", "feature_service_endpoint"),
            ("CLIENT_ID", "identity_client"),
        ] {
            made.extend(variable(name).and_then(|value| named(kind, &value, None)));
        }
    }
    Ok(Answer {
        about: About::Proof {
            tenant_id,
            context,
            secret: secret.into(),
        },
        kind: Some(kind),
        verdict: match ending {
            ArcEnding::Infrastructure => Verdict::InfrastructureReady(outcome),
            ArcEnding::Success | ArcEnding::Failure => Verdict::Ended(outcome),
        },
        language: Language::Arc,
        prefix: prefix.to_owned(),
        made,
    })
}

fn named(kind: &str, identifier: &str, metadata: Option<Value>) -> Option<Made> {
    Some(Made {
        kind: Text::parse(kind).ok()?,
        external_identifier: Text::parse(identifier).ok()?,
        metadata,
    })
}

fn id_at<T>(value: &Value, key: &str) -> Option<Id<T>> {
    Id::parse(value.get(key)?.as_str()?).ok()
}

fn text_at(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// An address that is none is as if it were absent: the job succeeded all the same.
fn url_at(value: &Value, key: &str) -> Option<String> {
    web_address(value.get(key)?.as_str()?).ok().flatten()
}

fn reason(text: String) -> Reason {
    Reason::abridge(&text, "no reason given")
}
