use tenantry_api::{NoContent, Operation, Path, Problem, Scope};
use tenantry_app::look_again;
use tenantry_domain::{Conflict, Error as DomainError, Id, Invitation, Kind, Membership, User};
use tenantry_store::{Transaction, Wanted};

use crate::delete_invitation::revoke;
use crate::export_user::find_invitations;
use crate::member_removal::{let_go, remove_member};
use crate::member_status::check_is_other;

/// Remove a member from a tenant.
///
/// Its writes are refused from now on, whatever token it holds. With it go what was decided about it, its places in groups, its
/// preferences, and the invitation that it has not answered; the person stays, and if it comes back its `userTenantId` is the same. The last active owner stays, and
/// nobody removes oneself, or somebody who may do more.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/users/{userId}",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("userId" = String, Path, description = "The person's id.")
    )
)]
pub(crate) async fn delete_tenant_user(
    operation: Operation,
    Scope(scope): Scope,
    Path(user_id): Path<Id<User>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    check_is_other(&operation, user_id)?;
    let id = Membership::id_of(scope.tenant_id(), user_id);
    let change = context.change(scope.actor().clone());
    look_again(|| async {
        let wanted = Wanted {
            members: vec![id],
            users: vec![user_id],
            ..Wanted::default()
        };
        let missing = || DomainError::not_found(Kind::User, user_id);
        let people = context
            .store
            .find_people(&scope, &wanted)
            .await?
            .ok_or_else(missing)?;
        let member = people.member(id).ok_or_else(missing)?;
        operation.require_version(Kind::Member, id, member.version)?;
        member.check_within(&people.roles, &operation.held())?;
        let mut transaction = Transaction::new();
        transaction.in_tenant(&scope);
        let lost = operation.lost_race(Kind::Member, id);
        let at = (member, &people.trail);
        remove_member(context, &mut transaction, &scope, at, lost, &change).await?;
        if let Some(user) = people.user(user_id) {
            let_go(&mut transaction, &scope, user, &change);
            // What it was sent and has not answered does not let it in again.
            let invitations = find_invitations(&operation, user).await?.into_iter();
            let waiting = |invitation: &Invitation| {
                invitation.tenant_id == scope.tenant_id() && invitation.is_open(context.now)
            };
            for invitation in invitations.filter(waiting) {
                let lost = Conflict::ModifiedConcurrently {
                    kind: Kind::Invitation,
                    id: invitation.id.to_string(),
                };
                let at = (&invitation, &people.trail);
                revoke(&operation, &mut transaction, &scope, at, lost.into())?;
            }
        }
        Ok(context.store.commit(transaction).await?)
    })
    .await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Answer, Person, TestApp};

    use crate::scene::{
        GRACE, accept, allow, find, group, invite, last_entries, of_members, order, path_of, prefer, send,
        types_with, users_of, won,
    };

    async fn remove(app: &TestApp, person: &Person, token: &str) -> Answer {
        send(app, "DELETE", &path_of(person), token, &Value::Null).await
    }

    #[tokio::test]
    async fn a_member_leaves_and_the_person_stays() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Member).await;
        let before = app.find_user(&elsewhere).await;
        let known = app.events().await.len();

        let answer = remove(&app, &grace, &app.operator()).await.expect(204);

        // The member, its preferences, its invitations, and the end of all of them.
        assert_eq!(answer.usage.calls, 4);
        insta::assert_json_snapshot!(app.events().await.split_off(known));
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
        order(&app, "GET", &path_of(&grace), &Value::Null)
            .await
            .expect_problem(404, "not_found");
        assert_eq!(app.find_user(&elsewhere).await, before);
        let tenants = find(&app, &format!("/user/{}/tenants", grace.user_id)).await;
        let tenants = tenants["items"].as_array().cloned().unwrap_or_default();
        assert_eq!(tenants.len(), 1);
        assert_eq!(tenants[0]["id"], other);
        assert_eq!(tenants[0]["isDefault"], true, "it goes where it still can");
    }

    #[tokio::test]
    async fn everything_of_a_member_goes_and_is_not_there_when_it_comes_back() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.custom_role(&tenant, "Editor", of_members()).await;
        let grace = app.join(&tenant, GRACE, &role).await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        let sales = group(&app, &tenant, &[&grace, &ada]).await;
        allow(&app, &grace, "ViewContact").await;
        for key in ["theme", "language", "last-accessed-url"] {
            prefer(&app, &grace, key).await;
        }
        prefer(&app, &ada, "theme").await;
        app.settle().await;

        remove(&app, &grace, &app.operator()).await.expect(204);
        app.settle().await;

        // The audit trail keeps ids.
        assert_eq!(types_with(&app, &grace.membership_id).await, ["audit"]);
        assert_eq!(find(&app, &sales).await["members"], 1);
        order(
            &app,
            "DELETE",
            &format!("/tenants/{tenant}/roles/{role}"),
            &Value::Null,
        )
        .await
        .expect(204);
        let grace_again = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        assert_eq!(grace_again.membership_id, grace.membership_id);
        assert_eq!(grace_again.user_id, grace.user_id);
        let count = app.get("/user-tenant-prefs/count").bearer(&grace_again.token);
        assert_eq!(count.send().await.expect(200).json(), json!({ "count": 0 }));
        let membership = &grace.membership_id;
        let groups = format!("/user-tenants/{membership}/user-groups?tenantId={tenant}");
        assert_eq!(find(&app, &groups).await["items"], json!([]));
        let decisions = format!("/user-tenants/{membership}/user-level-permissions?tenantId={tenant}");
        assert_eq!(find(&app, &decisions).await["items"], json!([]));
    }

    #[tokio::test]
    async fn who_has_as_much_as_a_member_can_have_is_removed_as_well() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.custom_role(&tenant, "Editor", of_members()).await;
        let grace = app.join(&tenant, GRACE, &role).await;
        for n in 0..25 {
            prefer(&app, &grace, &format!("key-{n}")).await;
            let body = json!({ "name": format!("Group {n}") });
            let id = app
                .account_thing(&format!("/tenants/{tenant}/groups"), &body)
                .await;
            let path = format!("/groups/{id}/user?tenantId={tenant}");
            let body = json!({ "userTenantId": grace.membership_id });
            order(&app, "POST", &path, &body).await.expect(201);
        }
        app.settle().await;

        remove(&app, &grace, &app.operator()).await.expect(204);

        assert!(
            !types_with(&app, &grace.membership_id)
                .await
                .contains(&"preference".to_owned())
        );
    }

    #[tokio::test]
    async fn its_token_writes_nothing_any_more() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Admin).await;
        remove(&app, &grace, &app.operator()).await.expect(204);
        app.settle().await;
        let before = app.items().await;

        let body = TestApp::new_user("ada@acme.com", &app.role(&tenant, SystemRole::Member));
        for (path, body) in [
            (users_of(&tenant), body),
            (
                "/user-tenant-prefs".to_owned(),
                json!({ "configKey": "theme", "configValue": {} }),
            ),
        ] {
            let answer = send(&app, "POST", &path, &grace.token, &body).await;
            answer.expect_problem(403, "membership_inactive");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn who_is_no_member_is_not_removed_and_nobody_else_is() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let foreign = app.join_as(&other, "ada@acme.com", SystemRole::Member).await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let rest = app
            .join_as(&tenant, "alan@park.example", SystemRole::Member)
            .await;
        group(&app, &tenant, &[&rest]).await;
        remove(&app, &grace, &app.operator()).await.expect(204);
        app.settle().await;
        let before = app.items().await;

        for user_id in [&app.unknown_id(), &foreign.user_id, &grace.user_id] {
            let path = format!("{}/{user_id}", users_of(&tenant));
            order(&app, "DELETE", &path, &Value::Null)
                .await
                .expect_problem(404, "not_found");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_removes_oneself_or_somebody_who_may_do_more() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let owner = app.join_as(&tenant, "owner@acme.com", SystemRole::Owner).await;
        app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let admin = app.join_as(&tenant, "admin@acme.com", SystemRole::Admin).await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        allow(&app, &grace, "ExportTenant").await;
        app.settle().await;
        let before = app.items().await;

        for (person, token) in [
            (&owner, &admin.token),
            (&grace, &admin.token),
            (&admin, &admin.token),
            (&owner, &owner.token),
        ] {
            let answer = remove(&app, person, token).await;
            answer.expect_problem(403, "forbidden");
        }

        assert_eq!(app.items().await, before);
        remove(&app, &grace, &owner.token).await.expect(204);
    }

    #[tokio::test]
    async fn the_last_owner_stays() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        app.settle().await;
        let before = app.items().await;

        remove(&app, &ada, &app.operator())
            .await
            .expect_problem(409, "last_owner");

        assert_eq!(app.items().await, before);
        app.join_as(&tenant, GRACE, SystemRole::Owner).await;
        remove(&app, &ada, &app.operator()).await.expect(204);
    }

    #[tokio::test]
    async fn of_two_owners_who_remove_each_other_one_stays() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let tenant = app.tenant("acme").await;
            let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
            let grace = app.join_as(&tenant, GRACE, SystemRole::Owner).await;

            let (first, second) =
                tokio::join!(remove(&app, &ada, &grace.token), remove(&app, &grace, &ada.token));

            let lost = ["membership_inactive", "last_owner"];
            assert_eq!(won(vec![first, second], 204, &lost), 1);
            let members = find(&app, &users_of(&tenant)).await["items"].take();
            assert_eq!(members.as_array().map(Vec::len), Some(1));
        }
    }

    #[tokio::test]
    async fn of_many_that_remove_a_member_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let role = app.custom_role(&tenant, "Editor", [Permission::ViewTenant]).await;
        let grace = app.join(&tenant, GRACE, &role).await;
        let token = app.operator();

        let answers = join_all((0..10).map(|_| remove(&app, &grace, &token))).await;

        assert_eq!(won(answers, 204, &["not_found"]), 1);
        assert_eq!(app.events_of("member.removed.v1").await.len(), 1);
        let role = format!("/tenants/{tenant}/roles/{role}");
        order(&app, "DELETE", &role, &Value::Null).await.expect(204);
    }

    #[tokio::test]
    async fn a_removal_and_an_acceptance_at_once_leave_one_truth() {
        for _ in 0..5 {
            let app = TestApp::start().await;
            let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
            let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
            let (_, code) = invite(&app, &other, GRACE).await;
            let token = app.operator();

            let (removed, accepted) = tokio::join!(remove(&app, &grace, &token), accept(&app, &code));

            removed.expect(204);
            accepted.expect(200);
            let tenants = find(&app, &format!("/user/{}/tenants", grace.user_id)).await;
            let tenants = tenants["items"].as_array().cloned().unwrap_or_default();
            assert_eq!(tenants.len(), 1);
            assert_eq!(tenants[0]["id"], other);
        }
    }

    #[tokio::test]
    async fn an_invitation_that_was_not_answered_goes_with_the_member() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let role = app.role(&tenant, SystemRole::Member);
        let (grace, code) = crate::scene::add_grace(&app, &tenant, &role).await;
        let (elsewhere, _) = invite(&app, &other, GRACE).await;
        let activate = format!("{}/activate", path_of(&grace));
        order(&app, "POST", &activate, &Value::Null).await.expect(200);

        remove(&app, &grace, &app.operator()).await.expect(204);

        accept(&app, &code).await.expect_problem(409, "invitation_closed");
        assert_eq!(app.events_of("invitation.revoked.v1").await.len(), 1);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 2).await);
        assert_eq!(find(&app, &elsewhere).await["status"], "PENDING");
    }
}
