//! What becomes of logins when something becomes of members.

use std::sync::Arc;

use serde_json::{Value, json};
use tenantry_app::FirstKey;
use tenantry_domain::{ProviderName, SystemRole};
use tenantry_testing::{Directory, Person, TestApp, Trouble};

use crate::Logins;

const GRACE: &str = "grace@acme.com";

/// A tenant whose people sign in at the directory, with Ada as its owner.
async fn start(plan: Value) -> (TestApp, Arc<Directory>, String) {
    let directory = Directory::of(ProviderName::Cognito);
    let app = TestApp::start_identified(directory.alone(), |_| {}).await;
    let tenant = app.tenant("acme").await;
    let body = json!({ "id": "sub_1", "plan": plan });
    let asked = app.command(&tenant, "provision", &body).await.expect(202);
    let job = app.order(&asked.text_at("/id")).await;
    app.set_up_identity(&job).await.expect(200);
    app.report(&job, &job.success()).await.expect(204);
    app.settle().await;
    directory.take_calls();
    (app, directory, tenant)
}

async fn pooled() -> (TestApp, Arc<Directory>, String) {
    start(json!({ "tier": "BASIC" })).await
}

async fn calls(app: &TestApp, directory: &Directory) -> Vec<String> {
    app.settle().await;
    directory.take_calls()
}

async fn order(app: &TestApp, method: &str, path: &str, body: &Value) {
    let call = app.call(method, path).bearer(&app.operator());
    let call = if body.is_null() { call } else { call.json(body) };
    let answer = call.send().await;
    assert!(answer.status.is_success(), "{}", answer.text);
}

fn path_of(person: &Person) -> String {
    format!("/tenants/{}/users/{}", person.tenant_id, person.user_id)
}

fn auth_id(person: &Person) -> String {
    format!("sub-{}", person.user_id)
}

#[tokio::test]
async fn who_joins_can_sign_in() {
    let (app, directory, tenant) = pooled().await;

    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;

    assert_eq!(calls(&app, &directory).await, ["admit grace@acme.com", "let in"]);
    assert_eq!(app.find_user(&grace).await["authId"], json!(auth_id(&grace)));
    assert_eq!(directory.members().len(), 2);
}

#[tokio::test]
async fn who_has_not_said_yes_has_no_login_until_it_does() {
    let (app, directory, tenant) = pooled().await;
    let path = format!("/tenants/{tenant}/users");
    let body = TestApp::new_user(GRACE, &app.role(&tenant, SystemRole::Member));

    order(&app, "POST", &path, &body).await;
    assert_eq!(calls(&app, &directory).await, [""; 0]);
    let list = app
        .get(&path)
        .bearer(&app.operator())
        .send()
        .await
        .expect(200)
        .json();
    let grace = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|member| member["email"] == GRACE);
    let id = grace
        .and_then(|grace| grace["id"].as_str())
        .expect("she is a member")
        .to_owned();
    order(&app, "POST", &format!("{path}/{id}/activate"), &Value::Null).await;

    assert_eq!(calls(&app, &directory).await, ["admit grace@acme.com", "let in"]);
}

#[tokio::test]
async fn who_is_deactivated_is_signed_out_and_let_in_again_where_that_is_needed() {
    for (plan, again) in [
        (json!({ "tier": "BASIC" }), vec![]),
        (
            json!({ "tier": "PREMIUM" }),
            vec!["admit grace@acme.com".to_owned(), "let in".to_owned()],
        ),
    ] {
        let (app, directory, tenant) = start(plan).await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        calls(&app, &directory).await;

        order(
            &app,
            "POST",
            &format!("{}/deactivate", path_of(&grace)),
            &Value::Null,
        )
        .await;
        assert_eq!(
            calls(&app, &directory).await,
            [format!("sign out {}", auth_id(&grace))]
        );
        order(
            &app,
            "POST",
            &format!("{}/activate", path_of(&grace)),
            &Value::Null,
        )
        .await;
        assert_eq!(calls(&app, &directory).await, again);
    }
}

#[tokio::test]
async fn who_gets_another_role_is_signed_out_and_who_gets_another_desk_is_not() {
    let (app, directory, tenant) = pooled().await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    calls(&app, &directory).await;

    order(
        &app,
        "PATCH",
        &path_of(&grace),
        &json!({ "designation": "Admiral" }),
    )
    .await;
    assert_eq!(calls(&app, &directory).await, [""; 0]);
    let role = app.role(&tenant, SystemRole::Admin);
    order(&app, "PATCH", &path_of(&grace), &json!({ "roleId": role })).await;

    assert_eq!(
        calls(&app, &directory).await,
        [format!("sign out {}", auth_id(&grace))]
    );
    insta::assert_json_snapshot!(
        app.events_of("member.updated.v1")
            .await
            .last()
            .map(|event| &event["detail"]["data"])
    );
}

#[tokio::test]
async fn who_is_removed_is_let_out_and_comes_back_with_the_same_login() {
    let (app, directory, tenant) = pooled().await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    calls(&app, &directory).await;

    order(&app, "DELETE", &path_of(&grace), &Value::Null).await;
    assert_eq!(
        calls(&app, &directory).await,
        [format!("expel {}", auth_id(&grace))]
    );
    assert_eq!(directory.members().len(), 1);
    let back = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    app.settle().await;

    assert_eq!(app.find_user(&back).await["authId"], json!(auth_id(&grace)));
    assert_eq!((directory.members().len(), directory.counts().1), (2, 2));
}

#[tokio::test]
async fn who_is_erased_has_no_login_any_more() {
    let (app, directory, tenant) = pooled().await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    calls(&app, &directory).await;

    order(&app, "DELETE", &format!("/user/{}", grace.user_id), &Value::Null).await;

    let calls = calls(&app, &directory).await;
    assert_eq!(calls.last(), Some(&format!("forget {}", auth_id(&grace))));
    assert_eq!(directory.counts().1, 1);
    let markers = app.items().await;
    let markers = markers
        .iter()
        .filter(|item| format!("{item:?}").contains("UNIQUE#LOGIN#"));
    assert_eq!(markers.count(), 1, "hers is free again");
}

#[tokio::test]
async fn a_tenant_without_identity_has_no_logins() {
    let directory = Directory::of(ProviderName::Cognito);
    let app = TestApp::start_identified(directory.alone(), |_| {}).await;
    let tenant = app.active_tenant("acme").await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;

    order(&app, "DELETE", &path_of(&grace), &Value::Null).await;

    assert_eq!(calls(&app, &directory).await, [""; 0]);
}

#[tokio::test]
async fn a_first_password_of_a_member_is_mailed_with_its_login() {
    let (app, directory, tenant) = pooled().await;
    directory.set_first_key(FirstKey::Password("Sesame-0pen!".to_owned().into()));

    app.join_as(&tenant, GRACE, SystemRole::Member).await;
    app.settle().await;

    let mails = app.mails().await;
    let mail = mails.last().expect("it was mailed");
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        (GRACE, "Sign in to Acme")
    );
    assert!(mail.text.contains("Sesame-0pen!"));
}

/// A batch with this event, as the queue has it.
fn batch(event: &Value) -> crate::handle::Batch {
    let record = json!({ "messageId": "m-1", "body": event.to_string() });
    serde_json::from_value(json!({ "Records": [record] })).expect("it is a batch")
}

#[tokio::test]
async fn what_a_busy_provider_does_not_do_comes_again_and_a_repeat_does_no_harm() {
    let (app, directory, tenant) = pooled().await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    app.settle().await;
    order(
        &app,
        "POST",
        &format!("{}/deactivate", path_of(&grace)),
        &Value::Null,
    )
    .await;
    let event = app
        .events_of("member.deactivated.v1")
        .await
        .pop()
        .expect("it went out");
    let logins = Logins::new(Arc::clone(&app.product.edge.app));
    calls(&app, &directory).await;

    directory.set_trouble(Some(Trouble::Busy(1)));
    let failed = logins.handle(batch(&event)).await;
    assert_eq!(
        serde_json::to_value(&failed).expect("it is JSON"),
        json!({ "batchItemFailures": [{ "itemIdentifier": "m-1" }] })
    );
    directory.set_trouble(None);
    for _ in 0..2 {
        let done = logins.handle(batch(&event)).await;
        assert_eq!(
            serde_json::to_value(&done).expect("it is JSON"),
            json!({ "batchItemFailures": [] })
        );
    }

    assert_eq!(
        directory.take_calls(),
        vec![format!("sign out {}", auth_id(&grace)); 3]
    );
}

#[tokio::test]
async fn events_that_come_late_do_not_undo_what_came_after() {
    let (app, directory, tenant) = pooled().await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    app.settle().await;
    order(&app, "DELETE", &path_of(&grace), &Value::Null).await;
    app.join_as(&tenant, GRACE, SystemRole::Member).await;
    app.settle().await;
    let joined = app.events_of("member.joined.v1").await.remove(1);
    let removed = app
        .events_of("member.removed.v1")
        .await
        .pop()
        .expect("it went out");
    let logins = Logins::new(Arc::clone(&app.product.edge.app));
    directory.take_calls();

    logins.handle(batch(&removed)).await;
    assert_eq!(directory.take_calls(), [format!("sign out {}", auth_id(&grace))]);
    order(&app, "DELETE", &path_of(&grace), &Value::Null).await;
    calls(&app, &directory).await;
    logins.handle(batch(&joined)).await;

    assert_eq!(directory.take_calls(), [""; 0]);
}

#[tokio::test]
async fn what_is_no_event_of_ours_is_left_to_people() {
    let (app, directory, _) = pooled().await;
    let logins = Logins::new(Arc::clone(&app.product.edge.app));

    for body in ["", "{}", r#"{"detail":{"type":"member.joined.v1"}}"#] {
        let record = json!({ "messageId": "m-1", "body": body });
        let batch = serde_json::from_value(json!({ "Records": [record] })).expect("it is a batch");
        let failed = serde_json::to_value(logins.handle(batch).await).expect("it is JSON");
        assert_eq!(
            failed["batchItemFailures"].as_array().map(Vec::len),
            Some(1),
            "{body}"
        );
    }

    assert_eq!(directory.take_calls(), [""; 0]);
}

#[tokio::test]
async fn one_message_of_a_batch_that_fails_keeps_no_other_back() {
    let (app, directory, tenant) = pooled().await;
    let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
    app.settle().await;
    order(
        &app,
        "POST",
        &format!("{}/deactivate", path_of(&grace)),
        &Value::Null,
    )
    .await;
    let event = app
        .events_of("member.deactivated.v1")
        .await
        .pop()
        .expect("it went out");
    calls(&app, &directory).await;
    let records =
        json!([{ "messageId": "bad", "body": "{" }, { "messageId": "good", "body": event.to_string() }]);
    let batch = serde_json::from_value(json!({ "Records": records })).expect("it is a batch");

    let failed = Logins::new(Arc::clone(&app.product.edge.app)).handle(batch).await;

    let failed = serde_json::to_value(&failed).expect("it is JSON");
    assert_eq!(
        failed,
        json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] })
    );
    assert_eq!(directory.take_calls(), [format!("sign out {}", auth_id(&grace))]);
}
