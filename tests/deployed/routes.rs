use http::Method;
use serde_json::Value;

use crate::journeys::world::deployed;

const DOCUMENT: &str = include_str!("../../infra/openapi/openapi.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn every_route_of_the_document_reaches_the_function_that_has_it() {
    let world = deployed();
    let document: Value = serde_json::from_str(DOCUMENT).expect("the document is JSON");
    let mut astray = Vec::new();

    for (path, operations) in document["paths"].as_object().into_iter().flatten() {
        for method in operations.as_object().into_iter().flat_map(|each| each.keys()) {
            let method = Method::from_bytes(method.to_uppercase().as_bytes())
                .expect("operations are named for their method");
            let reply = world.call(method.clone(), &example(path)).send().await;
            let code = reply.json["code"].as_str().unwrap_or_default();
            // Every answer of ours has this header; the gateway's own and another function's 404 are not what is wanted.
            let is_ours = reply.headers.contains_key("x-request-id");
            if !is_ours
                || reply.status.is_server_error()
                || ["no_such_route", "method_not_allowed"].contains(&code)
            {
                astray.push(format!("{method} {path}: {} {}", reply.status, reply.json));
            }
        }
    }

    assert_eq!(astray, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_path_that_is_not_ours_starts_no_function() {
    let reply = deployed().get("/no/such/route").send().await.expect(404);

    assert!(!reply.headers.contains_key("x-request-id"), "{:?}", reply.headers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs BASE_URL and DESK_URL"]
async fn a_preflight_request_is_answered_on_every_path() {
    for path in [
        "/leads",
        "/tenants/019b0000-0000-7000-8000-000000000001/provision",
    ] {
        let preflight = deployed().call(Method::OPTIONS, path);
        let preflight = preflight
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "POST");

        let reply = preflight.send().await;

        assert!(reply.status.is_success(), "{path}: {}", reply.status);
        assert!(
            !reply.headers.contains_key("access-control-allow-origin"),
            "a stranger's page may not call"
        );
    }
}

/// The path with something in place of its parameters.
fn example(path: &str) -> String {
    path.replace("{id}", "019b0000-0000-7000-8000-000000000001")
        .replace("{jobId}", "019b0000-0000-7000-8000-000000000002")
        .replace("{userId}", "019b0000-0000-7000-8000-000000000003")
        .replace("{tenantId}", "019b0000-0000-7000-8000-000000000001")
        .replace("{invitationId}", "019b0000-0000-7000-8000-000000000004")
        .replace("{roleId}", "019b0000-0000-7000-8000-000000000005")
        .replace("{groupId}", "019b0000-0000-7000-8000-000000000006")
        .replace("{configId}", "019b0000-0000-7000-8000-000000000007")
        .replace("{permission}", "ViewTenant")
        .replace("{key}", "nobody")
        .replace("{file}", "index.html")
        .replace("{type}", "tenant.created.v1")
}
