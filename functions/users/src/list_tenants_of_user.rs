use serde::Serialize;
use tenantry_api::{ListQuery, Operation, Paged, Path, Problem, Query};
use tenantry_domain::{Error as DomainError, Id, Kind, Membership, Tenant, User};
use tenantry_store::Page;
use utoipa::ToSchema;

/// A tenant as one of its members sees it among its own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantOfUser {
    /// The tenant's id.
    #[schema(format = "uuid")]
    id: String,
    /// Its short name.
    key: String,
    /// Its name for people.
    name: String,
    /// Where it stands.
    #[schema(example = "ACTIVE")]
    status: &'static str,
    /// Where its people find their application.
    app_plane_url: Option<String>,
    /// The person's membership there.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// The person's role there.
    #[schema(format = "uuid")]
    role_id: String,
    /// Where the membership stands.
    #[schema(example = "ACTIVE")]
    member_status: &'static str,
    /// Whether the person goes there when it does not say where.
    is_default: bool,
    /// Whether the person went there last.
    is_last: bool,
}

impl TenantOfUser {
    /// One of the person's tenants.
    pub(crate) fn of(user: &User, (membership, tenant): (Membership, Tenant)) -> Self {
        Self {
            id: tenant.id.to_string(),
            key: tenant.key.to_string(),
            name: tenant.name.to_string(),
            status: tenant.status.name(),
            app_plane_url: tenant.app_plane_url,
            user_tenant_id: membership.id.to_string(),
            role_id: membership.role_id.to_string(),
            member_status: membership.status.name(),
            is_default: user.default_tenant_id == Some(tenant.id),
            is_last: user.last_tenant_id == Some(tenant.id),
        }
    }
}

/// List a person's tenants.
///
/// Every tenant that the person belongs to, by when the tenant was made.
#[utoipa::path(
    get,
    path = "/user/{id}/tenants",
    params(("id" = String, Path, description = "The person's id."), ListQuery)
)]
pub(crate) async fn list_tenants_of_user(
    operation: Operation,
    Path(id): Path<Id<User>>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<TenantOfUser>, Problem> {
    let store = &operation.context.store;
    let request = query.page(&operation.caller, &format!("tenants of {id}"))?;
    let user = store.find_user(id).await?;
    let user = user.ok_or_else(|| DomainError::not_found(Kind::User, id))?;
    let ids = user
        .tenants
        .iter()
        .map(|tenant_id| (tenant_id.to_string(), *tenant_id));
    let page = store.page_of(ids.collect(), &request)?;
    let mut found = store.find_memberships_of(id, &page.items).await?;
    // A tenant that was erased is not there any more, and the person not told of it.
    let mut items = Vec::new();
    for tenant_id in &page.items {
        let place = found.iter().position(|(_, tenant)| tenant.id == *tenant_id);
        items.extend(place.map(|place| TenantOfUser::of(&user, found.swap_remove(place))));
    }
    Ok(Paged(Page {
        items,
        next_cursor: page.next_cursor,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Person, TestApp};

    use crate::scene::{GRACE, add_grace, find, force_status, of_members, order, paged, send};

    fn tenants_of(person: &Person) -> String {
        format!("/user/{}/tenants", person.user_id)
    }

    #[tokio::test]
    async fn a_person_sees_every_tenant_that_it_belongs_to() {
        let app = TestApp::start().await;
        let home = app.active_tenant("home").await;
        let grace = app.join_as(&home, GRACE, SystemRole::Member).await;
        app.clock.advance_ms(1);
        let other = app.tenant("other").await;
        let elsewhere = app.join_as(&other, GRACE, SystemRole::Admin).await;
        force_status(&app, &elsewhere, "INACTIVE").await;
        app.join_as(&other, "ada@acme.com", SystemRole::Admin).await;

        let path = format!("{}?order=createdAt:asc", tenants_of(&grace));
        let answer = send(&app, "GET", &path, &grace.token, &Value::Null)
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        // The person, then its memberships with their tenants, all at once.
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(find(&app, &path).await, answer.json());
        let newest_first = paged(&app, &tenants_of(&grace), &grace.token, "id").await;
        assert_eq!(newest_first, [other, home]);
    }

    #[tokio::test]
    async fn where_it_was_added_and_has_not_accepted_is_among_them() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (grace, _) = add_grace(&app, &tenant, &app.role(&tenant, SystemRole::Member)).await;

        let tenants = find(&app, &tenants_of(&grace)).await;

        assert_eq!(tenants["items"][0]["memberStatus"], "REGISTERED");
    }

    #[tokio::test]
    async fn a_tenant_that_was_erased_is_not_among_them() {
        let app = TestApp::start().await;
        let (gone, tenant) = (app.tenant("gone").await, app.tenant("acme").await);
        app.join_as(&gone, GRACE, SystemRole::Member).await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        app.delete_item(&format!("TENANT#{gone}"), "TENANT").await;

        let found = paged(&app, &tenants_of(&grace), &grace.token, "id").await;

        assert_eq!(found, [tenant]);
    }

    #[tokio::test]
    async fn nobody_else_sees_them() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let grace = app.join_as(&tenant, GRACE, SystemRole::Member).await;
        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;
        let own = |permission: &Permission| *permission != Permission::ViewAllTenantOfSelf;
        let without = app.token_of(&tenant, &grace.user_id, of_members().filter(own));

        for path in [tenants_of(&grace), format!("/user/{}/invitations", grace.user_id)] {
            app.get(&path).send().await.expect_problem(401, "token_required");
            for (token, status, code) in [
                (&without, 403, "forbidden"),
                (
                    &app.operator_with(Permission::all().filter(own)),
                    403,
                    "forbidden",
                ),
                (&owner.token, 404, "not_found"),
            ] {
                let answer = send(&app, "GET", &path, token, &Value::Null).await;
                answer.expect_problem(status, code);
            }
            let unknown = path.replace(&grace.user_id, &app.unknown_id());
            order(&app, "GET", &unknown, &Value::Null)
                .await
                .expect_problem(404, "not_found");
            order(&app, "GET", &format!("{path}?cursor=x"), &Value::Null)
                .await
                .expect_problem(400, "invalid_cursor");
        }
    }
}
