use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Description, Error as DomainError, Event, Kind, NewRole, Patch, Permissions, RoleName,
};
use tenantry_store::{People, Transaction, Wanted};
use utoipa::ToSchema;

use crate::granted::permissions_of;
use crate::race::overtaken;
use crate::role_trail::shown;
use crate::role_view::RoleView;

/// A role that is added to a tenant.
#[derive(Debug, ToSchema)]
#[schema(as = NewRole, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's new role is what is read"
)]
pub(crate) struct NewRoleDoc {
    /// What it is called; no other role of the tenant is called so, in any letter case.
    #[schema(max_length = 100, example = "Editor")]
    name: String,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// What it grants: names or aliases of permissions that the caller holds; nothing, if absent.
    #[schema(example = json!(["ViewTenant", "ViewContact"]))]
    permissions: Option<Vec<String>>,
}

/// The role as it was read.
pub(crate) struct NewRoleBody(NewRole);

impl FromMembers for NewRoleBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.text("name", RoleName::parse);
        let description = members.optional_text("description", Description::parse);
        let permissions = permissions_of(members);
        Some(Self(NewRole {
            name: name?,
            description: description?,
            permissions: match permissions? {
                Patch::Set(permissions) => permissions,
                Patch::Keep | Patch::Clear => Permissions::default(),
            },
        }))
    }
}

/// Add a role to a tenant.
///
/// Nobody gives away what it does not hold: each of the permissions must be the caller's own, and one that members of a tenant
/// can hold. A tenant makes at most 50 roles.
#[utoipa::path(
    post,
    path = "/tenants/{id}/roles",
    request_body = NewRoleDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn create_role(
    operation: Operation,
    Scope(scope): Scope,
    Body(NewRoleBody(new)): Body<NewRoleBody>,
) -> Result<Created<RoleView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let created = look_again(|| async {
        let found = context.store.find_people(&scope, &Wanted::default()).await?;
        let found = found.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
        let People { roles, trail, .. } = found;
        let (roles, role) = roles.create(new.clone(), &change, &*context.app.entropy)?;
        role.check_within(&operation.held())?;
        let mut entry = context.audit("role.created", &change);
        entry.after = Some(shown(&role));
        let of = (tenant_id, &role);
        let event = Event::of_role("role.created", of, 1, context.new_id(), context.now);
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(&scope)
            .create_role(&scope, &roles, &role, overtaken(Kind::Role, role.id))
            .audit(&trail, &entry)
            .send(&context.event(&event));
        let location = format!("/tenants/{tenant_id}/roles/{}", role.id);
        let body = RoleView::new(tenant_id, role);
        let created = Created { location, body };
        context.commit(transaction, || created.stored()).await?;
        Ok::<_, Error>(created)
    });
    Ok(created.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, Roles, Scope, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{add_editor, editor, find, last_entry, of_members, order, own_roles, send, told, won};

    fn granting(name: &str, permissions: &Value) -> Value {
        json!({ "name": name, "permissions": permissions })
    }

    #[tokio::test]
    async fn a_role_is_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = order(&app, "POST", &format!("/tenants/{tenant}/roles"), &editor()).await;
        let answer = answer.expect(201);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        let location = answer.header("location").expect("it says where the role is");
        assert_eq!(find(&app, location).await, answer.json());
    }

    #[tokio::test]
    async fn others_hear_of_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        add_editor(&app, &tenant).await;

        insta::assert_json_snapshot!(app.events_of("role.created.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_says_what_it_grants() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        add_editor(&app, &tenant).await;

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn permissions_are_given_by_any_of_their_names() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/roles");
        let names_of =
            |permission: Permission| permission.aliases().iter().copied().chain([permission.name()]);
        let every_name: Vec<&str> = of_members().flat_map(names_of).collect();
        let every_permission: Vec<&str> = of_members().map(Permission::name).collect();

        for (name, given, granted) in [
            ("All", json!(every_name), json!(every_permission)),
            (
                "Some",
                json!(["6", "17", "10207", "ViewTenant"]),
                json!(["ViewTenant", "ViewRoles"]),
            ),
            ("None", json!([]), json!([])),
            ("Null", Value::Null, json!([])),
        ] {
            let answer = order(&app, "POST", &path, &granting(name, &given)).await;
            assert_eq!(answer.expect(201).json()["permissions"], granted, "{name}");
        }
        let absent = order(&app, "POST", &path, &json!({ "name": "Absent" })).await;
        assert_eq!(absent.expect(201).json()["permissions"], json!([]));
    }

    #[tokio::test]
    async fn what_members_cannot_hold_is_in_no_role() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/roles");
        let of_platform = Permission::all().filter(|permission| permission.scope() == Scope::Platform);
        let names: Vec<&str> = of_platform
            .flat_map(|permission| permission.aliases().iter().copied().chain([permission.name()]))
            .collect();

        let answer = order(&app, "POST", &path, &granting("Editor", &json!(names))).await;

        let expected = (0..names.len()).map(|n| format!("/permissions/{n} platform_permission"));
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(told(&answer), expected.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/roles");
        let everything = json!({
            "name": " ", "description": "two\nlines", "permissions": ["ViewTenant", "viewtenant", 7, "DeleteTenant", "*"],
            "id": "x", "isSystem": true, "tenantId": tenant, "createdAt": "2026-01-01T00:00:00.000Z",
        });

        for (body, expected) in [
            (
                everything,
                vec![
                    "/name blank",
                    "/description invalid_text",
                    "/permissions/1 unknown_permission",
                    "/permissions/2 invalid_type",
                    "/permissions/3 platform_permission",
                    "/permissions/4 unknown_permission",
                    "/id unknown_member",
                    "/isSystem unknown_member",
                    "/tenantId unknown_member",
                    "/createdAt unknown_member",
                ],
            ),
            (json!({}), vec!["/name required"]),
            (json!({ "name": "x".repeat(101) }), vec!["/name too_long"]),
            (
                granting("Editor", &json!("ViewTenant")),
                vec!["/permissions invalid_type"],
            ),
            (
                granting("Editor", &json!(vec!["ViewTenant"; 201])),
                vec!["/permissions too_many"],
            ),
        ] {
            let answer = order(&app, "POST", &path, &body).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer), expected);
            assert_eq!(answer.usage.calls, 0);
        }
    }

    #[tokio::test]
    async fn nobody_gives_what_it_does_not_hold() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/roles");
        let admin = app.member_as(&tenant, SystemRole::Admin);
        let others_of = |given: Permission| move |permission: &Permission| *permission != given;
        let refused: Vec<(Permission, [String; 2])> = of_members()
            .filter(others_of(Permission::CreateRoles))
            .map(|given| {
                let member = app.member_with(&tenant, of_members().filter(others_of(given)));
                (
                    given,
                    [
                        member,
                        app.operator_with(Permission::all().filter(others_of(given))),
                    ],
                )
            })
            .collect();
        let before = app.items().await;

        for (given, tokens) in refused {
            let body = granting("Editor", &json!(["CreateRoles", given.name()]));
            for token in tokens {
                let answer = send(&app, "POST", &path, &token, &body).await;
                answer.expect_problem(403, "forbidden");
            }
        }
        let body = granting("Provisioner", &json!(["ProvisionTenant"]));
        let answer = send(&app, "POST", &path, &admin, &body).await;
        answer.expect_problem(403, "forbidden");

        assert_eq!(app.items().await, before);
        let given = SystemRole::Admin.permissions();
        let given: Vec<&str> = given.iter().map(Permission::name).collect();
        let answer = send(&app, "POST", &path, &admin, &granting("Deputy", &json!(given))).await;
        answer.expect(201);
    }

    #[tokio::test]
    async fn a_name_is_one_roles_in_any_letter_case() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        add_editor(&app, &tenant).await;
        let before = app.items().await;

        for name in ["Editor", " EDITOR ", "editor", "Owner", "admin", "MEMBER"] {
            let body = json!({ "name": name });
            let answer = order(&app, "POST", &format!("/tenants/{tenant}/roles"), &body).await;
            answer.expect_problem(409, "role_name_taken");
        }

        assert_eq!(app.items().await, before);
        add_editor(&app, &other).await;
    }

    #[tokio::test]
    async fn of_fifty_that_want_a_name_one_gets_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/roles");
        let bodies: Vec<Value> = (0..50)
            .map(|n| json!({ "name": if n % 2 == 0 { "Editor" } else { "EDITOR" } }))
            .collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "POST", &path, body))).await;

        assert_eq!(won(answers, 201, &["role_name_taken"]), 1);
        assert_eq!(own_roles(&app, &tenant).await.len(), 1);
        assert_eq!(app.events_of("role.created.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn a_tenant_makes_fifty_roles_at_most_however_many_come_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/roles");
        let bodies: Vec<Value> = (0..Roles::MOST + 9)
            .map(|n| json!({ "name": format!("Role {n}") }))
            .collect();
        let (first, rest) = bodies.split_at(47);
        for body in first {
            order(&app, "POST", &path, body).await.expect(201);
        }

        let answers = join_all(rest.iter().map(|body| order(&app, "POST", &path, body))).await;

        assert_eq!(won(answers, 201, &["too_many_roles"]), 3);
        assert_eq!(own_roles(&app, &tenant).await.len(), Roles::MOST);
    }

    #[tokio::test]
    async fn of_many_repeats_at_once_one_is_carried_out_and_all_are_answered_alike() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (path, token, body) = (format!("/tenants/{tenant}/roles"), app.member(&tenant), editor());
        let call = || {
            app.post(&path)
                .bearer(&token)
                .header("idempotency-key", "k")
                .json(&body)
        };

        let answers = join_all((0..50).map(|_| call().send())).await;

        let mut texts: Vec<String> = answers
            .into_iter()
            .map(|answer| answer.expect(201).text)
            .collect();
        texts.dedup();
        assert_eq!(texts.len(), 1);
        assert_eq!(own_roles(&app, &tenant).await.len(), 1);
    }
}
