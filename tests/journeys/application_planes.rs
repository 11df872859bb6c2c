use serde_json::{Value, json};
use tenantry_local::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::journeys::world::{Order, World, start, start_without_app_plane, success};

/// Environment variables.
type Settings = &'static [(&'static str, &'static str)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_plane_answers_over_the_bus() {
    let (server, world) = start_without_app_plane().await;

    application_plane_answers_over_the_bus(&world).await;

    server.stop().await;
}

/// Our own dialect, answered by event rather than by webhook; what is none of it changes nothing.
pub(crate) async fn application_plane_answers_over_the_bus(world: &World) {
    let tenant_id = world.tenant(&world.key("bus")).await;
    let order = world.provision_and_receive(&tenant_id).await;
    let resources = json!([{ "type": "bucket", "externalIdentifier": "files" }]);
    let data =
        json!({ "jobId": order.job_id, "resources": resources, "appPlaneUrl": "https://app.example.com" });

    let (own, foreign) = ("tenantry.application-plane", "sbt.application.plane");
    let stray = json!({ "tenantRegistrationId": order.job_id, "jobOutput": {} });
    world.publish(foreign, "sbt_aws_provisionFailure", &stray).await;
    world
        .publish(own, "job.succeeded.v1", &json!({ "data": data }))
        .await;

    let tenant = world.tenant_in(&tenant_id, "ACTIVE").await;
    assert_eq!(tenant["resources"][0]["externalIdentifier"], "files");
    assert_eq!(tenant["appPlaneUrl"], "https://app.example.com");
    // Once more, and then its contradiction: both are too late.
    world
        .publish(own, "job.succeeded.v1", &json!({ "data": data }))
        .await;
    let contradiction = json!({ "data": { "jobId": order.job_id, "reason": "no room" } });
    world.publish(own, "job.failed.v1", &contradiction).await;
    let late =
        || async { Some(world.steps(&tenant_id, &order.job_id).await).filter(|steps| steps.len() == 3) };
    let steps = world.eventually("the contradiction to be noted", late).await;
    assert_eq!(steps, ["requested", "succeeded", "late_failure_refused"]);
    assert_eq!(world.find_tenant(&tenant_id).await["status"], "ACTIVE");
    world.event_about(&tenant_id, "tenant.activated.v1").await;
}

/// Makes a tenant and has it removed again by the sample application plane; answers what the plane was told and the first
/// job's steps.
async fn round_trip(settings: Settings) -> (Vec<(Value, Value)>, Vec<String>) {
    let (server, world) = start(Options::default(), settings).await;
    let tenant_id = world.tenant(&world.key("trip")).await;
    let job = world.provision(&tenant_id).await;

    world.tenant_in(&tenant_id, "ACTIVE").await;
    let job_id = job["id"].as_str().unwrap_or_default();
    // A pipeline's word that the infrastructure stands may come just before its report.
    let steps = world.steps(&tenant_id, job_id).await;
    let operator = world.operator_token().await;
    let offboard = world
        .post(&format!("/tenants/{tenant_id}/offboard"))
        .bearer(&operator);
    offboard.json(&json!({ "graceDays": 0 })).send().await.expect(202);
    world.tenant_in(&tenant_id, "INACTIVE").await;

    let events = world.events().await;
    let source = events
        .iter()
        .find(|event| event["source"] != "tenantry")
        .map(|event| event["source"].clone())
        .unwrap_or_default();
    let told = events
        .into_iter()
        .filter(|event| event["source"] == source)
        .map(|mut event| (event["detail-type"].take(), event["detail"].take()))
        .collect();
    server.stop().await;
    (told, steps)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sbts_planes_make_and_remove_a_tenant_in_each_of_their_dialects() {
    let dialects: [(Settings, &str, bool); 4] = [
        (
            &[("APPLICATION_PLANE", r#"{"dialect":"sbt-0.9"}"#)],
            "sbt_aws_",
            true,
        ),
        (&[("APPLICATION_PLANE", r#"{"dialect":"sbt-0.5.8"}"#)], "", true),
        (&[("APPLICATION_PLANE", r#"{"dialect":"sbt-0.5"}"#)], "", false),
        (&[("APPLICATION_PLANE", r#"{"dialect":"sbt-0.3"}"#)], "", false),
    ];

    for (settings, prefix, has_registrations) in dialects {
        let (told, steps) = round_trip(settings).await;

        let names: Vec<&str> = told.iter().filter_map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                format!("{prefix}onboardingRequest"),
                format!("{prefix}offboardingRequest")
            ]
        );
        for (_, detail) in &told {
            assert_eq!(
                detail.get("tenantRegistrationId").is_some(),
                has_registrations,
                "{detail}"
            );
        }
        assert_eq!(steps, ["requested", "succeeded"], "{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arcs_pipelines_make_and_remove_a_tenant() {
    let (told, steps) = round_trip(&[("APPLICATION_PLANE", r#"{"dialect":"arc"}"#)]).await;

    let names: Vec<&str> = told.iter().filter_map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["TENANT_PROVISIONING", "TENANT_DEPROVISIONING"]);
    assert_eq!(steps.first().map(String::as_str), Some("requested"));
    assert_eq!(steps.last().map(String::as_str), Some("succeeded"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arcs_infrastructure_ends_the_job_where_that_is_set() {
    const SETTINGS: Settings = &[(
        "APPLICATION_PLANE",
        r#"{"dialect":"arc","finalEvent":"TENANT_PROVISIONING_SUCCESS"}"#,
    )];
    let (server, world) = start(Options::default(), SETTINGS).await;
    let tenant_id = world.tenant(&world.key("arc")).await;
    world.provision(&tenant_id).await;

    let tenant = world.tenant_in(&tenant_id, "ACTIVE").await;

    assert_eq!(tenant["resources"][0]["type"], "terraform_state");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callback_may_come_before_the_answer_to_the_request_that_led_to_it() {
    let options = Options {
        no_app_plane: true,
        ..Options::default()
    };
    let (server, world) = start(options, &[("APPLICATION_PLANE", r#"{"dialect":"arc"}"#)]).await;
    let tenant_id = world.tenant(&world.key("soon")).await;
    let operator = world.operator_token().await;
    let body = json!({ "id": "sub_1", "plan": { "tier": "BASIC" } }).to_string();
    let host = server.url.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host.replace("localhost", "127.0.0.1"))
        .await
        .expect("the product listens");

    // Sent, and not read: for this client there is no answer yet.
    let request = format!(
        "POST /tenants/{tenant_id}/provision HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {operator}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection
        .write_all(request.as_bytes())
        .await
        .expect("the request goes out");
    let look = || async {
        let events = world.events().await;
        events
            .into_iter()
            .find(|event| event["detail-type"] == "TENANT_PROVISIONING")
    };
    let asked = world.eventually("the pipeline to be started", look).await;
    let environment = &asked["detail"]["builderConfig"]["config"]["environmentOverride"];
    let order = Order::of_arc(environment, &format!("{}/webhook", server.url));
    world
        .publish("codebuild", "TENANT_PROVISIONING_SUCCESS", environment)
        .await;
    let noted = || async {
        let job = world.find_tenant(&tenant_id).await["openJobId"].clone();
        let steps = world.steps(&tenant_id, job.as_str()?).await;
        (steps == ["requested", "infrastructure_ready"]).then_some(())
    };
    world.eventually("the infrastructure to be noted", noted).await;
    world
        .report(&order, &success(&tenant_id))
        .send()
        .await
        .expect(204);
    let mut answer = String::new();
    connection
        .read_to_string(&mut answer)
        .await
        .expect("the answer is complete");

    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert_eq!(world.find_tenant(&tenant_id).await["status"], "ACTIVE");
    server.stop().await;
}
