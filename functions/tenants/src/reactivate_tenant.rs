use tenantry_api::view::TenantView;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_domain::{Reason, Tenant};
use utoipa::ToSchema;

/// Why a tenant is let in again.
#[derive(Debug, ToSchema)]
#[schema(as = TenantReactivation, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReactivationDoc {
    /// Why; kept, and told to listeners.
    #[schema(max_length = 1000, example = "paid")]
    reason: Option<String>,
}

/// The same as it was read.
pub(crate) struct Reactivation(Option<Reason>);

impl FromMembers for Reactivation {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.optional_text("reason", Reason::parse).map(Self)
    }
}

/// Reactivate a suspended tenant.
#[utoipa::path(
    post,
    path = "/tenants/{id}/reactivate",
    request_body = ReactivationDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn reactivate_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(Reactivation(reason)): Body<Reactivation>,
) -> Result<Found<TenantView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |tenant: &Tenant| Found(TenantView::from(tenant.clone())).stored();
    let tenant = tenantry_app::reactivate_tenant(&operation.context, &scope, reason.as_ref(), reply).await?;
    Ok(Found(tenant.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    async fn suspended(app: &TestApp, key: &str) -> String {
        let id = app.active_tenant(key).await;
        app.command(&id, "suspend", &json!({ "reason": "not paid" }))
            .await
            .expect(200);
        id
    }

    #[tokio::test]
    async fn a_reactivated_tenant_is_in_use_again() {
        let app = TestApp::start().await;
        let id = suspended(&app, "acme").await;
        app.clock.advance_minutes(1);

        let answer = app
            .command(&id, "reactivate", &json!({ "reason": "paid" }))
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        insta::assert_json_snapshot!("reactivated_event", app.events_of("tenant.reactivated.v1").await);
        assert_eq!(answer.usage.calls, 2);
        let change = app.patch(&format!("/tenants/{id}")).bearer(&app.member(&id));
        change.json(&json!({ "name": "New" })).send().await.expect(200);
    }

    #[tokio::test]
    async fn the_reason_of_the_suspension_goes_with_it() {
        let app = TestApp::start().await;
        let id = suspended(&app, "acme").await;

        let answer = app.command(&id, "reactivate", &json!({})).await.expect(200);

        assert_eq!(answer.json().get("statusReason"), None);
    }

    #[tokio::test]
    async fn only_a_suspended_tenant_is_reactivated_and_once() {
        let app = TestApp::start().await;
        let (id, active) = (suspended(&app, "one").await, app.active_tenant("two").await);

        app.command(&active, "reactivate", &json!({}))
            .await
            .expect_problem(409, "invalid_transition");
        let body = json!({});
        let answers = join_all((0..10).map(|_| app.command(&id, "reactivate", &body))).await;

        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.expect_problem(409, "invalid_transition");
        }
        assert_eq!(app.events_of("tenant.reactivated.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_reactivate() {
        let app = TestApp::start().await;
        let id = suspended(&app, "acme").await;
        let path = format!("/tenants/{id}/reactivate");

        for token in [
            app.member_with(&id, [Permission::UpdateTenant]),
            app.operator_with([Permission::ViewTenant]),
        ] {
            app.post(&path)
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
        app.command(&app.unknown_id(), "reactivate", &json!({}))
            .await
            .expect_problem(404, "not_found");
        app.command(&id, "reactivate", &json!({ "reason": 1 }))
            .await
            .expect_problem(422, "invalid_body");
    }
}
