//! Setting up a tenant's identity, by Tenantry or by the application plane itself.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenantry_app::{FirstKey, IdentityProviders, IdentitySettings};
use tenantry_domain::{Clock as _, ProviderName, SystemRole};
use tenantry_testing::{Answer, Directory, Provisioning, TestApp, Trouble, cut_off};

const ADA: &str = "ada@acme.com";
const MANAGE: &str = "/manage/users";
const CALLBACK: &str = "/user-callback";

async fn start() -> (TestApp, Arc<Directory>) {
    let directory = Directory::of(ProviderName::Cognito);
    let app = TestApp::start_identified(directory.alone(), |_| {}).await;
    (app, directory)
}

/// A product whose deployment has a pool, into which application planes put people themselves.
async fn start_with_pool() -> TestApp {
    let settings = r#"{"cognito":{"userPoolId":"eu-1_pool","clientId":"app","issuerBase":"https://cognito.example.com"}}"#;
    TestApp::start_identified(Directory::of(ProviderName::Cognito).alone(), |config| {
        config.identity = IdentitySettings::parse(settings).expect("the settings are sound");
    })
    .await
}

async fn provisioning(app: &TestApp, key: &str) -> Provisioning {
    let tenant_id = app.tenant(key).await;
    app.provision(&tenant_id).await
}

async fn provisioning_with(app: &TestApp, key: &str, plan: Value) -> Provisioning {
    let tenant_id = app.tenant(key).await;
    let body = json!({ "id": "sub_1", "plan": plan });
    let answer = app.command(&tenant_id, "provision", &body).await;
    app.order(&answer.expect(202).text_at("/id")).await
}

async fn ask(app: &TestApp, provisioning: &Provisioning, provider: &str) -> Answer {
    let body = json!({ "tenant": { "id": provisioning.tenant_id, "identityProvider": provider } });
    app.signed_call(provisioning, MANAGE, &body).send().await
}

async fn callback(app: &TestApp, provisioning: &Provisioning, email: &str, auth_id: &str) -> Answer {
    let key = app.find_tenant(&provisioning.tenant_id).await["key"].clone();
    let body = json!({
        "email": email, "tenantName": "Acme", "tenantKey": key, "firstName": "Ada", "cognitoAuthId": auth_id,
        "authClient": { "clientId": "own", "secret": "sesame", "accessTokenExpiration": 0 },
    });
    app.signed_call(provisioning, CALLBACK, &body).send().await
}

async fn members(app: &TestApp, tenant_id: &str) -> Vec<Value> {
    let path = format!("/tenants/{tenant_id}/users");
    let list = app.get(&path).bearer(&app.operator()).send().await.expect(200);
    list.json()["items"].as_array().cloned().unwrap_or_default()
}

async fn last_mail(app: &TestApp) -> String {
    app.mails()
        .await
        .last()
        .map(|mail| mail.text.clone())
        .unwrap_or_default()
}

async fn count_of(app: &TestApp, kind: &str) -> usize {
    let items = app.items().await;
    let kinds = items.iter().filter_map(|item| item.get("type")?.as_s().ok());
    kinds.filter(|known| *known == kind).count()
}

#[tokio::test]
async fn the_primary_contact_becomes_an_owner_who_can_sign_in() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;

    let answer = app.set_up_identity(&job).await.expect(200);

    let members = members(&app, &job.tenant_id).await;
    assert_eq!(members.len(), 1);
    assert_eq!(answer.json(), json!({ "authId": members[0]["authId"] }));
    insta::assert_json_snapshot!("owner", members[0]);
    insta::assert_json_snapshot!("tenant", app.find_tenant(&job.tenant_id).await);
    insta::assert_json_snapshot!("job", app.find_job(&job.tenant_id, &job.job_id).await["steps"]);
    insta::assert_json_snapshot!("event", app.events_of("member.joined.v1").await);
    assert_eq!(directory.counts(), (1, 1));
    assert_eq!(directory.members().len(), 1);
    let trail = app.get(&format!("/tenants/{}/audit?limit=1", job.tenant_id));
    let trail = trail.bearer(&app.operator()).send().await.expect(200);
    insta::assert_json_snapshot!("audit", trail.json()["items"]);
}

#[tokio::test]
async fn who_owns_the_tenant_is_welcomed_and_invited_to_nothing() {
    let (app, _) = start().await;
    let job = provisioning(&app, "acme").await;
    app.set_up_identity(&job).await.expect(200);

    app.report(&job, &job.success()).await.expect(204);

    let mail = last_mail(&app).await;
    assert!(mail.contains("is set up and ready to use"), "{mail}");
    assert!(!mail.contains("tic_"), "{mail}");
    assert_eq!(count_of(&app, "invitation").await, 0);
}

#[tokio::test]
async fn a_repeated_call_answers_as_before_and_changes_nothing() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;
    let first = app.set_up_identity(&job).await.expect(200);
    directory.take_calls();
    let before = app.items().await;

    let second = app.set_up_identity(&job).await.expect(200);
    assert_eq!(app.items().await, before);
    app.report(&job, &job.success()).await.expect(204);
    let late = app.set_up_identity(&job).await.expect(200);

    assert_eq!((second.json(), late.json()), (first.json(), first.json()));
    assert_eq!(second.usage.calls, 1);
    assert_eq!(directory.take_calls(), [""; 0]);
    app.clock.advance_minutes(24 * 60 + 1);
    app.set_up_identity(&job)
        .await
        .expect_problem(401, "invalid_signature");
}

#[tokio::test]
async fn what_does_not_prove_itself_is_refused_before_anything_is_looked_at() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;
    let other = provisioning(&app, "other").await;
    let theirs = Provisioning {
        tenant_id: job.tenant_id.clone(),
        ..other.clone()
    };
    let body = json!({ "tenant": { "id": job.tenant_id } });
    let now = app.clock.now().as_millis();

    app.set_up_identity(&theirs)
        .await
        .expect_problem(401, "invalid_signature");
    app.post(MANAGE)
        .json(&body)
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    for (body, timestamp) in [
        (body.to_string(), now - 20_000),
        ("{".to_owned(), now),
        ("{}".to_owned(), now),
    ] {
        let signature = tenantry_app::signature::sign(&job.secret, body.as_bytes(), "", timestamp);
        let call = app.post(MANAGE).header("x-timestamp", &timestamp.to_string());
        let answer = call.header("x-signature", &signature).body(body).send().await;
        answer.expect_problem(401, "invalid_signature");
    }
    // A report's signature has the context in it, this one has not, and neither opens the other's route.
    let body = body.to_string();
    let signature = tenantry_app::signature::sign(&job.secret, body.as_bytes(), &job.context, now);
    let call = app.post(MANAGE).header("x-timestamp", &now.to_string());
    let answer = call.header("x-signature", &signature).body(body).send().await;
    answer.expect_problem(401, "invalid_signature");
    let report = app.signed_call(&job, "/webhook", &job.success()).send().await;
    report.expect_problem(401, "invalid_signature");

    assert_eq!(directory.take_calls(), [""; 0]);
}

#[tokio::test]
async fn nothing_of_the_body_is_believed_but_which_tenant_is_meant() {
    let (app, _) = start().await;
    let job = provisioning(&app, "acme").await;
    let body = json!({
        "tenant": {
            "id": job.tenant_id, "key": "victim", "name": "../../admin", "tier": "PREMIUM", "identityProvider": "COGNITO",
            "contacts": [{ "email": "mallory@evil.example", "firstName": "M", "lastName": "M", "isPrimary": true }],
        },
        "plan": { "tier": "PREMIUM" },
    });

    app.signed_call(&job, MANAGE, &body).send().await.expect(200);

    let members = members(&app, &job.tenant_id).await;
    assert_eq!(members[0]["email"], ADA);
    assert_eq!(
        app.find_tenant(&job.tenant_id).await["identity"]["isOwn"],
        json!(false)
    );
}

#[tokio::test]
async fn a_wrong_body_says_what_is_wrong_and_loses_nothing() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;
    let id = &job.tenant_id;

    for (body, pointer, code) in [
        (
            json!({ "tenant": { "id": id }, "plan": 1 }),
            "/plan",
            "invalid_type",
        ),
        (
            json!({ "tenant": { "id": id }, "more": 1 }),
            "/more",
            "unknown_member",
        ),
        (
            json!({ "tenant": { "id": id, "identityProvider": 1 } }),
            "/tenant/identityProvider",
            "invalid_type",
        ),
        (
            json!({ "tenant": { "id": id, "identityProvider": "okta" } }),
            "/tenant/identityProvider",
            "unknown_identity_provider",
        ),
        (
            json!({ "tenant": { "id": id, "identityProvider": "auth0" } }),
            "/tenant/identityProvider",
            "unknown_identity_provider",
        ),
    ] {
        let answer = app.signed_call(&job, MANAGE, &body).send().await.expect(422);
        assert_eq!(
            answer.violations(),
            [(pointer.to_owned(), code.to_owned())],
            "{body}"
        );
    }

    assert_eq!(directory.take_calls(), [""; 0]);
    app.set_up_identity(&job).await.expect(200);
}

#[tokio::test]
async fn the_plan_has_the_word_then_who_asks_then_the_deployment() {
    let (cognito, keycloak) = (
        Directory::of(ProviderName::Cognito),
        Directory::of(ProviderName::Keycloak),
    );
    let both = IdentityProviders::new([Arc::clone(&cognito) as _, Arc::clone(&keycloak) as _]);
    let app = TestApp::start_identified(both, |config| {
        config.identity.default = Some(ProviderName::Cognito);
    })
    .await;
    let planned = json!({ "tier": "BASIC", "identityProvider": "Keycloak" });
    let feature = json!({ "tier": "BASIC", "features": [{ "key": "IdP", "value": "keycloak" }] });
    let unknown = json!({ "tier": "BASIC", "identityProvider": "okta" });

    let planned = provisioning_with(&app, "planned", planned).await;
    ask(&app, &planned, "cognito")
        .await
        .expect_problem(409, "identity_provider_fixed");
    app.set_up_identity(&planned).await.expect(200);
    app.set_up_identity(&provisioning_with(&app, "feature", feature).await)
        .await
        .expect(200);
    assert_eq!((cognito.counts().0, keycloak.counts().0), (0, 2));
    ask(&app, &provisioning(&app, "asked").await, "keycloak")
        .await
        .expect(200);
    app.set_up_identity(&provisioning(&app, "default").await)
        .await
        .expect(200);
    assert_eq!((cognito.counts().0, keycloak.counts().0), (1, 3));
    let answer = app
        .set_up_identity(&provisioning_with(&app, "unknown", unknown).await)
        .await
        .expect(422);
    let known = (
        "/plan/identityProvider".to_owned(),
        "unknown_identity_provider".to_owned(),
    );
    assert_eq!(answer.violations(), [known]);
}

#[tokio::test]
async fn without_a_provider_there_is_no_identity() {
    let app = TestApp::start_identified(IdentityProviders::default(), |_| {}).await;
    let job = provisioning(&app, "acme").await;

    let answer = app.set_up_identity(&job).await.expect(422);

    let rule = (
        "/tenant/identityProvider".to_owned(),
        "unknown_identity_provider".to_owned(),
    );
    assert_eq!(answer.violations(), [rule]);
}

#[tokio::test]
async fn a_closed_job_or_one_that_removes_sets_up_nothing() {
    let (app, directory) = start().await;
    let failed = provisioning(&app, "failed").await;
    app.report(&failed, &failed.failure("no room")).await.expect(204);
    let leaving = app.active_tenant("leaving").await;
    let leaving = app.offboard(&leaving).await;

    app.set_up_identity(&failed)
        .await
        .expect_problem(409, "job_closed");
    let answer = app.set_up_identity(&leaving).await.expect(422);

    assert_eq!(
        answer.violations(),
        [("/tenant/id".to_owned(), "wrong_job".to_owned())]
    );
    assert_eq!(directory.take_calls(), [""; 0]);
}

#[tokio::test]
async fn who_is_a_person_already_is_invited_and_not_taken() {
    let (app, _) = start().await;
    let elsewhere = app.active_tenant("elsewhere").await;
    app.join_as(&elsewhere, ADA, SystemRole::Member).await;
    let job = provisioning(&app, "acme").await;

    let answer = app.set_up_identity(&job).await.expect(200);

    assert!(answer.text_at("/authId").starts_with("sub-"));
    assert_eq!(members(&app, &job.tenant_id).await, [Value::Null; 0]);
    app.report(&job, &job.success()).await.expect(204);
    assert!(last_mail(&app).await.contains("tic_"));
}

#[tokio::test]
async fn a_busy_provider_is_503_until_it_is_not_and_nothing_is_lost() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;

    directory.set_trouble(Some(Trouble::Busy(7)));
    let busy = app
        .set_up_identity(&job)
        .await
        .expect_problem(503, "identity_provider_unavailable");
    assert_eq!(busy.header("retry-after"), Some("7"));
    directory.set_trouble(Some(Trouble::Refusal));
    let refused = app
        .set_up_identity(&job)
        .await
        .expect_problem(503, "identity_provider_refused");
    assert_eq!(refused.header("retry-after"), Some("300"));
    assert!(!refused.text.contains(ADA), "{}", refused.text);
    directory.set_trouble(None);

    app.set_up_identity(&job).await.expect(200);
    assert_eq!(directory.counts(), (1, 1));
}

#[tokio::test]
async fn fifty_at_once_set_up_one_identity() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;

    let answers = join_all((0..50).map(|_| app.set_up_identity(&job))).await;

    let mut ids: Vec<String> = answers
        .iter()
        .filter(|answer| answer.status.as_u16() == 200)
        .map(|answer| answer.text_at("/authId"))
        .collect();
    assert!(
        answers
            .iter()
            .all(|answer| [200, 409].contains(&answer.status.as_u16()))
    );
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(directory.counts(), (1, 1));
    assert_eq!(members(&app, &job.tenant_id).await.len(), 1);
    assert_eq!(app.events_of("member.joined.v1").await.len(), 1);
}

#[tokio::test]
async fn a_set_up_that_is_cut_off_anywhere_is_finished_by_the_next_one() {
    let (app, directory) = start().await;
    let mut halfway = 0;

    for steps in 1.. {
        let key = format!("acme{steps}");
        let tenant = json!({
            "name": "Acme", "key": key, "domains": ["acme.com"],
            "contact": { "firstName": "Ada", "lastName": "Lovelace", "email": format!("ada{steps}@acme.com") },
        });
        let created = app
            .post("/tenants")
            .bearer(&app.operator())
            .json(&tenant)
            .send()
            .await;
        let job = app.provision(&created.expect(201).text_at("/id")).await;
        let (organizations, logins) = directory.counts();
        let first = cut_off(app.set_up_identity(&job), steps).await;
        let (is_answered, made) = (first.is_some(), directory.counts());
        let is_noted = !members(&app, &job.tenant_id).await.is_empty();
        halfway += u32::from(made != (organizations, logins) && !is_noted);

        app.set_up_identity(&job).await.expect(200);

        assert_eq!(
            directory.counts(),
            (organizations + 1, logins + 1),
            "after {steps} steps"
        );
        assert_eq!(
            members(&app, &job.tenant_id).await.len(),
            1,
            "after {steps} steps"
        );
        if is_answered {
            break;
        }
    }

    assert!(
        halfway > 3,
        "it was cut off between provider and table {halfway} times only"
    );
}

#[tokio::test]
async fn a_first_password_stands_in_its_mail_and_nowhere_else() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;
    directory.set_first_key(FirstKey::Password("Sesame-0pen!".to_owned().into()));

    let answer = app.set_up_identity(&job).await.expect(200);

    insta::assert_json_snapshot!("first_password", app.mails().await.last());
    assert!(!answer.text.contains("Sesame"));
    assert!(!format!("{:?}", app.items().await).contains("Sesame"));
    assert!(!format!("{:?}", app.events().await).contains("Sesame"));
}

#[tokio::test]
async fn a_link_to_a_first_password_is_mailed() {
    let (app, directory) = start().await;
    let job = provisioning(&app, "acme").await;
    directory.set_first_key(FirstKey::Link(
        "https://idp.example.com/ticket?t=1&u=2".to_owned().into(),
    ));

    app.set_up_identity(&job).await.expect(200);

    insta::assert_json_snapshot!("first_link", app.mails().await.last());
}

#[tokio::test]
async fn a_premium_tenant_has_a_place_and_an_issuer_of_its_own() {
    let (app, _) = start().await;
    let premium = provisioning_with(&app, "acme", json!({ "tier": "premium" })).await;
    let pooled = provisioning_with(
        &app,
        "pooled",
        json!({ "tier": "PREMIUM", "deployment": "POOLED" }),
    )
    .await;
    let silo = provisioning_with(&app, "silo", json!({ "tier": "BASIC", "deployment": "silo" })).await;

    for (job, is_own) in [(&premium, true), (&pooled, false), (&silo, true)] {
        app.set_up_identity(job).await.expect(200);
        let tenant = app.find_tenant(&job.tenant_id).await;
        assert_eq!(tenant["identity"]["isOwn"], json!(is_own), "{tenant}");
    }

    assert_eq!(count_of(&app, "issuer").await, 2);
}

#[tokio::test]
async fn an_application_plane_names_the_administrator_that_it_made() {
    let app = start_with_pool().await;
    let job = provisioning(&app, "acme").await;

    callback(&app, &job, ADA, "1234").await.expect(204);

    let members = members(&app, &job.tenant_id).await;
    assert_eq!(members.len(), 1);
    assert_eq!(
        (&members[0]["authId"], &members[0]["status"]),
        (&json!("1234"), &json!("ACTIVE"))
    );
    insta::assert_json_snapshot!("named_tenant", app.find_tenant(&job.tenant_id).await["identity"]);
    assert!(!format!("{:?}", app.items().await).contains("sesame"));
    let before = app.items().await.len();
    callback(&app, &job, ADA, "1234").await.expect(204);
    assert_eq!(app.items().await.len(), before);
    callback(&app, &job, ADA, "5678")
        .await
        .expect_problem(409, "administrator_named");
    app.report(&job, &job.success()).await.expect(204);
    callback(&app, &job, ADA, "1234").await.expect(204);
}

#[tokio::test]
async fn an_application_plane_names_nobody_but_the_primary_contact() {
    let app = start_with_pool().await;
    let job = provisioning(&app, "acme").await;
    let other = provisioning(&app, "other").await;

    let answer = callback(&app, &job, "mallory@acme.com", "1234").await.expect(422);
    assert_eq!(
        answer.violations(),
        [("/email".to_owned(), "not_the_primary_contact".to_owned())]
    );
    let theirs = Provisioning {
        tenant_id: job.tenant_id.clone(),
        ..other
    };
    callback(&app, &theirs, ADA, "1234")
        .await
        .expect_problem(401, "invalid_signature");
    let body = json!({ "tenantKey": "nobody", "email": ADA, "cognitoAuthId": "1" });
    app.signed_call(&job, CALLBACK, &body)
        .send()
        .await
        .expect_problem(401, "invalid_signature");
    let body = json!({ "tenantKey": "acme", "email": "no", "more": 1 });
    let answer = app.signed_call(&job, CALLBACK, &body).send().await.expect(422);
    insta::assert_json_snapshot!("callback_violations", answer.violations());

    assert_eq!(count_of(&app, "membership").await, 0);
}

#[tokio::test]
async fn a_login_is_nobody_elses() {
    let app = start_with_pool().await;
    let first = provisioning(&app, "acme").await;
    callback(&app, &first, ADA, "1234").await.expect(204);
    let mut tenant = TestApp::new_tenant("other");
    tenant["contact"]["email"] = json!("grace@acme.com");
    let created = app
        .post("/tenants")
        .bearer(&app.operator())
        .json(&tenant)
        .send()
        .await;
    let second = app.provision(&created.expect(201).text_at("/id")).await;

    callback(&app, &second, "grace@acme.com", "1234")
        .await
        .expect_problem(409, "login_taken");

    callback(&app, &second, "grace@acme.com", "5678")
        .await
        .expect(204);
}

#[tokio::test]
async fn an_application_plane_gives_no_login_to_who_is_a_person_already() {
    let app = start_with_pool().await;
    let elsewhere = app.active_tenant("elsewhere").await;
    let ada = app.join_as(&elsewhere, ADA, SystemRole::Owner).await;
    let job = provisioning(&app, "acme").await;

    callback(&app, &job, ADA, "1234").await.expect(204);

    assert_eq!(app.find_user(&ada).await["authId"], Value::Null);
    assert_eq!(members(&app, &job.tenant_id).await, [Value::Null; 0]);
    let items = format!("{:?}", app.items().await);
    assert!(!items.contains("UNIQUE#LOGIN#"), "{items}");
}

#[tokio::test]
async fn without_a_pool_an_application_plane_names_nobody() {
    let (app, _) = start().await;
    let job = provisioning(&app, "acme").await;

    let answer = callback(&app, &job, ADA, "1234").await.expect(422);

    let rule = (
        "/cognitoAuthId".to_owned(),
        "unknown_identity_provider".to_owned(),
    );
    assert_eq!(answer.violations(), [rule]);
}
