use tenantry_api::{NoContent, Operation, Parent, Path, Problem, Reply as _, Scope, TenantQuery};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Error as DomainError, Id, Kind, Membership};

use crate::override_guard::{NamedPermission, check_not_own, check_within, decided, find_member};
use crate::override_trail::write;

/// Take back what was decided about a permission of a member.
///
/// Its role alone says then whether the member holds it. Nobody decides about itself, about a permission that it does not hold,
/// or about somebody who may do more.
#[utoipa::path(
    delete,
    path = "/user-tenants/{id}/user-level-permissions/{permission}",
    params(
        ("id" = String, Path, description = "The member's id."),
        ("permission" = String, Path, description = "The permission, by name or alias."),
        TenantQuery
    )
)]
pub(crate) async fn delete_override(
    operation: Operation,
    Scope(scope): Scope,
    Parent(id): Parent<Id<Membership>>,
    Path(NamedPermission(permission)): Path<NamedPermission>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    check_not_own(&operation, id)?;
    let change = context.change(scope.actor().clone());
    let deleted = look_again(|| async {
        let (member, people) = find_member(&operation, &scope, id).await?;
        decided(&member, permission)?;
        check_within(&operation, &people, &member, permission)?;
        operation.require_version(Kind::Member, id, member.version)?;
        let updated = member.clone().leave_to_role(permission, &change);
        let updated = updated.ok_or_else(|| DomainError::not_found(Kind::Override, permission.name()))?;
        let (both, about) = ((&member, &updated), (permission, &change));
        let transaction = write(&operation, &scope, &people.trail, both, about);
        context.commit(transaction, || NoContent.stored()).await?;
        Ok::<_, Error>(NoContent)
    });
    Ok(deleted.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_testing::TestApp;

    use crate::scene::{decide, find, held, last_entry, order, override_of, overrides_of, somebody, won};

    #[tokio::test]
    async fn a_member_holds_what_its_role_grants_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let before = held(&app, &ada).await;
        decide(&app, &ada, "ViewContact", true).await;
        decide(&app, &ada, "ViewRoles", false).await;

        for permission in ["10211", "ViewRoles"] {
            let answer = order(&app, "DELETE", &override_of(&ada, permission), &Value::Null).await;
            let answer = answer.expect(204);
            assert_eq!((answer.text.as_str(), answer.usage.calls), ("", 2));
        }

        assert_eq!(held(&app, &ada).await, before);
        assert_eq!(find(&app, &overrides_of(&ada)).await["items"], json!([]));
    }

    #[tokio::test]
    async fn the_audit_trail_says_what_was_decided() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;

        let answer = order(&app, "DELETE", &override_of(&ada, "ViewContact"), &Value::Null).await;

        answer.expect(204);
        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;

        let answer = order(&app, "DELETE", &override_of(&ada, "ViewContact"), &Value::Null).await;

        answer.expect(204);
        insta::assert_json_snapshot!(app.events_of("member.permissions_changed.v1").await.last());
    }

    #[tokio::test]
    async fn of_fifty_that_take_a_decision_back_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        decide(&app, &ada, "ViewContact", true).await;
        let path = override_of(&ada, "ViewContact");

        let answers = join_all((0..50).map(|_| order(&app, "DELETE", &path, &Value::Null))).await;

        assert_eq!(won(answers, 204, &["not_found"]), 1);
        assert_eq!(app.events_of("member.permissions_changed.v1").await.len(), 2);
    }

    #[tokio::test]
    async fn what_is_taken_back_while_it_is_decided_otherwise_is_gone() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let path = override_of(&ada, "ViewContact");

        for _ in 0..10 {
            decide(&app, &ada, "ViewContact", true).await;
            let body = json!({ "allowed": false });
            let (changed, removed) = tokio::join!(
                order(&app, "PATCH", &path, &body),
                order(&app, "DELETE", &path, &Value::Null)
            );

            removed.expect(204);
            assert!([200, 404].contains(&changed.status.as_u16()), "{}", changed.text);
            assert_eq!(find(&app, &overrides_of(&ada)).await["items"], json!([]));
        }
    }
}
