use tenantry_api::{NoContent, Operation, Path, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Change, Error as DomainError, Event, Group, GroupMember, Id, Kind, Membership, TenantScope,
};

use crate::group_place::{begin, take_place};
use crate::group_trail::shown;
use crate::race::overtaken;

/// So many members are let go in one transaction: each of them is two of its hundred steps.
const MOST_AT_ONCE: usize = 40;

/// Remove a group.
///
/// Its members are let go, owners included; they stay in the tenant. What a request that was cut off has left is removed by the
/// next one.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/groups/{groupId}",
    params(("id" = String, Path, description = "The tenant's id."), ("groupId" = String, Path, description = "The group's id."))
)]
pub(crate) async fn delete_group(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Group>>,
) -> Result<NoContent, Problem> {
    operation.about_tenant(scope.tenant_id());
    let change = operation.context.change(scope.actor().clone());
    // The version that the caller named is the one that was there before the first step.
    let mut is_begun = false;
    loop {
        let rest = look_again(|| async {
            let found = operation.context.store.find_group_to_change(&scope, id).await?;
            let (group, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Group, id))?;
            if !is_begun {
                operation.require_version(Kind::Group, id, group.version)?;
            }
            let leaving = Leaving::of(&operation, &scope, &group).await?;
            let mut transaction = begin(&operation, &scope, &leaving.members)?;
            let changed = overtaken(Kind::Group, id);
            if leaving.is_everybody {
                let mut entry = operation.context.audit("group.deleted", &change);
                entry.before = Some(shown(&group));
                let (id, at) = (operation.context.new_id(), operation.context.now);
                let event = Event::of_group("group.deleted", &group, id, at);
                transaction
                    .delete_group(&scope, &group, changed)
                    .audit(&trail, &entry)
                    .send(&operation.context.event(&event));
            } else {
                let rest = leaving.rest(&group, &change);
                transaction.replace_group(&scope, &group, &rest, changed);
            }
            for member in &leaving.members {
                let left = member.clone().leave_group(group.id, &change);
                take_place(&mut transaction, &scope, (member, &left), group.id);
            }
            for id in &leaving.gone {
                transaction.delete_group_member(&scope, group.id, *id);
            }
            let context = &operation.context;
            if leaving.is_everybody {
                context.commit(transaction, || NoContent.stored()).await?;
            } else {
                // It is answered for when the last one has gone.
                context.store.commit(transaction).await?;
            }
            Ok::<_, Error>(!leaving.is_everybody)
        });
        if !rest.await? {
            return Ok(NoContent);
        }
        is_begun = true;
    }
}

/// Those who are let go in one transaction.
struct Leaving {
    /// Members of the tenant.
    members: Vec<Membership>,
    /// Members of the group that the tenant does not know as such.
    gone: Vec<Id<Membership>>,
    /// How many of both are owners of the group.
    owners: u64,
    /// Whether nobody is left then.
    is_everybody: bool,
}

impl Leaving {
    /// The first members of the group. It was read before them: whoever comes later comes to another version of it.
    async fn of(operation: &Operation, scope: &TenantScope, group: &Group) -> Result<Self, Error> {
        let store = &operation.context.store;
        let mut found: Vec<GroupMember> = Vec::new();
        if group.members > 0 {
            found = store
                .find_group_members(scope, group.id, MOST_AT_ONCE + 1)
                .await?;
        }
        let is_everybody = found.len() <= MOST_AT_ONCE;
        found.truncate(MOST_AT_ONCE);
        let owners = found.iter().filter(|member| member.place.is_owner).count();
        let ids: Vec<Id<Membership>> = found.iter().map(|member| member.membership_id).collect();
        let mut members = Vec::new();
        if !ids.is_empty() {
            members = store.find_members(scope, &ids).await?;
        }
        members.retain(|member| member.groups.contains_key(&group.id));
        let is_known = |id: &Id<Membership>| members.iter().any(|member| member.id == *id);
        let gone = ids.into_iter().filter(|id| !is_known(id)).collect();
        Ok(Self {
            members,
            gone,
            owners: owners as u64,
            is_everybody,
        })
    }

    /// The group without them.
    fn rest(&self, group: &Group, change: &Change) -> Group {
        let left = (self.members.len() + self.gone.len()) as u64;
        Group {
            members: group.members.saturating_sub(left),
            owners: group.owners.saturating_sub(self.owners),
            modified_at: change.at,
            version: group.version + 1,
            ..group.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_testing::{Person, TestApp, cut_off};

    use crate::scene::{
        add_sales, add_to, crowd, find, gather, last_entry, members_and_owners, members_of, order, path_of,
        place, send, somebody, won,
    };

    #[tokio::test]
    async fn a_group_is_removed_and_its_name_is_free() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_sales(&app, &tenant).await);

        let answer = order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert_eq!((answer.text.as_str(), answer.usage.calls), ("", 2));
        for method in ["GET", "DELETE"] {
            let again = order(&app, method, &path, &Value::Null).await;
            again.expect_problem(404, "not_found");
        }
        add_sales(&app, &tenant).await;
    }

    #[tokio::test]
    async fn its_members_are_let_go_and_stay_in_the_tenant() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        add_to(&app, &id, &ada, true).await;
        add_to(&app, &id, &grace, false).await;

        let path = path_of(&tenant, &id);
        let answer = send(&app, "DELETE", &path, &ada.token, &Value::Null)
            .await
            .expect(204);

        // The group, who is in it, those members, and the write.
        assert_eq!(answer.usage.calls, 4);
        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
        for person in [&ada, &grace] {
            let own = format!("/user-tenants/{}/user-groups", person.membership_id);
            let groups = send(&app, "GET", &own, &person.token, &Value::Null)
                .await
                .expect(200);
            assert_eq!(groups.json()["items"], json!([]));
        }
        insta::assert_json_snapshot!("event", app.events_of("group.deleted.v1").await);
        insta::assert_json_snapshot!("entry", last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn a_large_group_goes_with_all_of_its_members() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let owner = somebody(&app, &tenant);
        add_to(&app, &id, &owner, true).await;
        crowd(&app, &tenant, &id, 99).await;
        let version = find(&app, &path_of(&tenant, &id)).await["version"].clone();
        let path = path_of(&tenant, &id);

        let call = app
            .delete(&path)
            .bearer(&owner.token)
            .header("idempotency-key", "k");
        let answer = call
            .header("if-match", &format!("\"{version}\""))
            .send()
            .await
            .expect(204);

        // Forty of a hundred at once: three times the group, who is in it, those members, and the write.
        assert_eq!(answer.usage.calls, 12);
        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
        assert_eq!(app.events_of("group.deleted.v1").await.len(), 1);
        let again = app
            .delete(&path)
            .bearer(&owner.token)
            .header("idempotency-key", "k");
        again.send().await.expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_removal_that_is_cut_off_anywhere_is_finished_by_the_next_one() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let people: Vec<Person> = (0..41).map(|_| somebody(&app, &tenant)).collect();
        let mut was_halfway = false;

        for steps in 1.. {
            let id = add_sales(&app, &tenant).await;
            gather(&app, &id, &people).await;
            let path = path_of(&tenant, &id);
            let first = cut_off(order(&app, "DELETE", &path, &Value::Null), steps).await;
            let is_answered = first.is_some();
            was_halfway |= members_and_owners(&app, &id).await.0 == 1;

            let second = order(&app, "DELETE", &path, &Value::Null).await;

            assert!([204, 404].contains(&second.status.as_u16()), "{}", second.text);
            assert_eq!(members_and_owners(&app, &id).await, (0, 0));
            if is_answered {
                break;
            }
        }

        assert!(was_halfway, "it was never cut off between two transactions");
    }

    #[tokio::test]
    async fn a_large_group_of_another_version_keeps_all_of_its_members() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        crowd(&app, &tenant, &id, 41).await;
        let before = app.items().await;

        let path = path_of(&tenant, &id);
        let call = app
            .delete(&path)
            .bearer(&app.operator())
            .header("if-match", "\"1\"");

        call.send().await.expect_problem(412, "precondition_failed");
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn whom_the_tenant_does_not_know_any_more_is_in_no_ones_way() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let crowd = crowd(&app, &tenant, &id, 45).await;
        for person in &crowd[..10] {
            let place = format!("MEMBER#{}", person.membership_id);
            app.delete_item(&format!("TENANT#{tenant}"), &place).await;
        }

        let answer = order(&app, "DELETE", &path_of(&tenant, &id), &Value::Null).await;

        answer.expect(204);
        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
    }

    #[tokio::test]
    async fn another_tenants_members_stay_in_their_group() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let foreign = add_sales(&app, &other).await;
        add_to(&app, &foreign, &somebody(&app, &other), true).await;
        let member = app.member(&tenant);
        let before = app.items().await;

        for (token, tenant) in [(&member, &tenant), (&member, &other), (&app.operator(), &tenant)] {
            let answer = send(&app, "DELETE", &path_of(tenant, &foreign), token, &Value::Null).await;
            answer.expect_problem(404, "not_found");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_fifty_that_remove_a_group_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        add_to(&app, &id, &somebody(&app, &tenant), true).await;
        let path = path_of(&tenant, &id);

        let answers = join_all((0..50).map(|_| order(&app, "DELETE", &path, &Value::Null))).await;

        assert_eq!(won(answers, 204, &["not_found"]), 1);
        assert_eq!(members_and_owners(&app, &id).await, (0, 0));
        assert_eq!(app.events_of("group.deleted.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn nobody_is_in_a_group_that_was_removed_while_people_were_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        for size in [1, 41] {
            let id = add_sales(&app, &tenant).await;
            crowd(&app, &tenant, &id, size).await;
            let (path, added) = (path_of(&tenant, &id), members_of(&tenant, &id));
            let places: Vec<Value> = (0..6).map(|_| place(&somebody(&app, &tenant), true)).collect();

            let (removed, joined) = tokio::join!(
                order(&app, "DELETE", &path, &Value::Null),
                join_all(places.iter().map(|body| order(&app, "POST", &added, body)))
            );

            won(joined, 201, &["modified_concurrently", "not_found"]);
            // Both counts and both sides agree at any time; so they do when it was cut off.
            let left = members_and_owners(&app, &id).await;
            if removed.status == 204 {
                assert_eq!(left, (0, 0));
            } else {
                removed.expect_problem(409, "modified_concurrently");
                order(&app, "DELETE", &path, &Value::Null).await.expect(204);
                assert_eq!(members_and_owners(&app, &id).await, (0, 0));
            }
        }
    }
}
