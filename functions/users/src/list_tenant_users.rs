use futures_util::future::try_join;
use serde::Deserialize;
use tenantry_api::{ListQuery, Operation, Paged, Problem, Query, Scope};
use tenantry_domain::{Email, Error as DomainError, Kind, Membership};
use tenantry_store::Page;
use utoipa::IntoParams;

use crate::member_view::MemberView;

/// Which members are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MemberQuery {
    /// Only the one with this address.
    email: Option<String>,
}

/// List a tenant's members.
///
/// By the time they came, whatever their status. Roles are named as they are called now.
#[utoipa::path(
    get,
    path = "/tenants/{id}/users",
    params(("id" = String, Path, description = "The tenant's id."), MemberQuery, ListQuery)
)]
pub(crate) async fn list_tenant_users(
    operation: Operation,
    Scope(scope): Scope,
    Query(MemberQuery { email }): Query<MemberQuery>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<MemberView>, Problem> {
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let store = &operation.context.store;
    let email = email.as_deref().map(Email::parse).transpose();
    let email = email.map_err(|rule| Problem::malformed("invalid_query", format!("email: {rule}")))?;
    let page = query.page(&operation.caller, &format!("users {tenant_id}"))?;
    let members = async {
        let Some(email) = &email else {
            return store.list_memberships(&scope, &page).await;
        };
        // One at most: such a list has no second page, and so gives out no cursor.
        if page.cursor.is_some() {
            return Err(tenantry_store::Error::InvalidCursor);
        }
        let found = match store.find_user_with_email(email).await? {
            Some(user_id) => {
                let id = Membership::id_of(tenant_id, user_id);
                store.find_membership(&scope, id).await?
            }
            None => None,
        };
        Ok(Page {
            items: Vec::from_iter(found),
            next_cursor: None,
        })
    };
    let (roles, members) = try_join(store.find_roles(&scope), members).await?;
    let roles = roles.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
    Ok(Paged(members.map(|member| MemberView::of(member, &roles))))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::TestApp;

    use crate::scene::{GRACE, add_grace, find, order, paged, send, users_of};

    #[tokio::test]
    async fn members_are_listed_by_when_they_came() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        for email in ["grace@navy.example", "ada@acme.com", "alan@park.example"] {
            app.join_as(&tenant, email, SystemRole::Member).await;
            app.clock.advance_ms(1);
        }

        let answer = app
            .get(&format!("/tenants/{tenant}/users?order=createdAt:asc"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
    }

    #[tokio::test]
    async fn pages_have_every_member_of_the_tenant_once_and_no_other() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        app.join_as(&other, "other@acme.com", SystemRole::Member).await;
        app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        app.clock.advance_ms(1);
        app.join_as(&tenant, "other@acme.com", SystemRole::Member).await;
        app.clock.advance_ms(1);
        add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;
        let reader = app.member_with(&other, [Permission::ViewTenantUser]);

        let newest_first = paged(&app, &users_of(&tenant), &app.operator(), "email").await;

        assert_eq!(newest_first, [GRACE, "other@acme.com", "ada@acme.com"]);
        let elsewhere = paged(&app, &users_of(&other), &reader, "email").await;
        assert_eq!(elsewhere, ["other@acme.com"]);
    }

    #[tokio::test]
    async fn one_is_found_by_its_address_in_any_case_in_its_tenant_only() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        app.join_as(&tenant, GRACE, SystemRole::Member).await;
        app.join_as(&other, "ada@acme.com", SystemRole::Member).await;
        let by = |email: &str| format!("{}?email={email}", users_of(&tenant));

        let answer = order(&app, "GET", &by("GRACE@navy.example"), &Value::Null)
            .await
            .expect(200);

        assert_eq!(answer.text_at("/items/0/email"), GRACE);
        assert_eq!(answer.json()["nextCursor"], Value::Null);
        // Its address, then itself, beside the roles.
        assert_eq!(answer.usage.calls, 3);
        for email in ["ada@acme.com", "nobody@acme.com"] {
            assert_eq!(find(&app, &by(email)).await["items"], json!([]));
        }
    }

    #[tokio::test]
    async fn what_is_no_query_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        for n in 0..2 {
            app.join_as(&tenant, &format!("user{n}@acme.com"), SystemRole::Member)
                .await;
        }
        let cursor = find(&app, &format!("{}?limit=1", users_of(&tenant))).await["nextCursor"].take();
        let cursor = cursor.as_str().unwrap_or_default();

        for (query, code) in [
            ("email=nowhere", "invalid_query"),
            ("limit=0", "invalid_query"),
            ("limit=101", "invalid_query"),
            ("cursor=x", "invalid_cursor"),
            (
                &*format!("email=user0@acme.com&cursor={cursor}"),
                "invalid_cursor",
            ),
            ("status=ACTIVE", "unknown_query_member"),
            ("filter=%7B%7D", "unknown_query_member"),
        ] {
            let path = format!("{}?{query}", users_of(&tenant));
            order(&app, "GET", &path, &Value::Null)
                .await
                .expect_problem(400, code);
        }
    }

    #[tokio::test]
    async fn who_may_not_or_means_another_tenant_lists_nobody() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let path = users_of(&tenant);

        app.get(&path).send().await.expect_problem(401, "token_required");
        let blind = app.member_with(&tenant, [Permission::ViewTenant]);
        send(&app, "GET", &path, &blind, &Value::Null)
            .await
            .expect_problem(403, "forbidden");
        send(&app, "GET", &path, &app.member(&other), &Value::Null)
            .await
            .expect_problem(404, "not_found");
        let unknown = users_of(&app.unknown_id());
        for path in [&unknown, &format!("{unknown}?email={GRACE}")] {
            order(&app, "GET", path, &Value::Null)
                .await
                .expect_problem(404, "not_found");
        }
    }
}
