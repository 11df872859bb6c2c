//! What this crate's tests begin with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tenantry_domain::{Id, Membership, Permission};
use tenantry_testing::{Person, TestApp};
pub(crate) use tenantry_testing::{find, of_members, order, paged, send, told, won};

/// The last line of the tenant's audit trail.
pub(crate) async fn last_entry(app: &TestApp, tenant_id: &str) -> Value {
    find(app, &format!("/tenants/{tenant_id}/audit?limit=1")).await["items"].take()
}

/// An active member of the tenant with the role `Member`, whose token has these permissions.
pub(crate) fn somebody_with(
    app: &TestApp,
    tenant_id: &str,
    permissions: impl IntoIterator<Item = Permission>,
) -> Person {
    let token = app.member_with(tenant_id, permissions);
    let payload = token.split('.').nth(1).expect("a token has a payload");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("it is base64");
    let claims: Value = serde_json::from_slice(&payload).expect("it is JSON");
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    Person {
        tenant_id: tenant_id.to_owned(),
        user_id: text("sub"),
        membership_id: text("userTenantId"),
        token,
    }
}

/// An active member of the tenant who may do all that members can.
pub(crate) fn somebody(app: &TestApp, tenant_id: &str) -> Person {
    somebody_with(app, tenant_id, of_members())
}

/// The membership that a person who was never seen would have in the tenant.
pub(crate) fn nobody(app: &TestApp, tenant_id: &str) -> String {
    let tenant_id = Id::parse(tenant_id).expect("tests name tenants by their ids");
    let user_id = Id::parse(&app.unknown_id()).expect("ids are ids");
    Membership::id_of(tenant_id, user_id).to_string()
}

/// A role of the tenant's own.
pub(crate) fn editor() -> Value {
    json!({ "name": "Editor", "description": "Keeps the contacts.", "permissions": ["ViewTenant", "ViewContact", "UpdateContact"] })
}

/// Adds that role; answers its path.
pub(crate) async fn add_editor(app: &TestApp, tenant_id: &str) -> String {
    let path = format!("/tenants/{tenant_id}/roles");
    let id = app.account_thing(&path, &editor()).await;
    format!("{path}/{id}")
}

/// How many roles the tenant made.
pub(crate) async fn own_roles(app: &TestApp, tenant_id: &str) -> Vec<Value> {
    let mut roles = find(app, &format!("/tenants/{tenant_id}/roles?limit=100")).await;
    let roles = roles["items"].as_array_mut().expect("a page has items");
    roles.retain(|role| role["isSystem"] == false);
    roles.clone()
}

/// A group.
pub(crate) fn sales() -> Value {
    json!({ "name": "Sales", "description": "Sells.", "photoUrl": "https://acme.com/sales.png" })
}

/// Adds that group, without members; answers its id.
pub(crate) async fn add_sales(app: &TestApp, tenant_id: &str) -> String {
    app.account_thing(&format!("/tenants/{tenant_id}/groups"), &sales())
        .await
}

/// Adds a group with another name.
pub(crate) async fn add_group(app: &TestApp, tenant_id: &str, name: &str) -> String {
    let body = json!({ "name": name });
    app.account_thing(&format!("/tenants/{tenant_id}/groups"), &body)
        .await
}

/// The path of a group.
pub(crate) fn path_of(tenant_id: &str, group_id: &str) -> String {
    format!("/tenants/{tenant_id}/groups/{group_id}")
}

/// Where members are added to a group.
pub(crate) fn members_of(tenant_id: &str, group_id: &str) -> String {
    format!("/groups/{group_id}/user?tenantId={tenant_id}")
}

/// The path of a member of a group.
pub(crate) fn member_of(group_id: &str, person: &Person) -> String {
    format!(
        "/groups/{group_id}/user/{}?tenantId={}",
        person.user_id, person.tenant_id
    )
}

/// A member that is to be added to a group.
pub(crate) fn place(person: &Person, is_owner: bool) -> Value {
    json!({ "userTenantId": person.membership_id, "isOwner": is_owner })
}

/// Puts a member into a group.
pub(crate) async fn add_to(app: &TestApp, group_id: &str, person: &Person, is_owner: bool) {
    let path = members_of(&person.tenant_id, group_id);
    order(app, "POST", &path, &place(person, is_owner))
        .await
        .expect(201);
}

/// New members of the tenant in a group.
pub(crate) async fn crowd(app: &TestApp, tenant_id: &str, group_id: &str, size: usize) -> Vec<Person> {
    let crowd: Vec<Person> = (0..size).map(|_| somebody(app, tenant_id)).collect();
    gather(app, group_id, &crowd).await;
    crowd
}

/// Puts members of one tenant into a group, thirty at once.
pub(crate) async fn gather(app: &TestApp, group_id: &str, people: &[Person]) {
    for some in people.chunks(30) {
        let path = format!("/groups/{group_id}/user/bulk?tenantId={}", some[0].tenant_id);
        let places = some.iter().map(|person| place(person, false)).collect();
        order(app, "POST", &path, &Value::Array(places)).await.expect(200);
    }
}

/// Has a group say, past all rules, that it has so many members.
pub(crate) async fn pretend_members(app: &TestApp, group_id: &str, members: u64) {
    let mut items = app.items().await.into_iter();
    let group = items.find(|item| {
        let is = |name: &str, wanted: &str| {
            item.get(name)
                .is_some_and(|value| value.as_s().is_ok_and(|text| text == wanted))
        };
        is("type", "group") && is("id", group_id)
    });
    let item: serde_json::Map<String, Value> = group
        .expect("there is such a group")
        .into_iter()
        .map(|(name, value)| {
            let value = match (value.as_s(), value.as_n()) {
                (Ok(text), _) => json!({ "S": text }),
                (_, Ok(number)) if name != "members" => json!({ "N": number }),
                (_, _) => json!({ "N": members.to_string() }),
            };
            (name, value)
        })
        .collect();
    let imported = app.product.table.import(vec![Value::Object(item)]);
    imported.expect("the table takes it");
}

/// Members and owners of a group: what it says itself, what is kept of its members, and what they know of it. All three agree.
pub(crate) async fn members_and_owners(app: &TestApp, group_id: &str) -> (usize, usize) {
    let mut said = (0, 0);
    let (mut places, mut known) = ((0, 0), (0, 0));
    let count = |side: &mut (usize, usize), is_owner: Option<bool>| {
        side.0 += 1;
        side.1 += usize::from(is_owner == Some(true));
    };
    for item in app.items().await {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let is_of = |name: &str| text(name).is_some_and(|id| id == group_id);
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
        match text("type").map(String::as_str) {
            Some("group") if is_of("id") => {
                said = (
                    number("members").unwrap_or_default(),
                    number("owners").unwrap_or_default(),
                );
            }
            Some("group_member") if is_of("groupId") => {
                count(
                    &mut places,
                    item.get("isOwner")
                        .and_then(|value| value.as_bool().ok().copied()),
                );
            }
            Some("membership") => {
                let groups = item.get("groups").and_then(|groups| groups.as_m().ok());
                if let Some(place) = groups.and_then(|groups| groups.get(group_id)?.as_m().ok()) {
                    count(
                        &mut known,
                        place
                            .get("isOwner")
                            .and_then(|value| value.as_bool().ok().copied()),
                    );
                }
            }
            _ => {}
        }
    }
    assert_eq!(said, places, "the group miscounts its members");
    assert_eq!(places, known, "members know of other places than the group");
    said
}

/// Where decisions about a member are made.
pub(crate) fn overrides_of(person: &Person) -> String {
    let Person {
        membership_id,
        tenant_id,
        ..
    } = person;
    format!("/user-tenants/{membership_id}/user-level-permissions?tenantId={tenant_id}")
}

/// The path of a decision about a member.
pub(crate) fn override_of(person: &Person, permission: &str) -> String {
    let Person {
        membership_id,
        tenant_id,
        ..
    } = person;
    format!("/user-tenants/{membership_id}/user-level-permissions/{permission}?tenantId={tenant_id}")
}

/// A decision.
pub(crate) fn decision(permission: &str, is_allowed: bool) -> Value {
    json!({ "permission": permission, "allowed": is_allowed })
}

/// Decides about a permission of a member.
pub(crate) async fn decide(app: &TestApp, person: &Person, permission: &str, is_allowed: bool) {
    let body = decision(permission, is_allowed);
    order(app, "POST", &overrides_of(person), &body).await.expect(201);
}

/// What a member holds.
pub(crate) async fn held(app: &TestApp, person: &Person) -> Vec<String> {
    let Person {
        membership_id,
        tenant_id,
        ..
    } = person;
    let path = format!("/user-tenants/{membership_id}/effective-permissions?tenantId={tenant_id}");
    let held = find(app, &path).await;
    let held = held["permissions"].as_array().expect("it is a list").iter();
    held.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A request that writes.
pub(crate) struct Write {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) permission: Permission,
    /// What it is answered.
    pub(crate) status: u16,
    /// The version of what it changes, if it changes something.
    pub(crate) version: Option<u64>,
}

/// A tenant with a role, a group and a decision, and every request of this crate that writes; each succeeds, alone or in this
/// order.
pub(crate) async fn writes(app: &TestApp, tenant_id: &str) -> Vec<Write> {
    use Permission::{
        CreateGroup, CreateMultipleUserGroup, CreateRoles, CreateUserGroup, CreateUserPermissions,
        DeleteGroup, DeleteRoles, DeleteUserPermissions, RemoveMemberFromUserGroup, UpdateGroup,
        UpdateMemberInUserGroup, UpdateRoles, UpdateUserPermissions,
    };
    let [ada, grace, alan, joan] = [(); 4].map(|()| somebody(app, tenant_id));
    let role = add_editor(app, tenant_id).await;
    let group_id = add_sales(app, tenant_id).await;
    add_to(app, &group_id, &ada, true).await;
    add_to(app, &group_id, &grace, false).await;
    decide(app, &alan, "ViewContact", true).await;
    let (roles, groups) = (
        format!("/tenants/{tenant_id}/roles"),
        format!("/tenants/{tenant_id}/groups"),
    );
    let (group, member) = (path_of(tenant_id, &group_id), member_of(&group_id, &grace));
    let bulk = format!("/groups/{group_id}/user/bulk?tenantId={tenant_id}");
    let added = members_of(tenant_id, &group_id);
    let (decisions, decided) = (overrides_of(&alan), override_of(&alan, "ViewContact"));
    let write = |method, path: &str, body, permission, status, version| Write {
        method,
        path: path.to_owned(),
        body,
        permission,
        status,
        version,
    };
    vec![
        write(
            "POST",
            &roles,
            json!({ "name": "Writer" }),
            CreateRoles,
            201,
            None,
        ),
        write(
            "PATCH",
            &role,
            json!({ "name": "Writer of much" }),
            UpdateRoles,
            200,
            Some(1),
        ),
        write("DELETE", &role, Value::Null, DeleteRoles, 204, Some(1)),
        write(
            "POST",
            &groups,
            json!({ "name": "Support" }),
            CreateGroup,
            201,
            None,
        ),
        write(
            "PATCH",
            &group,
            json!({ "name": "Sellers" }),
            UpdateGroup,
            200,
            Some(3),
        ),
        write("POST", &added, place(&alan, false), CreateUserGroup, 201, None),
        write(
            "POST",
            &bulk,
            json!([place(&joan, false)]),
            CreateMultipleUserGroup,
            200,
            None,
        ),
        write(
            "PATCH",
            &member,
            json!({ "isOwner": true }),
            UpdateMemberInUserGroup,
            200,
            Some(3),
        ),
        write(
            "DELETE",
            &member,
            Value::Null,
            RemoveMemberFromUserGroup,
            204,
            Some(3),
        ),
        write("DELETE", &group, Value::Null, DeleteGroup, 204, Some(3)),
        write(
            "POST",
            &decisions,
            decision("ViewInvoice", true),
            CreateUserPermissions,
            201,
            None,
        ),
        write(
            "PATCH",
            &decided,
            json!({ "allowed": false }),
            UpdateUserPermissions,
            200,
            Some(2),
        ),
        write(
            "DELETE",
            &decided,
            Value::Null,
            DeleteUserPermissions,
            204,
            Some(2),
        ),
    ]
}
