use serde::Serialize;
use tenantry_api::{Batch, Count, Operation, Path, Problem, Reply as _, Scope, TenantQuery};
use tenantry_app::{Error, look_again};
use tenantry_domain::{Change, Conflict, Event, Group, GroupMember, Id, Kind, Membership};
use tenantry_store::{People, Transaction};
use utoipa::ToSchema;

use crate::group_place::{begin, find_group_with, put_place};
use crate::group_trail::shown_members;
use crate::new_group_member::{NewGroupMember, NewGroupMemberDoc};

/// What became of each member that was to be added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GroupMembersAnswer)]
pub(crate) struct BulkAnswer {
    /// In the order of the request.
    results: Vec<BulkResult>,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GroupMemberResult)]
pub(crate) struct BulkResult {
    /// The member, as the request named it.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// `added`; `exists`, if it is in the group already; `unknown`, if the tenant has no such member; or `refused`.
    #[schema(value_type = String, example = "added")]
    status: &'static str,
    /// Why it was refused: `group_full` or `too_many_groups`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    code: Option<&'static str>,
}

/// Add many members to a group.
///
/// At most 30 at once. Those that can be added are added together, and each is answered for. If there is nobody to add, nothing
/// changes.
#[utoipa::path(
    post,
    path = "/groups/{id}/user/bulk",
    request_body = Vec<NewGroupMemberDoc>,
    params(("id" = String, Path, description = "The group's id."), TenantQuery)
)]
pub(crate) async fn add_group_members(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Group>>,
    Batch(wished): Batch<NewGroupMember, { Group::MOST_AT_ONCE }>,
) -> Result<Count<BulkAnswer>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let change = context.change(scope.actor().clone());
    let ids: Vec<Id<Membership>> = wished.iter().map(|new| new.membership_id).collect();
    let answer = look_again(|| async {
        let (before, people) = find_group_with(&operation, &scope, id, ids.clone()).await?;
        let Judged { joining, results } = judge(&before, &people, &wished, &change);
        let answer = Count(BulkAnswer { results });
        if joining.is_empty() {
            context.commit(Transaction::new(), || answer.stored()).await?;
            return Ok::<_, Error>(answer);
        }
        let added: Vec<GroupMember> = joining.iter().map(|joining| joining.added.clone()).collect();
        let owners = added.iter().filter(|member| member.place.is_owner).count();
        let group = before.clone().with(added.len() as u64, owners as u64, &change)?;
        let mut entry = context.audit("group.members_added", &change);
        entry.after = Some(shown_members(&group, &added));
        let kind = "group.members_added";
        let event = Event::of_group_members(kind, &group, &added, context.new_id(), context.now);
        let mut transaction = begin(&operation, &scope, joining.iter().map(|joining| joining.before))?;
        transaction.replace_group(&scope, &before, &group, operation.lost_race(Kind::Group, id));
        for joining in &joining {
            let memberships = (joining.before, &joining.after);
            put_place(&mut transaction, &scope, memberships, &joining.added);
        }
        transaction
            .audit(&people.trail, &entry)
            .send(&context.event(&event));
        context.commit(transaction, || answer.stored()).await?;
        Ok(answer)
    });
    Ok(answer.await?)
}

/// A member that can be added.
struct Joining<'a> {
    before: &'a Membership,
    after: Membership,
    added: GroupMember,
}

/// Who can be added, and what there is to be said of everybody.
struct Judged<'a> {
    joining: Vec<Joining<'a>>,
    results: Vec<BulkResult>,
}

fn judge<'a>(group: &Group, people: &'a People, wished: &[NewGroupMember], change: &Change) -> Judged<'a> {
    let mut joining: Vec<Joining<'a>> = Vec::new();
    let mut results = Vec::new();
    for new in wished {
        let id = new.membership_id;
        let is_repeated = joining.iter().any(|joining| joining.before.id == id);
        let (status, code) = match people.member(id) {
            None => ("unknown", None),
            Some(member) if is_repeated || member.groups.contains_key(&group.id) => ("exists", None),
            Some(before) => match join(group, before, *new, joining.len() as u64, change) {
                Ok((after, added)) => {
                    joining.push(Joining { before, after, added });
                    ("added", None)
                }
                Err(conflict) => ("refused", Some(conflict.code())),
            },
        };
        results.push(BulkResult {
            user_tenant_id: id.to_string(),
            status,
            code,
        });
    }
    Judged { joining, results }
}

/// The member in the group, if both have room beside those who join before it.
fn join(
    group: &Group,
    member: &Membership,
    new: NewGroupMember,
    others: u64,
    change: &Change,
) -> Result<(Membership, GroupMember), Conflict> {
    let place = new.place(change.at);
    group.clone().with(others + 1, 0, change)?;
    let joined = member.clone().join_group(group.id, place, change)?;
    let added = GroupMember::new(group, &joined, place);
    Ok((joined, added))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::{Group, Membership};
    use tenantry_testing::TestApp;

    use crate::scene::{
        add_group, add_sales, add_to, find, last_entry, members_and_owners, nobody, order, path_of, place,
        pretend_members, send, somebody, told,
    };

    fn bulk(tenant_id: &str, group_id: &str) -> String {
        format!("/groups/{group_id}/user/bulk?tenantId={tenant_id}")
    }

    /// What became of each, as `status` or `status code`.
    fn outcomes(answer: &Value) -> Vec<String> {
        let results = answer["results"].as_array().expect("it is a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let outcome = |result: &Value| format!("{} {}", text(&result["status"]), text(&result["code"]));
        results.map(|result| outcome(result).trim().to_owned()).collect()
    }

    #[tokio::test]
    async fn each_is_answered_for_and_those_that_can_be_are_added() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let id = add_sales(&app, &tenant).await;
        let [ada, grace, present] = [(); 3].map(|()| somebody(&app, &tenant));
        let elsewhere = somebody(&app, &other);
        add_to(&app, &id, &present, false).await;
        let body = json!([
            place(&ada, true),
            place(&present, true),
            place(&elsewhere, false),
            { "userTenantId": nobody(&app, &tenant) },
            { "userTenantId": grace.membership_id },
            place(&ada, false),
        ]);

        let answer = order(&app, "POST", &bulk(&tenant, &id), &body).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(members_and_owners(&app, &id).await, (3, 1));
        assert_eq!(find(&app, &path_of(&tenant, &id)).await["version"], 3);
    }

    #[tokio::test]
    async fn others_hear_of_all_of_them_at_once_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));

        let body = json!([place(&ada, true), place(&grace, false)]);
        order(&app, "POST", &bulk(&tenant, &id), &body).await.expect(200);

        insta::assert_json_snapshot!(app.events_of("group.members_added.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));

        let body = json!([place(&ada, true), place(&grace, false)]);
        order(&app, "POST", &bulk(&tenant, &id), &body).await.expect(200);

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn nothing_changes_when_there_is_nobody_to_add_and_a_repeat_hears_the_same() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, ada) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        let (path, operator) = (bulk(&tenant, &id), app.operator());
        add_to(&app, &id, &ada, false).await;
        let body = json!([place(&ada, true), { "userTenantId": nobody(&app, &tenant) }]);
        let before = app.items().await;

        let answer = order(&app, "POST", &path, &body).await.expect(200);

        assert_eq!(outcomes(&answer.json()), ["exists", "unknown"]);
        assert_eq!(answer.usage.calls, 1);
        assert_eq!(app.items().await, before);
        let call = || app.post(&path).bearer(&operator).header("idempotency-key", "k");
        let first = call().json(&body).send().await.expect(200);
        order(&app, "DELETE", &path_of(&tenant, &id), &Value::Null)
            .await
            .expect(204);
        let again = call().json(&body).send().await.expect(200);
        assert_eq!(first.text, again.text);
    }

    #[tokio::test]
    async fn thirty_are_added_at_once_at_most() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let mut places: Vec<Value> = (0..=Group::MOST_AT_ONCE)
            .map(|_| place(&somebody(&app, &tenant), true))
            .collect();

        let too_many = order(&app, "POST", &bulk(&tenant, &id), &json!(places)).await;
        places.pop();
        let (operator, path) = (app.operator(), bulk(&tenant, &id));
        let call = app.post(&path).bearer(&operator).header("idempotency-key", "k");
        let enough = call.json(&json!(places)).send().await.expect(200);

        let too_many = too_many.expect_problem(422, "invalid_body");
        assert_eq!(told(&too_many), [" invalid_length"]);
        assert_eq!(outcomes(&enough.json()), ["added"; 30]);
        assert_eq!(enough.usage.calls, 2);
        assert_eq!(members_and_owners(&app, &id).await, (30, 30));
    }

    #[tokio::test]
    async fn who_has_no_room_is_refused_and_the_others_are_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (id, busy) = (add_sales(&app, &tenant).await, somebody(&app, &tenant));
        for n in 0..Membership::MOST_GROUPS {
            let group = add_group(&app, &tenant, &format!("Group {n}")).await;
            add_to(&app, &group, &busy, false).await;
        }
        pretend_members(&app, &id, Group::MOST_MEMBERS - 2).await;
        let [ada, grace, late] = [(); 3].map(|()| somebody(&app, &tenant));

        let body = json!([
            place(&ada, false),
            place(&busy, false),
            place(&grace, false),
            place(&late, false)
        ]);
        let answer = order(&app, "POST", &bulk(&tenant, &id), &body).await.expect(200);

        assert_eq!(
            outcomes(&answer.json()),
            ["added", "refused too_many_groups", "added", "refused group_full"]
        );
        assert_eq!(
            find(&app, &path_of(&tenant, &id)).await["members"],
            Group::MOST_MEMBERS
        );
    }

    #[tokio::test]
    async fn a_member_may_add_itself_among_others() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));

        let body = json!([place(&grace, false), place(&ada, false)]);
        let answer = send(&app, "POST", &bulk(&tenant, &id), &ada.token, &body).await;

        assert_eq!(outcomes(&answer.expect(200).json()), ["added", "added"]);
        assert_eq!(members_and_owners(&app, &id).await, (2, 0));
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = bulk(&tenant, &add_sales(&app, &tenant).await);
        let right = place(&somebody(&app, &tenant), false);
        let before = app.items().await;

        for (body, expected) in [
            (
                json!([right, {}, 7, { "userTenantId": "x", "isOwner": "yes", "groupId": "y" }]),
                vec![
                    "/1/userTenantId required",
                    "/2 invalid_type",
                    "/3/userTenantId invalid_id",
                    "/3/isOwner invalid_type",
                    "/3/groupId unknown_member",
                ],
            ),
            (json!([]), vec![" invalid_length"]),
            (right, vec![" invalid_type"]),
        ] {
            let answer = order(&app, "POST", &path, &body).await;
            assert_eq!(told(&answer.expect_problem(422, "invalid_body")), expected);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn who_is_in_many_requests_at_once_is_added_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let people: Vec<_> = (0..12).map(|_| somebody(&app, &tenant)).collect();
        let path = bulk(&tenant, &id);
        let bodies: Vec<Value> = (0..10)
            .map(|n| {
                people[n..n + 3]
                    .iter()
                    .map(|person| place(person, true))
                    .collect()
            })
            .collect();

        let answers = join_all(bodies.iter().map(|body| order(&app, "POST", &path, body))).await;

        let mut added = 0;
        for answer in answers {
            if answer.status == 200 {
                let outcomes = outcomes(&answer.json());
                added += outcomes.iter().filter(|outcome| *outcome == "added").count();
            } else {
                answer.expect_problem(409, "modified_concurrently");
            }
        }
        assert!(added > 0);
        assert_eq!(members_and_owners(&app, &id).await, (added, added));
    }
}
