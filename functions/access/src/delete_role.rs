use tenantry_api::{NoContent, Operation, Path, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Event, Id, Kind, Role};
use tenantry_store::{People, Transaction};

use crate::race::overtaken;
use crate::role_guard::{changeable, find_roles_to_change};
use crate::role_trail::shown;

/// Remove a role.
///
/// It must be nobody's, and grant no more than the caller holds. Those that every tenant has stay.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/roles/{roleId}",
    params(("id" = String, Path, description = "The tenant's id."), ("roleId" = String, Path, description = "The role's id."))
)]
pub(crate) async fn delete_role(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Role>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let deleted = look_again(|| async {
        let people = find_roles_to_change(&operation, &scope, id).await?;
        let role = changeable(&operation, &people, id)?;
        operation.require_version(Kind::Role, id, role.version)?;
        let People { roles, trail, .. } = people;
        let roles = roles.delete(id)?;
        let mut entry = context.audit("role.deleted", &change);
        entry.before = Some(shown(&role));
        let of = (tenant_id, &role);
        let event = Event::of_role("role.deleted", of, -1, context.new_id(), context.now);
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(&scope)
            .delete_role(&scope, &roles, id, overtaken(Kind::Role, id))
            .audit(&trail, &entry)
            .send(&context.event(&event));
        context.commit(transaction, || NoContent.stored()).await?;
        Ok::<_, Error>(NoContent)
    });
    Ok(deleted.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{add_editor, last_entry, order, own_roles, send, somebody_with, won};

    #[tokio::test]
    async fn a_role_is_removed_and_its_name_is_free() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;

        let answer = order(&app, "DELETE", &role, &Value::Null).await.expect(204);

        assert_eq!((answer.text.as_str(), answer.usage.calls), ("", 2));
        for method in ["GET", "DELETE"] {
            let again = order(&app, method, &role, &Value::Null).await;
            again.expect_problem(404, "not_found");
        }
        add_editor(&app, &tenant).await;
    }

    #[tokio::test]
    async fn others_hear_of_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;

        order(&app, "DELETE", &role, &Value::Null).await.expect(204);

        insta::assert_json_snapshot!(app.events_of("role.deleted.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_says_what_it_granted() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;

        order(&app, "DELETE", &role, &Value::Null).await.expect(204);

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn the_roles_that_every_tenant_has_stay() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let before = app.items().await;

        for role in SystemRole::ALL {
            let path = format!("/tenants/{tenant}/roles/{}", app.role(&tenant, role));
            let answer = order(&app, "DELETE", &path, &Value::Null).await;
            answer.expect_problem(409, "system_role");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_role_stays_while_somebody_has_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.custom_role(&tenant, "Editor", []).await;
        let path = format!("/tenants/{tenant}/roles/{role}");
        let ada = app.join(&tenant, "ada@acme.com", &role).await;
        let user = format!("/tenants/{tenant}/users/{}", ada.user_id);
        let deactivated = app.post(&format!("{user}/deactivate")).bearer(&app.operator());
        deactivated.send().await.expect(200);
        let before = app.items().await;

        let refused = order(&app, "DELETE", &path, &Value::Null).await;

        refused.expect_problem(409, "role_in_use");
        assert_eq!(app.items().await, before);
        let body = json!({ "roleId": app.role(&tenant, SystemRole::Member) });
        order(&app, "PATCH", &user, &body).await.expect(200);
        order(&app, "DELETE", &path, &Value::Null).await.expect(204);
    }

    #[tokio::test]
    async fn nobody_removes_its_own_role_or_one_that_grants_more_than_it_holds() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let own = app
            .custom_role(&tenant, "Keeper", [Permission::DeleteRoles])
            .await;
        let more = app.custom_role(&tenant, "Grand", [Permission::ViewContact]).await;
        let ada = app.join(&tenant, "ada@acme.com", &own).await;
        let grace = somebody_with(&app, &tenant, [Permission::DeleteRoles, Permission::ViewContact]);
        let before = app.items().await;

        for role in [&own, &more] {
            let path = format!("/tenants/{tenant}/roles/{role}");
            let answer = send(&app, "DELETE", &path, &ada.token, &Value::Null).await;
            answer.expect_problem(403, "forbidden");
        }

        assert_eq!(app.items().await, before);
        let path = format!("/tenants/{tenant}/roles/{more}");
        let answer = send(&app, "DELETE", &path, &grace.token, &Value::Null).await;
        answer.expect(204);
    }

    #[tokio::test]
    async fn of_fifty_that_remove_a_role_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = add_editor(&app, &tenant).await;

        let answers = join_all((0..50).map(|_| order(&app, "DELETE", &role, &Value::Null))).await;

        assert_eq!(won(answers, 204, &["not_found"]), 1);
        assert_eq!(app.events_of("role.deleted.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn a_role_that_is_removed_while_it_is_given_is_nobodys_or_stays() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        let user = format!("/tenants/{tenant}/users/{}", ada.user_id);

        for n in 0..10 {
            let role = app.custom_role(&tenant, &format!("Role {n}"), []).await;
            let (path, body) = (
                format!("/tenants/{tenant}/roles/{role}"),
                json!({ "roleId": role }),
            );
            let (given, removed) = tokio::join!(
                order(&app, "PATCH", &user, &body),
                order(&app, "DELETE", &path, &Value::Null)
            );

            let has_it = app.find_user(&ada).await["roleId"] == role;
            if given.status == 200 {
                removed.expect_problem(409, "role_in_use");
                assert!(has_it);
            } else {
                given.expect_problem(422, "invalid_body");
                removed.expect(204);
                assert!(!has_it);
            }
        }
    }

    #[tokio::test]
    async fn of_a_role_that_is_removed_and_joined_with_at_once_one_comes_true() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        for n in 0..10 {
            let role = app.custom_role(&tenant, &format!("Role {n}"), []).await;
            let code = app.invite(&tenant, &format!("ada{n}@acme.com"), &role).await;
            let path = format!("/tenants/{tenant}/roles/{role}");
            let accept = app.post("/invitations/accept").bearer(&code).json(&json!({}));
            let (joined, removed) = tokio::join!(accept.send(), order(&app, "DELETE", &path, &Value::Null));

            if joined.status == 200 {
                removed.expect_problem(409, "role_in_use");
            } else {
                assert!(joined.status.is_client_error(), "{}", joined.text);
                removed.expect(204);
            }
        }
        let roles = own_roles(&app, &tenant).await.len();
        let joined = app.events_of("member.joined.v1").await.len();
        assert_eq!(roles, joined);
    }
}
