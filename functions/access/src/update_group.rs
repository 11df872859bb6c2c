use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Reply as _, Scope};
use tenantry_app::{Error, look_again};
use tenantry_domain::{
    Description, Error as DomainError, Event, Group, GroupChanges, Id, Kind, RoleName, Website,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::group_trail::{changed, shown};
use crate::group_view::GroupView;

/// Changes (JSON Merge Patch, RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(as = GroupChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct GroupChangesDoc {
    /// What it is called.
    #[schema(value_type = String, required = false, max_length = 100)]
    name: Option<String>,
    /// What it is for; null leaves it out.
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Where a picture of it is; null leaves it out.
    #[schema(max_length = 500)]
    photo_url: Option<String>,
}

/// The changes as they were read.
pub(crate) struct GroupPatch(GroupChanges);

impl FromMembers for GroupPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.changed_text("name", RoleName::parse);
        let description = members.patched_text("description", Description::parse);
        let photo_url = members.patched_text("photoUrl", Website::parse);
        Some(Self(GroupChanges {
            name: name?,
            description: description?,
            photo_url: photo_url?,
        }))
    }
}

/// Change a group.
#[utoipa::path(
    patch,
    path = "/tenants/{id}/groups/{groupId}",
    request_body(content = GroupChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The tenant's id."), ("groupId" = String, Path, description = "The group's id."))
)]
pub(crate) async fn update_group(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Group>>,
    Body(GroupPatch(changes)): Body<GroupPatch>,
) -> Result<Found<GroupView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let change = context.change(scope.actor().clone());
    let found = look_again(|| async {
        let found = context.store.find_group_to_change(&scope, id).await?;
        let (before, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Group, id))?;
        operation.require_version(Kind::Group, id, before.version)?;
        let Some(group) = before.clone().update(changes.clone(), &change) else {
            return Ok::<_, Error>(Found(before.into()));
        };
        let mut entry = context.audit("group.updated", &change);
        entry.before = Some(shown(&before));
        entry.after = Some(changed(&before, &group));
        let event = Event::of_group("group.updated", &group, context.new_id(), context.now);
        let mut transaction = Transaction::new();
        transaction
            .in_tenant(&scope)
            .replace_group(&scope, &before, &group, operation.lost_race(Kind::Group, id))
            .audit(&trail, &entry)
            .send(&context.event(&event));
        let found = Found(group.into());
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
        add_group, add_sales, add_to, find, last_entry, members_and_owners, members_of, order, path_of,
        place, sales, somebody, told, won,
    };

    fn everything() -> Value {
        json!({ "name": " Sellers ", "description": null, "photoUrl": "https://acme.com/sellers.png" })
    }

    #[tokio::test]
    async fn everything_that_may_change_changes_and_members_stay() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        add_to(&app, &id, &somebody(&app, &tenant), true).await;
        app.clock.advance_minutes(1);

        let path = path_of(&tenant, &id);
        let answer = order(&app, "PATCH", &path, &everything()).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.header("etag"), Some("\"3\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await, answer.json());
        assert_eq!(members_and_owners(&app, &id).await, (1, 1));
    }

    #[tokio::test]
    async fn others_hear_of_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_sales(&app, &tenant).await);

        order(&app, "PATCH", &path, &everything()).await.expect(200);

        insta::assert_json_snapshot!(app.events_of("group.updated.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_names_what_changed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_sales(&app, &tenant).await);

        order(&app, "PATCH", &path, &everything()).await.expect(200);

        insta::assert_json_snapshot!(last_entry(&app, &tenant).await);
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_sales(&app, &tenant).await);
        let before = app.items().await;

        for body in [json!({}), json!({ "name": "Sales " }), sales()] {
            let answer = order(&app, "PATCH", &path, &body).await.expect(200);
            assert_eq!(
                (answer.header("etag"), answer.usage.calls),
                (Some("\"1\""), 1),
                "{body}"
            );
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_sales(&app, &tenant).await);
        let body =
            json!({ "name": null, "description": "", "photoUrl": "x", "owners": 0, "tenantId": tenant });

        let answer = order(&app, "PATCH", &path, &body).await;

        assert_eq!(
            told(&answer.expect_problem(422, "invalid_body")),
            [
                "/name required",
                "/description blank",
                "/photoUrl invalid_website",
                "/owners unknown_member",
                "/tenantId unknown_member",
            ]
        );
    }

    #[tokio::test]
    async fn a_name_is_one_groups_and_an_old_one_is_free() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of(&tenant, &add_sales(&app, &tenant).await);
        add_group(&app, &tenant, "Support").await;
        let before = app.items().await;

        let taken = order(&app, "PATCH", &path, &json!({ "name": "SUPPORT" })).await;

        taken.expect_problem(409, "group_name_taken");
        assert_eq!(app.items().await, before);
        for name in ["SALES", "Sellers"] {
            order(&app, "PATCH", &path, &json!({ "name": name }))
                .await
                .expect(200);
        }
        add_sales(&app, &tenant).await;
    }

    #[tokio::test]
    async fn of_groups_that_are_renamed_alike_at_once_one_is() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let mut paths = Vec::new();
        for n in 0..20 {
            let id = add_group(&app, &tenant, &format!("Group {n}")).await;
            paths.push(path_of(&tenant, &id));
        }

        let body = json!({ "name": "Sales" });
        let answers = join_all(paths.iter().map(|path| order(&app, "PATCH", path, &body))).await;

        assert_eq!(won(answers, 200, &["group_name_taken"]), 1);
        let groups = find(&app, &format!("/tenants/{tenant}/groups?limit=100")).await;
        let groups = groups["items"].as_array().expect("it is a list").iter();
        assert_eq!(groups.filter(|group| group["name"] == "Sales").count(), 1);
    }

    #[tokio::test]
    async fn no_change_and_no_member_is_lost_among_many() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_sales(&app, &tenant).await;
        let people: Vec<_> = (0..10).map(|_| somebody(&app, &tenant)).collect();
        let (path, added) = (path_of(&tenant, &id), members_of(&tenant, &id));
        let names: Vec<Value> = (0..10).map(|n| json!({ "name": format!("Sales {n}") })).collect();
        let places: Vec<Value> = people.iter().map(|person| place(person, false)).collect();

        let (changed, joined) = tokio::join!(
            join_all(names.iter().map(|body| order(&app, "PATCH", &path, body))),
            join_all(places.iter().map(|body| order(&app, "POST", &added, body)))
        );

        let changed = won(changed, 200, &["modified_concurrently"]);
        let joined = won(joined, 201, &["modified_concurrently"]);
        assert_eq!(members_and_owners(&app, &id).await, (joined, 0));
        assert_eq!(find(&app, &path).await["version"], 1 + changed + joined);
        assert_eq!(app.events_of("group.updated.v1").await.len(), changed);
        assert_eq!(app.events_of("group.members_added.v1").await.len(), joined);
    }
}
