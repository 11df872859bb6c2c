use serde::Serialize;
use tenantry_api::{ListQuery, Operation, Paged, Path, Problem, Query, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Group, GroupPlace, Id, Kind, Membership};
use tenantry_store::Page;
use utoipa::ToSchema;

/// A group that a member is in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserGroup)]
pub(crate) struct GroupOfMemberView {
    /// The group.
    #[schema(format = "uuid")]
    group_id: String,
    /// What it is called.
    #[schema(example = "Sales")]
    name: String,
    /// Whether the member is one of its owners.
    is_owner: bool,
    /// Since when the member is in it.
    #[schema(format = DateTime)]
    added_at: String,
}

/// List the groups that a member is in.
///
/// By when it was added to them.
#[utoipa::path(
    get,
    path = "/user-tenants/{id}/user-groups",
    params(("id" = String, Path, description = "The member's id."), TenantQuery, ListQuery)
)]
pub(crate) async fn list_groups_of_member(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Membership>>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<GroupOfMemberView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let binding = format!("groups-of-member {} {id}", scope.tenant_id());
    let page = query.page(&operation.caller, &binding)?;
    let store = &operation.context.store;
    let member = store.find_membership(&scope, id).await?;
    let member = member.ok_or_else(|| DomainError::not_found(Kind::Member, id))?;
    let placed = member.groups.into_iter();
    let placed = placed.map(|(group, place)| (format!("{}#{group}", place.added_at), (group, place)));
    let Page { items, next_cursor } = store.page_of(placed.collect(), &page)?;
    let ids: Vec<Id<Group>> = items.iter().map(|(group, _)| *group).collect();
    let groups = store.find_groups(&scope, &ids).await?;
    // One that went between the two looks is not shown.
    let shown = items.into_iter().filter_map(|(id, place)| {
        let group = groups.iter().find(|group| group.id == id)?;
        Some(GroupOfMemberView::new(group, place))
    });
    Ok(Paged(Page {
        items: shown.collect(),
        next_cursor,
    }))
}

impl GroupOfMemberView {
    fn new(group: &Group, place: GroupPlace) -> Self {
        let GroupPlace { is_owner, added_at } = place;
        Self {
            group_id: group.id.to_string(),
            name: group.name.to_string(),
            is_owner,
            added_at: added_at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_testing::{Person, TestApp};

    use crate::scene::{add_group, add_sales, add_to, nobody, order, paged, path_of, send, somebody};

    fn groups_of(person: &Person) -> String {
        let (id, tenant_id) = (&person.membership_id, &person.tenant_id);
        format!("/user-tenants/{id}/user-groups?tenantId={tenant_id}")
    }

    #[tokio::test]
    async fn the_groups_of_a_member_are_listed_with_what_it_is_there() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        let sales = add_sales(&app, &tenant).await;
        let support = add_group(&app, &tenant, "Support").await;
        add_to(&app, &sales, &ada, true).await;
        add_to(&app, &sales, &grace, false).await;
        app.clock.advance_minutes(1);
        add_to(&app, &support, &ada, false).await;

        let answer = order(&app, "GET", &groups_of(&ada), &Value::Null)
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        // The member knows its groups, and they know their names.
        assert_eq!(answer.usage.calls, 2);
    }

    #[tokio::test]
    async fn groups_are_paged_by_when_the_member_was_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let by_age = ["Zebra", "Ape", "Mole"];
        let mut ids = Vec::new();
        for name in by_age {
            ids.push(add_group(&app, &tenant, name).await);
        }
        for id in &ids {
            add_to(&app, id, &ada, false).await;
            app.clock.advance_minutes(1);
        }
        let path = groups_of(&ada);

        let newest_first = paged(&app, &path, &app.operator(), "name").await;
        let oldest_first = paged(
            &app,
            &format!("{path}&order=createdAt:asc"),
            &app.operator(),
            "name",
        )
        .await;

        assert_eq!(oldest_first, by_age);
        assert!(newest_first.iter().rev().eq(by_age.iter()));
    }

    #[tokio::test]
    async fn a_group_has_its_new_name_and_is_gone_when_it_is_removed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let id = add_sales(&app, &tenant).await;
        add_to(&app, &id, &ada, true).await;
        let own = format!("/user-tenants/{}/user-groups", ada.membership_id);
        let read = || async {
            let answer = send(&app, "GET", &own, &ada.token, &Value::Null).await;
            answer.expect(200).json()["items"].take()
        };

        let body = json!({ "name": "Sellers" });
        order(&app, "PATCH", &path_of(&tenant, &id), &body)
            .await
            .expect(200);
        assert_eq!(read().await[0]["name"], "Sellers");
        order(&app, "DELETE", &path_of(&tenant, &id), &Value::Null)
            .await
            .expect(204);
        assert_eq!(read().await, json!([]));
    }

    #[tokio::test]
    async fn who_is_no_member_is_not_found() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        for id in [&nobody(&app, &tenant), &app.unknown_id(), "me"] {
            let path = format!("/user-tenants/{id}/user-groups?tenantId={tenant}");
            let answer = order(&app, "GET", &path, &Value::Null).await;
            answer.expect_problem(404, "not_found");
        }
    }
}
