use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Invalid, Rule, Violation};

/// The language of an application plane: which events it is sent, and which it answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// Our own: CloudEvents in `detail`, and a signed callback.
    #[default]
    #[serde(rename = "tenantry")]
    Tenantry,
    /// ARC's orchestrator and its CodeBuild pipelines.
    #[serde(rename = "arc")]
    Arc,
    /// AWS SaaS Builder Toolkit 0.9 and later.
    #[serde(rename = "sbt-0.9")]
    Sbt09,
    /// SBT 0.5.8 to 0.8.
    #[serde(rename = "sbt-0.5.8")]
    Sbt058,
    /// SBT 0.4 to 0.5.7.
    #[serde(rename = "sbt-0.5")]
    Sbt05,
    /// SBT 0.3.
    #[serde(rename = "sbt-0.3")]
    Sbt03,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::Tenantry,
        Self::Arc,
        Self::Sbt09,
        Self::Sbt058,
        Self::Sbt05,
        Self::Sbt03,
    ];

    /// The name in settings and on jobs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenantry => "tenantry",
            Self::Arc => "arc",
            Self::Sbt09 => "sbt-0.9",
            Self::Sbt058 => "sbt-0.5.8",
            Self::Sbt05 => "sbt-0.5",
            Self::Sbt03 => "sbt-0.3",
        }
    }

    /// Whether the application plane can be asked to move a tenant to another tier.
    pub fn has_tier_changes(self) -> bool {
        self == Self::Tenantry
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of ARC's two successes ends a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinalEvent {
    /// The deployment; the infrastructure before it is a step.
    #[default]
    #[serde(rename = "TENANT_DEPLOYMENT_SUCCESS")]
    Deployment,
    /// The infrastructure; nothing is deployed after it.
    #[serde(rename = "TENANT_PROVISIONING_SUCCESS")]
    Provisioning,
}

/// How an application plane is spoken to. It is stored as what makes it different from its dialect's preset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "WireChanges", try_from = "WireChanges")]
pub struct Wire {
    /// Its language.
    pub dialect: Dialect,
    /// The `source` of what we say; that of our other events if absent.
    pub source: Option<String>,
    /// The sources whose results count. Without any, a result has to prove itself otherwise.
    pub answers_from: Vec<String>,
    /// What stands before the names of events in `detail-type`.
    pub prefix: String,
    /// The bus it listens on, by name or ARN; our own if absent.
    pub bus: Option<String>,
    /// How long it may take.
    pub deadline_seconds: u32,
    /// What it cannot make a tenant without.
    pub required_keys: Vec<String>,
    /// What it cannot remove a tenant without.
    pub required_keys_to_deprovision: Vec<String>,
    /// What it is told beside the tenant and the plan, the same for every tenant.
    pub attributes: Map<String, Value>,
    /// What ends a job, in ARC's dialect.
    pub final_event: FinalEvent,
}

/// What a deployment, or a plan, says of its application plane that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WireChanges {
    /// Another language: everything that is not said here is then that dialect's preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<Dialect>,
    /// The `source` of what we say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The sources whose results count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers_from: Option<Vec<String>>,
    /// What stands before the names of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The bus it listens on; an empty text is our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u32>,
    /// What it cannot make a tenant without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_keys: Option<Vec<String>>,
    /// What it cannot remove a tenant without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_keys_to_deprovision: Option<Vec<String>>,
    /// What it is told beside the tenant and the plan; joins what the deployment says.
    #[serde(skip_serializing_if = "Option::is_none", with = "crate::json_text")]
    pub attributes: Option<Map<String, Value>>,
    /// What ends a job, in ARC's dialect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_event: Option<FinalEvent>,
}

/// The longest deadline: a week.
const MAX_DEADLINE_SECONDS: u32 = 7 * 24 * 60 * 60;
/// More keys than any application plane reads.
const MAX_KEYS: usize = 50;
const MAX_KEY_LENGTH: usize = 100;
/// So that attributes and a plan fit into one event together.
const MAX_ATTRIBUTES_BYTES: usize = 16 * 1024;

impl Wire {
    /// What the dialect's application planes expect when nothing else is said.
    pub fn preset(dialect: Dialect) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let of = |source: Option<&str>, answers_from: &[&str], prefix: &str, minutes: u32| Self {
            dialect,
            source: source.map(str::to_owned),
            answers_from: texts(answers_from),
            prefix: prefix.to_owned(),
            bus: None,
            deadline_seconds: minutes * 60,
            required_keys: Vec::new(),
            required_keys_to_deprovision: Vec::new(),
            attributes: Map::new(),
            final_event: FinalEvent::default(),
        };
        match dialect {
            Dialect::Tenantry => of(None, &["tenantry.application-plane"], "", 60),
            // The builds of both may take an hour, and end without a word when they do.
            Dialect::Arc => of(Some("TenantManagementService"), &[], "", 70),
            Dialect::Sbt09 | Dialect::Sbt058 | Dialect::Sbt05 | Dialect::Sbt03 => {
                let wire = if dialect == Dialect::Sbt09 {
                    of(
                        Some("sbt.control.plane"),
                        &["sbt.application.plane"],
                        "sbt_aws_",
                        70,
                    )
                } else {
                    of(
                        Some("controlPlaneEventSource"),
                        &["applicationPlaneEventSource"],
                        "",
                        70,
                    )
                };
                // A variable that is listed and missing ends the plane's state machine without a word.
                Self {
                    required_keys: texts(&["tenantId", "tier", "tenantName", "email"]),
                    required_keys_to_deprovision: texts(&["tenantId", "tier"]),
                    ..wire
                }
            }
        }
    }

    /// This wire with what differs; another dialect begins with its preset.
    pub fn with(&self, changes: &WireChanges) -> Result<Self, Invalid> {
        let WireChanges {
            dialect,
            source,
            answers_from,
            prefix,
            bus,
            deadline_seconds,
            required_keys,
            required_keys_to_deprovision,
            attributes,
            final_event,
        } = changes.clone();
        let broken = changes.violations();
        if !broken.is_empty() {
            return Err(Invalid(broken));
        }
        let base = match dialect {
            Some(dialect) if dialect != self.dialect => Self::preset(dialect),
            _ => self.clone(),
        };
        let mut told = base.attributes;
        told.extend(attributes.unwrap_or_default());
        Ok(Self {
            dialect: base.dialect,
            source: source.or(base.source),
            answers_from: answers_from.unwrap_or(base.answers_from),
            prefix: prefix.unwrap_or(base.prefix),
            bus: match bus {
                Some(bus) => Some(bus).filter(|bus| !bus.is_empty()),
                None => base.bus,
            },
            deadline_seconds: deadline_seconds.unwrap_or(base.deadline_seconds),
            required_keys: required_keys.unwrap_or(base.required_keys),
            required_keys_to_deprovision: required_keys_to_deprovision
                .unwrap_or(base.required_keys_to_deprovision),
            attributes: told,
            final_event: final_event.unwrap_or(base.final_event),
        })
    }

    /// How long the application plane may take, in milliseconds.
    pub fn life_ms(&self) -> i64 {
        i64::from(self.deadline_seconds) * 1000
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::preset(Dialect::default())
    }
}

impl From<Wire> for WireChanges {
    fn from(wire: Wire) -> Self {
        fn other<T: PartialEq>(value: T, preset: T) -> Option<T> {
            (value != preset).then_some(value)
        }
        let preset = Wire::preset(wire.dialect);
        Self {
            dialect: Some(wire.dialect),
            source: other(wire.source, preset.source).flatten(),
            answers_from: other(wire.answers_from, preset.answers_from),
            prefix: other(wire.prefix, preset.prefix),
            bus: other(wire.bus, preset.bus).map(Option::unwrap_or_default),
            deadline_seconds: other(wire.deadline_seconds, preset.deadline_seconds),
            required_keys: other(wire.required_keys, preset.required_keys),
            required_keys_to_deprovision: other(
                wire.required_keys_to_deprovision,
                preset.required_keys_to_deprovision,
            ),
            attributes: other(wire.attributes, preset.attributes),
            final_event: other(wire.final_event, preset.final_event),
        }
    }
}

impl TryFrom<WireChanges> for Wire {
    type Error = Invalid;

    fn try_from(changes: WireChanges) -> Result<Self, Invalid> {
        Self::preset(changes.dialect.unwrap_or_default()).with(&changes)
    }
}

impl WireChanges {
    /// Reads what differs; all that it breaks is said at once, with pointers into it.
    pub fn parse(value: Value) -> Result<Self, Invalid> {
        let rule = |error: serde_json::Error| {
            Rule::new(
                "invalid_application_plane",
                format!("must describe an application plane: {error}"),
            )
        };
        let Value::Object(mut members) = value else {
            return Err(Invalid(vec![Rule::new("type", "must be an object").at("")]));
        };
        let attributes = members
            .shift_remove("attributes")
            .filter(|value| !value.is_null());
        let mut read: Self = serde_json::from_value(Value::Object(members))
            .map_err(|error| Invalid(vec![rule(error).at("")]))?;
        read.attributes = match attributes {
            None => None,
            Some(Value::Object(attributes)) => Some(attributes),
            Some(_) => {
                return Err(Invalid(vec![
                    Rule::new("type", "must be an object").at("/attributes"),
                ]));
            }
        };
        let broken = read.violations();
        if broken.is_empty() {
            Ok(read)
        } else {
            Err(Invalid(broken))
        }
    }

    fn violations(&self) -> Vec<Violation> {
        let mut broken = Vec::new();
        let mut check = |is_sound: bool, pointer: &str, code: &'static str, detail: &str| {
            if !is_sound {
                broken.push(Rule::new(code, detail).at(pointer));
            }
        };
        let source_rule =
            "must be 1 to 256 letters, digits, dots, dashes and underscores, and not begin with aws.";
        check(
            self.source.as_deref().is_none_or(is_source),
            "/source",
            "invalid_source",
            source_rule,
        );
        check(
            self.answers_from.iter().flatten().all(|source| {
                is_source(source)
                    && self
                        .answers_from
                        .as_ref()
                        .is_some_and(|all| all.len() <= MAX_KEYS)
            }),
            "/answersFrom",
            "invalid_source",
            source_rule,
        );
        check(
            self.prefix
                .as_deref()
                .is_none_or(|prefix| prefix.len() <= 64 && prefix.bytes().all(is_name_byte)),
            "/prefix",
            "invalid_prefix",
            "must be at most 64 letters, digits, dots, dashes and underscores",
        );
        check(
            self.bus.as_deref().is_none_or(is_bus),
            "/bus",
            "invalid_bus",
            "must be the name or the ARN of an event bus",
        );
        check(
            self.deadline_seconds
                .is_none_or(|seconds| (1..=MAX_DEADLINE_SECONDS).contains(&seconds)),
            "/deadlineSeconds",
            "out_of_range",
            "must be from 1 to 604800",
        );
        for (keys, pointer) in [
            (&self.required_keys, "/requiredKeys"),
            (&self.required_keys_to_deprovision, "/requiredKeysToDeprovision"),
        ] {
            check(
                keys.as_deref().is_none_or(are_keys),
                pointer,
                "invalid_keys",
                "must be at most 50 names of 1 to 100 characters",
            );
        }
        check(
            self.attributes.as_ref().is_none_or(|attributes| {
                Value::Object(attributes.clone()).to_string().len() <= MAX_ATTRIBUTES_BYTES
            }),
            "/attributes",
            "too_large",
            "must have at most 16384 bytes",
        );
        broken
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// EventBridge's rule for sources of customers' events.
fn is_source(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(is_name_byte) && !text.starts_with("aws.")
}

fn is_bus(text: &str) -> bool {
    text.len() <= 1600
        && text
            .bytes()
            .all(|byte| is_name_byte(byte) || b":/".contains(&byte))
}

fn are_keys(keys: &[String]) -> bool {
    keys.len() <= MAX_KEYS
        && keys
            .iter()
            .all(|key| !key.is_empty() && key.chars().count() <= MAX_KEY_LENGTH)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(value: Value) -> WireChanges {
        WireChanges::parse(value).expect("the example is sound")
    }

    fn pointers(value: Value) -> Vec<(String, &'static str)> {
        let Invalid(violations) = WireChanges::parse(value).expect_err("it is not sound");
        violations
            .into_iter()
            .map(|violation| (violation.pointer, violation.code))
            .collect()
    }

    #[test]
    fn a_dialect_has_one_name() {
        for dialect in Dialect::ALL {
            assert_eq!(json!(dialect), dialect.name());
        }
    }

    #[test]
    fn presets_are_those_of_the_planes_in_use() {
        let [tenantry, arc, sbt09, sbt058, sbt05, sbt03] = Dialect::ALL.map(Wire::preset);

        assert_eq!(tenantry.source, None);
        assert_eq!(arc.source.as_deref(), Some("TenantManagementService"));
        assert_eq!(
            (sbt09.source.as_deref(), &*sbt09.prefix, &*sbt09.answers_from),
            (
                Some("sbt.control.plane"),
                "sbt_aws_",
                &["sbt.application.plane".to_owned()][..]
            )
        );
        for older in [sbt058, sbt05, sbt03] {
            assert_eq!(
                (older.source.as_deref(), &*older.prefix, &*older.answers_from),
                (
                    Some("controlPlaneEventSource"),
                    "",
                    &["applicationPlaneEventSource".to_owned()][..]
                )
            );
            assert_eq!(older.required_keys, ["tenantId", "tier", "tenantName", "email"]);
        }
    }

    #[test]
    fn what_differs_takes_the_presets_place() {
        let deployment = Wire::preset(Dialect::Sbt09)
            .with(&changes(
                json!({ "attributes": { "useEc2": "false", "region": "eu" }, "bus": "planes" }),
            ))
            .expect("the example is sound");

        let plan = deployment
            .with(&changes(json!({
                "requiredKeys": ["tenantId", "prices"],
                "attributes": { "useEc2": "true" },
                "deadlineSeconds": 5,
            })))
            .expect("the example is sound");

        assert_eq!(plan.bus.as_deref(), Some("planes"));
        assert_eq!(plan.required_keys, ["tenantId", "prices"]);
        assert_eq!(
            Value::Object(plan.attributes.clone()),
            json!({ "useEc2": "true", "region": "eu" })
        );
        assert_eq!((plan.life_ms(), deployment.life_ms()), (5000, 70 * 60_000));
        assert_eq!(plan.prefix, "sbt_aws_");
    }

    #[test]
    fn another_dialect_begins_with_its_preset() {
        let deployment = Wire::preset(Dialect::Sbt09)
            .with(&changes(json!({ "bus": "planes", "source": "mine" })))
            .expect("the example is sound");

        let plan = deployment.with(&changes(json!({ "dialect": "arc" })));

        assert_eq!(plan, Ok(Wire::preset(Dialect::Arc)));
    }

    #[test]
    fn an_empty_bus_is_our_own() {
        let deployment = Wire::default()
            .with(&changes(json!({ "bus": "planes" })))
            .expect("it is sound");

        let plan = deployment
            .with(&changes(json!({ "bus": "" })))
            .expect("it is sound");

        assert_eq!((deployment.bus.as_deref(), plan.bus), (Some("planes"), None));
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        assert_eq!(
            pointers(
                json!({ "source": "aws.events", "answersFrom": ["a b"], "prefix": "a/b", "bus": "a b", "deadlineSeconds": 0,
                "requiredKeys": [""], "requiredKeysToDeprovision": ["x".repeat(101)], "attributes": { "a": "x".repeat(20_000) } })
            ),
            [
                ("/source".to_owned(), "invalid_source"),
                ("/answersFrom".to_owned(), "invalid_source"),
                ("/prefix".to_owned(), "invalid_prefix"),
                ("/bus".to_owned(), "invalid_bus"),
                ("/deadlineSeconds".to_owned(), "out_of_range"),
                ("/requiredKeys".to_owned(), "invalid_keys"),
                ("/requiredKeysToDeprovision".to_owned(), "invalid_keys"),
                ("/attributes".to_owned(), "too_large"),
            ]
        );
        for (value, pointer, code) in [
            (json!([]), "", "type"),
            (json!({ "attributes": "a" }), "/attributes", "type"),
            (json!({ "dialekt": "arc" }), "", "invalid_application_plane"),
            (json!({ "dialect": "sbt-1.0" }), "", "invalid_application_plane"),
            (json!({ "deadlineSeconds": -1 }), "", "invalid_application_plane"),
        ] {
            assert_eq!(pointers(value.clone()), [(pointer.to_owned(), code)], "{value}");
        }
    }

    #[test]
    fn a_wire_is_read_back_as_it_was_written() {
        let other = json!({ "source": "mine", "answersFrom": [], "prefix": "x_", "bus": "planes", "deadlineSeconds": 9,
            "requiredKeys": [], "requiredKeysToDeprovision": ["a"], "attributes": { "": [[1e300, null]] },
            "finalEvent": "TENANT_PROVISIONING_SUCCESS" });
        for dialect in Dialect::ALL {
            let preset = Wire::preset(dialect);
            let changed = preset
                .with(&changes(other.clone()))
                .expect("the example is sound");
            for written in [preset, changed] {
                let text = serde_json::to_string(&written).expect("a wire has only plain members");
                assert_eq!(
                    serde_json::from_str::<Wire>(&text).expect("what was written can be read"),
                    written
                );
            }
        }
        assert_eq!(json!(Wire::default()), json!({ "dialect": "tenantry" }));
    }
}
