//! What events look like, as JSON Schema (2020-12): made from the types that are sent, so that no schema says what no event
//! does. Only the tools that write and check schemas are built with it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{Currency, Day, Domain, Email, Entitlement, EventData, Id, TenantKey, Text, Timestamp, Website};

/// What `data` holds: the variants of `EventData`, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    Lead,
    Tenant,
    Contact,
    Provisioning,
    Plan,
    Subscription,
    Invoice,
    Job,
    Erased,
    Member,
    Invitation,
    Role,
    Group,
    GroupMembers,
    User,
}

/// Every type of event that we publish, with what its `data` holds: a new type is a new row.
const PUBLISHED: &[(&str, Data)] = &[
    ("contact.created.v1", Data::Contact),
    ("contact.deleted.v1", Data::Contact),
    ("contact.updated.v1", Data::Contact),
    ("group.created.v1", Data::Group),
    ("group.deleted.v1", Data::Group),
    ("group.member_removed.v1", Data::GroupMembers),
    ("group.member_updated.v1", Data::GroupMembers),
    ("group.members_added.v1", Data::GroupMembers),
    ("group.updated.v1", Data::Group),
    ("invitation.accepted.v1", Data::Invitation),
    ("invitation.created.v1", Data::Invitation),
    ("invitation.declined.v1", Data::Invitation),
    ("invitation.revoked.v1", Data::Invitation),
    ("invitation.sent_again.v1", Data::Invitation),
    ("invoice.cancelled.v1", Data::Invoice),
    ("invoice.issued.v1", Data::Invoice),
    ("invoice.overdue.v1", Data::Invoice),
    ("invoice.paid.v1", Data::Invoice),
    ("lead.created.v1", Data::Lead),
    ("lead.erased.v1", Data::Lead),
    ("lead.updated.v1", Data::Lead),
    ("lead.verified.v1", Data::Lead),
    ("member.activated.v1", Data::Member),
    ("member.created.v1", Data::Member),
    ("member.deactivated.v1", Data::Member),
    ("member.joined.v1", Data::Member),
    ("member.permissions_changed.v1", Data::Member),
    ("member.removed.v1", Data::Member),
    ("member.updated.v1", Data::Member),
    ("plan.archived.v1", Data::Plan),
    ("plan.created.v1", Data::Plan),
    ("plan.updated.v1", Data::Plan),
    ("role.created.v1", Data::Role),
    ("role.deleted.v1", Data::Role),
    ("role.updated.v1", Data::Role),
    ("subscription.cancelled.v1", Data::Subscription),
    ("subscription.changed.v1", Data::Subscription),
    ("subscription.created.v1", Data::Subscription),
    ("subscription.expired.v1", Data::Subscription),
    ("subscription.past_due.v1", Data::Subscription),
    ("tenant.activated.v1", Data::Tenant),
    ("tenant.created.v1", Data::Tenant),
    ("tenant.deprovisioning_failed.v1", Data::Tenant),
    ("tenant.deprovisioning_requested.v1", Data::Job),
    ("tenant.erased.v1", Data::Erased),
    ("tenant.offboarded.v1", Data::Tenant),
    ("tenant.offboarding.v1", Data::Tenant),
    ("tenant.provisioning_failed.v1", Data::Tenant),
    ("tenant.provisioning_requested.v1", Data::Provisioning),
    ("tenant.reactivated.v1", Data::Tenant),
    ("tenant.suspended.v1", Data::Tenant),
    ("tenant.tier_change_failed.v1", Data::Tenant),
    ("tenant.tier_change_requested.v1", Data::Job),
    ("tenant.tier_changed.v1", Data::Tenant),
    ("tenant.updated.v1", Data::Tenant),
    ("user.erased.v1", Data::User),
    ("user.updated.v1", Data::User),
];

/// The schema of each event's `detail`, by its type; those that an application plane answers with among them.
pub fn event_schemas() -> Vec<(&'static str, Value)> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let all = settings.into_generator().into_root_schema_for::<EventData>();
    let variants = all.as_value()["anyOf"].as_array().cloned().unwrap_or_default();
    let mut schemas: Vec<(&'static str, Value)> = PUBLISHED
        .iter()
        .map(|(kind, data)| {
            let mut schema = variants.get(*data as usize).cloned().unwrap_or_default();
            // That is the words of the code on the variant, not on the event.
            if let Value::Object(members) = &mut schema {
                members.remove("description");
            }
            (*kind, envelope(kind, schema))
        })
        .collect();
    schemas.extend(answers());
    schemas.sort_by_key(|(kind, _)| *kind);
    schemas
}

/// CloudEvents 1.0 attributes around the data.
fn envelope(kind: &str, data: Value) -> Value {
    let text = json!({ "type": "string" });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("https://tenantry.dev/events/schemas/{kind}"),
        "title": kind,
        "type": "object",
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "type": "string", "format": "uuid", "description": "An event that comes twice has one id." },
            "source": text,
            "type": { "const": kind },
            "subject": { "type": "string", "description": "What it is about." },
            "time": { "type": "string", "format": "date-time" },
            "datacontenttype": { "const": "application/json" },
            "tenantid": { "type": "string", "format": "uuid" },
            "correlationid": { "type": "string", "description": "The request that began what it belongs to." },
            "causationid": { "type": "string", "description": "The request or event that led to it." },
            "traceparent": { "type": "string", "description": "W3C trace context." },
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "correlationid",
            "causationid", "data"],
    })
}

/// What an application plane of our own dialect may say over the bus instead of its signed report. Whatever else it says is
/// its own affair.
fn answers() -> [(&'static str, Value); 2] {
    let id = || json!({ "type": "string", "format": "uuid" });
    let resource = json!({
        "type": "object",
        "properties": {
            "type": { "type": "string", "minLength": 1, "maxLength": 100 },
            "externalIdentifier": { "type": "string", "minLength": 1, "maxLength": 200 },
            "metadata": {},
        },
        "required": ["type", "externalIdentifier"],
    });
    let of = |kind: &'static str, own: Value| {
        let mut properties = Map::from_iter([("jobId".to_owned(), id()), ("tenantId".to_owned(), id())]);
        if let Value::Object(own) = own {
            properties.extend(own);
        }
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": format!("https://tenantry.dev/events/schemas/{kind}"),
            "title": kind,
            "description": "Consumed: what an application plane answers.",
            "type": "object",
            "properties": {
                "data": { "type": "object", "properties": properties, "required": ["jobId"] },
            },
            "required": ["data"],
        });
        (kind, schema)
    };
    [
        of(
            "job.failed.v1",
            json!({ "reason": { "type": "string", "maxLength": 1000 } }),
        ),
        of(
            "job.succeeded.v1",
            json!({
                "resources": { "type": "array", "maxItems": 90, "items": resource },
                "appPlaneUrl": { "type": "string", "format": "uri", "maxLength": 500 },
            }),
        ),
    ]
}

/// How a later schema breaks those who rely on an earlier one. Readers of what we publish rely on members being there and of
/// their kind; those whose answers we read, on nothing more being asked of them.
pub fn breaks(earlier: &Value, later: &Value) -> Vec<String> {
    let is_consumed = earlier["description"]
        .as_str()
        .is_some_and(|text| text.starts_with("Consumed"));
    let mut found = Vec::new();
    compare("", earlier, later, is_consumed, &mut found);
    found
}

fn compare(path: &str, earlier: &Value, later: &Value, is_consumed: bool, found: &mut Vec<String>) {
    for key in ["type", "const", "format", "enum", "anyOf", "oneOf"] {
        let (earlier, later) = (unexplained(&earlier[key]), unexplained(&later[key]));
        if !earlier.is_null() && earlier != later {
            found.push(format!("{path}: {key} was {earlier} and is {later}"));
        }
    }
    let names = |schema: &Value| -> Vec<String> {
        let required = schema["required"].as_array().into_iter().flatten();
        required
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    };
    let (before, after) = (names(earlier), names(later));
    if is_consumed {
        for name in after.iter().filter(|name| !before.contains(name)) {
            found.push(format!("{path}/{name}: is required now"));
        }
    } else {
        for name in before.iter().filter(|name| !after.contains(name)) {
            found.push(format!("{path}/{name}: may be missing now"));
        }
    }
    for (name, member) in earlier["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        match later["properties"].get(name) {
            Some(later) => compare(&path, member, later, is_consumed, found),
            None => found.push(format!("{path}: is gone")),
        }
    }
    if earlier["items"].is_object() {
        compare(
            &format!("{path}/*"),
            &earlier["items"],
            &later["items"],
            is_consumed,
            found,
        );
    }
}

/// What is said to people may change.
fn unexplained(schema: &Value) -> Value {
    match schema {
        Value::Array(values) => values.iter().map(unexplained).collect(),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "description")
            .map(|(name, value)| (name.clone(), unexplained(value)))
            .collect(),
        plain => plain.clone(),
    }
}

fn inlined(name: &'static str, schema: Value) -> (Cow<'static, str>, Schema) {
    (name.into(), schema.try_into().expect("the schema is an object"))
}

/// Texts with rules of their own, as they are written.
macro_rules! written {
    ($(($($generics:tt)*) $type:ty: $name:literal, $schema:expr;)*) => {
        $(impl $($generics)* JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                inlined($name, $schema).0
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                inlined($name, $schema).1
            }
        })*
    };
}

written! {
    (<T>) Id<T>: "Id", json!({ "type": "string", "format": "uuid" });
    (<const MAX: usize>) Text<MAX>: "Text", json!({ "type": "string", "minLength": 1, "maxLength": MAX });
    () Timestamp: "Timestamp", json!({ "type": "string", "format": "date-time" });
    () Day: "Day", json!({ "type": "string", "format": "date" });
    () TenantKey: "TenantKey", json!({ "type": "string", "pattern": "^[a-z0-9]{1,10}$" });
    () Domain: "Domain", json!({ "type": "string", "format": "hostname" });
    () Email: "Email", json!({ "type": "string", "format": "email" });
    () Website: "Website", json!({ "type": "string", "format": "uri" });
    () Currency: "Currency", json!({ "type": "string", "pattern": "^[A-Z]{3}$" });
    () Entitlement: "Entitlement", json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "subscriberId": { "type": "string" },
            "startDate": { "type": "string" },
            "endDate": { "type": "string" },
            "status": { "type": "integer" },
            "planId": { "type": "string" },
            "invoiceId": { "type": "string" },
            "plan": {
                "type": "object",
                "description": "Beside the tier whatever the billing side says of the plan.",
                "properties": { "tier": { "type": "string" } },
                "required": ["tier"],
            },
        },
        "required": ["id", "plan"],
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(kind: &str) -> Value {
        let found = event_schemas().into_iter().find(|(name, _)| *name == kind);
        found.unwrap_or_else(|| panic!("{kind} has a schema")).1
    }

    #[test]
    fn each_data_has_what_it_is_named_for() {
        for (kind, member) in [
            ("lead.created.v1", "lead"),
            ("tenant.created.v1", "tenant"),
            ("contact.created.v1", "contact"),
            ("tenant.provisioning_requested.v1", "contacts"),
            ("plan.created.v1", "plan"),
            ("subscription.created.v1", "subscription"),
            ("invoice.issued.v1", "invoice"),
            ("tenant.tier_change_requested.v1", "callback"),
            ("tenant.erased.v1", "tenant"),
            ("member.joined.v1", "member"),
            ("invitation.accepted.v1", "invitation"),
            ("role.created.v1", "role"),
            ("group.created.v1", "group"),
            ("group.members_added.v1", "members"),
            ("user.erased.v1", "user"),
        ] {
            let data = &schema(kind)["properties"]["data"];

            assert!(data["properties"][member].is_object(), "{kind}: {data}");
            assert!(!data.to_string().contains("$ref"), "{kind}: {data}");
        }
    }

    #[test]
    fn what_breaks_readers_is_found() {
        let earlier = schema("tenant.created.v1");
        assert_eq!(breaks(&earlier, &earlier), <[String; 0]>::default());
        let tenant = "/properties/data/properties/tenant";
        let cases: [(&str, Value, &str); 4] = [
            (
                "/properties/name",
                json!({ "type": "integer" }),
                "/data/tenant/name: type was",
            ),
            ("/required", json!(["id"]), "/data/tenant/key: may be missing now"),
            (
                "/properties/status",
                json!({ "type": "string" }),
                "/data/tenant/status: oneOf was",
            ),
            ("/properties", json!({}), "/data/tenant/id: is gone"),
        ];
        for (place, value, expected) in cases {
            let mut later = earlier.clone();
            *later
                .pointer_mut(&format!("{tenant}{place}"))
                .expect("the place is there") = value;

            let found = breaks(&earlier, &later);

            assert!(
                found.iter().any(|line| line.contains(expected)),
                "{place}: {found:?}"
            );
        }
        let mut more = earlier.clone();
        more["properties"]["data"]["properties"]["tenant"]["properties"]["colour"] =
            json!({ "type": "string" });
        assert_eq!(breaks(&earlier, &more), <[String; 0]>::default());
    }

    #[test]
    fn what_breaks_those_who_answer_is_found() {
        let earlier = schema("job.succeeded.v1");
        let mut later = earlier.clone();
        later["properties"]["data"]["required"] = json!(["jobId", "appPlaneUrl"]);

        assert_eq!(breaks(&earlier, &later), ["/data/appPlaneUrl: is required now"]);
        assert_eq!(breaks(&later, &earlier), <[String; 0]>::default());
    }
}
