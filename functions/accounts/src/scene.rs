//! What this crate's tests begin with.

use serde_json::{Value, json};
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
