use http::Method;
use serde_json::{Value, json};
use tenantry_local::Options;

use crate::journeys::world::{Reply, World, invitation_in, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go() {
    let (server, world) = start(Options::default(), &[]).await;

    members_come_and_go_in(&world).await;

    server.stop().await;
}

/// Somebody who joined.
struct Member {
    user_id: String,
    membership_id: String,
    token: String,
}

/// The one to whom a tenant was handed over fills it with people.
pub(crate) async fn members_come_and_go_in(world: &World) {
    let key = world.key("crew");
    let tenant_id = world.tenant(&key).await;
    let job = world.provision(&tenant_id).await;
    world.answer_as_app_plane(&tenant_id, &key, &job).await;
    world.tenant_in(&tenant_id, "ACTIVE").await;
    let tenant = format!("/tenants/{tenant_id}");
    let send = async |token: &str, method: &str, path: &str, body: Value| {
        let method = Method::from_bytes(method.as_bytes()).expect("it is a method");
        let call = world.call(method, path).bearer(token);
        let call = if body.is_null() { call } else { call.json(&body) };
        call.send().await
    };

    // Whoever the tenant was made for owns it, once it is there.
    let (ada, grace) = (format!("ada@{key}.com"), format!("grace@{key}.com"));
    let owner = join(world, &tenant_id, &ada, &format!("{key} is ready")).await;
    let operator = world.operator_token().await;
    let last = send(
        &operator,
        "DELETE",
        &format!("{tenant}/users/{}", owner.user_id),
        Value::Null,
    )
    .await;
    last.expect_problem(409, "last_owner");

    // It makes a role, and invites somebody to it.
    let permissions = [
        "ViewTenant",
        "ViewTenantUser",
        "ViewGroupList",
        "LeaveUserGroup",
        "CreateGroup",
    ];
    let body = json!({ "name": "Editor", "permissions": permissions });
    let role = send(&owner.token, "POST", &format!("{tenant}/roles"), body).await;
    let role_id = role.expect(201).text_at("/id");
    let wish = json!({ "email": grace, "firstName": "Grace", "lastName": "Hopper", "roleId": role_id });
    let invited = send(
        &owner.token,
        "POST",
        &format!("{tenant}/invitations"),
        wish.clone(),
    )
    .await;
    assert!(
        !invited.expect(201).text.contains("tic_"),
        "the code leaves by mail only"
    );
    let editor = join(world, &tenant_id, &grace, &format!("You are invited to {key}")).await;
    let in_use = send(
        &owner.token,
        "DELETE",
        &format!("{tenant}/roles/{role_id}"),
        Value::Null,
    )
    .await;
    in_use.expect_problem(409, "role_in_use");

    // What somebody may do is what its role says, but where it was decided otherwise.
    let access = format!("/user-tenants/{}", editor.membership_id);
    let decision = json!({ "permission": "CreateGroup", "allowed": false });
    let decided = send(
        &owner.token,
        "POST",
        &format!("{access}/user-level-permissions"),
        decision,
    )
    .await;
    decided.expect(201);
    let held = send(
        &owner.token,
        "GET",
        &format!("{access}/effective-permissions"),
        Value::Null,
    )
    .await;
    let mut expected = permissions[..4].to_vec();
    expected.sort_unstable();
    let held = held.expect(200);
    let mut found: Vec<&str> = held.json["permissions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);

    // A group, which one may leave.
    let group = send(
        &owner.token,
        "POST",
        &format!("{tenant}/groups"),
        json!({ "name": "Sales" }),
    )
    .await;
    let members = format!("/groups/{}/user", group.expect(201).text_at("/id"));
    let place = json!({ "userTenantId": editor.membership_id });
    send(&owner.token, "POST", &members, place).await.expect(201);
    let leave = send(
        &editor.token,
        "DELETE",
        &format!("{members}/{}", editor.user_id),
        Value::Null,
    )
    .await;
    leave.expect(204);

    // A token outlives the membership that it speaks of, and writes nothing then.
    let person = format!("{tenant}/users/{}", editor.user_id);
    send(&owner.token, "POST", &format!("{person}/deactivate"), Value::Null)
        .await
        .expect(200);
    let late = send(
        &editor.token,
        "POST",
        &format!("{tenant}/groups"),
        json!({ "name": "Late" }),
    )
    .await;
    late.expect_problem(403, "membership_inactive");
    send(&owner.token, "DELETE", &person, Value::Null)
        .await
        .expect(204);
    let gone = send(&owner.token, "GET", &person, Value::Null).await;
    gone.expect_problem(404, "not_found");

    // Whoever comes back is who it was.
    let again = send(&owner.token, "POST", &format!("{tenant}/invitations"), wish).await;
    again.expect(201);
    let back = join(world, &tenant_id, &grace, &format!("You are invited to {key}")).await;
    assert_eq!(
        (back.user_id, back.membership_id),
        (editor.user_id, editor.membership_id)
    );
    world.event_about(&tenant_id, "member.removed.v1").await;

    let checked = send(&operator, "GET", &format!("{tenant}/audit/verify"), Value::Null).await;
    assert_eq!(checked.expect(200).json["isIntact"], true);
}

/// Accepts what the last mail with this subject invites to.
async fn join(world: &World, tenant_id: &str, address: &str, subject: &str) -> Member {
    let accepted = world
        .eventually("an invitation that can be accepted", || {
            accept(world, address, subject)
        })
        .await;
    let (user_id, membership_id) = (accepted.text_at("/id"), accepted.text_at("/userTenantId"));
    assert_eq!(accepted.json["status"], "ACTIVE");
    Member {
        token: world.member_token(tenant_id, &user_id, &membership_id).await,
        user_id,
        membership_id,
    }
}

/// Mails come by and by: the last one may still be an earlier one.
async fn accept(world: &World, address: &str, subject: &str) -> Option<Reply> {
    let mail = world.mail_to(address, subject).await;
    let call = world.post("/invitations/accept").bearer(&invitation_in(&mail));
    let reply = call.json(&json!({})).send().await;
    (reply.status == 200).then_some(reply)
}
