//! What this crate's tests begin with.

use serde_json::{Value, json};
use tenantry_domain::{Permission, SystemRole};
use tenantry_testing::{Answer, Person, TestApp};
pub(crate) use tenantry_testing::{find, of_members, order, paged, send, told, won};

/// Somebody who is new everywhere, and whom most tests are about.
pub(crate) const GRACE: &str = "grace@navy.example";

/// The last lines of the tenant's audit trail, newest first.
pub(crate) async fn last_entries(app: &TestApp, tenant_id: &str, count: usize) -> Value {
    find(app, &format!("/tenants/{tenant_id}/audit?limit={count}")).await["items"].take()
}

/// The types of the items that have this text somewhere, each once.
pub(crate) async fn types_with(app: &TestApp, text: &str) -> Vec<String> {
    let items = app.items().await;
    let items = items.iter().filter(|item| format!("{item:?}").contains(text));
    let types = items.filter_map(|item| item.get("type")?.as_s().ok().cloned());
    let mut types: Vec<String> = types.collect();
    types.sort();
    types.dedup();
    types
}

/// How many items there are of a type.
pub(crate) async fn count_of(app: &TestApp, kind: &str) -> usize {
    let items = app.items().await;
    let is_one = |item: &&std::collections::HashMap<_, _>| {
        format!("{:?}", item.get("type")).contains(&format!("\"{kind}\""))
    };
    items.iter().filter(is_one).count()
}

/// The path of a tenant's members.
pub(crate) fn users_of(tenant_id: &str) -> String {
    format!("/tenants/{tenant_id}/users")
}

/// The path of a member.
pub(crate) fn path_of(person: &Person) -> String {
    format!("/tenants/{}/users/{}", person.tenant_id, person.user_id)
}

/// The path of a tenant's invitations.
pub(crate) fn invitations_of(tenant_id: &str) -> String {
    format!("/tenants/{tenant_id}/invitations")
}

/// Somebody who is to be invited as a member.
pub(crate) fn invitation(app: &TestApp, tenant_id: &str, email: &str) -> Value {
    json!({ "email": email, "firstName": "Grace", "roleId": app.role(tenant_id, SystemRole::Member) })
}

/// Has an operator invite this address as a member; answers the invitation's path and the code of its mail.
pub(crate) async fn invite(app: &TestApp, tenant_id: &str, email: &str) -> (String, String) {
    let path = invitations_of(tenant_id);
    let answer = order(app, "POST", &path, &invitation(app, tenant_id, email)).await;
    let id = answer.expect(201).text_at("/id");
    (format!("{path}/{id}"), app.last_invitation_code().await)
}

/// Has an operator add Grace, who is new everywhere, with this role; answers her as a member, with a token that she has not
/// earned yet, and her code.
pub(crate) async fn add_grace(app: &TestApp, tenant_id: &str, role_id: &str) -> (Person, String) {
    let body = TestApp::new_user(GRACE, role_id);
    let answer = order(app, "POST", &users_of(tenant_id), &body).await.expect(201);
    let user_id = answer.text_at("/id");
    let grace = Person {
        token: app.token_of(tenant_id, &user_id, of_members()),
        tenant_id: tenant_id.to_owned(),
        membership_id: answer.text_at("/userTenantId"),
        user_id,
    };
    (grace, app.last_invitation_code().await)
}

/// Answers an invitation with its code.
pub(crate) async fn accept(app: &TestApp, code: &str) -> Answer {
    send(app, "POST", "/invitations/accept", code, &json!({})).await
}

/// The same with a no.
pub(crate) async fn decline(app: &TestApp, code: &str) -> Answer {
    send(app, "POST", "/invitations/decline", code, &json!({})).await
}

/// Which invitation a member with a token means.
pub(crate) fn named(path: &str, user_id: &str) -> Value {
    let parts: Vec<&str> = path.split('/').collect();
    json!({ "tenantId": parts[2], "invitationId": parts[4], "userId": user_id })
}

/// Where a member stands.
pub(crate) async fn status_of(app: &TestApp, person: &Person) -> String {
    let found = app.find_user(person).await;
    found["status"].as_str().unwrap_or_default().to_owned()
}

/// Puts a member into a status without any of what leads there.
pub(crate) async fn force_status(app: &TestApp, person: &Person, status: &str) {
    let (pk, sk) = (
        format!("TENANT#{}", person.tenant_id),
        format!("MEMBER#{}", person.membership_id),
    );
    if status_of(app, person).await != status {
        app.overwrite(&pk, &sk, "status", status).await;
    }
}

/// A preference.
pub(crate) fn preference(key: &str, n: u32) -> Value {
    json!({ "configKey": key, "configValue": { "n": n } })
}

/// Sets a preference of a member; answers its path.
pub(crate) async fn prefer(app: &TestApp, person: &Person, key: &str) -> String {
    let body = preference(key, 1);
    let answer = send(app, "POST", "/user-tenant-prefs", &person.token, &body).await;
    format!("/user-tenant-prefs/{}", answer.expect(201).text_at("/id"))
}

/// A setting of the tenant's members.
pub(crate) fn policy(n: u32) -> Value {
    json!({ "configKey": "password-policy", "configValue": { "minLength": n, "classes": ["digit", null] } })
}

/// The path of a tenant's settings for its members.
pub(crate) fn configs_of(tenant_id: &str) -> String {
    format!("/tenants/{tenant_id}/tenant-configs")
}

/// Adds a setting that has secrets; answers its id.
pub(crate) async fn add_secrets(app: &TestApp, tenant_id: &str) -> String {
    let body = json!({
        "tenantId": tenant_id, "configKey": "auth0", "configValue": { "domain": "acme.auth0.com" },
        "secrets": { "clientSecret": "s3cret" },
    });
    app.account_thing("/tenant-configs", &body).await
}

/// Makes a group with these members; answers its path.
pub(crate) async fn group(app: &TestApp, tenant_id: &str, members: &[&Person]) -> String {
    let path = format!("/tenants/{tenant_id}/groups");
    let id = app.account_thing(&path, &json!({ "name": "Sales" })).await;
    for person in members {
        let body = json!({ "userTenantId": person.membership_id });
        let places = format!("/groups/{id}/user?tenantId={tenant_id}");
        order(app, "POST", &places, &body).await.expect(201);
    }
    format!("{path}/{id}")
}

/// Allows a member something beside its role.
pub(crate) async fn allow(app: &TestApp, person: &Person, permission: &str) {
    let (id, tenant_id) = (&person.membership_id, &person.tenant_id);
    let path = format!("/user-tenants/{id}/user-level-permissions?tenantId={tenant_id}");
    let body = json!({ "permission": permission, "allowed": true });
    order(app, "POST", &path, &body).await.expect(201);
}

/// A request that writes, in a tenant.
pub(crate) struct Write {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) permission: Permission,
    /// What it is answered.
    pub(crate) status: u16,
    /// The version of what it changes, if it honours one.
    pub(crate) version: Option<u64>,
}

/// Members, an invitation and a setting of a tenant, and every request of this crate that members and operators write with;
/// each succeeds, alone or in this order.
pub(crate) async fn writes(app: &TestApp, tenant_id: &str) -> Vec<Write> {
    use Permission::{
        CreateTenantUser, CreateUserInvitation, DeleteTenantUser, DeleteUserInvitation, UpdateTenant,
        UpdateTenantUser, UpdateUserInvitation,
    };
    let email = |name: &str| format!("{name}@{tenant_id}.example");
    let role = app.role(tenant_id, SystemRole::Member);
    let ada = app.join(tenant_id, &email("ada"), &role).await;
    let alan = app.join(tenant_id, &email("alan"), &role).await;
    let deactivate = format!("{}/deactivate", path_of(&alan));
    order(app, "POST", &deactivate, &Value::Null).await.expect(200);
    let (invited, _) = invite(app, tenant_id, &email("joan")).await;
    let answer = order(app, "POST", &configs_of(tenant_id), &policy(8)).await;
    let config = format!("{}/{}", configs_of(tenant_id), answer.expect(201).text_at("/id"));
    let (users, ada, alan) = (users_of(tenant_id), path_of(&ada), path_of(&alan));
    let (invitations, bulk) = (
        invitations_of(tenant_id),
        format!("{}/bulk", invitations_of(tenant_id)),
    );
    let [one, two] = ["one", "two"].map(|name| invitation(app, tenant_id, &email(name)));
    let new = TestApp::new_user(&email("new"), &role);
    let titled = json!({ "designation": "Rear admiral" });
    let write = |method, path: &str, body, permission, status, version| Write {
        method,
        path: path.to_owned(),
        body,
        permission,
        status,
        version,
    };
    let (activate, deactivate) = (format!("{alan}/activate"), format!("{ada}/deactivate"));
    let resend = format!("{invited}/resend");
    let configs = configs_of(tenant_id);
    vec![
        write("POST", &users, new, CreateTenantUser, 201, None),
        write("PATCH", &ada, titled, UpdateTenantUser, 200, Some(1)),
        write("POST", &deactivate, Value::Null, UpdateTenantUser, 200, None),
        write("POST", &activate, Value::Null, UpdateTenantUser, 200, None),
        write("DELETE", &ada, Value::Null, DeleteTenantUser, 204, Some(1)),
        write("POST", &invitations, one, CreateUserInvitation, 201, None),
        write("POST", &bulk, json!([two]), CreateUserInvitation, 200, None),
        write("POST", &resend, Value::Null, UpdateUserInvitation, 202, None),
        write(
            "DELETE",
            &invited,
            Value::Null,
            DeleteUserInvitation,
            204,
            Some(1),
        ),
        write("POST", &configs, policy(9), UpdateTenant, 200, None),
        write("DELETE", &config, Value::Null, UpdateTenant, 204, Some(1)),
    ]
}
