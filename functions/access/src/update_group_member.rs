use tenantry_api::{
    Body, Found, FromMembers, Members, Operation, Parent, Path, Problem, Reply as _, Scope, TenantQuery,
};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Event, Group, GroupMember, GroupPlace, Id, Kind, Membership, User};
use utoipa::ToSchema;

use crate::group_member_view::GroupMemberView;
use crate::group_place::{begin, find_group_with, placed, put_place};
use crate::group_trail::shown_members;
use crate::part_of::PartOf;

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = GroupMemberChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is the flag"
)]
pub(crate) struct GroupMemberChangesDoc {
    /// Whether it is one of the group's owners.
    #[schema(value_type = bool, required = false)]
    is_owner: Option<bool>,
}

/// The changes as they were read.
pub(crate) struct GroupMemberPatch {
    is_owner: Option<bool>,
}

impl FromMembers for GroupMemberPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let is_owner = members.changed_flag("isOwner");
        Some(Self { is_owner: is_owner? })
    }
}

/// Make a member of a group its owner, or not.
///
/// The last owner stays one. The `ETag` is the group's version.
#[utoipa::path(
    patch,
    path = "/groups/{id}/user/{userId}",
    request_body(content = GroupMemberChangesDoc, content_type = "application/merge-patch+json"),
    params(
        ("id" = String, Path, description = "The group's id."),
        ("userId" = String, Path, description = "The person's id."),
        TenantQuery
    )
)]
pub(crate) async fn update_group_member(
    operation: Operation,
    Scope(scope): Scope,
    Parent(id): Parent<Id<Group>>,
    Path(user_id): Path<Id<User>>,
    Body(GroupMemberPatch { is_owner }): Body<GroupMemberPatch>,
) -> Result<Found<PartOf<GroupMemberView>>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let change = context.change(scope.actor().clone());
    let membership_id = Membership::id_of(scope.tenant_id(), user_id);
    let found = look_again(|| async {
        let (before, people) = find_group_with(&operation, &scope, id, vec![membership_id]).await?;
        let (member, place) = placed(&people, id, user_id)?;
        operation.require_version(Kind::Group, id, before.version)?;
        let was = GroupMember::new(&before, &member, place);
        let Some(is_owner) = is_owner.filter(|is_owner| *is_owner != place.is_owner) else {
            return Ok::<_, Error>(Found(PartOf::new(was.into(), before.version)));
        };
        let group = before.clone().with_owner(is_owner, &change)?;
        let place = GroupPlace { is_owner, ..place };
        let updated = member.clone().join_group(id, place, &change)?;
        let is = GroupMember::new(&group, &updated, place);
        let mut entry = context.audit("group.member_updated", &change);
        entry.before = Some(shown_members(&before, std::slice::from_ref(&was)));
        entry.after = Some(shown_members(&group, std::slice::from_ref(&is)));
        let (kind, members) = ("group.member_updated", std::slice::from_ref(&is));
        let event = Event::of_group_members(kind, &group, members, context.new_id(), context.now);
        let mut transaction = begin(&operation, &scope, [&member])?;
        transaction.replace_group(&scope, &before, &group, operation.lost_race(Kind::Group, id));
        put_place(&mut transaction, &scope, (&member, &updated), &is);
        transaction
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        let found = Found(PartOf::new(is.into(), group.version));
        context.commit(transaction, || found.stored()).await?;
        Ok(found)
    });
    Ok(found.await?)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_testing::TestApp;

    use crate::scene::{
        add_sales, add_to, find, last_entry, member_of, members_and_owners, members_of, order, path_of, send,
        somebody, told, won,
    };

    #[tokio::test]
    async fn a_member_becomes_an_owner() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        add_to(&app, &id, &ada, false).await;
        app.clock.advance_minutes(1);

        let answer = order(&app, "PATCH", &member_of(&id, &ada), &json!({ "isOwner": true })).await;
        let answer = answer.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"3\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(
            find(&app, &members_of(&tenant, &id)).await["items"],
            json!([answer.json()])
        );
        assert_eq!(members_and_owners(&app, &id).await, (1, 1));
        insta::assert_json_snapshot!("event", app.events_of("group.member_updated.v1").await);
        insta::assert_json_snapshot!("entry", last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn the_last_owner_stays_one() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        for person in [&ada, &grace] {
            add_to(&app, &id, person, true).await;
        }
        let (step_down, ada_in, grace_in) = (
            json!({ "isOwner": false }),
            member_of(&id, &ada),
            member_of(&id, &grace),
        );

        send(&app, "PATCH", &ada_in, &ada.token, &step_down)
            .await
            .expect(200);
        let before = app.items().await;
        for token in [&grace.token, &ada.token, &app.operator()] {
            let answer = send(&app, "PATCH", &grace_in, token, &step_down).await;
            answer.expect_problem(409, "last_group_owner");
        }

        assert_eq!(app.items().await, before);
        assert_eq!(members_and_owners(&app, &id).await, (2, 1));
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        add_to(&app, &id, &ada, true).await;
        let before = app.items().await;

        for body in [json!({}), json!({ "isOwner": true })] {
            let answer = order(&app, "PATCH", &member_of(&id, &ada), &body)
                .await
                .expect(200);
            assert_eq!((answer.header("etag"), answer.usage.calls), (Some("\"2\""), 1));
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        add_to(&app, &id, &ada, true).await;

        for (body, expected) in [
            (json!({ "isOwner": null }), vec!["/isOwner required"]),
            (
                json!({ "isOwner": "no", "userTenantId": "x", "groupId": "y" }),
                vec![
                    "/isOwner invalid_type",
                    "/userTenantId unknown_member",
                    "/groupId unknown_member",
                ],
            ),
        ] {
            let answer = order(&app, "PATCH", &member_of(&id, &ada), &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), expected);
        }
    }

    #[tokio::test]
    async fn who_is_not_in_the_group_is_not_found_and_is_not_put_there() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        let by_membership = format!("/groups/{id}/user/{}?tenantId={tenant}", ada.membership_id);
        let before = app.items().await;

        for path in [
            member_of(&id, &ada),
            by_membership,
            member_of(&app.unknown_id(), &ada),
        ] {
            for (method, body) in [("PATCH", json!({ "isOwner": true })), ("DELETE", Value::Null)] {
                order(&app, method, &path, &body)
                    .await
                    .expect_problem(404, "not_found");
            }
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_owners_that_step_down_at_once_one_stays() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let people: Vec<_> = (0..8).map(|_| somebody(&app, &tenant)).collect();
        for person in &people {
            add_to(&app, &id, person, true).await;
        }
        let paths: Vec<String> = people.iter().map(|person| member_of(&id, person)).collect();
        let body = json!({ "isOwner": false });

        // All of them, until one of them hears that it is the last one.
        while members_and_owners(&app, &id).await.1 > 1 {
            let left = paths.iter().map(|path| order(&app, "PATCH", path, &body));
            let answers = join_all(left).await;
            assert!(won(answers, 200, &["modified_concurrently", "last_group_owner"]) > 0);
        }

        assert_eq!(members_and_owners(&app, &id).await, (8, 1));
        let answers = join_all(paths.iter().map(|path| order(&app, "PATCH", path, &body))).await;
        assert_eq!(won(answers, 200, &["last_group_owner"]), 7);
        assert_eq!(find(&app, &path_of(&tenant, &id)).await["owners"], 1);
    }

    #[tokio::test]
    async fn fifty_who_make_a_member_owner_at_once_make_it_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        add_to(&app, &id, &ada, false).await;
        let (path, body) = (member_of(&id, &ada), json!({ "isOwner": true }));

        let answers = join_all((0..50).map(|_| order(&app, "PATCH", &path, &body))).await;

        for answer in answers {
            assert_eq!(answer.expect(200).header("etag"), Some("\"3\""));
        }
        assert_eq!(members_and_owners(&app, &id).await, (1, 1));
        assert_eq!(app.events_of("group.member_updated.v1").await.len(), 1);
    }
}
