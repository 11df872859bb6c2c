use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenantry_app::{FirstKey, TraceContext};
use tenantry_domain::{Permission, ProviderName, SystemRole};
use tenantry_local::ReceivedMail;
use tenantry_testing::{Directory, TestApp, order};

use crate::contract::authorization::Items;
use crate::contract::openapi::check;
use crate::contract::scene::Scene;

/// What can go over the bus: a new type gets a line here and a step in `everything_that_can_be_told`.
const TYPES: [&str; 57] = [
    "contact.created.v1",
    "contact.deleted.v1",
    "contact.updated.v1",
    "group.created.v1",
    "group.deleted.v1",
    "group.member_removed.v1",
    "group.member_updated.v1",
    "group.members_added.v1",
    "group.updated.v1",
    "invitation.accepted.v1",
    "invitation.created.v1",
    "invitation.declined.v1",
    "invitation.revoked.v1",
    "invitation.sent_again.v1",
    "invoice.cancelled.v1",
    "invoice.issued.v1",
    "invoice.overdue.v1",
    "invoice.paid.v1",
    "lead.created.v1",
    "lead.erased.v1",
    "lead.updated.v1",
    "lead.verified.v1",
    "member.activated.v1",
    "member.created.v1",
    "member.deactivated.v1",
    "member.joined.v1",
    "member.permissions_changed.v1",
    "member.removed.v1",
    "member.updated.v1",
    "plan.archived.v1",
    "plan.created.v1",
    "plan.updated.v1",
    "role.created.v1",
    "role.deleted.v1",
    "role.updated.v1",
    "subscription.cancelled.v1",
    "subscription.changed.v1",
    "subscription.created.v1",
    "subscription.expired.v1",
    "subscription.past_due.v1",
    "tenant.activated.v1",
    "tenant.created.v1",
    "tenant.deprovisioning_failed.v1",
    "tenant.deprovisioning_requested.v1",
    "tenant.erased.v1",
    "tenant.offboarded.v1",
    "tenant.offboarding.v1",
    "tenant.provisioning_failed.v1",
    "tenant.provisioning_requested.v1",
    "tenant.reactivated.v1",
    "tenant.suspended.v1",
    "tenant.tier_change_failed.v1",
    "tenant.tier_change_requested.v1",
    "tenant.tier_changed.v1",
    "tenant.updated.v1",
    "user.erased.v1",
    "user.updated.v1",
];

/// What lets a person in for the first time, which stands in its mail and nowhere else.
const LINK: &str = "https://idp.example.com/ticket?t=1&u=2";
const PASSWORD: &str = "Sesame-0pen!";

#[tokio::test]
async fn events_are_these_whole() {
    let app = everything_that_can_be_told().await;

    let events = app.events().await;

    let types: BTreeSet<&str> = events
        .iter()
        .filter_map(|event| event["detail-type"].as_str())
        .collect();
    assert_eq!(types, BTreeSet::from(TYPES));
    for kind in TYPES {
        let first = events
            .iter()
            .find(|event| event["detail-type"] == kind)
            .expect("every type was there above");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_json_snapshot!(format!("event-{kind}"), first);
        });
    }
}

#[tokio::test]
async fn every_event_is_what_its_schema_says() {
    let app = everything_that_can_be_told().await;

    for event in app.events().await {
        let kind = event["detail-type"].as_str().unwrap_or_default();
        let path = format!("{}/../infra/events/{kind}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
        let mut wrong = Vec::new();
        check(&Value::Null, &schema, &event["detail"], "", &mut wrong);

        assert_eq!(schema["properties"]["type"]["const"], kind);
        assert!(wrong.is_empty(), "{kind}: {wrong:?} in {event}");
        assert!(
            event["detail"]["causationid"]
                .as_str()
                .is_some_and(|id| !id.is_empty()),
            "{event}"
        );
    }
}

#[tokio::test]
async fn mails_are_these_whole() {
    let app = everything_that_can_be_told().await;

    let mails = app.mails().await;

    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(
        subjects[..2],
        ["Confirm your e-mail address", "Acme Ltd is ready"]
    );
    // Somebody who was added, somebody who joined, somebody who was sent a second code, and somebody who declined.
    assert_eq!(subjects[2..7], ["You are invited to Acme"; 5]);
    // An administrator who chooses a password, another owner, who joins and does so too, and one who is given a password.
    let first_keys = [
        "Sign in to Acme",
        "You are invited to Acme",
        "Sign in to Acme",
        "Sign in to Acme",
    ];
    assert_eq!(subjects[7..], first_keys);
    for (name, place) in [
        ("verify_lead", 0),
        ("tenant_welcome", 1),
        ("invitation", 2),
        ("first_key-link", 7),
        ("first_key-password", 10),
    ] {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("mail-{name}"), picture(&mails[place]));
        });
    }
}

#[tokio::test]
async fn events_about_people_who_can_sign_in_say_how_they_are_known() {
    let app = everything_that_can_be_told().await;

    let events = app.events().await;

    let is_known = |event: &&Value| {
        let data = &event["detail"]["data"];
        !data["member"]["login"].is_null() || !data["user"]["logins"].is_null()
    };
    let known: Vec<Value> = events
        .iter()
        .filter(is_known)
        .map(|event| json!({ "type": event["detail-type"], "data": event["detail"]["data"] }))
        .collect();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_json_snapshot!("events-with-logins", known);
    });
}

#[tokio::test]
async fn every_event_says_the_same_of_itself_inside_and_outside() {
    let app = everything_that_can_be_told().await;

    let events = app.events().await;

    let mut ids = BTreeSet::new();
    for event in &events {
        let detail = &event["detail"];
        assert_eq!(detail["type"], event["detail-type"]);
        assert_eq!(detail["source"], event["source"]);
        assert_eq!(detail["specversion"], "1.0");
        assert!(
            ids.insert(detail["id"].to_string()),
            "two events have the id {}",
            detail["id"]
        );
        assert!(
            detail["correlationid"].as_str().is_some_and(|id| !id.is_empty()),
            "{event}"
        );
        let is_about_tenant = detail["type"]
            .as_str()
            .is_some_and(|kind| kind.starts_with("tenant."));
        assert!(
            !is_about_tenant || detail["tenantid"] == detail["subject"],
            "{event}"
        );
    }
}

#[tokio::test]
async fn personal_data_and_secrets_are_in_no_event_but_those_that_need_them() {
    let app = everything_that_can_be_told().await;

    let events = app.events().await;

    for event in events
        .iter()
        .filter(|event| event["detail-type"] != "tenant.provisioning_requested.v1")
    {
        let text = event.to_string();
        // Whoever is asked for a job must be able to sign its report; of people only the first one hears.
        let is_request = event["detail-type"]
            .as_str()
            .is_some_and(|kind| kind.ends_with("_requested.v1"));
        let secrets: &[&str] = if is_request { &[] } else { &["secret", "callback"] };
        for secret in [
            "Ada",
            "Lovelace",
            "ada@acme.com",
            "Grace",
            "grace@",
            "Alan",
            "alan@",
            "tlc_",
            "tic_",
            LINK,
            PASSWORD,
        ]
        .iter()
        .chain(secrets)
        {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn a_secret_or_a_person_is_never_readable_in_the_table_as_a_message() {
    let app = TestApp::start().await;
    let answer = app
        .post("/leads")
        .json(&TestApp::new_lead("ada@acme.com"))
        .send()
        .await;
    answer.expect(201);
    let tenant_id = app.tenant("acme").await;
    let provision = app
        .post(&format!("/tenants/{tenant_id}/provision"))
        .bearer(&app.operator());
    provision.json(&TestApp::subscription()).send().await.expect(202);

    let items = app.items().await;

    let texts = outbox_in(&items);
    assert!(texts.len() >= 4, "{texts:?}");
    for text in texts {
        for secret in ["ada@acme.com", "Lovelace", "tlc_", "secret\\\""] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[tokio::test]
async fn what_lets_somebody_in_for_the_first_time_is_never_readable_in_the_table() {
    for secret in [LINK, PASSWORD] {
        let directory = Directory::of(ProviderName::Keycloak);
        let app = TestApp::start_identified(directory.alone(), |_| {}).await;
        let tenant_id = app.tenant("acme").await;
        let job = app.provision(&tenant_id).await;
        directory.set_first_key(first_key(secret));
        app.set_up_identity(&job).await.expect(200);

        let items = app.items().await;

        let texts = outbox_in(&items);
        assert!(texts.len() >= 2, "{texts:?}");
        let table = format!("{items:?}");
        assert!(!table.contains(secret), "{secret} is in {table}");
    }
}

/// What waits to be sent.
fn outbox_in(items: &Items) -> Vec<String> {
    let outbox = items
        .iter()
        .filter(|item| format!("{:?}", item.get("pk")).contains("OUTBOX#"));
    outbox.map(|item| format!("{item:?}")).collect()
}

fn first_key(secret: &str) -> FirstKey {
    if secret.starts_with("https://") {
        FirstKey::Link(secret.to_owned().into())
    } else {
        FirstKey::Password(secret.to_owned().into())
    }
}

/// One installation in which everything happens once that has an event or a mail.
async fn everything_that_can_be_told() -> TestApp {
    let directory = Directory::of(ProviderName::Keycloak);
    let app = TestApp::start_identified(directory.alone(), |_| {}).await;
    let operator = app.operator();
    let lead = app.verified_lead("ada@acme.com").await;
    let path = format!("/leads/{}", lead.id);
    let address = json!({ "address": "1 Main Street", "city": "London", "country": "United Kingdom" });
    let changes = json!({ "companyName": "Acme Ltd", "address": address });
    app.patch(&path)
        .bearer(&operator)
        .json(&changes)
        .send()
        .await
        .expect(200);
    let body = json!({ "key": "acme", "domains": ["acme.com"] });
    let tenant = app
        .post(&format!("{path}/tenants"))
        .bearer(&lead.token)
        .json(&body)
        .send()
        .await;
    let tenant_id = tenant.expect(201).text_at("/id");
    let changes = json!({ "website": "https://acme.com" });
    app.patch(&format!("/tenants/{tenant_id}"))
        .bearer(&operator)
        .json(&changes)
        .send()
        .await
        .expect(200);
    let grace = json!({ "tenantId": tenant_id, "firstName": "Grace", "lastName": "Hopper", "email": "grace@books.example" });
    let grace = app.account_thing("/contacts", &grace).await;
    let path_of_grace = format!("/contacts/{grace}?tenantId={tenant_id}");
    let changes = json!({ "lastName": "Murray" });
    let call = app.patch(&path_of_grace).bearer(&operator).json(&changes);
    call.send().await.expect(200);
    let call = app.delete(&path_of_grace).bearer(&operator);
    call.send().await.expect(204);
    app.clock.advance_minutes(1);
    let first = app.provision(&tenant_id).await;
    app.report(&first, &first.failure("no room in eu-west-1"))
        .await
        .expect(204);
    app.clock.advance_minutes(1);
    let second = app.provision(&tenant_id).await;
    app.report(&second, &second.success()).await.expect(204);
    app.delete(&path).bearer(&operator).send().await.expect(204);
    live_on(&app, &tenant_id).await;
    everything_about_billing(&app).await;
    everything_about_members(&app).await;
    everything_about_logins(&app, &directory).await;
    app.settle().await;
    app
}

/// What becomes of a tenant in use.
async fn live_on(app: &TestApp, tenant_id: &str) {
    app.clock.advance_minutes(1);
    let refused = app.change_tier(tenant_id, "STANDARD").await;
    app.report(&refused, &refused.failure("no room"))
        .await
        .expect(204);
    let change = app.change_tier(tenant_id, "PREMIUM").await;
    app.report(&change, &change.success()).await.expect(204);
    app.command(tenant_id, "suspend", &json!({ "reason": "not paid" }))
        .await
        .expect(200);
    app.command(tenant_id, "reactivate", &json!({})).await.expect(200);
    app.clock.advance_minutes(1);
    let first = app.offboard(tenant_id).await;
    app.report(&first, &first.not_removed("bucket is not empty"))
        .await
        .expect(204);
    let retry = format!("jobs/{}/retry", first.job_id);
    let second = app.command(tenant_id, &retry, &json!({})).await;
    let second = app.order(&second.expect(202).text_at("/id")).await;
    app.report(&second, &second.removed()).await.expect(204);
    app.delete(&format!("/tenants/{tenant_id}"))
        .bearer(&app.operator())
        .send()
        .await
        .expect(204);
}

/// Plans that come and go; a subscription that is changed and cancelled, and one that expires; invoices in every status.
async fn everything_about_billing(app: &TestApp) {
    let tenant_id = &app.tenant("billed").await;
    let (plan, bigger) = (
        app.plan(json!({})).await,
        app.plan(json!({ "name": "Bigger", "price": 9900 })).await,
    );
    let path = format!("/plans/{plan}");
    let call = app
        .patch(&path)
        .bearer(&app.operator())
        .json(&json!({ "price": 5900 }));
    call.send().await.expect(200);
    let subscription = app.subscribe(tenant_id, &plan).await;
    let path = format!("/subscriptions/{subscription}?tenantId={tenant_id}");
    let call = app
        .patch(&path)
        .bearer(&app.operator())
        .json(&json!({ "planId": bigger }));
    call.send().await.expect(200);
    app.delete(&format!("/plans/{plan}"))
        .bearer(&app.operator())
        .send()
        .await
        .expect(204);
    for days in [31, 15, 15] {
        app.clock.advance_minutes(days * 24 * 60);
        app.sweep_billing().await;
    }
    let path = format!("/subscriptions/{subscription}/cancel?tenantId={tenant_id}");
    let call = app
        .post(&path)
        .bearer(&app.operator())
        .json(&json!({ "at": "now" }));
    call.send().await.expect(200);
    for invoice in app.invoices(tenant_id).await {
        let path = format!(
            "/invoices/{}?tenantId={tenant_id}",
            invoice["id"].as_str().unwrap_or_default()
        );
        if invoice["overdueSince"].is_string() {
            let call = app
                .patch(&path)
                .bearer(&app.operator())
                .json(&json!({ "status": "PAID" }));
            call.send().await.expect(200);
        } else {
            app.delete(&path).bearer(&app.operator()).send().await.expect(204);
        }
    }
    let today = tenantry_domain::Day::of(tenantry_domain::Clock::now(&*app.clock));
    let body = json!({ "tenantId": tenant_id, "planId": bigger, "endsOn": today });
    let call = app.post("/subscriptions").bearer(&app.operator()).json(&body);
    call.send().await.expect(201);
    app.clock.advance_minutes(24 * 60);
    app.sweep_billing().await;
}

/// A role and a group that come and go; somebody who is added, somebody who is invited and joins, and those who do not.
async fn everything_about_members(app: &TestApp) {
    let order = async |method: &str, path: &str, body: Value| {
        let call = app.call(method, path).bearer(&app.operator());
        let call = if body.is_null() { call } else { call.json(&body) };
        let answer = call.send().await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        answer
    };
    let tenant_id = &app.tenant("staffed").await;
    let tenant = format!("/tenants/{tenant_id}");
    let role = app
        .custom_role(tenant_id, "Editor", [Permission::ViewTenant])
        .await;
    let role_path = format!("{tenant}/roles/{role}");
    order("PATCH", &role_path, json!({ "description": "Edits." })).await;
    let body = TestApp::new_user("grace@acme.com", &role);
    let added = order("POST", &format!("{tenant}/users"), body).await;
    let ada = app.join(tenant_id, "ada@acme.com", &role).await;
    let user_path = format!("{tenant}/users/{}", ada.user_id);
    order("PATCH", &user_path, json!({ "designation": "Analyst" })).await;
    order("PATCH", &user_path, json!({ "lastName": "Lovelace" })).await;

    let group = order("POST", &format!("{tenant}/groups"), json!({ "name": "Sales" })).await;
    let group_path = format!("{tenant}/groups/{}", group.text_at("/id"));
    order("PATCH", &group_path, json!({ "description": "They sell." })).await;
    let members = format!("/groups/{}/user", group.text_at("/id"));
    let place = json!({ "userTenantId": ada.membership_id, "isOwner": false });
    order("POST", &format!("{members}?tenantId={tenant_id}"), place).await;
    let place = format!("{members}/{}?tenantId={tenant_id}", ada.user_id);
    order("PATCH", &place, json!({ "isOwner": true })).await;
    order("DELETE", &place, Value::Null).await;
    order("DELETE", &group_path, Value::Null).await;

    let path = format!(
        "/user-tenants/{}/user-level-permissions?tenantId={tenant_id}",
        ada.membership_id
    );
    order(
        "POST",
        &path,
        json!({ "permission": "ViewContact", "allowed": true }),
    )
    .await;
    for command in ["deactivate", "activate"] {
        order("POST", &format!("{user_path}/{command}"), Value::Null).await;
    }
    let person = format!("{tenant}/users/{}", added.text_at("/id"));
    order("DELETE", &person, Value::Null).await;
    order("DELETE", &format!("/user/{}", ada.user_id), Value::Null).await;

    let invitations = format!("{tenant}/invitations");
    let wish = json!({ "email": "alan@acme.com", "firstName": "Alan", "roleId": role });
    let invited = order("POST", &invitations, wish.clone()).await;
    let path = format!("{invitations}/{}", invited.text_at("/id"));
    order("POST", &format!("{path}/resend"), Value::Null).await;
    order("DELETE", &path, Value::Null).await;
    app.clock.advance_minutes(1);
    order("POST", &invitations, wish).await;
    let code = app.last_invitation_code().await;
    let decline = app.post("/invitations/decline").bearer(&code).json(&json!({}));
    decline.send().await.expect(204);
    order("DELETE", &role_path, Value::Null).await;
}

/// An administrator who can sign in, and what becomes of it; and another one after it.
async fn everything_about_logins(app: &TestApp, directory: &Directory) {
    let tenant_id = &app.tenant("signedin").await;
    let tenant = format!("/tenants/{tenant_id}");
    let job = app.provision(tenant_id).await;
    directory.set_first_key(first_key(LINK));
    app.set_up_identity(&job).await.expect(200);
    app.join_as(tenant_id, "grace@acme.com", SystemRole::Owner).await;
    let owner = app.role(tenant_id, SystemRole::Owner);
    let members = order(
        app,
        "GET",
        &format!("{tenant}/users?email=ada@acme.com"),
        &Value::Null,
    )
    .await;
    let ada = members.expect(200).json()["items"][0].clone();
    assert_eq!(ada["roleId"], owner);
    let text = |name: &str| ada[name].as_str().unwrap_or_default().to_owned();
    let (user_id, membership_id) = (text("id"), text("userTenantId"));
    let user_path = format!("{tenant}/users/{user_id}");
    let admin = json!({ "roleId": app.role(tenant_id, SystemRole::Admin) });
    let permission = json!({ "permission": "ViewContact", "allowed": false });
    let overrides = format!("/user-tenants/{membership_id}/user-level-permissions?tenantId={tenant_id}");
    for (method, path, body) in [
        ("PATCH", &user_path, admin),
        ("PATCH", &user_path, json!({ "lastName": "King" })),
        ("POST", &overrides, permission),
        ("POST", &format!("{user_path}/deactivate"), Value::Null),
        ("POST", &format!("{user_path}/activate"), Value::Null),
        ("DELETE", &format!("/user/{user_id}"), Value::Null),
    ] {
        let answer = order(app, method, path, &body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    }

    let tenant_id = app.tenant("later").await;
    let job = app.provision(&tenant_id).await;
    directory.set_first_key(first_key(PASSWORD));
    app.set_up_identity(&job).await.expect(200);
}

fn picture(mail: &ReceivedMail) -> String {
    let ReceivedMail {
        to,
        subject,
        text,
        html,
        ..
    } = mail;
    format!("to: {to}\nsubject: {subject}\n\n--- text ---\n{text}\n--- html ---\n{html}")
}

#[tokio::test]
async fn an_events_trace_is_that_of_the_request() {
    let scene = Scene::of("POST /tenants").await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let create = scene
        .request("POST /tenants")
        .bearer(&scene.app.operator())
        .header("traceparent", traceparent);

    let answer = create.send().await.expect(201);

    let events = scene.app.events_of("tenant.created.v1").await;
    let event = events
        .last()
        .map(|event| event["detail"].clone())
        .unwrap_or_default();
    assert_eq!(
        event["traceparent"].as_str().and_then(TraceContext::trace_of),
        TraceContext::trace_of(traceparent)
    );
    assert_eq!(event["correlationid"].as_str(), answer.header("x-request-id"));
    assert_eq!(event["tenantid"], Value::from(answer.text_at("/id")));
}
