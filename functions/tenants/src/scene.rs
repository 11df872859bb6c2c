//! What this crate's tests begin with.

use serde_json::json;
use tenantry_domain::Permission::{CreateUserTenantPreference, ViewTenant};
use tenantry_domain::SystemRole;
use tenantry_testing::{Person, TestApp};

/// Gives a tenant whatever people bring: a role of its own; a member with it who is in a group, was allowed something more and
/// prefers something; and somebody who was invited and has not answered. Answers the member, and the code of the other one.
pub(crate) async fn populate(app: &TestApp, tenant_id: &str) -> (Person, String) {
    let role = app
        .custom_role(tenant_id, "Navigators", [ViewTenant, CreateUserTenantPreference])
        .await;
    let grace = app.join(tenant_id, "grace@navy.example", &role).await;
    let groups = format!("/tenants/{tenant_id}/groups");
    let group = app.account_thing(&groups, &json!({ "name": "Submarines" })).await;
    let operator = app.operator();
    let member = &grace.membership_id;
    for (path, body) in [
        (
            format!("/groups/{group}/user?tenantId={tenant_id}"),
            json!({ "userTenantId": member }),
        ),
        (
            format!("/user-tenants/{member}/user-level-permissions?tenantId={tenant_id}"),
            json!({ "permission": "ViewContact", "allowed": true }),
        ),
    ] {
        let call = app.post(&path).bearer(&operator).json(&body);
        call.send().await.expect(201);
    }
    let preference = json!({ "configKey": "theme", "configValue": { "colour": "ultraviolet" } });
    let call = app.post("/user-tenant-prefs").bearer(&grace.token);
    call.json(&preference).send().await.expect(201);
    let member_role = app.role(tenant_id, SystemRole::Member);
    let code = app.invite(tenant_id, "joan@navy.example", &member_role).await;
    (grace, code)
}
