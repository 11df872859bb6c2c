use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use tenantry_testing::Answer;

use crate::contract::scene::{Scene, is_signed, names_tenant_in_body, routes, split};

fn document() -> Value {
    serde_json::to_value(tenantry_api::openapi(&tenantry_local::groups()))
        .expect("the API document is plain data")
}

/// Every operation with its route.
fn operations(document: &Value) -> BTreeMap<String, Value> {
    let paths = document["paths"].as_object().expect("the document has paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation.clone()))
    });
    operations.collect()
}

#[test]
fn the_committed_document_is_what_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/openapi/openapi.json");

    let committed = fs::read_to_string(path).expect("the document is committed");
    let made = tenantry_api::openapi(&tenantry_local::groups());
    let made = serde_json::to_string_pretty(&made).expect("the API document is plain data");

    assert!(
        committed == format!("{made}\n"),
        "run `cargo xtask generate` and read the difference"
    );
}

#[tokio::test]
async fn the_document_that_is_served_is_the_committed_one() {
    let scene = Scene::of("GET /openapi.json").await;

    let answer = scene.carry_out("GET /openapi.json").await;

    assert_eq!(answer.json(), document());
}

#[test]
fn the_document_has_every_route_and_no_other() {
    let documented: BTreeSet<String> = operations(&document()).into_keys().collect();

    let served: BTreeSet<String> = routes().into_iter().collect();

    assert_eq!(documented, served);
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let mut references = BTreeSet::new();

    collect_references(&document, &mut references);

    for reference in &references {
        let pointer = reference
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{reference} leaves the document"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"]
        .as_object()
        .expect("the document has schemas")
        .keys()
    {
        assert!(
            references.contains(&format!("#/components/schemas/{name}")),
            "nothing refers to the schema {name}"
        );
    }
}

fn collect_references(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members
                .values()
                .for_each(|member| collect_references(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_operation_has_an_id_of_its_own_a_summary_and_a_tag() {
    let mut ids = BTreeSet::new();

    for (route, operation) in operations(&document()) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(
            !id.is_empty() && ids.insert(id.to_owned()),
            "{route}: operationId `{id}` is empty or taken"
        );
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(
            summary.ends_with('.') && summary.len() < 80,
            "{route}: the summary `{summary}` is no short sentence"
        );
        assert_eq!(
            operation["tags"].as_array().map(Vec::len),
            Some(1),
            "{route}: one tag"
        );
        let description = operation["description"].as_str().unwrap_or_default();
        assert!(
            description.contains("**Access:** "),
            "{route}: the description does not say who may call"
        );
        assert!(operation["security"].is_array(), "{route}: security is not said");
    }
}

#[test]
fn every_path_parameter_is_documented_and_every_parameter_described() {
    for (route, operation) in operations(&document()) {
        let (_, path) = split(&route);
        let in_path: BTreeSet<&str> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let documented: BTreeSet<&str> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();

        assert_eq!(documented, in_path, "{route}");
        for parameter in &parameters {
            let text = parameter["description"].as_str().unwrap_or_default();
            assert!(
                text.ends_with('.'),
                "{route}: parameter {} has no description",
                parameter["name"]
            );
        }
    }
}

#[test]
fn every_documented_member_of_a_body_is_described() {
    let document = document();

    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .expect("the document has schemas")
    {
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            let is_described = ["/description", "/oneOf/0/description"]
                .iter()
                .any(|place| schema.pointer(place).is_some());
            assert!(is_described, "{name}.{member} has no description");
        }
    }
}

#[tokio::test]
async fn an_empty_body_breaks_exactly_the_rules_that_the_document_calls_required() {
    let document = document();

    for (route, schema) in bodies(&document) {
        // An application plane that does not say whose job it means is not known at all.
        if is_signed(&route) {
            continue;
        }
        let scene = Scene::of(&route).await;
        let (schema, start) = object_in(&document, &schema);
        let mut body = Value::Null;
        put(&mut body, start, json!({}));
        let answer = try_body(&scene, &route, &body).await;

        let mut documented: BTreeSet<String> = required(&document, schema)
            .into_iter()
            .map(|name| format!("{start}/{name}"))
            .collect();
        if names_tenant_in_body(&route) {
            // A member's own tenant is known without it; the operator who asks here has none.
            documented.insert("/tenantId".to_owned());
        }
        let found = if answer.status.is_success() {
            Vec::new()
        } else {
            answer.violations()
        };
        let missed: BTreeSet<String> = found
            .iter()
            .filter(|(_, code)| code == "required")
            .map(|(pointer, _)| pointer.clone())
            .collect();
        assert_eq!(missed, documented, "{route}: {}", answer.text);
        assert_eq!(
            found.len(),
            missed.len(),
            "{route}: an empty body breaks other rules: {}",
            answer.text
        );
    }
}

/// Where the signed bodies say which tenant is meant: with a wrong value there it is nobody's signature.
fn names_job_at(route: &str) -> Option<&'static str> {
    match route {
        "POST /webhook" => Some("/initiatorId"),
        "POST /manage/users" => Some("/tenant/id"),
        "POST /user-callback" => Some("/tenantKey"),
        _ => None,
    }
}

#[tokio::test]
async fn a_signed_body_that_says_only_whose_it_is_hears_what_is_missing() {
    let document = document();

    for (route, schema) in bodies(&document)
        .into_iter()
        .filter(|(route, _)| is_signed(route))
    {
        let scene = Scene::of(&route).await;
        let place = names_job_at(&route).expect("a signed body says whose it is");
        let sample = scene.sample(&route).expect("a route with a body has a sample");
        let mut body = Value::Null;
        put(
            &mut body,
            place,
            sample.pointer(place).cloned().unwrap_or_default(),
        );
        let answer = try_body(&scene, &route, &body).await;

        let mut documented = required(&document, &schema);
        documented.retain(|name| !place.starts_with(&format!("/{name}")));
        let found = if answer.status.is_success() {
            Vec::new()
        } else {
            answer.violations()
        };
        let found: BTreeSet<String> = found
            .into_iter()
            .map(|(pointer, _)| pointer.trim_start_matches('/').to_owned())
            .collect();
        assert_eq!(found, documented, "{route}: {}", answer.text);
    }
}

#[tokio::test]
async fn what_the_document_names_is_read_and_its_type_is_checked() {
    let document = document();

    for (route, schema) in bodies(&document) {
        let scene = Scene::of(&route).await;
        let (schema, start) = object_in(&document, &schema);
        for Place {
            pointer,
            is_free,
            wrong,
        } in places(&document, schema, start)
        {
            if names_job_at(&route).is_some_and(|place| place.starts_with(&pointer)) {
                continue;
            }
            let mut body = scene.sample(&route).expect("a route with a body has a sample");
            put(&mut body, &pointer, wrong.clone());
            let answer = try_body(&scene, &route, &body).await;

            let about = violations_at(&answer, &pointer);
            assert!(
                about.iter().all(|code| code != "unknown_member"),
                "{route}: {pointer} is documented, not read: {}",
                answer.text
            );
            assert!(
                is_free || !about.is_empty(),
                "{route}: {pointer} may be {wrong}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn what_the_document_does_not_name_is_refused() {
    let document = document();

    for (route, schema) in bodies(&document) {
        let scene = Scene::of(&route).await;
        let (_, start) = object_in(&document, &schema);
        for name in ["nobodyKnowsThis", "id", "status", "createdBy", "version", "a/b~c"] {
            let is_known = name == "id" || name == "status";
            if route == "POST /tenants/{id}/provision" && is_known {
                continue;
            }
            // That an invoice is paid is said by its status.
            if route == "PATCH /invoices/{id}" && name == "status" {
                continue;
            }
            let mut body = scene.sample(&route).expect("a route with a body has a sample");
            let object = body.pointer_mut(start).expect("a sample is what is documented");
            object[name] = json!("x");
            let answer = try_body(&scene, &route, &body).await;

            assert_eq!(answer.status, 422, "{route}: {name}: {}", answer.text);
            let pointer = format!("{start}/{}", name.replace('~', "~0").replace('/', "~1"));
            assert_eq!(
                answer.violations(),
                [(pointer, "unknown_member".to_owned())],
                "{route}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn answers_are_what_the_document_says() {
    let document = document();

    for (route, operation) in operations(&document) {
        let scene = Scene::of(&route).await;
        let answer = scene.carry_out(&route).await;

        let status = answer.status.as_u16().to_string();
        let response = operation["responses"]
            .get(&status)
            .unwrap_or_else(|| panic!("{route}: status {status} is not documented"));
        let content = response["content"].as_object().cloned().unwrap_or_default();
        let Some(schema) = content
            .get("application/json")
            .and_then(|json| json.get("schema"))
        else {
            assert!(
                content.contains_key("application/x-ndjson")
                    || content.keys().any(|kind| kind.starts_with("text/"))
                    || answer.text.is_empty()
                    || is_file(&route),
                "{route}: undocumented body"
            );
            continue;
        };
        let mut wrong = Vec::new();
        check(&document, schema, &answer.json(), "", &mut wrong);
        assert!(wrong.is_empty(), "{route}: {wrong:?} in {}", answer.text);
    }
}

#[tokio::test]
async fn what_is_told_of_who_can_sign_in_is_what_the_document_says() {
    let document = document();
    let scene = Scene::of("POST /manage/users").await;
    scene.carry_out("POST /manage/users").await;

    for (route, said_at) in [
        ("GET /tenants/{id}", "/identity"),
        ("GET /tenants/{id}/users", "/items/0/authId"),
        ("GET /tenants/{id}/jobs/{jobId}", "/steps/1"),
    ] {
        let call = scene.bare(route).bearer(&scene.app.operator());
        let answer = call.send().await.expect(200).json();

        let schema =
            &operations(&document)[route]["responses"]["200"]["content"]["application/json"]["schema"];
        let mut wrong = Vec::new();
        check(&document, schema, &answer, "", &mut wrong);
        assert!(wrong.is_empty(), "{route}: {wrong:?} in {answer}");
        let said = answer.pointer(said_at).unwrap_or(&Value::Null);
        assert!(!said.is_null(), "{route} says nothing at {said_at}: {answer}");
    }
}

/// Answers that are files, not things of ours.
fn is_file(route: &str) -> bool {
    matches!(
        route,
        "GET /docs/{file}" | "GET /openapi.json" | "GET /events/schemas" | "GET /events/schemas/{type}"
    )
}

#[tokio::test]
async fn problems_are_what_the_document_says() {
    let document = document();
    let scene = Scene::of("POST /tenants").await;
    let operator = scene.app.operator();

    let answers = [
        scene.app.get("/tenants").send().await,
        scene.app.get("/nowhere").send().await,
        scene
            .app
            .post("/tenants")
            .bearer(&operator)
            .json(&json!({ "x": 1 }))
            .send()
            .await,
        scene.app.get("/tenants?limit=0").bearer(&operator).send().await,
        scene.app.delete("/tenants").bearer(&operator).send().await,
    ];

    for answer in answers {
        let mut wrong = Vec::new();
        check(
            &document,
            &json!({ "$ref": "#/components/schemas/Problem" }),
            &answer.json(),
            "",
            &mut wrong,
        );
        assert!(wrong.is_empty(), "{wrong:?} in {}", answer.text);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{}",
            answer.text
        );
    }
}

/// Routes that take a JSON body, with its schema.
fn bodies(document: &Value) -> Vec<(String, Value)> {
    let with_body = operations(document).into_iter().filter_map(|(route, operation)| {
        let content = operation["requestBody"]["content"].as_object()?;
        let (media_type, body) = content.iter().next()?;
        assert!(media_type.ends_with("json"), "{route} takes {media_type}");
        Some((route, resolved(document, &body["schema"]).clone()))
    });
    with_body.collect()
}

/// What has members in a body, and where: the body itself, or the first of many.
fn object_in<'a>(document: &'a Value, schema: &'a Value) -> (&'a Value, &'static str) {
    if is_type(schema, "array") {
        (resolved(document, &schema["items"]), "/0")
    } else {
        (schema, "")
    }
}

/// A place in a body, with a value that it cannot have.
struct Place {
    pointer: String,
    /// Whether any JSON may stand there.
    is_free: bool,
    wrong: Value,
}

fn places(document: &Value, schema: &Value, pointer: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let (pointer, schema) = (format!("{pointer}/{name}"), resolved(document, schema));
        let text = schema["description"].as_str().unwrap_or_default();
        let is_free = name == "metadata" || text.starts_with("Not looked at");
        let wrong = if is_type(schema, "object") {
            json!(42)
        } else {
            json!({ "nobodyKnowsThis": 1 })
        };
        places.push(Place {
            pointer: pointer.clone(),
            is_free,
            wrong,
        });
        places.extend(self::places(document, schema, &pointer));
        if schema["items"].is_object() {
            places.extend(self::places(
                document,
                resolved(document, &schema["items"]),
                &format!("{pointer}/0"),
            ));
        }
    }
    places
}

/// Puts a value at a pointer, making the objects and lists on the way.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for part in pointer.split('/').skip(1) {
        if part == "0" {
            if !place.is_array() {
                *place = json!([{}]);
            }
            place = &mut place[0];
        } else {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[part];
        }
    }
    *place = value;
}

/// The schema itself: behind a reference, and of several the one that is not null.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return resolved(
            document,
            document
                .pointer(pointer)
                .expect("another test sees to it that references lead somewhere"),
        );
    }
    match schema["oneOf"].as_array() {
        Some(kinds) => resolved(
            document,
            kinds.iter().find(|kind| kind["type"] != "null").unwrap_or(schema),
        ),
        None => schema,
    }
}

fn is_nullable(schema: &Value) -> bool {
    is_type(schema, "null")
        || schema["oneOf"]
            .as_array()
            .is_some_and(|kinds| kinds.iter().any(|kind| kind["type"] == "null"))
}

fn is_type(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::String(kind) => kind == name,
        Value::Array(kinds) => kinds.iter().any(|kind| kind == name),
        _ => false,
    }
}

fn required(document: &Value, schema: &Value) -> BTreeSet<String> {
    let names = resolved(document, schema)["required"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    names
        .iter()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// The part of JSON Schema that the document uses; members that are not documented are wrong.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value, pointer: &str, wrong: &mut Vec<String>) {
    if value.is_null() && is_nullable(schema) {
        return;
    }
    let schema = resolved(document, schema);
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !schema["type"].is_null() && !is_type(schema, kind) {
        wrong.push(format!("{pointer} is {kind}, not {}", schema["type"]));
        return;
    }
    if let Some(members) = value.as_object().filter(|_| schema["properties"].is_object()) {
        for name in required(document, schema)
            .iter()
            .filter(|name| !members.contains_key(*name))
        {
            wrong.push(format!("{pointer}/{name} is missing"));
        }
        for (name, value) in members {
            match schema["properties"].get(name) {
                Some(schema) => check(document, schema, value, &format!("{pointer}/{name}"), wrong),
                None => wrong.push(format!("{pointer}/{name} is not documented")),
            }
        }
    }
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        check(
            document,
            &schema["items"],
            item,
            &format!("{pointer}/{position}"),
            wrong,
        );
    }
}

async fn try_body(scene: &Scene, route: &str, body: &Value) -> Answer {
    scene
        .prove(route, scene.bare(route).json(body), body)
        .send()
        .await
}

/// The codes of what is said about a place.
fn violations_at(answer: &Answer, pointer: &str) -> Vec<String> {
    // An accepted webhook has no body.
    let violations = if answer.text.is_empty() {
        Vec::new()
    } else {
        answer.violations()
    };
    violations
        .into_iter()
        .filter(|(at, _)| at == pointer)
        .map(|(_, code)| code)
        .collect()
}
