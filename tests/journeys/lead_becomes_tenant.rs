use serde_json::json;
use tenantry_local::Options;

use crate::journeys::world::{World, code_in, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lead_becomes_an_active_tenant() {
    let (server, world) = start(Options::default(), &[]).await;

    lead_becomes_tenant(&world).await;

    server.stop().await;
}

/// The journey of the README's first page.
pub(crate) async fn lead_becomes_tenant(world: &World) {
    let key = world.key("acme");
    let (email, domain) = (format!("ada@{key}.com"), format!("{key}.com"));
    let person = json!({ "firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": format!("Ada@{key}.Com") });

    let signed_up = world.post("/leads").json(&person).send().await.expect(201);
    let lead_id = signed_up.text_at("/id");
    assert_eq!(signed_up.headers["location"], format!("/leads/{lead_id}"));
    assert!(
        !signed_up.json.to_string().contains("tlc_"),
        "the code leaves by mail only"
    );

    let mail = world.mail_to(&email, "Confirm your e-mail address").await;
    let code = code_in(&mail);
    let link = format!("#lead={lead_id}&code={code}");
    assert!(
        mail["text"].as_str().is_some_and(|text| text.contains(&link)),
        "{mail}"
    );
    assert!(
        mail["html"].as_str().is_some_and(|html| html.contains(&code)),
        "{mail}"
    );

    let verify = format!("/leads/{lead_id}/verify");
    let token = world
        .post(&verify)
        .bearer(&code)
        .send()
        .await
        .expect(200)
        .text_at("/token");
    world
        .post(&verify)
        .bearer(&code)
        .send()
        .await
        .expect_problem(401, "invalid_token");

    let check = world
        .get(&format!("/tenant-keys/{key}"))
        .bearer(&token)
        .send()
        .await
        .expect(200);
    assert_eq!(check.json, json!({ "key": key, "available": true }));
    let body = json!({ "key": key, "domains": [domain] });
    let tenant = world
        .post(&format!("/leads/{lead_id}/tenants"))
        .bearer(&token)
        .json(&body)
        .send()
        .await
        .expect(201);
    let tenant_id = tenant.text_at("/id");
    assert_eq!(tenant.json["status"], "PENDING_PROVISION");
    assert_eq!(tenant.json["contacts"][0]["email"], email.as_str());
    let check = world
        .get(&format!("/tenant-keys/{key}"))
        .bearer(&token)
        .send()
        .await
        .expect(200);
    assert_eq!(
        check.json,
        json!({ "key": key, "available": false, "reason": "taken" })
    );

    let job = world.provision(&tenant_id).await;
    assert_eq!(job["status"], "OPEN");
    assert_eq!(job["attempt"], 1);
    world.answer_as_app_plane(&tenant_id, &key, &job).await;

    let app_plane_url = format!("https://{key}.app.example.com");
    let active = world.tenant_in(&tenant_id, "ACTIVE").await;
    assert_eq!(active["tier"], "BASIC");
    assert_eq!(active["appPlaneUrl"], app_plane_url.as_str());
    assert_eq!(active["resources"].as_array().map(Vec::len), Some(2), "{active}");
    assert_eq!(active["lead"]["id"], lead_id.as_str());
    let seen_by_lead = world
        .get(&format!("/tenants/{tenant_id}"))
        .bearer(&token)
        .send()
        .await
        .expect(200);
    assert_eq!(seen_by_lead.json["status"], "ACTIVE");

    let welcome = world.mail_to(&email, "Acme is ready").await;
    assert!(
        welcome["text"]
            .as_str()
            .is_some_and(|text| text.contains(&app_plane_url)),
        "{welcome}"
    );
    let operator = world.operator_token().await;
    let trail = world
        .get(&format!("/tenants/{tenant_id}/audit?order=createdAt:asc"))
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    let actions: Vec<&str> = trail.json["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "tenant.created",
            "tenant.provisioning_requested",
            "tenant.activated"
        ]
    );
}
