//! Whose token outlived the membership: it still reads, and writes nothing in any part of the account.

use serde_json::{Value, json};
use tenantry_testing::TestApp;

use crate::scene::{add_auth0, add_grace, auth0, grace};

#[tokio::test]
async fn who_is_no_active_member_reads_and_changes_nothing() {
    let app = TestApp::start().await;
    let (tenant, other_tenant) = (app.tenant("acme").await, app.tenant("other").await);
    let plan = app.plan(json!({})).await;
    let contact = add_grace(&app, &tenant).await;
    let config = add_auth0(&app, &tenant).await;
    let subscription = app.subscribe(&tenant, &plan).await;
    let (tokens, others) = (app.no_members(&tenant).await, app.no_members(&other_tenant).await);
    let another = |mut body: Value, name: &str, value: &str| {
        body[name] = value.into();
        body
    };
    let (contact, config) = (
        format!("/contacts/{contact}"),
        format!("/tenant-configs/{config}"),
    );
    let subscription = format!("/subscriptions/{subscription}");
    let writes = [
        (
            "POST",
            "/contacts",
            another(grace(&tenant), "email", "second@books.example"),
        ),
        ("PATCH", &contact, json!({ "lastName": "Murray" })),
        ("DELETE", &contact, Value::Null),
        (
            "POST",
            "/tenant-configs",
            another(auth0(&tenant), "configKey", "okta"),
        ),
        (
            "PATCH",
            &config,
            json!({ "configValue": { "domain": "other.example" } }),
        ),
        ("DELETE", &config, Value::Null),
        (
            "PATCH",
            &subscription,
            json!({ "planId": app.plan(json!({})).await }),
        ),
        ("POST", &format!("{subscription}/cancel"), json!({ "at": "now" })),
    ];
    let before = app.items().await;

    for token in &tokens {
        for (method, path, body) in &writes {
            let call = app.call(method, path).bearer(token);
            let call = if body.is_null() { call } else { call.json(body) };
            let answer = call.send().await;
            let answer = answer.expect_problem(403, "membership_inactive");
            assert_eq!(answer.usage.calls, 2, "{method} {path}");
        }
        for path in [
            &*contact,
            &*config,
            &*subscription,
            "/contacts",
            "/tenant-configs",
        ] {
            app.get(path).bearer(token).send().await.expect(200);
        }
    }

    // A tenant has one subscription at most, so it is another one that takes its first.
    for token in &others {
        let call = app
            .post("/subscriptions")
            .bearer(token)
            .json(&json!({ "planId": plan }));
        let answer = call.send().await.expect_problem(403, "membership_inactive");
        assert_eq!(answer.usage.calls, 2);
    }
    assert_eq!(app.items().await, before);
}
