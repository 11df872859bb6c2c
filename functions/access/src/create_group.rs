use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Description, Error as DomainError, Event, Group, GroupMember, GroupPlace, Kind, NewGroup, RoleName,
    Website,
};
use tenantry_store::Wanted;
use utoipa::ToSchema;

use crate::group_place::{begin, put_place};
use crate::group_trail::shown;
use crate::group_view::GroupView;

/// A group that is added to a tenant.
#[derive(Debug, ToSchema)]
#[schema(as = NewGroup, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's new group is what is read"
)]
pub(crate) struct NewGroupDoc {
    /// What it is called; no other group of the tenant is called so, in any letter case.
    #[schema(max_length = 100, example = "Sales")]
    name: String,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Where a picture of it is.
    #[schema(max_length = 500, example = "https://acme.com/sales.png")]
    photo_url: Option<String>,
}

/// The group as it was read.
pub(crate) struct NewGroupBody(NewGroup);

impl FromMembers for NewGroupBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.text("name", RoleName::parse);
        let description = members.optional_text("description", Description::parse);
        let photo_url = members.optional_text("photoUrl", Website::parse);
        Some(Self(NewGroup {
            name: name?,
            description: description?,
            photo_url: photo_url?,
        }))
    }
}

/// Add a group to a tenant.
///
/// A member who makes a group is its first member and its owner. A group that an operator makes begins empty.
#[utoipa::path(
    post,
    path = "/tenants/{id}/groups",
    request_body = NewGroupDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn create_group(
    operation: Operation,
    Scope(scope): Scope,
    Body(NewGroupBody(new)): Body<NewGroupBody>,
) -> Result<Created<GroupView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let wanted = Wanted {
        members: operation.membership_id().into_iter().collect(),
        ..Wanted::default()
    };
    let created = look_again(|| async {
        let people = context.store.find_people(&scope, &wanted).await?;
        let people = people.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
        let mut group = Group::new(tenant_id, new.clone(), &change, &*context.app.entropy);
        let mut transaction = begin(&operation, &scope, &people.members)?;
        if let Some(id) = operation.membership_id() {
            let maker = people.member(id);
            let maker = maker.ok_or_else(|| DomainError::MembershipInactive(id.to_string()))?;
            let place = GroupPlace {
                is_owner: true,
                added_at: change.at,
            };
            let owner = maker.clone().join_group(group.id, place, &change)?;
            (group.members, group.owners) = (1, 1);
            let member = GroupMember::new(&group, &owner, place);
            transaction.create_group(&scope, &group);
            put_place(&mut transaction, &scope, (maker, &owner), &member);
        } else {
            transaction.create_group(&scope, &group);
        }
        let mut entry = context.audit("group.created", &change);
        entry.after = Some(shown(&group));
        let event = Event::of_group("group.created", &group, context.new_id(), context.now);
        transaction
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        let location = format!("/tenants/{tenant_id}/groups/{}", group.id);
        let body = group.into();
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
    use tenantry_domain::Membership;
    use tenantry_testing::TestApp;

    use crate::scene::{
        add_sales, find, last_entry, members_and_owners, order, path_of, sales, send, somebody, told, won,
    };

    #[tokio::test]
    async fn a_group_that_an_operator_makes_begins_empty() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = order(&app, "POST", &format!("/tenants/{tenant}/groups"), &sales()).await;
        let answer = answer.expect(201);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        let location = answer.header("location").expect("it says where the group is");
        assert_eq!(find(&app, location).await, answer.json());
        assert_eq!(members_and_owners(&app, &answer.text_at("/id")).await, (0, 0));
    }

    #[tokio::test]
    async fn a_member_who_makes_a_group_is_its_first_member_and_its_owner() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);

        let path = format!("/tenants/{tenant}/groups");
        let answer = send(&app, "POST", &path, &ada.token, &sales()).await.expect(201);

        assert_eq!(answer.usage.calls, 2);
        assert_eq!(
            (&*answer.text_at("/members"), &*answer.text_at("/owners")),
            ("1", "1")
        );
        let id = answer.text_at("/id");
        assert_eq!(find(&app, &path_of(&tenant, &id)).await, answer.json());
        let members = find(&app, &format!("/groups/{id}/user?tenantId={tenant}")).await;
        assert_eq!(members["items"][0]["userTenantId"], ada.membership_id);
        assert_eq!(members_and_owners(&app, &id).await, (1, 1));
        insta::assert_json_snapshot!(app.events_of("group.created.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_names_the_group_and_who_made_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);

        let path = format!("/tenants/{tenant}/groups");
        send(&app, "POST", &path, &ada.token, &sales()).await.expect(201);

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let everything = json!({
            "name": 7, "description": "x".repeat(501), "photoUrl": "javascript:alert(1)", "members": 5, "deleted": true,
        });

        for (body, expected) in [
            (
                everything,
                vec![
                    "/name invalid_type",
                    "/description too_long",
                    "/photoUrl invalid_website",
                    "/members unknown_member",
                    "/deleted unknown_member",
                ],
            ),
            (json!({}), vec!["/name required"]),
            (json!({ "name": null }), vec!["/name required"]),
            (json!({ "name": "x".repeat(101) }), vec!["/name too_long"]),
        ] {
            let answer = order(&app, "POST", &format!("/tenants/{tenant}/groups"), &body).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer), expected);
            assert_eq!(answer.usage.calls, 0);
        }
    }

    #[tokio::test]
    async fn a_name_is_one_groups_in_any_letter_case() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        add_sales(&app, &tenant).await;
        let member = app.member(&tenant);
        let before = app.items().await;

        for name in ["Sales", " SALES ", "sales"] {
            for token in [&member, &app.operator()] {
                let path = format!("/tenants/{tenant}/groups");
                let answer = send(&app, "POST", &path, token, &json!({ "name": name })).await;
                answer.expect_problem(409, "group_name_taken");
            }
        }

        assert_eq!(app.items().await, before);
        add_sales(&app, &other).await;
    }

    #[tokio::test]
    async fn of_fifty_that_want_a_name_one_gets_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/tenants/{tenant}/groups");
        let people: Vec<_> = (0..50).map(|_| somebody(&app, &tenant)).collect();
        let body = sales();

        let made = people
            .iter()
            .map(|person| send(&app, "POST", &path, &person.token, &body));
        let answers = join_all(made).await;

        let made = answers.iter().find(|answer| answer.status == 201);
        let made = made.expect("one of them is made").json();
        assert_eq!(won(answers, 201, &["group_name_taken"]), 1);
        assert_eq!(find(&app, &path).await["items"], json!([made]));
        let id = made["id"].as_str().unwrap_or_default();
        assert_eq!(members_and_owners(&app, id).await, (1, 1));
    }

    #[tokio::test]
    async fn a_member_makes_no_more_groups_than_it_can_be_in_however_many_come_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let path = format!("/tenants/{tenant}/groups");
        let bodies: Vec<Value> = (0..Membership::MOST_GROUPS + 8)
            .map(|n| json!({ "name": format!("Group {n}") }))
            .collect();
        let (first, rest) = bodies.split_at(Membership::MOST_GROUPS - 2);
        for body in first {
            send(&app, "POST", &path, &ada.token, body).await.expect(201);
        }

        let made = rest
            .iter()
            .map(|body| send(&app, "POST", &path, &ada.token, body));
        let answers = join_all(made).await;

        assert_eq!(won(answers, 201, &["too_many_groups"]), 2);
        let groups = find(&app, &format!("{path}?limit=100")).await;
        assert_eq!(
            groups["items"].as_array().map(Vec::len),
            Some(Membership::MOST_GROUPS)
        );
    }
}
