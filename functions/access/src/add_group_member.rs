use tenantry_api::{Body, Created, Operation, Path, Problem, Reply as _, Scope, TenantQuery};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Conflict, Error as DomainError, Event, Group, GroupMember, Id, Kind, Membership, Rule,
};

use crate::group_member_view::GroupMemberView;
use crate::group_place::{begin, find_group_with, put_place};
use crate::group_trail::shown_members;
use crate::new_group_member::{NewGroupMember, NewGroupMemberDoc};
use crate::part_of::PartOf;

/// Add a member to a group.
///
/// The `ETag` is the group's version. A member is in at most 25 groups, and a group has at most 1000 members.
#[utoipa::path(
    post,
    path = "/groups/{id}/user",
    request_body = NewGroupMemberDoc,
    params(("id" = String, Path, description = "The group's id."), TenantQuery)
)]
pub(crate) async fn add_group_member(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Group>>,
    Body(new): Body<NewGroupMember>,
) -> Result<Created<PartOf<GroupMemberView>>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let change = context.change(scope.actor().clone());
    let created = look_again(|| async {
        let (before, people) = find_group_with(&operation, &scope, id, vec![new.membership_id]).await?;
        let member = people.member(new.membership_id);
        let member = member.ok_or_else(|| unknown(new.membership_id))?;
        if member.groups.contains_key(&id) {
            return Err(Error::from(Conflict::GroupMemberExists(member.id.to_string())));
        }
        let place = new.place(change.at);
        let group = before.clone().with(1, u64::from(place.is_owner), &change)?;
        let joined = member.clone().join_group(id, place, &change)?;
        let added = GroupMember::new(&group, &joined, place);
        let mut entry = context.audit("group.members_added", &change);
        entry.after = Some(shown_members(&group, std::slice::from_ref(&added)));
        let (kind, members) = ("group.members_added", std::slice::from_ref(&added));
        let event = Event::of_group_members(kind, &group, members, context.new_id(), context.now);
        let mut transaction = begin(&operation, &scope, [member])?;
        transaction.replace_group(&scope, &before, &group, operation.lost_race(Kind::Group, id));
        put_place(&mut transaction, &scope, (member, &joined), &added);
        transaction
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        let location = format!("/groups/{id}/user/{}", joined.user_id);
        let body = PartOf::new(added.into(), group.version);
        let created = Created { location, body };
        context.commit(transaction, || created.stored()).await?;
        Ok(created)
    });
    Ok(created.await?)
}

/// A member that the tenant does not have, whether or not another one does.
fn unknown(id: Id<Membership>) -> DomainError {
    let detail = format!("member `{id}` does not exist");
    DomainError::invalid(Rule::new("unknown_user_tenant", detail).at("/userTenantId"))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Group, Membership};
    use tenantry_testing::TestApp;

    use crate::scene::{
        add_group, add_sales, add_to, find, last_entry, members_and_owners, members_of, nobody, order, place,
        pretend_members, send, somebody, told, won,
    };

    #[tokio::test]
    async fn a_member_is_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        app.clock.advance_minutes(1);

        let answer = order(&app, "POST", &members_of(&tenant, &id), &place(&ada, true)).await;
        let answer = answer.expect(201);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        let location = format!("/groups/{id}/user/{}", ada.user_id);
        assert_eq!(answer.header("location"), Some(&*location));
        assert_eq!(
            find(&app, &members_of(&tenant, &id)).await["items"],
            json!([answer.json()])
        );
        assert_eq!(members_and_owners(&app, &id).await, (1, 1));
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));

        add_to(&app, &id, &ada, false).await;

        insta::assert_json_snapshot!(app.events_of("group.members_added.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));

        add_to(&app, &id, &ada, false).await;

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn a_member_may_add_itself_and_is_no_owner_unless_that_is_said() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));

        let body = json!({ "userTenantId": ada.membership_id });
        let answer = send(&app, "POST", &format!("/groups/{id}/user"), &ada.token, &body).await;
        let answer = answer.expect(201);

        assert_eq!(answer.usage.calls, 2);
        assert_eq!(answer.text_at("/isOwner"), "false");
        assert_eq!(members_and_owners(&app, &id).await, (1, 0));
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = members_of(&tenant, &add_sales(&app, &tenant).await);

        for (body, expected) in [
            (json!({}), vec!["/userTenantId required"]),
            (
                json!({ "userTenantId": "ada", "isOwner": 1, "groupId": "x", "addedAt": "2026-01-01T00:00:00.000Z" }),
                vec![
                    "/userTenantId invalid_id",
                    "/isOwner invalid_type",
                    "/groupId unknown_member",
                    "/addedAt unknown_member",
                ],
            ),
        ] {
            let answer = order(&app, "POST", &path, &body).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer), expected);
            assert_eq!(answer.usage.calls, 0);
        }
    }

    #[tokio::test]
    async fn who_is_no_member_of_the_tenant_is_unknown_wherever_else_it_is_one() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let (id, elsewhere) = (add_sales(&app, &tenant).await, somebody(&app, &other));
        let before = app.items().await;

        for stranger in [
            &elsewhere.membership_id,
            &nobody(&app, &tenant),
            &elsewhere.user_id,
        ] {
            let body = json!({ "userTenantId": stranger });
            let answer = order(&app, "POST", &members_of(&tenant, &id), &body).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer), ["/userTenantId unknown_user_tenant"]);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn who_is_in_the_group_is_not_added_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        add_to(&app, &id, &ada, false).await;
        let before = app.items().await;

        for is_owner in [false, true] {
            let answer = order(&app, "POST", &members_of(&tenant, &id), &place(&ada, is_owner)).await;
            answer.expect_problem(409, "group_member_exists");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_group_and_a_member_have_room_for_so_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, busy) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        for n in 0..Membership::MOST_GROUPS {
            let group = add_group(&app, &tenant, &format!("Group {n}")).await;
            add_to(&app, &group, &busy, false).await;
        }
        let [last, late] = [(); 2].map(|()| somebody(&app, &tenant));
        let path = members_of(&tenant, &id);

        let answer = order(&app, "POST", &path, &place(&busy, false)).await;
        answer.expect_problem(409, "too_many_groups");
        pretend_members(&app, &id, Group::MOST_MEMBERS - 1).await;
        order(&app, "POST", &path, &place(&last, false)).await.expect(201);
        let answer = order(&app, "POST", &path, &place(&late, false)).await;
        answer.expect_problem(409, "group_full");
    }

    #[tokio::test]
    async fn of_fifty_that_add_a_member_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        let path = members_of(&tenant, &id);
        let bodies: Vec<Value> = (0..50).map(|n| place(&ada, n % 2 == 0)).collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "POST", &path, body))).await;

        assert_eq!(won(answers, 201, &["group_member_exists"]), 1);
        assert_eq!(members_and_owners(&app, &id).await.0, 1);
        assert_eq!(app.events_of("group.members_added.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn nobody_is_lost_or_counted_twice_among_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let path = members_of(&tenant, &id);
        let bodies: Vec<Value> = (0..20)
            .map(|n| place(&somebody(&app, &tenant), n % 2 == 0))
            .collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "POST", &path, body))).await;

        let owners = answers.iter().filter(|answer| answer.status == 201);
        let owners = owners.filter(|answer| answer.json()["isOwner"] == true).count();
        let members = won(answers, 201, &["modified_concurrently"]);
        assert!(members > 0);
        assert_eq!(members_and_owners(&app, &id).await, (members, owners));
    }

    #[tokio::test]
    async fn who_is_added_to_many_groups_at_once_is_in_each_that_says_so() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let mut ids = Vec::new();
        for n in 0..12 {
            ids.push(add_group(&app, &tenant, &format!("Group {n}")).await);
        }
        let paths: Vec<String> = ids.iter().map(|id| members_of(&tenant, id)).collect();
        let body = place(&ada, true);

        let answers = join_all(paths.iter().map(|path| order(&app, "POST", path, &body))).await;

        let added: Vec<bool> = answers.iter().map(|answer| answer.status == 201).collect();
        assert!(won(answers, 201, &["modified_concurrently"]) > 0);
        for (id, is_added) in ids.iter().zip(added) {
            let expected = if is_added { (1, 1) } else { (0, 0) };
            assert_eq!(members_and_owners(&app, id).await, expected);
        }
    }
}
