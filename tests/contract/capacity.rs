use std::fmt::Write as _;

use serde_json::{Value, json};
use tenantry_domain::SystemRole;
use tenantry_testing::{Answer, Person, TestApp};

use crate::contract::scene::{Scene, routes, split};

/// Lists of all tenants or leads ask their four shards at once: four calls, one round trip.
const LIST_CALLS: u64 = 4;

#[tokio::test]
async fn what_each_endpoint_costs() {
    let mut table = "calls   read  write  request\n".to_owned();
    let mut wrong = Vec::new();

    for route in routes() {
        let scene = Scene::of(&route).await;
        let answer = scene.carry_out(&route).await;
        write_line(&mut table, &route, &answer);
        let most = match (split(&route).0, route.as_str()) {
            (_, "GET /leads" | "GET /tenants") => LIST_CALLS,
            // The figures, and beside it the list of what is undelivered, in its four shards.
            (_, "GET /metrics") => 1 + LIST_CALLS,
            // The trail's head first, then entries up to it. The members and the roles that they have, at once; what a person
            // is known by first, then what is known of it; a member and its groups.
            (
                _,
                "GET /tenants/{id}/audit/verify"
                | "GET /tenants/{id}/users"
                | "GET /user/{id}/tenants"
                | "GET /user/{id}/invitations"
                | "GET /user-tenants/{id}/user-groups",
            ) => 2,
            // The person, its memberships with their tenants, the preferences in each, and the invitations to it. The group, the
            // places in it, and the members that have them. Which tenant the key names, the tenant with its job, who has the
            // contact's address, and what is noted.
            (
                _,
                "GET /user/{id}/export" | "DELETE /tenants/{id}/groups/{groupId}" | "POST /user-callback",
            ) => 4,
            // The same without the key; what is noted of each step that a provider makes comes on top.
            (_, "POST /manage/users") => 3,
            // The member with its roles; its groups, preferences and invitations, which go with it.
            (_, "DELETE /tenants/{id}/users/{userId}") => 5,
            // A person leaves one tenant after the other.
            (_, "DELETE /user/{id}") => 10,
            ("GET", _) => 1,
            _ => 2,
        };
        if answer.usage.calls > most {
            wrong.push(format!("{route}: {} calls, {most} at most", answer.usage.calls));
        }
        if answer.usage.attempts != answer.usage.calls {
            wrong.push(format!(
                "{route}: a call had to be retried although nobody else was there"
            ));
        }
    }
    Box::pin(write_variants(&mut table)).await;

    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("capacity", table);
    });
}

/// What a member costs does not depend on how many there are: pages of them, one of them, what one may do (which is what a token
/// is made from), and every kind of change.
#[tokio::test]
async fn a_tenant_with_100_000_members_costs_what_one_with_10_does() {
    let few = cost_among(10).await;
    let many = cost_among(100_000).await;

    assert_eq!(few, many);
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!("capacity-of-members", many);
    });
}

async fn cost_among(members: usize) -> String {
    let app = TestApp::start().await;
    let tenant_id = app.tenant("acme").await;
    let role = app.role(&tenant_id, SystemRole::Member);
    let joined = app.join(&tenant_id, "member@acme.com", &role).await;
    let path = format!("/tenants/{tenant_id}/users");
    app.clock.advance_minutes(1);
    copy_member(&app, &joined, members - 1);
    let mut table = "calls   read  write  request\n".to_owned();
    let mut send = async |name: &str, method: &str, path: &str, body: Value| {
        let call = app.call(method, path).bearer(&app.operator());
        let call = if body.is_null() { call } else { call.json(&body) };
        let answer = call.send().await;
        assert!(answer.status.is_success(), "{name}: {}", answer.text);
        write_line(&mut table, name, &answer);
        answer
    };

    let page = send("members", "GET", &format!("{path}?limit=5"), Value::Null).await;
    let cursor = page.text_at("/nextCursor");
    let next = format!("{path}?limit=5&cursor={cursor}");
    send("members, a page further", "GET", &next, Value::Null).await;
    let by_email = format!("{path}?email=member@acme.com");
    send("members with an address", "GET", &by_email, Value::Null).await;
    let person = format!("{path}/{}", joined.user_id);
    send("a member", "GET", &person, Value::Null).await;
    let access = format!("/user-tenants/{}", joined.membership_id);
    let effective = format!("{access}/effective-permissions?tenantId={tenant_id}");
    send("what a member may do", "GET", &effective, Value::Null).await;
    let body = TestApp::new_user("new@acme.com", &role);
    send("add a member", "POST", &path, body).await;
    let body =
        json!({ "email": "invited@acme.com", "firstName": "Grace", "lastName": "Hopper", "roleId": role });
    let invitations = format!("/tenants/{tenant_id}/invitations");
    send("invite somebody", "POST", &invitations, body).await;
    let code = app.last_invitation_code().await;
    let accept = app.post("/invitations/accept").bearer(&code).json(&json!({}));
    let accepted = accept.send().await.expect(200);
    send(
        "change a member",
        "PATCH",
        &person,
        json!({ "designation": "Clerk" }),
    )
    .await;
    let body = json!({ "permission": "ViewContact", "allowed": true });
    let overrides = format!("{access}/user-level-permissions?tenantId={tenant_id}");
    send("allow a member more", "POST", &overrides, body).await;
    let body = json!({ "roleId": app.role(&tenant_id, SystemRole::Admin) });
    send("give a member another role", "PATCH", &person, body).await;
    let deactivate = format!("{person}/deactivate");
    send("deactivate a member", "POST", &deactivate, Value::Null).await;
    send("remove a member", "DELETE", &person, Value::Null).await;
    write_line(&mut table, "accept an invitation", &accepted);
    table
}

/// Writes the same member under other ids and addresses, straight into the table.
fn copy_member(app: &TestApp, joined: &Person, copies: usize) {
    let table = &app.product.table;
    let items = table.items().expect("the table can be read").into_iter();
    let is_member = |item: &Value| item["type"]["S"] == "membership";
    let item = items
        .filter(is_member)
        .find(|item| item["id"]["S"] == joined.membership_id);
    let item = item.expect("the member is in the table").to_string();
    let numbers: Vec<usize> = (0..copies).collect();
    for some in numbers.chunks(1000) {
        let copies = some.iter().map(|number| {
            let renamed = |id: &str| format!("{number:08x}{}", &id[8..]);
            let copy = item
                .replace(&joined.membership_id, &renamed(&joined.membership_id))
                .replace(&joined.user_id, &renamed(&joined.user_id))
                .replace("member@acme.com", &format!("member.{number:06}@acme.com"));
            serde_json::from_str(&copy).expect("it was JSON before")
        });
        table.import(copies.collect()).expect("the table can be written");
    }
}

/// Requests whose cost is another one than that of the route's sample.
async fn write_variants(table: &mut String) {
    let scene = Scene::of("GET /tenants/{id}/jobs/{jobId}").await;
    let (app, operator) = (&scene.app, scene.app.operator());
    let tenant = format!("/tenants/{}", scene.tenant_id);
    table.push('\n');

    let everything = format!("{tenant}?include=contacts,resources,lead,address");
    write_line(
        table,
        "GET /tenants/{id} with all relations",
        &app.get(&everything).bearer(&operator).send().await.expect(200),
    );
    let own = app
        .get(&tenant)
        .bearer(&scene.founder.token)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants/{id} by its lead", &own);
    let elsewhere = app
        .get(&tenant)
        .bearer(&app.member(&scene.elsewhere))
        .send()
        .await
        .expect(404);
    write_line(table, "GET /tenants/{id} by another tenant's member", &elsewhere);
    let jobs = app
        .get(&format!("/tenants/{}/jobs", scene.elsewhere))
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants/{id}/jobs of a tenant without any", &jobs);
    let by_key = app
        .get("/tenants?key=acme")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants of one key", &by_key);
    let by_status = app
        .get("/tenants?status=PENDING_PROVISION")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants of one status", &by_status);
    let related = app
        .get("/tenants?include=contacts")
        .bearer(&operator)
        .send()
        .await
        .expect(200);
    write_line(table, "GET /tenants with contacts (2 tenants)", &related);

    let create = || {
        app.post("/tenants")
            .bearer(&operator)
            .header("idempotency-key", "k")
            .json(&TestApp::new_tenant("globex"))
    };
    write_line(
        table,
        "POST /tenants with an idempotency key",
        &create().send().await.expect(201),
    );
    write_line(
        table,
        "POST /tenants repeated",
        &create().send().await.expect(201),
    );
    let taken = app
        .post("/tenants")
        .bearer(&operator)
        .json(&TestApp::new_tenant("globex"))
        .send()
        .await;
    write_line(
        table,
        "POST /tenants with a taken key",
        &taken.expect_problem(409, "tenant_key_taken"),
    );
    let unchanged = app
        .patch(&tenant)
        .bearer(&operator)
        .json(&json!({}))
        .send()
        .await
        .expect(200);
    write_line(table, "PATCH /tenants/{id} without a change", &unchanged);
    let again = app
        .post(&format!("{tenant}/provision"))
        .bearer(&operator)
        .json(&TestApp::subscription())
        .send()
        .await;
    write_line(
        table,
        "POST /tenants/{id}/provision while a job is open",
        &again.expect(202),
    );

    let plan = app.plan(json!({})).await;
    let subscription = app.subscribe(&scene.elsewhere, &plan).await;
    let ours = app
        .post(&format!("/tenants/{}/provision", scene.elsewhere))
        .bearer(&operator)
        .json(&json!({ "subscriptionId": subscription }))
        .send()
        .await;
    write_line(
        table,
        "POST /tenants/{id}/provision for a subscription of ours",
        &ours.expect(202),
    );

    let job = scene.job();
    write_line(
        table,
        "POST /webhook with a failure",
        &app.report(job, &job.failure("no room")).await.expect(204),
    );
    write_line(
        table,
        "POST /webhook repeated",
        &app.report(job, &job.failure("no room")).await.expect(204),
    );
    write_line(
        table,
        "POST /webhook, late success",
        &app.report(job, &job.success()).await.expect(409),
    );

    for (route, repeat) in [
        ("POST /manage/users", "repeated"),
        ("POST /user-callback", "repeated"),
        (
            "POST /user/{id}/tenants/{tenantId}/switch",
            "to where the person is",
        ),
    ] {
        let scene = Scene::of(route).await;
        scene.carry_out(route).await;
        let again = scene.carry_out(route).await;
        write_line(table, &format!("{route} {repeat}"), &again);
    }
    let scene = Scene::of("GET /permissions").await;
    let token = scene.referring_token();
    let referred = scene
        .app
        .get("/permissions")
        .bearer(&token)
        .send()
        .await
        .expect(200);
    write_line(
        table,
        "GET /permissions by a member whose permissions are looked up",
        &referred,
    );

    let path = format!("/leads/{}/verify", scene.lead.id);
    write_line(
        table,
        "POST /leads/{id}/verify with a wrong code",
        &app.post(&path).bearer("tlc_x").send().await.expect(401),
    );
    let known = app
        .post("/leads")
        .json(&TestApp::new_lead("founder@acme.com"))
        .send()
        .await;
    write_line(
        table,
        "POST /leads with a verified address",
        &known.expect_problem(409, "lead_already_verified"),
    );
    write_line(
        table,
        "GET /leads without a token",
        &app.get("/leads").send().await.expect(401),
    );
}

fn write_line(table: &mut String, request: &str, answer: &Answer) {
    let usage = answer.usage;
    let _ = writeln!(
        table,
        "{:5} {:6.1} {:6.1}  {request}",
        usage.calls, usage.read_units, usage.write_units
    );
}
