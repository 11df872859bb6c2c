use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tenantry_api::{Path, Problem, Raw};
use tenantry_domain::Rule;

include!(concat!(env!("OUT_DIR"), "/event_schemas.rs"));

/// A type of event.
pub(crate) struct EventType(String);

impl std::str::FromStr for EventType {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Ok(Self(text.to_owned()))
    }
}

/// List the types of events.
///
/// Those that are published on the bus, and those that an application plane may answer with; each with the address of its
/// JSON Schema.
#[utoipa::path(get, path = "/events/schemas", responses((status = 200, description = "Types and addresses.", content_type = "application/json")))]
pub(crate) async fn list_event_schemas() -> Raw {
    Raw(answer("application/json", LIST))
}

/// Read the schema of a type of event.
///
/// JSON Schema 2020-12 of the event's `detail`. A type never changes in a way that breaks its readers: what would is the next
/// version.
#[utoipa::path(
    get,
    path = "/events/schemas/{type}",
    params(("type" = String, Path, description = "The type with its version, `tenant.created.v1` for example.")),
    responses((status = 200, description = "JSON Schema.", content_type = "application/schema+json"))
)]
pub(crate) async fn find_event_schema(Path(EventType(kind)): Path<EventType>) -> Result<Raw, Problem> {
    let found = SCHEMAS.iter().find(|(name, _)| *name == kind);
    let (_, schema) = found.ok_or_else(Problem::no_such_route)?;
    Ok(Raw(answer("application/schema+json", schema)))
}

fn answer(content_type: &'static str, text: &'static str) -> axum::response::Response {
    (
        [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "public, max-age=300"),
        ],
        text,
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn every_type_that_is_listed_has_its_schema() {
        let app = TestApp::start().await;

        let list = app.get("/events/schemas").send().await.expect(200).json();

        let items = list["items"].as_array().cloned().unwrap_or_default();
        assert!(items.len() > 30, "{list}");
        for item in items {
            let path = item["schema"].as_str().expect("each has an address");
            let schema = app.get(path).send().await.expect(200);
            assert_eq!(schema.header("content-type"), Some("application/schema+json"));
            assert_eq!(schema.json()["title"], item["type"]);
        }
    }

    #[tokio::test]
    async fn a_type_that_is_unknown_has_none() {
        let app = TestApp::start().await;

        for kind in ["tenant.created", "tenant.created.v2", "..", "released"] {
            let answer = app.get(&format!("/events/schemas/{kind}")).send().await;

            answer.expect(404);
        }
    }
}
