//! What this crate's tests begin with.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tenantry_app::{Context, TraceContext};
use tenantry_domain::{Actor, ConfigName, Id, TenantScope};
use tenantry_testing::{Answer, TestApp};

/// Grace, who keeps the books of the tenant.
pub(crate) fn grace(tenant_id: &str) -> Value {
    json!({ "tenantId": tenant_id, "firstName": "Grace", "lastName": "Hopper", "email": "Grace@Books.example", "type": "billing" })
}

/// Adds Grace; answers her id.
pub(crate) async fn add_grace(app: &TestApp, tenant_id: &str) -> String {
    app.account_thing("/contacts", &grace(tenant_id)).await
}

/// The path of a contact, as operators name it.
pub(crate) fn path_of(tenant_id: &str, id: &str) -> String {
    format!("/contacts/{id}?tenantId={tenant_id}")
}

pub(crate) async fn patch(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.patch(path).bearer(&app.operator()).json(body).send().await
}

/// The tenant's contacts, oldest first.
pub(crate) async fn contacts(app: &TestApp, tenant_id: &str) -> Vec<Value> {
    let path = format!("/contacts?tenantId={tenant_id}&order=createdAt:asc&limit=100");
    let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);
    answer.json()["items"].as_array().cloned().unwrap_or_default()
}

/// The names of those contacts that are primary.
pub(crate) async fn primary(app: &TestApp, tenant_id: &str) -> Vec<String> {
    let contacts = contacts(app, tenant_id).await;
    let primary = contacts
        .iter()
        .filter(|contact| contact["isPrimary"] == true)
        .filter_map(|contact| contact["firstName"].as_str());
    primary.map(str::to_owned).collect()
}

/// How many contacts the tenant is said to have.
pub(crate) async fn counted(app: &TestApp, tenant_id: &str) -> String {
    let path = format!("/contacts/count?tenantId={tenant_id}");
    let answer = app.get(&path).bearer(&app.operator()).send().await;
    answer.expect(200).text_at("/count")
}

/// Where the tenant's users sign in.
pub(crate) fn auth0(tenant_id: &str) -> Value {
    json!({
        "tenantId": tenant_id, "configKey": "auth0",
        "configValue": { "domain": "acme.auth0.com", "connections": ["sms", null], "limit": 1e300 },
        "secrets": { "clientSecret": "s3cret-one", "signingKey": "s3cret-two" },
    })
}

/// Adds that setting; answers its id.
pub(crate) async fn add_auth0(app: &TestApp, tenant_id: &str) -> String {
    app.account_thing("/tenant-configs", &auth0(tenant_id)).await
}

/// The path of a setting, as operators name it.
pub(crate) fn path_of_config(tenant_id: &str, id: &str) -> String {
    format!("/tenant-configs/{id}?tenantId={tenant_id}")
}

/// The secrets of the tenant's `auth0`, as identity set-up reads them.
pub(crate) async fn opened(app: &TestApp, tenant_id: &str) -> Vec<(String, String)> {
    let context = Context::new(
        &app.product.edge.app,
        String::new(),
        TraceContext::of_request(None, "r"),
    );
    let tenant_id = Id::parse(tenant_id).expect("ids are ids");
    let scope = TenantScope::of_system(tenant_id, Actor::System);
    let key = ConfigName::parse("auth0").expect("it is a key");
    let found = context.find_config_with_secrets(&scope, &key).await;
    let (_, secrets) = found.expect("secrets can be opened").expect("it is set");
    let plain =
        |(name, secret): (ConfigName, SecretString)| (name.to_string(), secret.expose_secret().to_owned());
    secrets.into_iter().map(plain).collect()
}
