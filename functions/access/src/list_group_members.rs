use tenantry_api::{ListQuery, Operation, Paged, Path, Problem, Query, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Group, Id, Kind};

use crate::group_member_view::GroupMemberView;

/// List the members of a group.
///
/// By when they were added to it.
#[utoipa::path(
    get,
    path = "/groups/{id}/user",
    params(("id" = String, Path, description = "The group's id."), TenantQuery, ListQuery)
)]
pub(crate) async fn list_group_members(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Group>>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<GroupMemberView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let binding = format!("group-members {} {id}", scope.tenant_id());
    let page = query.page(&operation.caller, &binding)?;
    let store = &operation.context.store;
    let members = store.list_group_members(&scope, id, &page).await?;
    // Only an empty page costs a look at the group: an empty one is told from one that is not there.
    if members.items.is_empty() && store.find_group(&scope, id).await?.is_none() {
        return Err(DomainError::not_found(Kind::Group, id).into());
    }
    Ok(Paged(members.map(GroupMemberView::from)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_testing::TestApp;

    use crate::scene::{add_group, add_sales, add_to, crowd, find, members_of, order, paged, send, somebody};

    #[tokio::test]
    async fn the_members_of_a_group_are_listed_in_one_call() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let support = add_group(&app, &tenant, "Support").await;
        for (group, is_owner) in [(&id, true), (&id, false), (&support, true)] {
            add_to(&app, group, &somebody(&app, &tenant), is_owner).await;
            app.clock.advance_minutes(1);
        }

        let answer = order(&app, "GET", &members_of(&tenant, &id), &Value::Null)
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn members_are_paged_by_when_they_were_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let mut by_age = Vec::new();
        for _ in 0..5 {
            let person = somebody(&app, &tenant);
            add_to(&app, &id, &person, false).await;
            by_age.push(person.user_id);
            app.clock.advance_minutes(1);
        }
        let path = members_of(&tenant, &id);

        let newest_first = paged(&app, &path, &app.operator(), "userId").await;
        let oldest_first = paged(
            &app,
            &format!("{path}&order=createdAt:asc"),
            &app.operator(),
            "userId",
        )
        .await;

        assert_eq!(oldest_first, by_age);
        assert!(newest_first.iter().rev().eq(by_age.iter()));
    }

    #[tokio::test]
    async fn a_page_has_twenty_members_and_costs_one_call_however_many_there_are() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        crowd(&app, &tenant, &id, 45).await;

        let answer = order(&app, "GET", &members_of(&tenant, &id), &Value::Null)
            .await
            .expect(200);

        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(20));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn an_empty_group_is_told_from_none_and_from_another_tenants() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let (empty, foreign) = (add_sales(&app, &tenant).await, add_sales(&app, &other).await);
        add_to(&app, &foreign, &somebody(&app, &other), true).await;
        let member = app.member(&tenant);

        let found = find(&app, &members_of(&tenant, &empty)).await;

        assert_eq!(found, json!({ "items": [], "nextCursor": null }));
        for id in [&foreign, &app.unknown_id(), "Sales"] {
            for path in [members_of(&tenant, id), format!("/groups/{id}/user")] {
                let answer = send(&app, "GET", &path, &member, &Value::Null).await;
                answer.expect_problem(404, "not_found");
            }
        }
    }
}
