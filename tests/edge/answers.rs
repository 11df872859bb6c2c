//! What every answer has, and what happens where there is no route, no table or no room.

use std::time::Duration;

use serde_json::json;
use tenantry_testing::TestApp;

#[tokio::test]
async fn a_path_without_a_route_is_a_problem() {
    let app = TestApp::start().await;

    for path in ["/nothing", "/leads/", "/tenants/x/y/z", "//", "/local/nothing"] {
        app.get(path).send().await.expect_problem(404, "no_such_route");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_names_those_it_has() {
    let app = TestApp::start().await;

    let answer = app
        .call("PUT", "/leads")
        .send()
        .await
        .expect_problem(405, "method_not_allowed");

    let allow = answer.header("allow").expect("405 names the methods");
    assert!(
        ["GET", "POST"].iter().all(|method| allow.contains(method)),
        "{allow}"
    );
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let app = TestApp::start().await;

    let answer = app.call("HEAD", "/ping").send().await.expect(200);

    assert_eq!(answer.text, "");
}

#[tokio::test]
async fn every_answer_carries_its_request_id_and_makes_browsers_careful() {
    let app = TestApp::start().await;

    for path in [
        "/",
        "/ping",
        "/health",
        "/openapi.json",
        "/docs/index.html",
        "/leads",
        "/nothing",
    ] {
        let answer = app.get(path).send().await;

        for name in [
            "x-request-id",
            "x-content-type-options",
            "content-security-policy",
            "referrer-policy",
            "x-frame-options",
        ] {
            assert!(answer.header(name).is_some(), "{path} has no {name}");
        }
    }
}

#[tokio::test]
async fn the_sites_pages_answer() {
    let app = TestApp::start().await;

    assert!(app.get("/").send().await.expect(200).text.contains("Tenantry"));
    assert_eq!(
        app.get("/health").send().await.expect(200).json(),
        json!({ "status": "ok", "version": "0.1.0" })
    );
    assert_eq!(
        app.get("/openapi.json")
            .send()
            .await
            .expect(200)
            .text_at("/openapi"),
        "3.1.0"
    );
    assert_eq!(
        app.get("/docs").send().await.expect(303).header("location"),
        Some("/docs/index.html")
    );
    assert!(
        app.get("/docs/swagger-initializer.js")
            .send()
            .await
            .expect(200)
            .text
            .contains("/openapi.json")
    );
    assert!(
        app.get("/docs/index.html")
            .send()
            .await
            .expect(200)
            .text
            .contains("swagger-ui-bundle.js")
    );
    for file in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        let answer = app.get(&format!("/docs/{file}")).send().await;
        assert_eq!(
            answer.expect(200).header("content-encoding"),
            Some("gzip"),
            "{file}"
        );
    }
    app.get("/docs/nothing.js")
        .send()
        .await
        .expect_problem(404, "no_such_route");
}

#[tokio::test]
async fn ping_says_nothing_of_the_request_back() {
    let app = TestApp::start().await;

    let answer = app
        .get("/ping")
        .header("authorization", "Bearer secret")
        .header("x-forwarded-for", "10.0.0.1")
        .send()
        .await;

    let text = answer.expect(200).text;
    assert!(!text.contains("secret") && !text.contains("10.0.0.1"), "{text}");
}

#[tokio::test]
async fn only_configured_origins_may_call_from_a_browser() {
    let app =
        TestApp::start_with(|config| config.cors_origins = vec!["https://app.example.com".to_owned()]).await;

    for (origin, allowed) in [
        ("https://app.example.com", Some("https://app.example.com")),
        ("https://evil.example.com", None),
    ] {
        let answer = app.get("/ping").header("origin", origin).send().await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);

        let preflight = app
            .call("OPTIONS", "/tenants")
            .header("origin", origin)
            .header("access-control-request-method", "POST");
        let answer = preflight.send().await.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn no_origin_may_call_from_a_browser_by_default() {
    let app = TestApp::start().await;

    let answer = app
        .get("/ping")
        .header("origin", "https://app.example.com")
        .send()
        .await
        .expect(200);

    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_trace_goes_on_with_the_event_and_a_bad_one_does_not() {
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (given, carried) in [
        (good, true),
        ("00-zz-1-1", false),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
    ] {
        let app = TestApp::start().await;

        app.post("/leads")
            .header("traceparent", given)
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await
            .expect(201);

        let event = &app.events().await[0]["detail"];
        let traceparent = event["traceparent"].as_str().unwrap_or_default();
        assert_eq!(
            traceparent.starts_with(&given[..given.len().min(36)]),
            carried,
            "{given}"
        );
        // The request is the event's parent, not whoever sent the request.
        assert_ne!(traceparent, given);
    }
}

#[tokio::test]
async fn an_event_names_the_request_that_led_to_it() {
    let app = TestApp::start().await;

    let answer = app
        .post("/leads")
        .json(&TestApp::new_lead("ada@acme.com"))
        .send()
        .await
        .expect(201);

    assert_eq!(
        app.events().await[0]["detail"]["correlationid"],
        answer.header("x-request-id").unwrap_or_default()
    );
}

#[tokio::test]
async fn a_table_that_is_gone_makes_every_route_503_and_none_500() {
    let app = TestApp::start_patient(Duration::from_millis(200), |_| {}).await;
    let (operator, id) = (app.operator(), app.unknown_id());
    let lead = TestApp::new_lead("ada@acme.com");
    app.product.table.stop();

    let answers = [
        app.get("/health").send().await,
        app.post("/leads").json(&lead).send().await,
        app.post("/leads")
            .header("idempotency-key", "k")
            .json(&lead)
            .send()
            .await,
        app.post(&format!("/leads/{id}/verify"))
            .bearer("tlc_x")
            .send()
            .await,
        app.get("/tenants").bearer(&operator).send().await,
        app.get(&format!("/tenants/{id}")).bearer(&operator).send().await,
        app.post("/tenants")
            .bearer(&operator)
            .json(&TestApp::new_tenant("acme"))
            .send()
            .await,
    ];

    for answer in answers {
        let answer = answer.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), Some("2"));
    }
}

#[tokio::test]
async fn idempotency_keys_that_are_no_text_are_refused() {
    let app = TestApp::start().await;

    for key in [String::new(), " ".to_owned(), "x".repeat(256)] {
        let call = app
            .post("/leads")
            .header("idempotency-key", &key)
            .json(&TestApp::new_lead("ada@acme.com"));

        call.send().await.expect_problem(400, "invalid_idempotency_key");
    }
}
