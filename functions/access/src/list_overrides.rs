use tenantry_api::{ListQuery, Operation, Paged, Path, Problem, Query, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Kind, Membership};

use crate::override_view::OverrideView;

/// List what a member is allowed or denied beside its role.
#[utoipa::path(
    get,
    path = "/user-tenants/{id}/user-level-permissions",
    params(("id" = String, Path, description = "The member's id."), TenantQuery, ListQuery)
)]
pub(crate) async fn list_overrides(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Membership>>,
    Query(query): Query<ListQuery>,
) -> Result<Paged<OverrideView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let binding = format!("overrides {} {id}", scope.tenant_id());
    let page = query.page(&operation.caller, &binding)?;
    let store = &operation.context.store;
    let member = store.find_membership(&scope, id).await?;
    let member = member.ok_or_else(|| DomainError::not_found(Kind::Member, id))?;
    let placed = member.overrides.into_iter().map(|(permission, decision)| {
        let place = format!("{}#{}", decision.created_at, permission.name());
        (place, OverrideView::new(id, permission, decision))
    });
    Ok(Paged(store.page_of(placed.collect(), &page)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_testing::TestApp;

    use crate::scene::{decide, find, nobody, order, overrides_of, paged, send, somebody};

    #[tokio::test]
    async fn what_was_decided_about_a_member_is_listed_in_one_call() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));
        decide(&app, &ada, "ViewContact", true).await;
        decide(&app, &ada, "ViewRoles", false).await;
        decide(&app, &grace, "ViewInvoice", true).await;

        let answer = order(&app, "GET", &overrides_of(&ada), &Value::Null)
            .await
            .expect(200);

        assert_eq!(answer.usage.calls, 1);
        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn decisions_are_paged_by_when_they_were_made() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let by_age = ["ViewInvoice", "ViewContact", "CreateRoles", "ViewTenant"];
        for permission in by_age {
            decide(&app, &ada, permission, true).await;
            app.clock.advance_minutes(1);
        }
        let path = overrides_of(&ada);

        let newest_first = paged(&app, &path, &app.operator(), "permission").await;
        let oldest_first = paged(
            &app,
            &format!("{path}&order=createdAt:asc"),
            &app.operator(),
            "permission",
        )
        .await;

        assert_eq!(oldest_first, by_age);
        assert!(newest_first.iter().rev().eq(by_age.iter()));
    }

    #[tokio::test]
    async fn nothing_was_decided_about_a_new_member_and_there_is_no_list_of_a_stranger() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = somebody(&app, &tenant);
        let stranger = nobody(&app, &tenant);

        let own = format!("/user-tenants/{}/user-level-permissions", ada.membership_id);
        let own = send(&app, "GET", &own, &ada.token, &Value::Null)
            .await
            .expect(200);
        let of_stranger = format!("/user-tenants/{stranger}/user-level-permissions?tenantId={tenant}");

        assert_eq!(own.json(), json!({ "items": [], "nextCursor": null }));
        assert_eq!(find(&app, &overrides_of(&ada)).await, own.json());
        let answer = order(&app, "GET", &of_stranger, &Value::Null).await;
        answer.expect_problem(404, "not_found");
    }
}
