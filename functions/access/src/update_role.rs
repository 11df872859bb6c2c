use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Description, Event, Id, Kind, Patch, Role, RoleChanges, RoleName, Rule};
use tenantry_store::{People, Transaction};
use utoipa::ToSchema;

use crate::granted::permissions_of;
use crate::race::overtaken;
use crate::role_guard::{changeable, find_roles_to_change};
use crate::role_trail::{changed, shown};
use crate::role_view::RoleView;

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = RoleChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct RoleChangesDoc {
    /// What it is called.
    #[schema(value_type = String, required = false, max_length = 100)]
    name: Option<String>,
    /// What it is for; null leaves it out.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// All that it grants from now on, by names or aliases.
    #[schema(value_type = Vec<String>, required = false)]
    permissions: Option<Vec<String>>,
}

/// The changes as they were read.
pub(crate) struct RolePatch(RoleChanges);

impl FromMembers for RolePatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.changed_text("name", RoleName::parse);
        let description = members.patched_text("description", Description::parse);
        let permissions = match permissions_of(members) {
            Some(Patch::Keep) => Some(None),
            Some(Patch::Set(permissions)) => Some(Some(permissions)),
            Some(Patch::Clear) => members.note("permissions", Rule::new("required", "must not be null")),
            None => None,
        };
        Some(Self(RoleChanges {
            name: name?,
            description: description?,
            permissions: permissions?,
        }))
    }
}

/// Change a role.
///
/// What it grants now and what it is to grant must be within what the caller holds. Nobody changes its own role, and those that
/// every tenant has stay as they are. Whoever has the role may do so from its next token on.
#[utoipa::path(
    patch,
    path = "/tenants/{id}/roles/{roleId}",
    request_body(content = RoleChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The tenant's id."), ("roleId" = String, Path, description = "The role's id."))
)]
pub(crate) async fn update_role(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Role>>,
    Body(RolePatch(changes)): Body<RolePatch>,
) -> Result<Found<RoleView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let found = look_again(|| async {
        let people = find_roles_to_change(&operation, &scope, id).await?;
        let before = changeable(&operation, &people, id)?;
        operation.require_version(Kind::Role, id, before.version)?;
        let People { roles, trail, .. } = people;
        let Some((roles, role)) = roles.update(id, changes.clone(), &change)? else {
            return Ok::<_, Error>(Found(RoleView::new(tenant_id, before)));
        };
        role.check_within(&operation.held())?;
        let mut entry = context.audit("role.updated", &change);
        entry.before = Some(shown(&before));
        entry.after = Some(changed(&before, &role));
        let of = (tenant_id, &role);
        let event = Event::of_role("role.updated", of, 0, context.new_id(), context.now);
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(&scope)
            .replace_roles(&scope, &roles, overtaken(Kind::Role, id))
            .audit(&trail, &entry)
            .send(&context.event(&event));
        let found = Found(RoleView::new(tenant_id, role));
        context.commit(transaction, || found.stored()).await?;
        Ok(found)
    });
    Ok(found.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{
        add_editor, find, held, last_entry, order, own_roles, send, somebody_with, told, won,
    };

    fn everything() -> Value {
        json!({ "name": " Writer ", "description": null, "permissions": ["10211", "ViewRoles"] })
    }

    #[tokio::test]
    async fn everything_that_may_change_changes() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;
        app.clock.advance_minutes(1);

        let answer = order(&app, "PATCH", &role, &everything()).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &role).await, answer.json());
    }

    #[tokio::test]
    async fn others_hear_of_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;

        order(&app, "PATCH", &role, &everything()).await.expect(200);

        insta::assert_json_snapshot!(app.events_of("role.updated.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_says_what_changed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;

        order(&app, "PATCH", &role, &everything()).await.expect(200);

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;
        let before = app.items().await;

        for body in [
            json!({}),
            json!({ "name": " Editor " }),
            json!({ "permissions": ["UpdateContact", "10211", "ViewContact", "17"] }),
        ] {
            let answer = order(&app, "PATCH", &role, &body).await.expect(200);
            assert_eq!(answer.header("etag"), Some("\"1\""), "{body}");
            assert_eq!(answer.usage.calls, 1);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;
        let body = json!({
            "name": null, "description": 7, "permissions": ["CreateTenant", "Nonsense"], "version": 1, "isSystem": false,
        });

        let answer = order(&app, "PATCH", &role, &body).await;

        assert_eq!(
            told(&answer.expect_problem(422, "invalid_body")),
            [
                "/name required",
                "/description invalid_type",
                "/permissions/0 platform_permission",
                "/permissions/1 unknown_permission",
                "/version unknown_member",
                "/isSystem unknown_member",
            ]
        );
        let answer = order(&app, "PATCH", &role, &json!({ "permissions": null })).await;
        assert_eq!(
            told(&answer.expect_problem(422, "invalid_body")),
            ["/permissions required"]
        );
    }

    #[tokio::test]
    async fn the_roles_that_every_tenant_has_stay_as_they_are() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let member = app.member(&tenant);
        let before = app.items().await;

        for role in SystemRole::ALL {
            let path = format!("/tenants/{tenant}/roles/{}", app.role(&tenant, role));
            for (token, body) in [(&app.operator(), everything()), (&member, json!({}))] {
                let answer = send(&app, "PATCH", &path, token, &body).await;
                answer.expect_problem(409, "system_role");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_name_is_one_roles_in_any_letter_case() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;
        app.custom_role(&tenant, "Writer", []).await;
        let before = app.items().await;

        for name in ["writer", "OWNER"] {
            let answer = order(&app, "PATCH", &role, &json!({ "name": name })).await;
            answer.expect_problem(409, "role_name_taken");
        }

        assert_eq!(app.items().await, before);
        let own = order(&app, "PATCH", &role, &json!({ "name": "EDITOR" })).await;
        assert_eq!(own.expect(200).text_at("/name"), "EDITOR");
    }

    #[tokio::test]
    async fn nobody_changes_its_own_role() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let may = [Permission::UpdateRoles, Permission::ViewRoles];
        let own = app.custom_role(&tenant, "Keeper", may).await;
        let like_it = app.custom_role(&tenant, "Other keeper", may).await;
        let ada = app.join(&tenant, "ada@acme.com", &own).await;
        let before = app.items().await;

        for body in [json!({ "permissions": [] }), json!({ "name": "King" }), json!({})] {
            let path = format!("/tenants/{tenant}/roles/{own}");
            let answer = send(&app, "PATCH", &path, &ada.token, &body).await;
            answer.expect_problem(403, "forbidden");
        }

        assert_eq!(app.items().await, before);
        let (path, body) = (
            format!("/tenants/{tenant}/roles/{like_it}"),
            json!({ "name": "Queen" }),
        );
        send(&app, "PATCH", &path, &ada.token, &body).await.expect(200);
    }

    #[tokio::test]
    async fn nobody_takes_or_gives_what_it_does_not_hold() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path_of = |id: &str| format!("/tenants/{tenant}/roles/{id}");
        let modest = path_of(
            &app.custom_role(&tenant, "Modest", [Permission::ViewContact])
                .await,
        );
        let grand = path_of(
            &app.custom_role(&tenant, "Grand", [Permission::DeleteContact])
                .await,
        );
        let held = [Permission::UpdateRoles, Permission::ViewContact];
        let tokens = [somebody_with(&app, &tenant, held).token, app.operator_with(held)];
        let before = app.items().await;

        for token in &tokens {
            for (role, body) in [
                (
                    &modest,
                    json!({ "permissions": ["ViewContact", "DeleteContact"] }),
                ),
                (&grand, json!({ "permissions": [] })),
                (&grand, json!({ "name": "Less grand" })),
            ] {
                let answer = send(&app, "PATCH", role, token, &body).await;
                answer.expect_problem(403, "forbidden");
            }
        }

        assert_eq!(app.items().await, before);
        let body = json!({ "permissions": ["UpdateRoles"] });
        send(&app, "PATCH", &modest, &tokens[0], &body).await.expect(200);
    }

    #[tokio::test]
    async fn whoever_has_the_role_holds_what_it_grants_now() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app
            .custom_role(&tenant, "Editor", [Permission::ViewContact])
            .await;
        let ada = app.join(&tenant, "ada@acme.com", &role).await;

        let (path, body) = (
            format!("/tenants/{tenant}/roles/{role}"),
            json!({ "permissions": ["ViewRoles"] }),
        );
        order(&app, "PATCH", &path, &body).await.expect(200);

        assert_eq!(held(&app, &ada).await, ["ViewRoles"]);
        let token = app.sign_in(&ada).await;
        send(&app, "GET", &path, &token, &Value::Null).await.expect(200);
        send(&app, "GET", "/contacts", &token, &Value::Null)
            .await
            .expect_problem(403, "forbidden");
    }

    #[tokio::test]
    async fn of_roles_that_are_renamed_alike_at_once_one_is() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let mut paths = Vec::new();
        for n in 0..20 {
            let id = app.custom_role(&tenant, &format!("Role {n}"), []).await;
            paths.push(format!("/tenants/{tenant}/roles/{id}"));
        }

        let body = json!({ "name": "Editor" });
        let answers = join_all(paths.iter().map(|path| order(&app, "PATCH", path, &body))).await;

        assert_eq!(won(answers, 200, &["role_name_taken"]), 1);
        let mut names: Vec<Value> = own_roles(&app, &tenant).await;
        names.retain(|role| role["name"] == "Editor");
        assert_eq!(names.len(), 1);
    }

    #[tokio::test]
    async fn no_change_is_lost_among_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;
        let bodies: Vec<Value> = (0..20)
            .map(|n| json!({ "name": format!("Editor {n}") }))
            .collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "PATCH", &role, body))).await;

        let won = won(answers, 200, &["modified_concurrently"]);
        assert_eq!(find(&app, &role).await["version"], 1 + won);
        assert_eq!(app.events_of("role.updated.v1").await.len(), won);
    }

    #[tokio::test]
    async fn of_fifty_changes_of_one_version_one_is_made() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (role, operator) = (add_editor(&app, &tenant).await, app.operator());
        let call = |n| {
            let call = app.patch(&role).bearer(&operator).header("if-match", "\"1\"");
            call.json(&json!({ "name": format!("Editor {n}") })).send()
        };

        let answers = join_all((0..50).map(call)).await;

        assert_eq!(won(answers, 200, &["precondition_failed"]), 1);
        assert_eq!(find(&app, &role).await["version"], 2);
    }
}
