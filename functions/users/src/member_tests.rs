//! What every request that writes has in common: who is let in, what is out of reach, which version it means, and its repeats.

use serde_json::{Value, json};
use tenantry_domain::{Permission, SystemRole};
use tenantry_testing::TestApp;

use crate::scene::{GRACE, Write, force_status, of_members, order, prefer, preference, send, writes};

#[tokio::test]
async fn who_is_no_active_member_changes_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let writes = writes(&app, &tenant).await;
    let tokens = app.no_members(&tenant).await;
    let before = app.items().await;

    for token in &tokens {
        for write in &writes {
            let answer = send(&app, write.method, &write.path, token, &write.body).await;
            answer.expect_problem(403, "membership_inactive");
        }
        let body = preference("theme", 1);
        let answer = send(&app, "POST", "/user-tenant-prefs", token, &body).await;
        answer.expect_problem(403, "membership_inactive");
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn members_of_a_suspended_or_offboarded_tenant_change_nothing_and_operators_do() {
    let app = TestApp::start().await;

    for (key, status, code) in [
        ("one", "SUSPENDED", "tenant_suspended"),
        ("two", "INACTIVE", "invalid_transition"),
    ] {
        let tenant = app.tenant(key).await;
        let writes = writes(&app, &tenant).await;
        let member = app.member(&tenant);
        app.force_status(&tenant, status).await;
        let before = app.items().await;

        for write in &writes {
            let answer = send(&app, write.method, &write.path, &member, &write.body).await;
            answer.expect_problem(409, code);
        }
        assert_eq!(app.items().await, before);
        for write in &writes {
            let answer = order(&app, write.method, &write.path, &write.body).await;
            answer.expect(write.status);
        }
    }
}

#[tokio::test]
async fn preferences_stay_while_their_member_or_its_tenant_is_not_active() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    let path = prefer(&app, &grace, "theme").await;
    let (put, patch) = (preference("theme", 2), json!({ "configValue": { "n": 2 } }));
    let requests = [
        ("POST", "/user-tenant-prefs", &put, 200),
        ("PATCH", &path, &patch, 200),
        ("DELETE", &path, &Value::Null, 204),
    ];

    for (member, of_tenant, refusal) in [
        ("INACTIVE", "PENDING_PROVISION", (403, "membership_inactive")),
        ("ACTIVE", "SUSPENDED", (409, "tenant_suspended")),
        ("ACTIVE", "INACTIVE", (409, "invalid_transition")),
    ] {
        force_status(&app, &grace, member).await;
        app.force_status(&tenant, of_tenant).await;
        let before = app.items().await;
        for (method, path, body, _) in requests {
            let answer = send(&app, method, path, &grace.token, body).await;
            answer.expect_problem(refusal.0, refusal.1);
        }
        assert_eq!(app.items().await, before);
    }
    app.force_status(&tenant, "ACTIVE").await;
    for (method, path, body, status) in requests {
        send(&app, method, path, &grace.token, body).await.expect(status);
    }
}

#[tokio::test]
async fn nobody_writes_without_a_token_or_the_permission() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let writes = writes(&app, &tenant).await;
    let tokens: Vec<[String; 2]> = writes
        .iter()
        .map(|write| {
            let others = |permission: &Permission| *permission != write.permission;
            [
                app.member_with(&tenant, of_members().filter(others)),
                app.operator_with(Permission::all().filter(others)),
            ]
        })
        .collect();
    let before = app.items().await;

    for (Write { method, path, .. }, tokens) in writes.iter().zip(tokens) {
        let call = || app.call(method, path).body("not even read");
        call().send().await.expect_problem(401, "token_required");
        for token in &tokens {
            let answer = call().bearer(token).send().await;
            let answer = answer.expect_problem(403, "forbidden");
            assert_eq!(answer.usage.calls, 0, "{method} {path}");
        }
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn preferences_are_for_members_with_the_permission() {
    use Permission::{
        CreateUserTenantPreference, DeleteUserTenantPreference, UpdateUserTenantPreference,
        ViewUserTenantPreference,
    };
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    let path = prefer(&app, &grace, "theme").await;
    let before = app.items().await;

    for (method, path, permission) in [
        ("POST", "/user-tenant-prefs", CreateUserTenantPreference),
        ("GET", "/user-tenant-prefs", ViewUserTenantPreference),
        ("GET", "/user-tenant-prefs/count", ViewUserTenantPreference),
        ("GET", &path, ViewUserTenantPreference),
        ("PATCH", &path, UpdateUserTenantPreference),
        ("DELETE", &path, DeleteUserTenantPreference),
    ] {
        let others = of_members().filter(|other| *other != permission);
        let call = || app.call(method, path).body("not even read");
        call().send().await.expect_problem(401, "token_required");
        for token in [app.token_of(&tenant, &grace.user_id, others), app.operator()] {
            let answer = call().bearer(&token).send().await;
            let answer = answer.expect_problem(403, "forbidden");
            assert_eq!(answer.usage.calls, 0, "{method} {path}");
        }
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn what_is_another_tenants_does_not_exist() {
    let app = TestApp::start().await;
    let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
    let writes = writes(&app, &foreign).await;
    let member = app.member(&own);
    let before = app.items().await;

    for Write {
        method, path, body, ..
    } in &writes
    {
        send(&app, method, path, &member, body)
            .await
            .expect_problem(404, "not_found");
        // Below the caller's own tenant a foreign id names nothing either.
        let is_about_something = path.split('/').count() > 4 && !path.ends_with("/bulk");
        if is_about_something {
            for token in [&member, &app.operator()] {
                send(&app, method, &path.replace(&foreign, &own), token, body)
                    .await
                    .expect_problem(404, "not_found");
            }
        }
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn what_is_in_a_tenant_that_does_not_exist_does_not_either() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let writes = writes(&app, &tenant).await;
    let unknown = app.unknown_id();
    let before = app.items().await;

    for Write {
        method, path, body, ..
    } in &writes
    {
        order(&app, method, &path.replace(&tenant, &unknown), body)
            .await
            .expect_problem(404, "not_found");
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn what_has_another_version_stays_as_it_is() {
    let app = TestApp::start().await;

    for n in 0.. {
        let tenant = app.tenant(&format!("acme{n}")).await;
        let writes = writes(&app, &tenant).await;
        let Some(write) = writes.get(n) else {
            break;
        };
        let Some(version) = write.version else {
            continue;
        };
        let operator = app.operator();
        let call = |tag: &str| {
            let call = app.call(write.method, &write.path);
            let call = call.bearer(&operator).header("if-match", tag);
            if write.body.is_null() {
                call
            } else {
                call.json(&write.body)
            }
        };
        let before = app.items().await;

        for tag in [
            &*format!("\"{}\"", version + 1),
            &*version.to_string(),
            "",
            "W/\"1\"",
        ] {
            let answer = call(tag).send().await;
            answer.expect_problem(412, "precondition_failed");
        }
        assert_eq!(app.items().await, before, "{} {}", write.method, write.path);
        let answer = call(&format!("\"{version}\"")).send().await;
        answer.expect(write.status);
    }
}

#[tokio::test]
async fn a_repeat_with_the_same_idempotency_key_is_answered_as_before() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let writes = writes(&app, &tenant).await;
    let member = app.member(&tenant);
    let posts = writes.iter().filter(|write| write.method == "POST");

    for Write {
        path, body, status, ..
    } in posts
    {
        let send = || {
            let call = app.post(path).bearer(&member).header("idempotency-key", path);
            let call = if body.is_null() { call } else { call.json(body) };
            call.send()
        };
        let first = send().await.expect(*status);
        app.settle().await;
        let before = app.items().await;

        let again = send().await.expect(*status);

        assert_eq!(first.text, again.text);
        for header in ["location", "etag"] {
            assert_eq!(first.header(header), again.header(header), "{path}");
        }
        assert_eq!(app.items().await, before);
    }
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let writes = writes(&app, &tenant).await;
    let member = app.member(&tenant);
    let mut posts = writes.iter().filter(|write| write.method == "POST");
    let send = |write: &Write| {
        let call = app
            .post(&write.path)
            .bearer(&member)
            .header("idempotency-key", "k");
        let call = if write.body.is_null() {
            call
        } else {
            call.json(&write.body)
        };
        call.send()
    };

    let first = posts.next().expect("there are posts");
    send(first).await.expect(first.status);

    for other in posts {
        send(other).await.expect_problem(422, "idempotency_key_reused");
    }
}
