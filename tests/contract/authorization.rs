use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};
use tenantry_api::KeySource as _;
use tenantry_domain::Clock as _;
use tenantry_domain::Permission;
use tenantry_domain::SystemRole;
use tenantry_local::{AUDIENCE, ISSUER, LocalIssuer};
use tenantry_testing::{Answer, Call, TestApp};

use crate::contract::policy::{CALLERS, IN_NO_TENANT, ITSELF, Letter, OF_SUSPENDED, POLICY, Row};
use crate::contract::scene::{
    Scene, is_about_people, is_of_account, is_of_member, is_signed, names_tenant_in_body, routes,
};

pub(crate) type Items = Vec<HashMap<String, AttributeValue>>;

/// How a request says who sends it.
enum Proof {
    None,
    Bearer(String),
    /// The whole value of the Authorization header.
    Authorization(String),
    TwoHeaders(String, String),
    Query(String),
    Signature,
}

#[test]
fn every_route_has_a_line_in_the_policy_and_every_line_a_route() {
    let in_code: BTreeSet<String> = routes().into_iter().collect();
    let in_policy: BTreeSet<String> = POLICY.iter().map(|row| row.route.to_owned()).collect();

    let missing: Vec<_> = in_code.difference(&in_policy).collect();
    let stale: Vec<_> = in_policy.difference(&in_code).collect();

    assert!(
        missing.is_empty(),
        "decide who may call {missing:?}: add lines to POLICY in tests/contract/policy.rs"
    );
    assert!(
        stale.is_empty(),
        "POLICY in tests/contract/policy.rs names routes that are gone: {stale:?}"
    );
    assert_eq!(in_policy.len(), POLICY.len(), "a route stands in POLICY twice");
}

#[tokio::test]
async fn everybody_gets_what_the_policy_says_and_a_refusal_changes_nothing() {
    let mut picture = legend();
    let mut wrong = Vec::new();

    for row in POLICY {
        let observed = observe(row, &mut wrong).await;
        let _ = writeln!(picture, "{:31} {}", row.route, spaced(&observed));
    }

    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("policy", picture);
    });
}

#[tokio::test]
async fn a_refusal_comes_before_the_body_is_looked_at() {
    let mut wrong = Vec::new();

    for row in POLICY.iter().filter(|row| takes_body(row.route)) {
        let scene = Scene::of(row.route).await;
        let proofs = callers(&scene, row).await;
        let before = state(&scene.app).await;
        let large = "[".repeat(300 * 1024);
        let bodies = [
            ("application/json", "{\"key\":"),
            ("text/plain", "key"),
            ("application/json", ""),
            ("application/json", &large),
        ];
        let expected: Vec<Letter> = row.callers.chars().collect();
        for (position, proof) in proofs.into_iter().enumerate() {
            // Those who are let in hear what is wrong with the body; a signature is made over the body, so there is none here.
            // Where the body names the tenant or the invitation, it has to be read to know whether that is out of reach; and a
            // member's own things are looked for when it is clear what to do with them.
            let is_read = expected[position] == 'N'
                && (names_tenant_in_body(row.route)
                    || is_of_member(row.route)
                    || row.route.starts_with("POST /invitations/"));
            // And what a lead may ask for stands in the body: for a subscription of its own, and nothing else.
            let is_leads = [1, 2].contains(&position) && row.route == "POST /tenants/{id}/provision";
            // Whether the member is active and the tenant in service is known once the request is carried out, and so is
            // what nobody does to oneself.
            let is_own = position == ITSELF && expected[position] == 'F' && is_about_people(row.route);
            let is_known_later =
                matches!(expected[position], 'I' | 'S') || position == OF_SUSPENDED || is_own;
            let is_let_in = expected[position] == '+' || is_known_later;
            if is_let_in || is_read || is_leads || matches!(proof, Proof::Signature) {
                continue;
            }
            for (content_type, body) in bodies {
                let call = prove(&scene, row.route, scene.bare(row.route), &proof);
                let call = call.header("content-type", content_type).body(body);
                // An idempotency key makes the guard read the body; the routes whose proof is looked up do not take one.
                let call = if is_looked_up(row.route) {
                    call
                } else {
                    call.header("idempotency-key", "k")
                };
                let answer = call.send().await;
                if letter_of(&answer) != expected[position] {
                    let start: String = body.chars().take(10).collect();
                    wrong.push(format!(
                        "{} by {} with {content_type} `{start}`: {}",
                        row.route, CALLERS[position], answer.text
                    ));
                }
            }
        }
        assert!(
            state(&scene.app).await == before,
            "{}: a refused request changed something",
            row.route
        );
    }

    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_public_route_that_takes_a_body_refuses_one_that_is_not_json() {
    let app = TestApp::start().await;

    let answer = app
        .post("/leads")
        .header("content-type", "application/json")
        .body("{\"email\":")
        .send()
        .await;

    answer.expect_problem(400, "malformed_json");
}

#[tokio::test]
async fn an_operators_token_without_platform_scope_opens_nothing() {
    let app = TestApp::start().await;
    let now = app.clock.now().as_seconds();
    let names: Vec<&str> = Permission::all().map(Permission::name).collect();
    let claims = json!({ "sub": "somebody", "scope": "openid profile", "permissions": names });
    let token = app
        .product
        .issuer
        .sign(claims, now, now + 60)
        .expect("the local issuer signs");

    let answer = app.get("/tenants").bearer(&token).send().await;

    answer.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_with_half_a_membership_proves_nothing() {
    let app = TestApp::start().await;
    let now = app.clock.now().as_seconds();
    let halves = [
        json!({ "tenantId": app.unknown_id() }),
        json!({ "userTenantId": app.unknown_id(), "scope": "platform" }),
    ];

    for half in halves {
        let mut claims = json!({ "sub": "somebody", "permissions": ["ViewTenant"] });
        claims
            .as_object_mut()
            .expect("claims are an object")
            .extend(half.as_object().cloned().unwrap_or_default());
        let token = app
            .product
            .issuer
            .sign(claims, now, now + 60)
            .expect("the local issuer signs");

        let answer = app.get("/tenants").bearer(&token).send().await;

        answer.expect_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn a_members_scope_does_not_grow_by_a_platform_claim() {
    let app = TestApp::start().await;
    let now = app.clock.now().as_seconds();
    let (mine, theirs) = (app.tenant("mine").await, app.tenant("theirs").await);
    let claims = json!({ "sub": "x", "scope": "platform", "tenantId": mine, "userTenantId": app.unknown_id(), "permissions": ["ViewTenant"] });
    let token = app
        .product
        .issuer
        .sign(claims, now, now + 60)
        .expect("the local issuer signs");

    let own = app.get(&format!("/tenants/{mine}")).bearer(&token).send().await;
    let other = app.get(&format!("/tenants/{theirs}")).bearer(&token).send().await;
    let list = app.get("/tenants").bearer(&token).send().await;

    own.expect(200);
    other.expect_problem(404, "not_found");
    list.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_leads_token_ends_after_an_hour() {
    let scene = Scene::of("GET /leads/{id}").await;
    let path = format!("/leads/{}", scene.lead.id);

    scene.app.clock.advance_ms(60 * 60_000 - 1_000);
    let in_time = scene.app.get(&path).bearer(&scene.lead.token).send().await;
    scene.app.clock.advance_ms(1_000);
    let late = scene.app.get(&path).bearer(&scene.lead.token).send().await;

    in_time.expect(200);
    late.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn an_erased_leads_token_opens_nothing_of_the_lead() {
    let scene = Scene::of("DELETE /leads/{id}").await;
    let path = format!("/leads/{}", scene.lead.id);
    scene
        .app
        .delete(&path)
        .bearer(&scene.app.operator())
        .send()
        .await
        .expect(204);

    let read = scene.app.get(&path).bearer(&scene.lead.token).send().await;
    let body = json!({ "key": "late", "domains": ["acme.com"] });
    let onboard = scene
        .app
        .post(&format!("{path}/tenants"))
        .bearer(&scene.lead.token)
        .json(&body)
        .send()
        .await;
    let verify = scene
        .app
        .post(&format!("{path}/verify"))
        .bearer(&scene.code)
        .send()
        .await;

    read.expect_problem(404, "not_found");
    onboard.expect_problem(404, "not_found");
    verify.expect_problem(401, "invalid_token");
}

#[tokio::test]
async fn somebody_elses_id_and_an_id_that_is_nobodys_are_answered_alike() {
    let scene = Scene::of("GET /tenants/{id}").await;
    let app = &scene.app;
    let member = app.member(&scene.elsewhere);
    let (theirs, nobodys) = (scene.tenant_id.clone(), app.unknown_id());

    let answer = app
        .get(&format!("/tenants/{theirs}"))
        .bearer(&member)
        .send()
        .await;
    let unknown = app
        .get(&format!("/tenants/{nobodys}"))
        .bearer(&member)
        .send()
        .await;

    let without_ids = |answer: &Answer, id: &str| {
        let mut json = answer.json();
        json["instance"] = Value::Null;
        json.to_string().replace(id, "…")
    };
    assert_eq!(answer.status, unknown.status);
    assert_eq!(without_ids(&answer, &theirs), without_ids(&unknown, &nobodys));
    assert_eq!(
        answer.usage.calls, unknown.usage.calls,
        "the cost tells them apart"
    );
}

#[tokio::test]
async fn a_person_in_no_tenant_is_nobody_else() {
    let about_persons = POLICY.iter().filter(|row| row.route.contains(" /user/{id}"));
    let mut wrong = Vec::new();

    for row in about_persons {
        let scene = Scene::of(row.route).await;
        let app = &scene.app;
        let other = app
            .join_as(&scene.elsewhere, "other@acme.com", SystemRole::Owner)
            .await;
        let before = state(app).await;
        for user_id in [other.user_id, app.unknown_id()] {
            let token = app.token_in_no_tenant(&user_id);
            let answer = scene.request(row.route).bearer(&token).send().await;
            if letter_of(&answer) != 'N' || answer.usage.calls != 0 {
                wrong.push(format!("{} by {user_id}: {}", row.route, answer.text));
            }
        }
        assert!(
            state(app).await == before,
            "{}: a refused request changed something",
            row.route
        );
    }

    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_person_in_no_tenant_answers_the_invitations_to_itself_alone() {
    let app = TestApp::start().await;
    let (home, away) = (app.tenant("home").await, app.tenant("away").await);
    let grace = app.join_as(&home, "grace@acme.com", SystemRole::Member).await;
    let alan = app.join_as(&home, "alan@acme.com", SystemRole::Member).await;

    for (action, status) in [("decline", 204), ("accept", 200)] {
        let wish = json!({ "email": "grace@acme.com", "firstName": "Grace", "roleId": app.role(&away, SystemRole::Member) });
        let id = app
            .account_thing(&format!("/tenants/{away}/invitations"), &wish)
            .await;
        let answer_as = async |token_of: &str, user_id: &str| {
            let body = json!({ "tenantId": away, "invitationId": id, "userId": user_id });
            let token = app.token_in_no_tenant(token_of);
            let call = app.post(&format!("/invitations/{action}")).bearer(&token);
            call.json(&body).send().await
        };

        let strangers = answer_as(&alan.user_id, &grace.user_id).await;
        let own = answer_as(&alan.user_id, &alan.user_id).await;
        let right = answer_as(&grace.user_id, &grace.user_id).await;

        strangers.expect_problem(404, "not_found");
        own.expect_problem(404, "not_found");
        right.expect(status);
    }
}

/// The letters of a row as they turn out: callers, broken proofs together, query.
async fn observe(row: &Row, wrong: &mut Vec<String>) -> String {
    let mut scene = Scene::of(row.route).await;
    let mut letters = vec!['?'; CALLERS.len()];
    let expected: Vec<Letter> = row.callers.chars().collect();
    assert_eq!(
        expected.len(),
        CALLERS.len(),
        "{}: a letter for each caller",
        row.route
    );
    // Refusals first: a request that is let in may change what the next one finds.
    let (refused, let_in): (Vec<_>, Vec<_>) = callers(&scene, row)
        .await
        .into_iter()
        .enumerate()
        .partition(|(position, _)| expected[*position] != '+' && *position != OF_SUSPENDED);
    let mut before = state(&scene.app).await;
    let mut broken_letters = BTreeSet::new();
    for (position, proof) in refused {
        let answer = send(&scene, row.route, &proof).await;
        letters[position] = judge(row, CALLERS[position], &answer, expected[position], wrong);
    }
    check_unchanged(&scene.app, row, "somebody", &mut before, wrong).await;
    for (name, proof) in broken(&scene, row.route).await {
        let answer = send(&scene, row.route, &proof).await;
        broken_letters.insert(judge(row, name, &answer, row.broken, wrong));
    }
    if row.broken == '+' {
        before = state(&scene.app).await;
    } else {
        check_unchanged(&scene.app, row, "a broken token", &mut before, wrong).await;
    }
    let answer = send(&scene, row.route, &Proof::Query(scene.app.operator())).await;
    let query = judge(row, "token in the query", &answer, row.query, wrong);
    check_unchanged(&scene.app, row, "token in the query", &mut before, wrong).await;
    for (position, proof) in let_in {
        if !row.route.starts_with("GET ") && (is_of_account(row.route) || is_about_people(row.route)) {
            scene.renew(row.route).await;
        }
        let proof = match proof {
            Proof::Bearer(_) if position == ITSELF => itself(&scene, row),
            Proof::Bearer(_) if position == IN_NO_TENANT => Proof::Bearer(scene.token_in_no_tenant()),
            Proof::Bearer(code) if code.starts_with("tic_") => code_of_invitation(&scene),
            proof => proof,
        };
        if position == OF_SUSPENDED {
            scene.app.force_status(&scene.tenant_id, "SUSPENDED").await;
        }
        let answer = send(&scene, row.route, &proof).await;
        if position == OF_SUSPENDED {
            scene.app.force_status(&scene.tenant_id, "ACTIVE").await;
        }
        letters[position] = judge(row, CALLERS[position], &answer, expected[position], wrong);
    }
    letters.extend(broken_letters);
    letters.push(query);
    letters.into_iter().collect()
}

fn judge(row: &Row, caller: &str, answer: &Answer, expected: Letter, wrong: &mut Vec<String>) -> Letter {
    let letter = letter_of(answer);
    if letter != expected {
        wrong.push(format!(
            "{} by {caller}: {expected} expected, {letter} found: {} {}",
            row.route, answer.status, answer.text
        ));
    }
    if letter == '+' && !answer.status.is_success() && !answer.status.is_redirection() {
        wrong.push(format!(
            "{} by {caller}: let in, but not carried out: {} {}",
            row.route, answer.status, answer.text
        ));
    }
    if matches!(letter, 'T' | 'F') && !is_looked_up(row.route) && answer.usage.calls != 0 {
        wrong.push(format!(
            "{} by {caller}: the refusal cost {} calls to the table",
            row.route, answer.usage.calls
        ));
    }
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    if letter == 'T' && !is_signed(row.route) && !challenge.starts_with("Bearer ") {
        wrong.push(format!("{} by {caller}: 401 without a challenge", row.route));
    }
    letter
}

async fn check_unchanged(
    app: &TestApp,
    row: &Row,
    caller: &str,
    before: &mut Items,
    wrong: &mut Vec<String>,
) {
    let after = state(app).await;
    if *before != after {
        wrong.push(format!(
            "{} by {caller}: a refused request changed something",
            row.route
        ));
        *before = after;
    }
}

/// Everything in the table but the counters of rate limits, which count refusals on purpose.
pub(crate) async fn state(app: &TestApp) -> Items {
    let mut items = app.items().await;
    items.retain(|item| !item["pk"].as_s().is_ok_and(|pk| pk.starts_with("RATE#")));
    items
}

fn letter_of(answer: &Answer) -> Letter {
    match answer.status.as_u16() {
        401 => 'T',
        403 if answer.text_at("/code") == "membership_inactive" => 'I',
        403 => 'F',
        404 => 'N',
        409 if answer.text_at("/code") == "tenant_suspended" => 'S',
        400 if answer.text_at("/code") == "unknown_query_member" => 'Q',
        _ => '+',
    }
}

async fn send(scene: &Scene, route: &str, proof: &Proof) -> Answer {
    let call = match proof {
        Proof::Query(token) => scene.bare_with(route, &format!("?access_token={token}")),
        _ => scene.bare(route),
    };
    prove(scene, route, scene.with_sample(route, call), proof)
        .send()
        .await
}

fn prove<'a>(scene: &Scene, route: &str, call: Call<'a>, proof: &Proof) -> Call<'a> {
    match proof {
        Proof::None | Proof::Query(_) => call,
        Proof::Bearer(token) => call.bearer(token),
        Proof::Authorization(value) => call.header("authorization", value),
        Proof::TwoHeaders(one, other) => call.bearer(one).bearer(other),
        Proof::Signature => scene.sign(route, call, &scene.sample(route).unwrap_or_default()),
    }
}

/// The proofs of `CALLERS`, in their order.
async fn callers(scene: &Scene, row: &Row) -> Vec<Proof> {
    let app = &scene.app;
    let with = held(row.permission);
    let others: Vec<Permission> = match row.permission {
        None => Permission::all().collect(),
        Some(permission) => Permission::all().filter(|other| *other != permission).collect(),
    };
    let mut callers = vec![
        Proof::None,
        Proof::Bearer(scene.own_token(row.route).to_owned()),
        Proof::Bearer(scene.stranger.token.clone()),
        Proof::Bearer(app.operator_with([])),
        Proof::Bearer(app.operator_with(with.clone())),
        Proof::Bearer(app.operator_with(others.clone())),
        Proof::Bearer(app.member_with(&scene.tenant_id, with.clone())),
        Proof::Bearer(app.member_with(&scene.tenant_id, others)),
        Proof::Bearer(app.member_with(&scene.elsewhere, with)),
        Proof::Bearer(scene.code.clone()),
        Proof::Signature,
        itself(scene, row),
        code_of_invitation(scene),
        Proof::Bearer(app.member_as(&scene.tenant_id, SystemRole::Owner)),
        Proof::Bearer(app.member_as(&scene.tenant_id, SystemRole::Admin)),
        Proof::Bearer(app.member_as(&scene.tenant_id, SystemRole::Member)),
        Proof::Bearer(of_both(scene).await),
        Proof::Bearer(app.member_as(&scene.tenant_id, SystemRole::Owner)),
    ];
    callers.extend(app.no_members(&scene.tenant_id).await.map(Proof::Bearer));
    callers.push(Proof::Bearer(scene.token_in_no_tenant()));
    callers
}

/// The person that the path names; on routes about nobody, a member.
fn itself(scene: &Scene, row: &Row) -> Proof {
    let with = held(row.permission);
    Proof::Bearer(match &scene.people {
        Some(_) => scene.persons_token(with),
        None => scene.app.member_with(&scene.tenant_id, with),
    })
}

/// The code of an invitation to the tenant; one that never was, where there is none.
fn code_of_invitation(scene: &Scene) -> Proof {
    let code = scene.people.as_ref().map(|people| people.code.clone());
    Proof::Bearer(code.unwrap_or_else(|| format!("tic_{}", "A".repeat(88))))
}

/// The token, for the one tenant, of somebody who is an owner of the other as well.
async fn of_both(scene: &Scene) -> String {
    let (app, tenant_id) = (&scene.app, &scene.tenant_id);
    let email = format!("{}@both.example", app.unknown_id());
    // Nobody joins a tenant that is not in service; this person did before.
    let answer = app.get(&format!("/tenants/{tenant_id}")).bearer(&app.operator());
    let status = answer.send().await.expect(200).text_at("/status");
    app.force_status(tenant_id, "ACTIVE").await;
    app.join_as(tenant_id, &email, SystemRole::Owner).await;
    app.force_status(tenant_id, &status).await;
    app.join_as(&scene.elsewhere, &email, SystemRole::Owner)
        .await
        .token
}

/// With no permission, operators and members hold all or nothing.
fn held(permission: Option<Permission>) -> Vec<Permission> {
    permission.map_or_else(|| Permission::all().collect(), |permission| vec![permission])
}

/// Proofs that prove nothing, most of which would open every route if one check were missing.
async fn broken(scene: &Scene, route: &str) -> Vec<(&'static str, Proof)> {
    let app = &scene.app;
    let now = app.clock.now().as_seconds();
    let (issued_at, expires_at) = (now - 60, now + 3_600);
    let issuer = &app.product.issuer;
    let sign = |more: Value, expires_at| {
        issuer
            .sign(claims(more), issued_at, expires_at)
            .expect("the local issuer signs")
    };
    let good = sign(json!({}), expires_at);
    let jwks = issuer
        .fetch("")
        .await
        .expect("the local issuer has its keys at hand");
    let kid = kid_of(&good);
    let (lead, lead_kid) = (&scene.lead, kid_of(&scene.lead.token));
    let full = json!({ "iss": ISSUER, "aud": AUDIENCE, "iat": issued_at, "exp": expires_at });
    let full = merged(claims(json!({})), full);
    let as_lead =
        json!({ "iss": "tenantry", "aud": "lead", "sub": lead.id, "iat": issued_at, "exp": expires_at });
    let (somebody, another) = (app.unknown_id(), app.unknown_id());
    let other_issuer = LocalIssuer::new(&[7; 32]).expect("the seed is a key");
    let (key_x, key_point) = public_key(&jwks);
    let mut broken = vec![
        ("expired", Proof::Bearer(sign(json!({}), now))),
        (
            "without an end",
            Proof::Bearer(sign(json!({ "exp": null }), expires_at)),
        ),
        (
            "not valid yet",
            Proof::Bearer(sign(json!({ "nbf": now + 60 }), expires_at)),
        ),
        (
            "for another audience",
            Proof::Bearer(sign(json!({ "aud": "another" }), expires_at)),
        ),
        (
            "for the audience of leads",
            Proof::Bearer(sign(json!({ "aud": "lead", "sub": lead.id }), expires_at)),
        ),
        (
            "of another issuer",
            Proof::Bearer(sign(json!({ "iss": "https://evil.example" }), expires_at)),
        ),
        (
            "of ourselves as issuer",
            Proof::Bearer(sign(as_lead.clone(), expires_at)),
        ),
        (
            "signed by another key",
            Proof::Bearer(
                other_issuer
                    .sign(claims(json!({})), issued_at, expires_at)
                    .expect("signs"),
            ),
        ),
        (
            "signed by another key under our key's id",
            Proof::Bearer(es256(&full, &kid)),
        ),
        (
            "with a changed signature",
            Proof::Bearer(with_changed_signature(&good)),
        ),
        (
            "with changed claims",
            Proof::Bearer(with_claims(
                &good,
                &merged(full.clone(), json!({ "sub": "root" })),
            )),
        ),
        (
            "HS256 under the key set",
            Proof::Bearer(hs256(&full, &kid, jwks.as_bytes())),
        ),
        (
            "HS256 under the public key",
            Proof::Bearer(hs256(&full, &kid, &key_point)),
        ),
        (
            "HS256 under half the public key",
            Proof::Bearer(hs256(&full, &kid, &key_x)),
        ),
        (
            "HS256 as a lead under the key set",
            Proof::Bearer(hs256(&as_lead, &lead_kid, jwks.as_bytes())),
        ),
        (
            "HS256 as a lead under no key",
            Proof::Bearer(hs256(&as_lead, &lead_kid, b"")),
        ),
        (
            "HS256 as a lead under an unknown key",
            Proof::Bearer(hs256(&as_lead, "k9", b"k9")),
        ),
        (
            "a lead's with changed claims",
            Proof::Bearer(with_claims(&lead.token, &merged(as_lead, json!({ "exp": now })))),
        ),
        ("no token at all", Proof::Bearer("x".to_owned())),
        ("too long", Proof::Bearer(format!("{good}{}", "A".repeat(9_000)))),
        (
            "Basic",
            Proof::Authorization(format!("Basic {}", URL_SAFE_NO_PAD.encode("operator:password"))),
        ),
        (
            "a good token under Basic",
            Proof::Authorization(format!("Basic {good}")),
        ),
        (
            "a good token without a scheme",
            Proof::Authorization(good.clone()),
        ),
        (
            "a good token with something behind it",
            Proof::Authorization(format!("Bearer {good} x")),
        ),
        ("two good tokens", Proof::TwoHeaders(good.clone(), good.clone())),
        (
            "of a person that is none",
            Proof::Bearer(sign(json!({ "userId": "ada" }), expires_at)),
        ),
        (
            "of a person and a number",
            Proof::Bearer(sign(json!({ "userId": 1 }), expires_at)),
        ),
        (
            "of a person in a tenant that is none",
            Proof::Bearer(sign(
                json!({ "userId": somebody, "tenantId": "acme" }),
                expires_at,
            )),
        ),
        (
            "of a person with a membership and no tenant",
            Proof::Bearer(sign(
                json!({ "userId": somebody, "userTenantId": another }),
                expires_at,
            )),
        ),
        (
            "of a person with somebody else's membership",
            Proof::Bearer(sign(
                json!({ "tenantId": scene.tenant_id, "userId": somebody, "userTenantId": another }),
                expires_at,
            )),
        ),
    ];
    for alg in ["none", "None", "NONE", ""] {
        let (_, signature) = good.rsplit_once('.').expect("a token has three parts");
        broken.push(("alg none", Proof::Bearer(unsigned(&full, &kid, alg, ""))));
        broken.push((
            "alg none with a signature",
            Proof::Bearer(unsigned(&full, &kid, alg, signature)),
        ));
    }
    if route.contains("/leads/") {
        broken.push((
            "the code of another lead",
            Proof::Bearer(format!("{}x", scene.code)),
        ));
    }
    broken
}

/// An operator who may do everything.
fn claims(more: Value) -> Value {
    let names: Vec<&str> = Permission::all().map(Permission::name).collect();
    merged(
        json!({ "sub": "local-operator", "scope": "platform", "permissions": names }),
        more,
    )
}

fn merged(mut claims: Value, more: Value) -> Value {
    if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    claims
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn kid_of(token: &str) -> String {
    jsonwebtoken::decode_header(token)
        .ok()
        .and_then(|header| header.kid)
        .expect("our tokens name their key")
}

fn unsigned(claims: &Value, kid: &str, alg: &str, signature: &str) -> String {
    format!(
        "{}.{}.{signature}",
        part(&json!({ "typ": "JWT", "alg": alg, "kid": kid })),
        part(claims)
    )
}

fn hs256(claims: &Value, kid: &str, secret: &[u8]) -> String {
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).expect("claims can be signed")
}

fn es256(claims: &Value, kid: &str) -> String {
    let key = SigningKey::from_slice(&[9; 32])
        .expect("the seed is a key")
        .to_pkcs8_der()
        .expect("the key has a DER form");
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::ES256)
    };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_ec_der(key.as_bytes()))
        .expect("claims can be signed")
}

/// The token's header and signature around other claims.
fn with_claims(token: &str, claims: &Value) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], part(claims), parts[2])
}

fn with_changed_signature(token: &str) -> String {
    let (rest, signature) = token.rsplit_once('.').expect("a token has three parts");
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).expect("signatures are base64");
    bytes[0] ^= 1;
    format!("{rest}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The public key as it is published: its x coordinate, and the uncompressed point.
fn public_key(jwks: &str) -> (Vec<u8>, Vec<u8>) {
    let jwks: Value = serde_json::from_str(jwks).expect("a key set is JSON");
    let coordinate = |name: &str| {
        let text = jwks["keys"][0][name].as_str().expect("the key has coordinates");
        URL_SAFE_NO_PAD.decode(text).expect("coordinates are base64")
    };
    let (x, y) = (coordinate("x"), coordinate("y"));
    let point = [vec![4], x.clone(), y].concat();
    (x, point)
}

/// The routes whose proof is compared with something in the table, by the handler.
fn is_looked_up(route: &str) -> bool {
    is_signed(route)
        || matches!(
            route,
            "POST /leads/{id}/verify" | "POST /invitations/accept" | "POST /invitations/decline"
        )
}

fn takes_body(route: &str) -> bool {
    route.starts_with("POST ") || route.starts_with("PATCH ")
}

fn spaced(letters: &str) -> String {
    letters
        .chars()
        .map(|letter| letter.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

fn legend() -> String {
    let mut text =
        "+ let in   T 401   F 403   N 404: out of reach   Q 400: unknown query member\n\n".to_owned();
    for (position, caller) in CALLERS.iter().enumerate() {
        let _ = writeln!(text, "{:2} {caller}", position + 1);
    }
    let (broken, query) = (CALLERS.len() + 1, CALLERS.len() + 2);
    let _ = writeln!(
        text,
        "{broken} every token that is expired, forged, confused, misplaced or for somebody else"
    );
    let _ = writeln!(text, "{query} a good token in the query string\n");
    let numbers: Vec<String> = (1..=query).map(|number| (number % 10).to_string()).collect();
    let _ = writeln!(text, "{:31} {}", "", numbers.join(" "));
    text
}
