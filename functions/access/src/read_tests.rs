//! What every request that reads has in common: who is let in, what is out of reach, its query, and where a cursor leads.

use serde_json::Value;
use tenantry_domain::Permission::{
    self, ViewGroupList, ViewRoles, ViewUserGroupList, ViewUserPermissions, ViewUserTenant,
};
use tenantry_testing::TestApp;

use crate::scene::{
    add_editor, add_group, add_sales, add_to, decide, find, members_of, of_members, order, overrides_of,
    path_of, send, somebody,
};

/// A request that reads.
struct Read {
    path: String,
    permission: Permission,
    is_list: bool,
}

/// Every request of this crate that reads something of a tenant; each list has two items or more.
async fn reads(app: &TestApp, tenant: &str) -> Vec<Read> {
    let [ada, grace] = [(); 2].map(|()| somebody(app, tenant));
    let role = add_editor(app, tenant).await;
    let (sales, support) = (
        add_sales(app, tenant).await,
        add_group(app, tenant, "Support").await,
    );
    for (group, person) in [(&sales, &ada), (&sales, &grace), (&support, &ada)] {
        add_to(app, group, person, true).await;
    }
    for permission in ["ViewContact", "ViewInvoice"] {
        decide(app, &ada, permission, true).await;
    }
    let member = |what: &str| format!("/user-tenants/{}/{what}?tenantId={tenant}", ada.membership_id);
    let read = |path: String, permission, is_list| Read {
        path,
        permission,
        is_list,
    };
    vec![
        read(format!("/tenants/{tenant}/roles"), ViewRoles, true),
        read(role, ViewRoles, false),
        read(format!("/tenants/{tenant}/groups"), ViewGroupList, true),
        read(path_of(tenant, &sales), ViewGroupList, false),
        read(members_of(tenant, &sales), ViewUserGroupList, true),
        read(overrides_of(&ada), ViewUserPermissions, true),
        read(member("user-groups"), ViewUserTenant, true),
        read(member("effective-permissions"), ViewUserPermissions, false),
    ]
}

/// The path with something more in its query.
fn asking(path: &str, query: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{query}")
}

#[tokio::test]
async fn nobody_reads_without_a_token_or_the_permission() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;

    for Read { path, permission, .. } in reads(&app, &tenant).await {
        let others = |other: &Permission| *other != permission;
        let unknown = app.get(&path).send().await;
        unknown.expect_problem(401, "token_required");
        for token in [
            app.member_with(&tenant, of_members().filter(others)),
            app.operator_with(Permission::all().filter(others)),
        ] {
            let answer = send(&app, "GET", &path, &token, &Value::Null).await;
            let answer = answer.expect_problem(403, "forbidden");
            assert_eq!(answer.usage.calls, 0, "{path}");
        }
        for token in [
            app.member_with(&tenant, [permission]),
            app.operator_with([permission]),
        ] {
            send(&app, "GET", &path, &token, &Value::Null).await.expect(200);
        }
    }
}

#[tokio::test]
async fn what_is_another_tenants_does_not_exist() {
    let app = TestApp::start().await;
    let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
    let member = app.member(&own);

    for Read { path, .. } in reads(&app, &foreign).await {
        let answer = send(&app, "GET", &path, &member, &Value::Null).await;
        answer.expect_problem(404, "not_found");
        if path.ends_with("/roles") || path.ends_with("/groups") {
            continue;
        }
        for token in [&member, &app.operator()] {
            let answer = send(&app, "GET", &path.replace(&foreign, &own), token, &Value::Null).await;
            answer.expect_problem(404, "not_found");
        }
    }
}

#[tokio::test]
async fn what_is_in_a_tenant_that_does_not_exist_does_not_either() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let unknown = app.unknown_id();

    for Read { path, .. } in reads(&app, &tenant).await {
        let answer = order(&app, "GET", &path.replace(&tenant, &unknown), &Value::Null).await;
        answer.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn members_of_a_suspended_tenant_read_on() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let reads = reads(&app, &tenant).await;
    let member = app.member(&tenant);
    app.force_status(&tenant, "SUSPENDED").await;

    for Read { path, .. } in reads {
        send(&app, "GET", &path, &member, &Value::Null).await.expect(200);
    }
}

#[tokio::test]
async fn a_query_that_is_not_understood_is_refused() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;

    for Read { path, is_list, .. } in reads(&app, &tenant).await {
        let everywhere = [
            ("x=1", "unknown_query_member"),
            (
                "filter=%7B%22where%22:%7B%22or%22:%5B%5D%7D%7D",
                "unknown_query_member",
            ),
            ("where=%7B%7D", "unknown_query_member"),
        ];
        let of_lists = [
            ("limit=0", "invalid_query"),
            ("limit=101", "invalid_query"),
            ("limit=many", "invalid_query"),
            ("order=name:asc", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
        ];
        let of_lists = of_lists.into_iter().filter(|_| is_list);
        for (query, code) in everywhere.into_iter().chain(of_lists) {
            let answer = order(&app, "GET", &asking(&path, query), &Value::Null).await;
            answer.expect_problem(400, code);
        }
    }
}

#[tokio::test]
async fn a_cursor_leads_on_for_its_caller_in_its_list_and_order() {
    let app = TestApp::start().await;
    let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
    let member = app.member(&tenant);
    let (reads, of_other) = (reads(&app, &tenant).await, reads(&app, &other).await);

    for (n, Read { path, .. }) in reads.iter().enumerate().filter(|(_, read)| read.is_list) {
        let first = find(&app, &asking(path, "limit=1")).await;
        let cursor = format!("cursor={}", first["nextCursor"].as_str().expect("there is more"));
        let second = find(&app, &asking(path, &cursor)).await;
        assert_ne!(first["items"][0], second["items"][0], "{path}");

        let wrong = [
            (
                app.operator(),
                asking(path, &format!("{cursor}&order=createdAt:asc")),
            ),
            (app.operator(), asking(&of_other[n].path, &cursor)),
            (member.clone(), asking(path, &cursor)),
        ];
        for (token, path) in wrong {
            let answer = send(&app, "GET", &path, &token, &Value::Null).await;
            answer.expect_problem(400, "invalid_cursor");
        }
    }
}
