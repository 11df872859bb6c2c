//! What every request that writes has in common: who is let in, what is out of reach, which version it means, and its repeats.

use serde_json::{Value, json};
use tenantry_domain::{Permission, SystemRole};
use tenantry_testing::{Person, TestApp};

use crate::scene::{
    Write, add_group, add_sales, add_to, member_of, members_and_owners, members_of, of_members, order,
    path_of, place, send, somebody, writes,
};

#[tokio::test]
async fn who_is_no_active_member_changes_nothing() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let writes = writes(&app, &tenant).await;
    let tokens = app.no_members(&tenant).await;
    let before = app.items().await;

    for token in &tokens {
        for Write {
            method,
            path,
            body,
            permission,
            ..
        } in &writes
        {
            let answer = send(&app, method, path, token, body).await;
            let answer = answer.expect_problem(403, "membership_inactive");
            // Who makes a group is its first member, so the first look tells already.
            let calls = if *permission == Permission::CreateGroup {
                1..=2
            } else {
                2..=4
            };
            assert!(
                calls.contains(&answer.usage.calls),
                "{method} {path}: {}",
                answer.usage.calls
            );
        }
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

        for Write {
            method, path, body, ..
        } in &writes
        {
            let answer = send(&app, method, path, &member, body).await;
            answer.expect_problem(409, code);
        }
        assert_eq!(app.items().await, before);
        for Write {
            method,
            path,
            body,
            status,
            ..
        } in &writes
        {
            order(&app, method, path, body).await.expect(*status);
        }
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
            let others = |permission: &Permission| {
                *permission != write.permission && *permission != Permission::LeaveUserGroup
            };
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
        let is_about_something = !path.ends_with("/roles") && !path.ends_with("/groups");
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
        let answer = order(&app, method, &path.replace(&tenant, &unknown), body).await;
        let answer = answer.expect_problem(404, "not_found");
        assert_eq!(answer.usage.calls, 1, "{method} {path}");
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn what_has_another_version_stays_as_it_is() {
    let app = TestApp::start().await;

    for n in 0.. {
        let tenant = app.tenant(&format!("acme{n}")).await;
        let writes = writes(&app, &tenant).await;
        let Some(Write {
            method,
            path,
            body,
            status,
            version,
            ..
        }) = writes.get(n)
        else {
            break;
        };
        let Some(version) = version else {
            continue;
        };
        let operator = app.operator();
        let call = |tag: &str| {
            let call = app.call(method, path).bearer(&operator).header("if-match", tag);
            if body.is_null() { call } else { call.json(body) }
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
        assert_eq!(app.items().await, before, "{method} {path}");
        call(&format!("\"{version}\"")).send().await.expect(*status);
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
        let send = |body: &Value| {
            let call = app.post(path).bearer(&member);
            call.header("idempotency-key", path).json(body).send()
        };
        let first = send(body).await.expect(*status);
        let before = app.items().await;

        let again = send(body).await.expect(*status);

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
    let posts = writes.iter().filter(|write| write.method == "POST");

    for Write {
        path, body, status, ..
    } in posts
    {
        let call = || app.post(path).bearer(&member).header("idempotency-key", "k");
        let answer = call().json(body).send().await;
        if path.ends_with("/roles") {
            answer.expect(*status);
        } else {
            answer.expect_problem(422, "idempotency_key_reused");
        }
    }
}

/// Has an operator activate or deactivate a member.
async fn set_active(app: &TestApp, person: &Person, is_active: bool) {
    let command = if is_active { "activate" } else { "deactivate" };
    let path = format!("/tenants/{}/users/{}/{command}", person.tenant_id, person.user_id);
    app.post(&path).bearer(&app.operator()).send().await.expect(200);
}

#[tokio::test]
async fn who_was_deactivated_changes_nothing_about_itself_either() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Admin).await;
    let (sales, support) = (
        add_sales(&app, &tenant).await,
        add_group(&app, &tenant, "Support").await,
    );
    for person in [&ada, &somebody(&app, &tenant)] {
        add_to(&app, &sales, person, true).await;
    }
    set_active(&app, &ada, false).await;
    let before = app.items().await;

    for (method, path, body) in [
        (
            "POST",
            format!("/tenants/{tenant}/groups"),
            json!({ "name": "Own" }),
        ),
        ("POST", members_of(&tenant, &support), place(&ada, true)),
        (
            "POST",
            format!("/groups/{support}/user/bulk"),
            json!([place(&ada, true)]),
        ),
        ("PATCH", member_of(&sales, &ada), json!({ "isOwner": false })),
        ("DELETE", member_of(&sales, &ada), Value::Null),
        ("DELETE", path_of(&tenant, &sales), Value::Null),
    ] {
        let answer = send(&app, method, &path, &ada.token, &body).await;
        answer.expect_problem(403, "membership_inactive");
    }

    assert_eq!(app.items().await, before);
}

#[tokio::test]
async fn who_is_deactivated_while_it_joins_a_group_is_in_it_or_hears_why_not() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Admin).await;
    let group = add_sales(&app, &tenant).await;
    let (path, body) = (members_of(&tenant, &group), place(&ada, true));

    for _ in 0..10 {
        let (joined, ()) = tokio::join!(
            send(&app, "POST", &path, &ada.token, &body),
            set_active(&app, &ada, false)
        );

        let is_in = joined.status == 201;
        if !is_in {
            joined.expect_problem(403, "membership_inactive");
        }
        assert_eq!(members_and_owners(&app, &group).await.0, usize::from(is_in));
        set_active(&app, &ada, true).await;
        if is_in {
            let left = send(&app, "DELETE", &member_of(&group, &ada), &ada.token, &Value::Null).await;
            left.expect(204);
        }
    }
}
