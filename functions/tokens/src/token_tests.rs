//! What stands in the tokens, how long they become, and what the function does with what it should not be sent.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tenantry_app::{App, Config, IdentityProviders, Keyring, SystemClock};
use tenantry_domain::{Permission, SystemRole};
use tenantry_local::{TABLE, client};
use tenantry_store::Store;
use tenantry_testing::{TestApp, of_members};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tracing_subscriber::fmt::MakeWriter;

use crate::scene::{Answered, Asked, SUB, Scene};
use crate::{Refusal, Settings, Tokens};

const OURS: [&str; 7] = [
    "permissions",
    "permissionsRef",
    "role",
    "status",
    "tenantId",
    "userId",
    "userTenantId",
];

/// Every claim of ours is either added to a token or kept out of it.
fn assert_is_complete(token: &Value) {
    let added = token["claimsToAddOrOverride"].as_object().into_iter().flatten();
    let suppressed = token["claimsToSuppress"].as_array().into_iter().flatten();
    let mut names: Vec<&str> = added.map(|(name, _)| &**name).collect();
    names.extend(suppressed.filter_map(Value::as_str));
    names.sort_unstable();
    assert_eq!(names, OURS, "{token}");
}

#[tokio::test]
async fn a_members_tokens_say_where_it_acts_and_the_access_token_what_it_may_do() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;

    let answered = scene.ask(&Asked::of(&grace, &[&grace.tenant_id])).await;

    insta::assert_json_snapshot!(answered.event);
    let path = format!("/tenants/{}/users", grace.tenant_id);
    let token = scene.token(&answered);
    scene.app.get(&path).bearer(&token).send().await.expect(200);
    let refused = scene.app.post(&path).bearer(&token).json(&json!({})).send().await;
    refused.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn an_event_of_version_3_is_answered_as_one_of_version_2() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]);
    let second = scene.ask(&asked).await;

    for version in [json!("3"), json!(3), json!("4"), json!(null)] {
        let answered = scene.ask(&asked.clone().with("/version", version.clone())).await;
        assert_eq!(answered.details(), second.details(), "{version}");
        assert_eq!(answered.event["version"], version);
    }
}

#[tokio::test]
async fn an_event_of_version_1_takes_texts_for_the_id_token() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let asked =
        Asked::of(&grace, &[&grace.tenant_id]).with("/response", json!({ "claimsOverrideDetails": null }));

    let answered = scene.ask(&asked.clone().with("/version", json!("1"))).await;
    let by_number = scene.ask(&asked.with("/version", json!(1))).await;

    insta::assert_json_snapshot!(answered.event["response"]);
    assert_eq!(by_number.event["response"], answered.event["response"]);
    let claims = &answered.event["response"]["claimsOverrideDetails"]["claimsToAddOrOverride"];
    assert!(
        claims
            .as_object()
            .is_some_and(|claims| claims.values().all(Value::is_string))
    );
}

#[tokio::test]
async fn who_may_act_nowhere_is_a_person_without_a_tenant() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    scene.app.force_status(&grace.tenant_id, "SUSPENDED").await;

    let answered = scene.ask(&Asked::of(&grace, &[&grace.tenant_id])).await;

    insta::assert_json_snapshot!(answered.details());
    let path = format!("/tenants/{}", grace.tenant_id);
    let token = scene.token(&answered);
    scene.app.get(&path).bearer(&token).send().await.expect(403);
    scene
        .app
        .get("/permissions")
        .bearer(&token)
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn whom_nobody_knows_here_gets_tokens_with_nothing_of_ours() {
    let scene = Scene::start().await;

    let answered = scene.ask(&Asked::by("eve", "a-login-of-nobody")).await;

    insta::assert_json_snapshot!(answered.details());
    assert_eq!(answered.usage.calls, 1);
    let token = scene.token(&answered);
    scene.app.get("/tenants").bearer(&token).send().await.expect(403);
}

#[tokio::test]
async fn a_machine_is_a_stranger() {
    let operators = json!({ "admins": ["*"] });
    let scene = Scene::with_operators(&operators).await;
    let mut event = json!({
        "version": "3",
        "triggerSource": "TokenGeneration_ClientCredentials",
        "region": "eu-west-1",
        "userPoolId": "eu-west-1_AbCdEfGhI",
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "5b9b3v2rqkk2fqpnh1hs1p4k1f" },
        "request": {
            "userAttributes": {},
            "groupConfiguration": {},
            "scopes": ["reports/read"],
            "clientMetadata": { "tenantId": scene.app.unknown_id() },
        },
        "response": { "claimsAndScopeOverrideDetails": null },
    });

    let machine = scene.ask(&Asked(event.clone())).await;
    event["request"]["groupConfiguration"] = json!({ "groupsToOverride": ["admins"] });
    event["request"]["clientMetadata"] = json!({});
    let pretending = scene.ask(&Asked(event)).await;

    let stranger = scene.ask(&Asked::by("eve", "a-login-of-nobody")).await;
    assert_eq!((machine.details(), machine.usage.calls), (stranger.details(), 0));
    assert_eq!(
        (pretending.details(), pretending.usage.calls),
        (stranger.details(), 0)
    );
}

#[tokio::test]
async fn an_operator_holds_the_platform_and_costs_no_call() {
    let operators = json!({ "support": ["ViewTenant", "ViewLead"], "admins": ["*"] });
    let scene = Scene::with_operators(&operators).await;
    let tenant_id = scene.app.active_tenant("acme").await;
    let asked = Asked::by("ada", "the-login-of-ada");

    let support = scene.ask(&asked.clone().in_groups(&["editors", "support"])).await;
    let both = scene.ask(&asked.clone().in_groups(&["support", "admins"])).await;

    insta::assert_json_snapshot!(support.details());
    assert_eq!((support.usage.calls, both.usage.calls), (0, 0));
    assert_is_complete(support.access());
    let token = scene.token(&support);
    scene.app.get("/tenants").bearer(&token).send().await.expect(200);
    let command = scene
        .app
        .post("/tenants")
        .bearer(&token)
        .json(&TestApp::new_tenant("globex"))
        .send()
        .await;
    command.expect(403);
    let all: Vec<&str> = Permission::all().map(Permission::name).collect();
    assert_eq!(both.claims()["permissions"], json!(all));
    assert!(both.token_bytes() <= 4096, "{}", both.token_bytes());
    let path = format!("/tenants/{tenant_id}/suspend");
    let reason = json!({ "reason": "unpaid" });
    let suspended = scene
        .app
        .post(&path)
        .bearer(&scene.token(&both))
        .json(&reason)
        .send()
        .await;
    assert!(suspended.status.is_success(), "{}", suspended.text);
}

#[tokio::test]
async fn an_operator_who_names_a_tenant_is_a_member_there_or_nothing() {
    let scene = Scene::with_operators(&json!({ "admins": ["*"] })).await;
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &["admins", &grace.tenant_id]);

    let member = scene.ask(&asked.clone().wanting(&*grace.tenant_id)).await;
    let nothing = scene.ask(&asked.clone().wanting(scene.app.unknown_id())).await;
    let unusable = scene.ask(&asked.clone().wanting("acme")).await;
    let operator = scene.ask(&asked.refreshing()).await;

    assert_eq!(member.tenant().as_ref(), Some(&grace.tenant_id));
    for answered in [&member, &nothing, &unusable] {
        assert_eq!(answered.access()["scopesToAdd"], json!(null));
        assert_eq!(answered.access()["scopesToSuppress"], json!(["platform"]));
    }
    assert_eq!(
        (nothing.names(), unusable.names()),
        (vec!["userId".to_owned()], vec!["userId".to_owned()])
    );
    assert_eq!(operator.names(), ["permissions"]);
    assert_eq!(operator.access()["scopesToAdd"], json!(["platform"]));
}

#[tokio::test]
async fn a_claim_of_ours_comes_from_nowhere_else() {
    let scene = Scene::with_operators(&json!({ "admins": ["*"] })).await;
    let grace = scene.member(SystemRole::Owner).await;
    let many = vec![grace.tenant_id.as_str(); 40];
    let asked = [
        Asked::of(&grace, &[&grace.tenant_id]),
        Asked::of(&grace, &many),
        Asked::of(&grace, &[]).wanting(scene.app.unknown_id()),
        Asked::of(&grace, &["admins"]),
        Asked::by("eve", "a-login-of-nobody"),
    ];

    for asked in asked {
        let second = scene.ask(&asked).await;
        assert_is_complete(second.access());
        assert_is_complete(&second.details()["idTokenGeneration"]);
        let first = scene.ask(&asked.with("/version", json!("1"))).await;
        assert_is_complete(&first.event["response"]["claimsOverrideDetails"]);
        assert_eq!(
            first.event["response"]["claimsOverrideDetails"],
            second.details()["idTokenGeneration"]
        );
    }
}

#[tokio::test]
async fn permissions_without_room_are_referred_to_and_the_api_looks_them_up() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let tenant_id = grace.tenant_id.as_str();
    let many = vec![tenant_id; 40];

    let answered = scene.ask(&Asked::of(&grace, &many)).await;

    let whole = scene.ask(&Asked::of(&grace, &[tenant_id])).await;
    let mut expected = whole.claims();
    let permissions = expected.shift_remove("permissions");
    assert_eq!(permissions, Some(json!(of_members().collect::<Vec<_>>())));
    expected.insert("permissionsRef".to_owned(), json!("membership"));
    assert_eq!(answered.claims(), expected);
    assert!(answered.token_bytes() <= 4096, "{}", answered.token_bytes());
    assert_eq!(answered.usage.calls, 1);
    let (token, path) = (scene.token(&answered), format!("/tenants/{tenant_id}/roles"));
    let role = json!({ "name": "Books", "permissions": ["ViewInvoice"] });
    scene.app.get(&path).bearer(&token).send().await.expect(200);
    scene
        .app
        .post(&path)
        .bearer(&token)
        .json(&role)
        .send()
        .await
        .expect(201);
    // What is looked up is what is true now.
    let member = scene.app.role(tenant_id, SystemRole::Member);
    scene.overwrite(&grace, "roleId", &member).await;
    scene.app.get(&path).bearer(&token).send().await.expect(200);
    scene
        .app
        .post(&path)
        .bearer(&token)
        .json(&role)
        .send()
        .await
        .expect(403);
    scene.overwrite(&grace, "status", "INACTIVE").await;
    scene.app.get(&path).bearer(&token).send().await.expect(403);
}

#[tokio::test]
async fn access_tokens_are_no_longer_than_they_are_to_be_and_say_as_much_as_they_can() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let groups = vec![grace.tenant_id.as_str(); 120];
    let slashes = vec!["https://acme.com/editors/and/authors"; 60];
    let (mut named, mut referred) = (Vec::new(), Vec::new());

    for count in 0..=60 {
        for groups in [&groups[..count], &slashes[..count]] {
            let answered = scene.ask(&Asked::of(&grace, groups)).await;
            let bytes = answered.token_bytes();
            if answered.claims().contains_key("permissions") {
                named.push(bytes);
            } else {
                referred.push((count, bytes));
            }
        }
    }

    let longest = named.iter().max().copied().unwrap_or_default();
    assert!((3_850..=4_096).contains(&longest), "{longest}");
    // Forty groups still fit.
    assert!(
        referred
            .iter()
            .all(|(count, bytes)| *count > 40 || *bytes <= 4_096),
        "{referred:?}"
    );
    // Whom nothing would fit for says where it acts all the same.
    let crowd = scene.ask(&Asked::of(&grace, &groups)).await;
    assert!(crowd.token_bytes() > 4_096);
    assert_eq!(crowd.claims()["permissionsRef"], "membership");
    assert_eq!(crowd.tenant(), Some(grace.tenant_id));
}

#[tokio::test]
async fn the_name_of_a_role_is_counted_as_cognito_may_write_it() {
    let scene = Scene::start().await;
    let tenant_id = scene.app.active_tenant("acme").await;
    let name = "経理・請求担当/".repeat(12);
    let role = scene.app.custom_role(&tenant_id, &name, of_members()).await;
    let grace = scene.app.join(&tenant_id, "grace@acme.com", &role).await;
    scene.know(&grace, SUB).await;
    let groups = vec![tenant_id.as_str(); 20];

    for count in 0..groups.len() {
        let answered = scene.ask(&Asked::of(&grace, &groups[..count])).await;
        assert_eq!(answered.claims()["role"], json!(name));
        assert!(
            answered.token_bytes() <= 4_096,
            "{count}: {}",
            answered.token_bytes()
        );
    }
}

#[tokio::test]
async fn how_long_tokens_are_is_a_setting() {
    for (most, is_referred) in [(1024, true), (2048, true), (3072, false), (8192, false)] {
        let scene = Scene::with(TestApp::start().await, "{}", most);
        let grace = scene.member(SystemRole::Owner).await;

        let answered = scene.ask(&Asked::of(&grace, &[&grace.tenant_id])).await;

        assert_eq!(
            answered.claims().contains_key("permissionsRef"),
            is_referred,
            "{most}"
        );
        assert!(
            most == 1024 || answered.token_bytes() <= most,
            "{most}: {}",
            answered.token_bytes()
        );
    }
}

#[tokio::test]
async fn a_tenant_named_by_what_is_no_id_is_no_tenant() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]);
    let braced = format!("{{{}}}", grace.tenant_id);
    let cases = [
        json!(""),
        json!("acme"),
        json!("a".repeat(1_000_000)),
        json!(braced),
        json!(format!(" {}", grace.tenant_id)),
        json!("\u{202e}\0"),
        json!(7),
        json!(true),
        json!([grace.tenant_id]),
        json!({ "id": grace.tenant_id }),
    ];

    for wanted in cases {
        let answered = scene.ask(&asked.clone().wanting(wanted.clone())).await;
        let wanted: String = wanted.to_string().chars().take(50).collect();
        assert_eq!(answered.names(), ["userId"], "{wanted}");
        assert_eq!(answered.usage.calls, 1, "{wanted}");
    }
}

#[tokio::test]
async fn whatever_else_an_event_brings_is_passed_over_and_given_back() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]);
    let usual = scene.ask(&asked).await;
    let groups = json!([grace.tenant_id, 7, null, {}, "editors", "", "a".repeat(128)]);
    let cases = [
        ("/request/groupConfiguration/groupsToOverride", groups),
        (
            "/request/groupConfiguration/groupsToOverride",
            json!(grace.tenant_id),
        ),
        ("/request/groupConfiguration", json!(null)),
        ("/request/scopes", json!("openid")),
        ("/request/scopes", json!([1, "openid"])),
        ("/callerContext", json!(null)),
        ("/triggerSource", json!(null)),
        ("/region", json!(1)),
        ("/request/clientMetadata", json!("tenantId")),
        (
            "/request/clientMetadata",
            json!({ "tenantId": null, "TenantId": "x", "userId": "y" }),
        ),
        (
            "/request/clientMetadata",
            json!({ "other": "a".repeat(1_000_000) }),
        ),
        ("/response", json!(null)),
        ("/response", json!([])),
        ("/response", json!({ "claimsAndScopeOverrideDetails": [] })),
    ];

    for (pointer, value) in cases {
        let asked = asked.clone().wanting(Value::Null).with(pointer, value.clone());
        let answered = scene.ask(&asked).await;
        let value: String = value.to_string().chars().take(80).collect();
        assert_eq!(answered.claims(), usual.claims(), "{pointer} {value}");
        let (mut given, mut back) = (asked.0, answered.event);
        (given["response"], back["response"]) = (json!(null), json!(null));
        assert_eq!(given, back, "{pointer} {value}");
    }
}

#[tokio::test]
async fn what_else_is_in_the_response_stays_there() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &[]).with("/response", json!({ "later": { "a": 1 } }));

    let answered = scene.ask(&asked).await;

    assert_eq!(answered.event["response"]["later"], json!({ "a": 1 }));
    assert_eq!(answered.tenant(), Some(grace.tenant_id));
}

#[tokio::test]
async fn what_is_no_event_is_refused() {
    let scene = Scene::start().await;

    for event in [json!(null), json!([]), json!("event"), json!(1)] {
        assert_eq!(scene.try_asking(&Asked(event)).await, Err(Refusal::NoEvent));
    }
    let empty = scene.ask(&Asked(json!({}))).await;
    assert_eq!((empty.names(), empty.usage.calls), (vec![], 0));
}

#[tokio::test]
async fn without_the_table_there_are_no_tokens() {
    let app = TestApp::start_patient(Duration::from_millis(300), |_| {}).await;
    let scene = Scene::with(app, r#"{"admins":["*"]}"#, 4096);
    let grace = scene.member(SystemRole::Member).await;
    let asked = Asked::of(&grace, &[&grace.tenant_id]);
    scene.app.product.table.stop();

    let refused = scene.try_asking(&asked).await;
    let named = scene.try_asking(&asked.clone().wanting(&*grace.tenant_id)).await;
    let unusable = scene.try_asking(&asked.wanting("acme")).await;
    let operator = scene
        .ask(&Asked::by("ada", "the-login-of-ada").in_groups(&["admins"]))
        .await;

    assert_eq!(
        (&refused, &named, &unusable),
        (
            &Err(Refusal::Unavailable),
            &Err(Refusal::Unavailable),
            &Err(Refusal::Unavailable)
        )
    );
    assert_eq!(operator.names(), ["permissions"]);
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_given_up_on_before_cognito_gives_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("there is a port");
    let address = silent.local_addr().expect("it is bound");
    let keyring = Keyring::from_bytes([7; 32]);
    let entropy = Arc::new(tenantry_testing::SeededEntropy::default());
    let settings = tenantry_store::Settings {
        table: TABLE.to_owned(),
        cursor_key: keyring.cursor_key(),
        audit_keys: keyring.audit_keys(),
        entropy: entropy.clone(),
        patience: Duration::from_mins(1),
    };
    let app = App {
        store: Store::new(&client(&format!("http://{address}")), settings),
        clock: Arc::new(SystemClock),
        entropy,
        config: Config::read(|_| None).expect("defaults are valid"),
        identity: IdentityProviders::default(),
        keyring,
    };
    let tokens = Tokens::new(
        Arc::new(app),
        Settings::read(|_| None).expect("defaults are valid"),
    );
    // From here on a clock moves whenever everybody waits.
    tokio::time::pause();
    let asked_at = Instant::now();

    let refused = tokens.handle(Asked::by("grace", SUB).0).await;

    assert_eq!(refused, Err(Refusal::Unavailable));
    assert!(
        asked_at.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked_at.elapsed()
    );
}

/// Everything that this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<Value> {
        let written = self.0.lock().expect("no test panics here");
        let lines = written
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).expect("a line is JSON"))
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics here").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn each_call_is_one_line_without_a_person_in_it() {
    let scene = Scene::start().await;
    let grace = scene.member(SystemRole::Owner).await;
    let many = vec![grace.tenant_id.as_str(); 40];
    let (log, everything) = (
        Log::default(),
        tracing_subscriber::fmt().with_writer(io::sink).finish(),
    );
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(log.clone())
        .finish();
    // Other tests of this process have met these lines without a subscriber: one that keeps nothing makes tracing ask again.
    let _ = tracing::subscriber::set_global_default(everything);
    let guard = tracing::subscriber::set_default(subscriber);

    let asked = Asked::of(&grace, &[&grace.tenant_id]);
    let answers: Vec<Answered> = vec![
        scene.ask(&asked).await,
        scene.ask(&Asked::of(&grace, &many).refreshing()).await,
        scene.ask(&asked.clone().wanting("a wish of Grace's")).await,
        scene.ask(&Asked::by("eve", "a-login-of-nobody")).await,
    ];
    drop(guard);

    assert_eq!(answers.len(), 4);
    let lines = log.lines();
    let told: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!([
                line["level"],
                line["message"],
                line["trigger.source"],
                line["subject"],
                line["tenant.id"] == grace.tenant_id,
                line["permissions.are_referred"],
            ])
        })
        .collect();
    insta::assert_json_snapshot!(told);
    assert!(
        lines
            .iter()
            .all(|line| line["request.id"].as_str().is_some_and(|id| id.len() == 36))
    );
    let text = json!(lines).to_string();
    for personal in [
        "grace",
        "Grace",
        SUB,
        &grace.user_id,
        &grace.membership_id,
        "a-login-of-nobody",
        "eve\"",
    ] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
}
