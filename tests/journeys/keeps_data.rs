use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tenantry_app::{Config, OsEntropy, SystemClock};
use tenantry_local::{Ingredients, Options, Product};
use tower::ServiceExt as _;

use crate::journeys::world::{code_in, start};

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn keeping(data: &Path) -> Options {
    Options {
        data: Some(data.to_owned()),
        no_app_plane: true,
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_tokens_and_open_jobs_survive_a_restart_and_nothing_is_sent_twice() {
    let data = folder("survives_a_restart");
    let (server, world) = start(keeping(&data), &[]).await;
    let (lead_id, lead_token) = world.verified_lead("ada@acme.com").await;
    let tenant_id = world.tenant("globex").await;
    let order = world.provision_and_receive(&tenant_id).await;
    let operator = world.operator_token().await;
    let before = world.find_tenant(&tenant_id).await;
    server.stop().await;

    let (server, world) = start(keeping(&data), &[]).await;

    let lead = world
        .get(&format!("/leads/{lead_id}"))
        .bearer(&lead_token)
        .send()
        .await
        .expect(200);
    assert_eq!(lead.json["email"], "ada@acme.com");
    let tenant = world
        .get(&format!("/tenants/{tenant_id}?include=contacts,resources,lead"))
        .bearer(&operator)
        .send()
        .await;
    assert_eq!(tenant.expect(200).json, before);
    // The port is another one, so the report goes where the product is now.
    let report = world.post("/webhook");
    let body = crate::journeys::world::success(&tenant_id);
    let now = crate::journeys::world::now_ms();
    let secret = order.secret.clone().into();
    let signature = tenantry_app::signature::sign(&secret, body.to_string().as_bytes(), &order.context, now);
    let report = report
        .header("x-timestamp", &now.to_string())
        .header("x-signature", &signature)
        .json(&body);
    report.send().await.expect(204);
    world.mail_to("ada@globex.com", "globex is ready").await;
    // The welcome mail came after everything older, so what would come twice had come by now.
    assert_eq!(world.mails_to("ada@acme.com").await, Vec::<Value>::new());
    assert_eq!(
        world.events_about(&tenant_id, "tenant.created.v1").await,
        Vec::<Value>::new()
    );

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_was_not_delivered_goes_out_after_the_restart() {
    let data = folder("goes_out_after_restart");
    let lead_id = sign_up_without_a_relay(&data).await;

    let (server, world) = start(keeping(&data), &[]).await;

    let mail = world.mail_to("ada@acme.com", "Confirm your e-mail address").await;
    world
        .post(&format!("/leads/{lead_id}/verify"))
        .bearer(&code_in(&mail))
        .send()
        .await
        .expect(200);
    assert_eq!(world.events_about(&lead_id, "lead.created.v1").await.len(), 1);

    server.stop().await;
}

/// The product as it is when the process dies right after its answer: nothing has read the stream.
async fn sign_up_without_a_relay(data: &Path) -> String {
    let ingredients = Ingredients {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        config: Config::read(|_| None).expect("the defaults are valid"),
        data: Some(data.to_owned()),
        patience: Duration::from_secs(6),
        identity: None,
    };
    let product = Product::start(ingredients).await.expect("the product starts");
    let person =
        json!({ "firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": "ada@acme.com" });
    let request = Request::post("/leads").header("content-type", "application/json");
    let request = request
        .body(Full::new(Bytes::from(person.to_string())))
        .expect("the request is valid");

    let response = product
        .router
        .clone()
        .oneshot(request)
        .await
        .expect("the router answers everything");

    assert_eq!(response.status(), 201);
    let body = response
        .into_body()
        .collect()
        .await
        .expect("answers are complete")
        .to_bytes();
    let lead: Value = serde_json::from_slice(&body).expect("the answer is JSON");
    product.table.stop();
    lead["id"].as_str().expect("a lead has an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_is_being_provisioned_when_the_product_stops_is_in_use_when_it_starts_again() {
    let data = folder("finishes_before_it_stops");
    let with_app_plane = || Options {
        no_app_plane: false,
        ..keeping(&data)
    };
    let (server, world) = start(with_app_plane(), &[]).await;
    let tenant_id = world.tenant("globex").await;
    world.provision(&tenant_id).await;

    server.stop().await;
    let (server, world) = start(with_app_plane(), &[]).await;

    assert_eq!(world.find_tenant(&tenant_id).await["status"], "ACTIVE");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_belongs_to_one_process_at_a_time() {
    let data = folder("belongs_to_one");
    let (server, _) = start(keeping(&data), &[]).await;

    let second = tenantry_local::Server::start(keeping(&data), |_| None).await;
    let refusal = second.err().map(|error| error.to_string()).unwrap_or_default();
    server.stop().await;

    assert!(refusal.ends_with("another process uses it"), "{refusal}");
    let (third, _) = start(keeping(&data), &[]).await;
    third.stop().await;
}
