//! The local issuer as a hostile or careless front end meets it.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenantry_app::IdentityProvider as _;
use tenantry_domain::{Login, ProviderId, ProviderName, SystemRole};
use tenantry_testing::{Answer, Person, TestApp};

use crate::edge::logs::listen;
use crate::journeys::people_sign_in::{
    ASKED, CALLBACK, CHALLENGE, VERIFIER, claims_in, encoded, exchange, renewal, sent_back,
};

const GRACE: &str = "grace@navy.example";

/// A tenant in use, and Grace, who belongs to it.
async fn scene() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let home = app.active_tenant("home").await;
    let grace = app.join_as(&home, GRACE, SystemRole::Admin).await;
    (app, grace)
}

/// The same parameters but for these; one without a value is left out.
fn but<'a>(given: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_kept = |(name, _): &(&str, &str)| !changes.iter().any(|(changed, _)| changed == name);
    let mut all: Vec<_> = given.iter().copied().filter(is_kept).collect();
    all.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    all
}

async fn post(app: &TestApp, endpoint: &str, form: &[(&str, &str)]) -> Answer {
    let call = app.post(&format!("/local-issuer/{endpoint}"));
    let call = call.header("content-type", "application/x-www-form-urlencoded");
    call.body(encoded(form)).send().await
}

async fn ask(app: &TestApp, parameters: &[(&str, &str)]) -> Answer {
    let path = format!("/local-issuer/authorize?{}", encoded(parameters));
    app.get(&path).send().await
}

async fn code(app: &TestApp, changes: &[(&str, &str)]) -> String {
    let form = but(&but(&ASKED, &[("email", GRACE)]), changes);
    let answer = post(app, "authorize", &form).await.expect(303);
    sent_back(&answer.headers)["code"].clone()
}

async fn sign_in(app: &TestApp, changes: &[(&str, &str)]) -> Value {
    let code = code(app, changes).await;
    post(app, "token", &exchange(&code)).await.expect(200).json()
}

async fn renew(app: &TestApp, tokens: &Value) -> Answer {
    post(app, "token", &renewal(text(tokens, "refresh_token"))).await
}

async fn renewed(app: &TestApp, tokens: &Value) -> Value {
    renew(app, tokens).await.expect(200).json()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn claims(tokens: &Value) -> Value {
    claims_in(text(tokens, "access_token"))
}

fn refused(answer: Answer, status: u16, error: &str) -> Answer {
    let answer = answer.expect(status);
    assert_eq!(answer.text_at("/error"), error, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

/// It is a page, and nobody is sent anywhere.
fn shown(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.header("location"), None);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
}

#[tokio::test]
async fn tokens_follow_where_a_person_goes_and_what_it_may_do() {
    let (app, grace) = scene().await;
    let home = grace.tenant_id.clone();
    let away = app.active_tenant("away").await;
    let there = app.join_as(&away, GRACE, SystemRole::Member).await;
    let form = but(&ASKED, &[("email", GRACE)]);
    let page = post(&app, "authorize", &form).await;
    shown(&page, 200);
    assert!(
        page.text.contains(&home) && page.text.contains(&away),
        "{}",
        page.text
    );

    let at_home = sign_in(&app, &[("tenantId", &home)]).await;
    let token = text(&at_home, "access_token").to_owned();
    app.get(&format!("/tenants/{home}"))
        .bearer(&token)
        .send()
        .await
        .expect(200);
    app.get(&format!("/tenants/{away}"))
        .bearer(&token)
        .send()
        .await
        .expect(404);
    let found = claims(&at_home);
    let expected = json!([
        grace.user_id,
        grace.user_id,
        home,
        grace.membership_id,
        "Admin",
        "ACTIVE",
        900
    ]);
    let life_s = found["exp"]
        .as_i64()
        .zip(found["iat"].as_i64())
        .map(|(exp, iat)| exp - iat);
    let told =
        ["sub", "userId", "tenantId", "userTenantId", "role", "status"].map(|name| found[name].clone());
    assert_eq!(
        json!([told[0], told[1], told[2], told[3], told[4], told[5], life_s]),
        expected
    );

    let switch = format!("/user/{}/tenants/{away}/switch", grace.user_id);
    app.post(&switch).bearer(&token).send().await.expect(200);
    let at_away = renewed(&app, &at_home).await;
    let found = claims(&at_away);
    assert_eq!(
        (text(&found, "tenantId"), text(&found, "role")),
        (&*away, "Member")
    );
    assert_eq!(text(&claims_in(text(&at_away, "id_token")), "tenantId"), away);
    let token = text(&at_away, "access_token");
    app.get(&format!("/tenants/{away}"))
        .bearer(token)
        .send()
        .await
        .expect(200);

    // Where it went last it may not go any more: it goes where it belongs.
    let deactivate = format!("/tenants/{away}/users/{}/deactivate", there.user_id);
    app.post(&deactivate)
        .bearer(&app.operator())
        .send()
        .await
        .expect(200);
    let back = renewed(&app, &at_away).await;
    assert_eq!(text(&claims(&back), "tenantId"), home);
    app.force_status(&home, "SUSPENDED").await;
    let nowhere = renewed(&app, &back).await;
    let found = claims(&nowhere);
    assert_eq!(
        (&found["tenantId"], &found["userTenantId"], &found["permissions"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(text(&found, "userId"), grace.user_id);
    let token = text(&nowhere, "access_token");
    app.get(&format!("/tenants/{home}"))
        .bearer(token)
        .send()
        .await
        .expect(403);
}

#[tokio::test]
async fn a_person_who_is_active_nowhere_gets_a_token_without_a_tenant() {
    let (app, grace) = scene().await;
    let deactivate = format!("/tenants/{}/users/{}/deactivate", grace.tenant_id, grace.user_id);
    app.post(&deactivate)
        .bearer(&app.operator())
        .send()
        .await
        .expect(200);

    let tokens = sign_in(&app, &[]).await;

    assert_eq!(claims(&tokens)["tenantId"], Value::Null);
    assert_eq!(claims_in(text(&tokens, "id_token"))["tenantId"], Value::Null);
}

#[tokio::test]
async fn a_person_that_is_erased_renews_nothing() {
    let (app, grace) = scene().await;
    let tokens = sign_in(&app, &[]).await;
    app.delete_item(&format!("USER#{}", grace.user_id), "USER").await;

    refused(renew(&app, &tokens).await, 400, "invalid_grant");

    let token = text(&tokens, "access_token");
    let answer = app.get("/local-issuer/userinfo").bearer(token).send().await;
    refused(answer, 401, "invalid_token");
}

#[tokio::test]
async fn scopes_decide_what_a_client_is_told() {
    let (app, grace) = scene().await;
    for (scope, granted, told) in [
        ("openid", "openid", json!({ "sub": grace.user_id })),
        (
            "openid email unknown",
            "openid email",
            json!({ "sub": grace.user_id, "email": GRACE, "email_verified": true }),
        ),
        (
            "profile offline_access openid",
            "openid profile offline_access",
            json!({ "sub": grace.user_id, "name": "Grace", "given_name": "Grace", "preferred_username": GRACE }),
        ),
    ] {
        let tokens = sign_in(&app, &[("scope", scope)]).await;

        assert_eq!(
            (text(&tokens, "scope"), text(&tokens, "token_type")),
            (granted, "Bearer")
        );
        let token = text(&tokens, "access_token");
        for method in ["GET", "POST"] {
            let known = app
                .call(method, "/local-issuer/userinfo")
                .bearer(token)
                .send()
                .await;
            assert_eq!(known.expect(200).json(), told, "{scope}");
        }
        let id = claims_in(text(&tokens, "id_token"));
        for (name, value) in told.as_object().into_iter().flatten() {
            assert_eq!(id[name], *value, "{scope}");
        }
        assert_eq!(id["email"].is_null(), told["email"].is_null(), "{scope}");
        assert_eq!(id["name"].is_null(), told["name"].is_null(), "{scope}");
    }

    // Without `openid` it is OAuth and no more.
    let tokens = sign_in(&app, &[("scope", "")]).await;
    assert_eq!((&tokens["id_token"], text(&tokens, "scope")), (&Value::Null, ""));
    let answer = app
        .get("/local-issuer/userinfo")
        .bearer(text(&tokens, "access_token"))
        .send()
        .await;
    let answer = refused(answer, 403, "insufficient_scope");
    assert!(
        answer
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.contains("openid"))
    );
}

#[tokio::test]
async fn an_operator_signs_in_where_the_client_asked_for_it() {
    let (app, grace) = scene().await;
    let platform = ("scope", "openid platform");
    let page = ask(&app, &but(&ASKED, &[platform])).await.expect(200);
    assert!(page.text.contains("Sign in as operator"), "{}", page.text);
    assert!(!ask(&app, &ASKED).await.text.contains("Sign in as operator"));

    let tokens = sign_in(&app, &[platform, ("email", ""), ("as", "operator")]).await;
    let person = sign_in(&app, &[platform]).await;

    app.get("/tenants/count")
        .bearer(text(&tokens, "access_token"))
        .send()
        .await
        .expect(200);
    let renewed = renewed(&app, &tokens).await;
    app.get("/tenants/count")
        .bearer(text(&renewed, "access_token"))
        .send()
        .await
        .expect(200);
    assert_eq!(
        text(&claims_in(text(&renewed, "id_token")), "sub"),
        "local-operator"
    );
    // Who is asked for it and is none gets nothing of it.
    assert_eq!(
        (text(&person, "scope"), text(&claims(&person), "scope")),
        ("openid", "openid")
    );
    app.get("/tenants/count")
        .bearer(text(&person, "access_token"))
        .send()
        .await
        .expect(403);
    let widened = [
        &renewal(text(&person, "refresh_token"))[..],
        &[("scope", "openid platform")],
    ]
    .concat();
    refused(post(&app, "token", &widened).await, 400, "invalid_scope");
    let unasked = post(&app, "authorize", &but(&ASKED, &[("as", "operator")])).await;
    shown(&unasked, 422);
    let narrowed = [
        &renewal(text(&renewed, "refresh_token"))[..],
        &[("scope", "openid")],
    ]
    .concat();
    let narrowed = post(&app, "token", &narrowed).await.expect(200).json();
    app.get("/tenants/count")
        .bearer(text(&narrowed, "access_token"))
        .send()
        .await
        .expect(403);
    assert_ne!(text(&claims(&person), "sub"), "local-operator");
    assert_eq!(text(&claims(&person), "sub"), grace.user_id);
}

#[tokio::test]
async fn who_cannot_be_signed_in_is_told_why_on_the_page() {
    let (app, _) = scene().await;
    let foreign = app.active_tenant("foreign").await;
    for (changes, why) in [
        (vec![("email", "nobody@acme.com")], "nobody has this address"),
        (vec![("email", "not an address")], "no e-mail address"),
        (
            vec![("email", GRACE), ("tenantId", foreign.as_str())],
            "no active member",
        ),
        (
            vec![("email", GRACE), ("tenant_id", foreign.as_str())],
            "no active member",
        ),
    ] {
        let page = post(&app, "authorize", &but(&ASKED, &changes)).await;

        shown(&page, 422);
        assert!(page.text.contains(why), "{why}: {}", page.text);
        // Everything is there that the next attempt needs.
        assert!(
            page.text.contains(CHALLENGE) && page.text.contains("a b&amp;c=1"),
            "{}",
            page.text
        );
    }
    let hinted = ask(
        &app,
        &but(
            &ASKED,
            &[("login_hint", GRACE), ("prompt", "login"), ("resource", "a")],
        ),
    )
    .await;
    assert!(hinted.expect(200).text.contains(&format!("value=\"{GRACE}\"")));
}

#[tokio::test]
async fn a_request_that_must_not_go_back_is_a_page_and_leads_nowhere() {
    let (app, _) = scene().await;
    let long = format!("http://localhost/{}", "x".repeat(5_000));
    for (name, value) in [
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/callback"),
        ("redirect_uri", "http://localhost.evil.example/"),
        ("redirect_uri", "http://localhost@evil.example/"),
        ("redirect_uri", "http://localhost\\.evil.example/"),
        ("redirect_uri", "//evil.example"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", "http://localhost/\r\nset-cookie: a=b"),
        ("redirect_uri", long.as_str()),
        ("client_id", ""),
        ("client_id", "a\nb"),
        ("client_id", &long),
        ("state", &long),
    ] {
        let changed = but(&ASKED, &[(name, value)]);
        shown(&ask(&app, &changed).await, 400);
        shown(
            &post(&app, "authorize", &but(&changed, &[("email", GRACE)])).await,
            400,
        );
    }
    for twice in ["client_id", "redirect_uri", "state"] {
        let doubled = [&ASKED[..], &[(twice, CALLBACK)]].concat();
        shown(&ask(&app, &doubled).await, 400);
    }
    shown(&app.get("/local-issuer/authorize").send().await, 400);
}

#[tokio::test]
async fn what_else_is_wrong_with_a_request_the_client_hears_with_its_state() {
    let (app, _) = scene().await;
    let long = "x".repeat(5_000);
    for (name, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge", "", "invalid_request"),
        (
            "code_challenge",
            VERIFIER.get(1..).unwrap_or_default(),
            "invalid_request",
        ),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("nonce", &long, "invalid_request"),
        ("scope", &long, "invalid_request"),
        ("tenantId", "home", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
    ] {
        let changed = but(&ASKED, &[(name, value)]);
        for answer in [ask(&app, &changed).await, post(&app, "authorize", &changed).await] {
            let back = sent_back(&answer.expect(303).headers);

            assert_eq!(
                (back["error"].as_str(), back["state"].as_str()),
                (error, "a b&c=1"),
                "{name}={value}"
            );
            assert_eq!(back["iss"], "http://localhost/local-issuer");
            assert!(!back.contains_key("code"));
        }
    }
}

#[tokio::test]
async fn hostile_text_in_a_request_stays_text_on_the_page() {
    let (app, _) = scene().await;
    let hostile = r#""><script>alert(1)</script><img src=x onerror='alert(1)'>"#;
    let changes = ["client_id", "state", "nonce", "login_hint"].map(|name| (name, hostile));

    let asked = ask(&app, &but(&ASKED, &changes)).await;
    let answered = post(
        &app,
        "authorize",
        &but(&ASKED, &[&changes[..], &[("email", hostile)]].concat()),
    )
    .await;

    shown(&asked, 200);
    shown(&answered, 422);
    for page in [asked.text, answered.text] {
        assert!(page.contains("&lt;script&gt;"), "{page}");
        for markup in ["<script", "<img", "onerror='"] {
            assert!(!page.contains(markup), "{markup} in {page}");
        }
    }
}

#[tokio::test]
async fn a_code_is_for_who_asked_for_it() {
    let (app, _) = scene().await;
    let wrong = VERIFIER.replace('d', "e");
    for (name, value, error) in [
        ("code_verifier", wrong.as_str(), "invalid_grant"),
        ("code_verifier", CHALLENGE, "invalid_grant"),
        ("client_id", "other", "invalid_grant"),
        ("redirect_uri", "http://localhost:5173/", "invalid_grant"),
        ("redirect_uri", "http://127.0.0.1:5173/callback", "invalid_grant"),
        ("code", "toc_unknown", "invalid_grant"),
        ("code_verifier", "", "invalid_request"),
        ("client_id", "", "invalid_request"),
        ("redirect_uri", "", "invalid_request"),
        ("code", "", "invalid_request"),
    ] {
        let code = code(&app, &[]).await;
        let changed = but(&exchange(&code), &[(name, value)]);

        refused(post(&app, "token", &changed).await, 400, error);
    }
}

#[tokio::test]
async fn a_code_that_is_a_minute_old_is_worth_nothing() {
    let (app, _) = scene().await;
    let (in_time, late) = (code(&app, &[]).await, code(&app, &[]).await);

    app.clock.advance_ms(59_999);
    post(&app, "token", &exchange(&in_time)).await.expect(200);
    app.clock.advance_ms(1);

    refused(post(&app, "token", &exchange(&late)).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_code_that_comes_twice_takes_back_what_came_of_it() {
    let (app, _) = scene().await;
    let code = code(&app, &[]).await;
    let tokens = post(&app, "token", &exchange(&code)).await.expect(200).json();
    let tokens = renewed(&app, &tokens).await;
    app.clock.advance_minutes(10);

    refused(post(&app, "token", &exchange(&code)).await, 400, "invalid_grant");

    refused(renew(&app, &tokens).await, 400, "invalid_grant");
    let token = text(&tokens, "access_token");
    let answer = app.get("/local-issuer/userinfo").bearer(token).send().await;
    refused(answer, 401, "invalid_token");
}

#[tokio::test]
async fn of_a_code_or_refresh_token_that_comes_often_at_once_one_counts_at_most() {
    let (app, _) = scene().await;
    let code = code(&app, &[]).await;
    let tokens = sign_in(&app, &[]).await;
    let exchange = exchange(&code);
    let renewal = renewal(text(&tokens, "refresh_token"));

    let exchanged = join_all((0..20).map(|_| post(&app, "token", &exchange))).await;
    let renewed = join_all((0..20).map(|_| post(&app, "token", &renewal))).await;

    for answers in [exchanged, renewed] {
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert!(won.len() <= 1, "{} won", won.len());
        for answer in lost {
            refused(answer, 400, "invalid_grant");
        }
        // Nobody knows who of them it was.
        for answer in won {
            refused(renew(&app, &answer.json()).await, 400, "invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_then_ends_what_it_renewed() {
    let (app, _) = scene().await;
    let (first, other) = (sign_in(&app, &[]).await, sign_in(&app, &[]).await);
    let second = renewed(&app, &first).await;
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let foreign = but(
        &renewal(text(&second, "refresh_token")),
        &[("client_id", "other")],
    );
    refused(post(&app, "token", &foreign).await, 400, "invalid_grant");
    let third = renewed(&app, &second).await;

    refused(renew(&app, &first).await, 400, "invalid_grant");

    refused(renew(&app, &third).await, 400, "invalid_grant");
    // What the same person began elsewhere goes on, until its time is over.
    let other = renewed(&app, &other).await;
    app.clock.advance_minutes(12 * 60);
    refused(renew(&app, &other).await, 400, "invalid_grant");
}

#[tokio::test]
async fn who_is_signed_out_renews_nothing() {
    let (app, grace) = scene().await;
    app.join_as(&grace.tenant_id, "alan@acme.com", SystemRole::Member)
        .await;
    let (of_grace, of_alan) = (
        sign_in(&app, &[]).await,
        sign_in(&app, &[("email", "alan@acme.com")]).await,
    );
    let code = code(&app, &[]).await;
    let provider = &app.product.local_identity;
    let login = |provider, auth_id: &str| Login {
        provider,
        place: ProviderId::abridge("local", "local"),
        auth_id: ProviderId::abridge(auth_id, "nobody"),
    };

    for nobody in [
        login(ProviderName::Local, "nobody"),
        login(ProviderName::Cognito, &grace.user_id),
    ] {
        provider.sign_out(&nobody).await.expect("there is nothing to do");
    }
    let of_grace = renewed(&app, &of_grace).await;
    let login = login(ProviderName::Local, &grace.user_id);
    provider.sign_out(&login).await.expect("it is in memory");
    provider.forget(&login).await.expect("a second time, too");

    refused(renew(&app, &of_grace).await, 400, "invalid_grant");
    refused(post(&app, "token", &exchange(&code)).await, 400, "invalid_grant");
    renewed(&app, &of_alan).await;
}

#[tokio::test]
async fn a_front_end_signs_out_and_is_come_back_to_on_this_machine_only() {
    let (app, _) = scene().await;
    let tokens = sign_in(&app, &[]).await;
    // Good for this when it is over, too.
    app.clock.advance_minutes(60);
    let hint = ("id_token_hint", text(&tokens, "id_token"));
    let back = ("post_logout_redirect_uri", CALLBACK);
    let logout = |parameters: &[(&str, &str)]| format!("/local-issuer/logout?{}", encoded(parameters));
    let evil = ("post_logout_redirect_uri", "https://evil.example/");
    shown(&app.get(&logout(&[hint, evil])).send().await, 400);
    let tokens = renewed(&app, &tokens).await;

    let answer = app
        .get(&logout(&[hint, back, ("state", "a b")]))
        .send()
        .await
        .expect(303);

    assert_eq!(
        answer.header("location"),
        Some("http://localhost:5173/callback?state=a+b")
    );
    refused(renew(&app, &tokens).await, 400, "invalid_grant");
    let plain = post(&app, "logout", &[hint, back]).await.expect(303);
    assert_eq!(plain.header("location"), Some(CALLBACK));
    shown(&app.get("/local-issuer/logout").send().await, 200);
    shown(
        &post(&app, "logout", &[("id_token_hint", "eyJ.forged.x")]).await,
        200,
    );
}

#[tokio::test]
async fn what_is_no_token_request_is_refused_as_rfc_6749_says() {
    let (app, _) = scene().await;
    let code = code(&app, &[]).await;
    let good = exchange(&code);
    let giant = "x".repeat(5_000);
    for (changes, status, error) in [
        (vec![("grant_type", "")], 400, "invalid_request"),
        (vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        (
            vec![("grant_type", "client_credentials")],
            400,
            "unsupported_grant_type",
        ),
        (vec![("client_secret", "s")], 401, "invalid_client"),
        (vec![("client_assertion", "eyJ")], 401, "invalid_client"),
        (vec![("code", giant.as_str())], 400, "invalid_request"),
        (vec![("grant_type", "refresh_token")], 400, "invalid_request"),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", &giant)],
            400,
            "invalid_request",
        ),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "tor_x")],
            400,
            "invalid_grant",
        ),
    ] {
        refused(post(&app, "token", &but(&good, &changes)).await, status, error);
    }
    let doubled = [&good[..], &[("code", "toc_other")]].concat();
    refused(post(&app, "token", &doubled).await, 400, "invalid_request");
    let padding = "x".repeat(80_000);
    let flood = [&good[..], &[("padding", &padding)]].concat();
    refused(post(&app, "token", &flood).await, 400, "invalid_request");
    let token = || app.post("/local-issuer/token");
    refused(
        token()
            .json(&json!({ "grant_type": "authorization_code" }))
            .send()
            .await,
        400,
        "invalid_request",
    );
    refused(token().body(encoded(&good)).send().await, 400, "invalid_request");
    let form = token().header("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
    let basic = form
        .header("authorization", "Basic d2ViOg==")
        .body(encoded(&good))
        .send()
        .await;
    let basic = refused(basic, 401, "invalid_client");
    assert!(
        basic
            .header("www-authenticate")
            .is_some_and(|challenge| challenge.starts_with("Basic"))
    );

    // None of this has spent the code.
    post(&app, "token", &good).await.expect(200);
}

#[tokio::test]
async fn other_methods_and_paths_are_not_there() {
    let app = TestApp::start().await;
    for (method, path, status) in [
        ("GET", "/local-issuer/token", 405),
        ("PUT", "/local-issuer/authorize", 405),
        ("DELETE", "/local-issuer/jwks.json", 405),
        ("POST", "/local-issuer/.well-known/openid-configuration", 405),
        ("GET", "/local-issuer", 404),
        ("GET", "/local-issuer/", 404),
        ("GET", "/local-issuer/register", 404),
        ("GET", "/.well-known/openid-configuration", 404),
    ] {
        let answer = app.call(method, path).send().await;

        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    let path = format!(
        "/local-issuer/authorize?{}",
        encoded(&[("padding", &"x".repeat(20_000))])
    );
    shown(&app.get(&path).send().await, 400);
    let flood = encoded(&[("padding", &"x".repeat(40_000))]);
    app.post("/local-issuer/authorize")
        .body(flood)
        .send()
        .await
        .expect(413);
}

#[tokio::test]
async fn pages_of_this_machine_only_may_call_from_a_browser() {
    let app = TestApp::start().await;
    for (path, origin, is_allowed) in [
        ("token", "http://localhost:5173", true),
        ("userinfo", "http://127.0.0.1:8080", true),
        ("jwks.json", "https://localhost:8443", true),
        (".well-known/openid-configuration", "http://[::1]:5173", true),
        ("token", "https://evil.example", false),
        ("userinfo", "http://localhost.evil.example", false),
        ("jwks.json", "null", false),
        ("authorize", "http://localhost:5173", false),
    ] {
        let path = format!("/local-issuer/{path}");
        let preflight = app.call("OPTIONS", &path).header("origin", origin);
        let preflight = preflight
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type");
        let answer = app.get(&path).header("origin", origin).send().await;

        for answer in [preflight.send().await, answer] {
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, is_allowed.then_some(origin), "{path} from {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
}

#[tokio::test]
async fn only_access_tokens_of_a_sign_in_tell_who_somebody_is() {
    let (app, grace) = scene().await;
    // A client whose ID tokens are for our audience.
    let ours = sign_in_as(&app, "tenantry").await;
    let id_token = text(&ours, "id_token");
    for (token, why) in [
        (id_token, "an ID token"),
        (&grace.token, "a token for trying things"),
        ("eyJ.eyJ.x", "nothing"),
        ("", "nothing at all"),
    ] {
        let answer = app.get("/local-issuer/userinfo").bearer(token).send().await;
        let answer = refused(answer, 401, "invalid_token");
        assert!(answer.header("www-authenticate").is_some(), "{why}");
    }
    refused(
        app.get("/local-issuer/userinfo").send().await,
        401,
        "invalid_request",
    );
    let token = text(&ours, "access_token");
    app.get("/local-issuer/userinfo")
        .bearer(token)
        .send()
        .await
        .expect(200);
    app.clock.advance_minutes(15);
    refused(
        app.get("/local-issuer/userinfo").bearer(token).send().await,
        401,
        "invalid_token",
    );
    app.get(&format!("/tenants/{}", grace.tenant_id))
        .bearer(token)
        .send()
        .await
        .expect(401);
}

async fn sign_in_as(app: &TestApp, client_id: &str) -> Value {
    let code = code(app, &[("client_id", client_id)]).await;
    let form = but(&exchange(&code), &[("client_id", client_id)]);
    post(app, "token", &form).await.expect(200).json()
}

#[tokio::test]
async fn the_issuer_logs_each_answer_once_and_no_secret_or_person() {
    let (app, grace) = scene().await;
    let (log, guard) = listen();

    ask(&app, &but(&ASKED, &[("login_hint", GRACE)]))
        .await
        .expect(200);
    post(&app, "authorize", &but(&ASKED, &[("email", "nobody@acme.com")]))
        .await
        .expect(422);
    let code = code(&app, &[]).await;
    let tokens = post(&app, "token", &exchange(&code)).await.expect(200).json();
    let second = renewed(&app, &tokens).await;
    let token = text(&second, "access_token");
    let known = app
        .get("/local-issuer/userinfo")
        .bearer(token)
        .send()
        .await
        .expect(200);
    renew(&app, &tokens).await.expect(400);
    post(&app, "logout", &[("id_token_hint", text(&tokens, "id_token"))])
        .await
        .expect(200);
    drop(guard);

    let steps: Vec<String> = log
        .lines("the local issuer answered")
        .iter()
        .map(|line| text(line, "step").to_owned())
        .collect();
    let expected = [
        "person_asked",
        "refused",
        "code_given",
        "tokens_issued",
        "tokens_renewed",
        "person_described",
        "nobody_signed_out",
    ];
    assert_eq!(steps, expected);
    let reused =
        log.lines("a code or token came to the local issuer twice: the sign-in that it is of is over");
    assert_eq!(reused.len(), 1);
    assert_eq!(text(&reused[0], "user.id"), grace.user_id);
    let described = log.lines("the local issuer answered").remove(5);
    assert_eq!(
        described["span"]["request.id"].as_str(),
        known.header("x-request-id")
    );
    let written = log.text();
    for secret in [
        "toc_",
        "tor_",
        "eyJ",
        "grace@",
        "nobody@",
        "Grace",
        VERIFIER,
        CHALLENGE,
        &code,
        "localhost:5173",
    ] {
        let line = written.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "the log holds {secret}");
    }
}

#[tokio::test]
async fn a_failure_of_ours_costs_no_refresh_token() {
    let (app, grace) = scene().await;
    let tokens = sign_in(&app, &[]).await;
    let overwrite = |text: &'static str| {
        let partition = format!("USER#{}", grace.user_id);
        let app = &app;
        async move { app.overwrite(&partition, "USER", "createdAt", text).await }
    };

    overwrite("never").await;
    refused(renew(&app, &tokens).await, 500, "server_error");
    overwrite("2026-01-15T09:30:00.000Z").await;

    renewed(&app, &tokens).await;
}

#[tokio::test]
async fn a_table_that_is_gone_is_said_to_people_and_clients() {
    let app = TestApp::start_patient(Duration::from_millis(200), |_| {}).await;
    let home = app.active_tenant("home").await;
    app.join_as(&home, GRACE, SystemRole::Admin).await;
    let tokens = sign_in(&app, &[]).await;
    let code = code(&app, &[]).await;
    app.product.table.stop();

    let page = post(&app, "authorize", &but(&ASKED, &[("email", GRACE)])).await;
    shown(&page, 503);
    for answer in [
        renew(&app, &tokens).await,
        post(&app, "token", &exchange(&code)).await,
        app.get("/local-issuer/userinfo")
            .bearer(text(&tokens, "access_token"))
            .send()
            .await,
    ] {
        refused(answer, 503, "temporarily_unavailable");
    }
}
