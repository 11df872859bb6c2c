use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::{Value, json};
use tenantry_api::{Count, Operation, Path, Problem};
use tenantry_app::Error;
use tenantry_domain::{
    Actor, Error as DomainError, Id, Invitation, Kind, Membership, Preference, Tenant, TenantScope, User,
};
use tenantry_store::{Order, PageRequest};
use utoipa::ToSchema;

use crate::invitation_view::InvitationView;
use crate::preference_view::PreferenceView;

/// Everything that is kept of a person, as it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserExport {
    /// The person itself.
    #[schema(value_type = Object)]
    user: User,
    /// Its membership in each tenant, with the tenant's id, key and name and its preferences there.
    #[schema(value_type = Vec<Object>)]
    memberships: Vec<Value>,
    /// The invitations to its address, those that are over as well.
    invitations: Vec<InvitationView>,
}

/// Export a person.
///
/// Everything that is kept of the person, in one object: itself, its membership in each tenant with what was decided about it,
/// its places in groups and its preferences, and the invitations to its address. Secrets are not in it.
#[utoipa::path(
    get,
    path = "/user/{id}/export",
    params(("id" = String, Path, description = "The person's id."))
)]
pub(crate) async fn export_user(
    operation: Operation,
    Path(id): Path<Id<User>>,
) -> Result<Count<UserExport>, Problem> {
    let store = &operation.context.store;
    let user = store.find_user(id).await?;
    let user = user.ok_or_else(|| DomainError::not_found(Kind::User, id))?;
    let tenants: Vec<Id<Tenant>> = user.tenants.iter().copied().collect();
    let memberships = store.find_memberships_of(id, &tenants).await?;
    let preferences = memberships.iter().map(|(membership, _)| {
        let scope = TenantScope::of_system(membership.tenant_id, Actor::System);
        async move { store.find_preferences(&scope, membership.id).await }
    });
    let preferences = try_join_all(preferences).await?;
    let memberships = memberships
        .iter()
        .zip(preferences)
        .map(|((membership, tenant), preferences)| shown(membership, tenant, preferences))
        .collect();
    let invitations = find_invitations(&operation, &user)
        .await?
        .into_iter()
        .map(|invitation| InvitationView::at(operation.context.now, invitation))
        .collect();
    Ok(Count(UserExport {
        user,
        memberships,
        invitations,
    }))
}

fn shown(membership: &Membership, tenant: &Tenant, preferences: Vec<Preference>) -> Value {
    let preferences: Vec<PreferenceView> = preferences.into_iter().map(PreferenceView::from).collect();
    json!({
        "tenant": { "id": tenant.id, "key": tenant.key, "name": tenant.name },
        "membership": membership,
        "preferences": preferences,
    })
}

/// All invitations to the person's address, those that are over as well.
pub(crate) async fn find_invitations(operation: &Operation, user: &User) -> Result<Vec<Invitation>, Error> {
    let (mut invitations, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageRequest {
            limit: 100,
            cursor,
            order: Order::Ascending,
            binding: format!("all invitations of {}", user.id),
        };
        let store = &operation.context.store;
        let page = store.list_invitations_to(&user.email, &request).await?;
        invitations.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(invitations);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, allow, group, invitation, invitations_of, invite, order, prefer, send};

    #[tokio::test]
    async fn everything_that_is_kept_of_a_person_is_in_one_object() {
        let app = TestApp::start().await;
        let (home, other) = (app.tenant("home").await, app.tenant("other").await);
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Member).await;
        group(&app, &home, &[&grace]).await;
        allow(&app, &elsewhere, "ViewContact").await;
        prefer(&app, &grace, "theme").await;
        let third = app.tenant("third").await;
        let (_, code) = invite(&app, &third, GRACE).await;

        let path = format!("/user/{}/export", grace.user_id);
        let answer = send(&app, "GET", &path, &grace.token, &Value::Null)
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert!(!answer.text.contains("odeHash") && !answer.text.contains(&code));
        // The person; its memberships with their tenants; the preferences of each, and its invitations.
        assert_eq!(answer.usage.calls, 5);
        let operator = app.operator_with([Permission::ExportUser]);
        let same = send(&app, "GET", &path, &operator, &Value::Null)
            .await
            .expect(200);
        assert_eq!(same.json(), answer.json());
    }

    #[tokio::test]
    async fn more_invitations_than_a_page_are_all_in_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let other = app.tenant("other").await;
        let (path, body) = (invitations_of(&other), invitation(&app, &other, GRACE));
        for _ in 0..101 {
            let id = app.account_thing(&path, &body).await;
            order(&app, "DELETE", &format!("{path}/{id}"), &Value::Null)
                .await
                .expect(204);
            app.clock.advance_minutes(1);
        }

        let path = format!("/user/{}/export", grace.user_id);
        let export = order(&app, "GET", &path, &Value::Null).await.expect(200).json();

        assert_eq!(export["invitations"].as_array().map(Vec::len), Some(102));
    }

    #[tokio::test]
    async fn nobody_else_exports_a_person() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let path = format!("/user/{}/export", grace.user_id);
        let others = Permission::all().filter(|permission| *permission != Permission::ExportUser);

        app.get(&path).send().await.expect_problem(401, "token_required");
        for (path, token, status, code) in [
            (&path, &app.operator_with(others), 403, "forbidden"),
            (&path, &owner.token, 404, "not_found"),
            (
                &format!("/user/{}/export", app.unknown_id()),
                &app.operator(),
                404,
                "not_found",
            ),
        ] {
            let answer = send(&app, "GET", path, token, &json!(null)).await;
            answer.expect_problem(status, code);
        }
    }
}
