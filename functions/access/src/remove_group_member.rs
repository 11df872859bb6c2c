use tenantry_api::{NoContent, Operation, Parent, Path, Problem, Reply as _, Scope, TenantQuery};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Error as DomainError, Event, Group, GroupMember, Id, Kind, Membership, Permission, User,
};

use crate::group_place::{begin, find_group_with, placed, take_place};
use crate::group_trail::shown_members;

/// Remove a member from a group, or leave it.
///
/// With `LeaveUserGroup` alone one removes oneself only. The last owner stays while others are in the group.
#[utoipa::path(
    delete,
    path = "/groups/{id}/user/{userId}",
    params(
        ("id" = String, Path, description = "The group's id."),
        ("userId" = String, Path, description = "The person's id."),
        TenantQuery
    )
)]
pub(crate) async fn remove_group_member(
    operation: Operation,
    Scope(scope): Scope,
    Parent(id): Parent<Id<Group>>,
    Path(user_id): Path<Id<User>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let may_remove = operation.held().holds(Permission::RemoveMemberFromUserGroup);
    if !may_remove && !operation.caller.is_person(user_id) {
        let text = "others are removed with RemoveMemberFromUserGroup only".to_owned();
        return Err(DomainError::Forbidden(text).into());
    }
    let change = context.change(scope.actor().clone());
    let membership_id = Membership::id_of(scope.tenant_id(), user_id);
    let removed = look_again(|| async {
        let (before, people) = find_group_with(&operation, &scope, id, vec![membership_id]).await?;
        let (member, place) = placed(&people, id, user_id)?;
        operation.require_version(Kind::Group, id, before.version)?;
        let group = before.clone().without(place, &change)?;
        let left = member.clone().leave_group(id, &change);
        let was = GroupMember::new(&before, &member, place);
        let mut entry = context.audit("group.member_removed", &change);
        entry.before = Some(shown_members(&before, std::slice::from_ref(&was)));
        let (kind, members) = ("group.member_removed", std::slice::from_ref(&was));
        let event = Event::of_group_members(kind, &group, members, context.new_id(), context.now);
        let mut transaction = begin(&operation, &scope, [&member])?;
        transaction.replace_group(&scope, &before, &group, operation.lost_race(Kind::Group, id));
        take_place(&mut transaction, &scope, (&member, &left), id);
        transaction
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        context.commit(transaction, || NoContent.stored()).await?;
        Ok::<_, Error>(NoContent)
    });
    Ok(removed.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::Value;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::{
        add_sales, add_to, last_entry, member_of, members_and_owners, members_of, order, path_of, place,
        send, somebody, somebody_with, won,
    };

    #[tokio::test]
    async fn a_member_is_removed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        add_to(&app, &id, &ada, true).await;
        add_to(&app, &id, &grace, false).await;

        let path = member_of(&id, &grace);
        let answer = order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert_eq!((answer.text.as_str(), answer.usage.calls), ("", 2));
        assert_eq!(members_and_owners(&app, &id).await, (1, 1));
        let again = order(&app, "DELETE", &path, &Value::Null).await;
        again.expect_problem(404, "not_found");
        insta::assert_json_snapshot!("event", app.events_of("group.member_removed.v1").await);
        insta::assert_json_snapshot!("entry", last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn who_may_only_leave_removes_itself_and_nobody_else() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let may = [Permission::LeaveUserGroup];
        let ada = somebody_with(&app, &tenant, may);
        let [grace, owner, stranger] = [(); 3].map(|()| somebody(&app, &tenant));
        add_to(&app, &id, &owner, true).await;
        for person in [&ada, &grace] {
            add_to(&app, &id, person, false).await;
        }
        let weak_operator = app.operator_with(may);
        let before = app.items().await;

        for (token, person) in [
            (&ada.token, &grace),
            (&ada.token, &owner),
            (&ada.token, &stranger),
            (&weak_operator, &grace),
        ] {
            let answer = send(&app, "DELETE", &member_of(&id, person), token, &Value::Null).await;
            assert_eq!(answer.expect_problem(403, "forbidden").usage.calls, 0);
        }

        assert_eq!(app.items().await, before);
        let unnamed = format!("/groups/{id}/user/{}", ada.user_id);
        let answer = send(&app, "DELETE", &unnamed, &ada.token, &Value::Null).await;
        assert_eq!(answer.expect(204).usage.calls, 2);
        assert_eq!(members_and_owners(&app, &id).await, (2, 1));
    }

    #[tokio::test]
    async fn who_may_remove_others_may_leave_too() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let ada = somebody_with(&app, &tenant, [Permission::RemoveMemberFromUserGroup]);
        let grace = somebody(&app, &tenant);
        for person in [&ada, &grace] {
            add_to(&app, &id, person, true).await;
        }

        for person in [&grace, &ada] {
            let answer = send(&app, "DELETE", &member_of(&id, person), &ada.token, &Value::Null).await;
            answer.expect(204);
        }

        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
    }

    #[tokio::test]
    async fn the_last_owner_stays_while_others_are_there() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        add_to(&app, &id, &ada, true).await;
        add_to(&app, &id, &grace, false).await;
        let before = app.items().await;

        for token in [&ada.token, &grace.token, &app.operator()] {
            let answer = send(&app, "DELETE", &member_of(&id, &ada), token, &Value::Null).await;
            answer.expect_problem(409, "last_group_owner");
        }

        assert_eq!(app.items().await, before);
        for person in [&grace, &ada] {
            let answer = order(&app, "DELETE", &member_of(&id, person), &Value::Null).await;
            answer.expect(204);
        }
        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
    }

    #[tokio::test]
    async fn of_fifty_that_remove_a_member_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        add_to(&app, &id, &ada, true).await;
        let path = member_of(&id, &ada);

        let answers = join_all((0..50).map(|_| order(&app, "DELETE", &path, &Value::Null))).await;

        assert_eq!(won(answers, 204, &["not_found"]), 1);
        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
        assert_eq!(app.events_of("group.member_removed.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn of_owners_that_leave_at_once_the_last_one_stays_with_the_others() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let owners: Vec<_> = (0..8).map(|_| somebody(&app, &tenant)).collect();
        for person in &owners {
            add_to(&app, &id, person, true).await;
        }
        add_to(&app, &id, &somebody(&app, &tenant), false).await;
        let paths: Vec<String> = owners.iter().map(|person| member_of(&id, person)).collect();

        let mut left = 0;
        while left < 7 {
            let leaving = owners.iter().zip(&paths);
            let leaving =
                leaving.map(|(person, path)| send(&app, "DELETE", path, &person.token, &Value::Null));
            let codes = ["modified_concurrently", "last_group_owner", "not_found"];
            let now = won(join_all(leaving).await, 204, &codes);
            assert!(now > 0);
            left += now;
            assert_eq!(members_and_owners(&app, &id).await, (9 - left, 8 - left));
        }

        let leaving = paths.iter().map(|path| order(&app, "DELETE", path, &Value::Null));
        assert_eq!(
            won(join_all(leaving).await, 204, &["last_group_owner", "not_found"]),
            0
        );
    }

    #[tokio::test]
    async fn who_is_added_while_the_last_owner_leaves_finds_an_owner_or_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        let (path, body) = (members_of(&tenant, &id), place(&grace, false));
        let leave = member_of(&id, &ada);

        for _ in 0..10 {
            add_to(&app, &id, &ada, true).await;
            let (left, added) = tokio::join!(
                order(&app, "DELETE", &leave, &Value::Null),
                order(&app, "POST", &path, &body)
            );

            added.expect(201);
            if left.status == 204 {
                assert_eq!(members_and_owners(&app, &id).await, (1, 0));
            } else {
                left.expect_problem(409, "last_group_owner");
                assert_eq!(members_and_owners(&app, &id).await, (2, 1));
            }
            for person in [&grace, &ada] {
                let status = order(&app, "DELETE", &member_of(&id, person), &Value::Null)
                    .await
                    .status;
                assert!(status == 204 || status == 404);
            }
        }
        assert_eq!(
            order(&app, "GET", &path_of(&tenant, &id), &Value::Null)
                .await
                .text_at("/members"),
            "0"
        );
    }
}
