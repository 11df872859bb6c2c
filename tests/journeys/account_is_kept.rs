use http::Method;
use serde_json::{Value, json};
use tenantry_local::Options;

use crate::journeys::world::{Reply, World, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_kept() {
    let (server, world) = start(
        Options {
            no_app_plane: true,
            ..Options::default()
        },
        &[],
    )
    .await;

    account_is_kept(&world).await;

    server.stop().await;
}

/// An operator keeps a tenant's contacts and settings.
pub(crate) async fn account_is_kept(world: &World) {
    let tenant = world.tenant(&world.key("acme")).await;
    contacts_are_kept(world, &tenant).await;
    settings_are_kept(world, &tenant).await;

    let operator = world.operator_token().await;
    let checked = world.get(&format!("/tenants/{tenant}/audit/verify"));
    let checked = checked.bearer(&operator).send().await.expect(200);
    // Founded; a contact added, promoted, another removed; a setting added, changed, removed.
    assert_eq!(checked.json["entries"], 7, "{}", checked.text);
}

async fn contacts_are_kept(world: &World, tenant: &str) {
    let grace = json!({
        "tenantId": tenant, "firstName": "Grace", "lastName": "Hopper", "email": "grace@books.example", "type": "billing",
    });
    let grace = send(world, "POST", "/contacts", Some(&grace)).await.expect(201);
    let grace = grace.text_at("/id");
    let listed = send(
        world,
        "GET",
        &format!("/contacts?tenantId={tenant}&order=createdAt:asc"),
        None,
    )
    .await;
    let ada = listed.expect(200).text_at("/items/0/id");
    let path_of = |id: &str| format!("/contacts/{id}?tenantId={tenant}");

    let keep = send(world, "DELETE", &path_of(&ada), None).await;
    keep.expect_problem(409, "primary_contact_required");
    let promoted = send(
        world,
        "PATCH",
        &path_of(&grace),
        Some(&json!({ "isPrimary": true })),
    )
    .await;
    promoted.expect(200);
    send(world, "DELETE", &path_of(&ada), None).await.expect(204);

    send(world, "GET", &path_of(&ada), None)
        .await
        .expect_problem(404, "not_found");
    let counted = send(world, "GET", &format!("/contacts/count?tenantId={tenant}"), None).await;
    assert_eq!(counted.expect(200).json["count"], 1);
    let shown = world.find_tenant(tenant).await;
    assert_eq!(shown["contacts"][0]["firstName"], "Grace");
    assert_eq!(shown["contacts"][0]["isPrimary"], true);
    let removed = world.event_about(tenant, "contact.deleted.v1").await;
    assert_eq!(removed["detail"]["data"]["contact"]["id"], ada.as_str());
}

async fn settings_are_kept(world: &World, tenant: &str) {
    let auth0 = json!({
        "tenantId": tenant, "configKey": "auth0", "configValue": { "domain": "acme.auth0.com" },
        "secrets": { "clientSecret": "s3cret" },
    });
    let made = send(world, "POST", "/tenant-configs", Some(&auth0))
        .await
        .expect(201);
    let path = format!("/tenant-configs/{}?tenantId={tenant}", made.text_at("/id"));

    let again = send(world, "POST", "/tenant-configs", Some(&auth0)).await;
    again.expect_problem(409, "tenant_config_exists");
    let changes = json!({ "secrets": { "clientSecret": null, "signingKey": "s3cret" } });
    send(world, "PATCH", &path, Some(&changes)).await.expect(200);
    let found = send(world, "GET", &path, None).await.expect(200);
    let listed = format!("/tenant-configs?tenantId={tenant}&configKey=auth0");
    let listed = send(world, "GET", &listed, None).await.expect(200);
    send(world, "DELETE", &path, None).await.expect(204);

    assert_eq!(found.json["secretNames"], json!(["signingKey"]));
    assert_eq!(listed.json["items"], json!([found.json]));
    assert!(!found.text.contains("s3cret"));
    let counted = format!("/tenant-configs/count?tenantId={tenant}");
    let counted = send(world, "GET", &counted, None).await.expect(200);
    assert_eq!(counted.json["count"], 0);
}

async fn send(world: &World, method: &str, path: &str, body: Option<&Value>) -> Reply {
    let method = Method::from_bytes(method.as_bytes()).expect("journeys name valid methods");
    let call = world.call(method, path).bearer(&world.operator_token().await);
    match body {
        Some(body) => call.json(body).send().await,
        None => call.send().await,
    }
}
