use tenantry_api::view::TenantView;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_domain::{Reason, Tenant};
use utoipa::ToSchema;

/// Why a tenant is suspended.
#[derive(Debug, ToSchema)]
#[schema(as = TenantSuspension, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct SuspensionDoc {
    /// Why; kept, and told to listeners.
    #[schema(max_length = 1000, example = "invoice 2026-0017 is not paid")]
    reason: String,
}

/// The same as it was read.
pub(crate) struct Suspension(Reason);

impl FromMembers for Suspension {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        members.text("reason", Reason::parse).map(Self)
    }
}

/// Suspend a tenant.
///
/// An ACTIVE tenant is SUSPENDED: its members may no longer change it, and its application hears of it by event.
/// A change of tier that is under way goes on.
#[utoipa::path(
    post,
    path = "/tenants/{id}/suspend",
    request_body = SuspensionDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn suspend_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(Suspension(reason)): Body<Suspension>,
) -> Result<Found<TenantView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let reply = |tenant: &Tenant| Found(TenantView::from(tenant.clone())).stored();
    let tenant = tenantry_app::suspend_tenant(&operation.context, &scope, &reason, reply).await?;
    Ok(Found(tenant.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn a_suspended_tenant_says_why() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        app.clock.advance_minutes(1);

        let answer = app
            .command(&id, "suspend", &json!({ "reason": "not paid" }))
            .await
            .expect(200);

        insta::assert_json_snapshot!(answer.json());
        insta::assert_json_snapshot!("suspended_event", app.events_of("tenant.suspended.v1").await);
        assert_eq!((answer.header("etag"), answer.usage.calls), (Some("\"4\""), 2));
    }

    #[tokio::test]
    async fn the_members_of_a_suspended_tenant_read_and_change_nothing() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let job = app.provision(&id).await;
        app.report(&job, &job.success()).await.expect(204);
        let member = app.member(&id);
        let body = json!({ "reason": "not paid" });
        app.command(&id, "suspend", &body).await.expect(200);
        let path = format!("/tenants/{id}");
        let of_job = format!("{path}/jobs/{}", job.job_id);
        let before = app.items().await;

        for (method, path, body) in [
            ("PATCH", path.clone(), json!({ "name": "New" })),
            ("PATCH", path.clone(), json!({ "name": "Acme" })),
            ("POST", format!("{path}/provision"), TestApp::subscription()),
            ("POST", format!("{of_job}/retry"), Value::Null),
            ("POST", format!("{of_job}/cancel"), json!({})),
        ] {
            let call = app.call(method, &path).bearer(&member);
            let call = if body.is_null() { call } else { call.json(&body) };
            let answer = call.send().await.expect_problem(409, "tenant_suspended");
            assert_eq!(answer.usage.calls, 1, "{method} {path}");
        }

        app.get(&path).bearer(&member).send().await.expect(200);
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn only_a_tenant_in_use_is_suspended() {
        let app = TestApp::start().await;
        let waiting = app.tenant("one").await;
        let suspended = app.active_tenant("two").await;
        let body = json!({ "reason": "not paid" });
        app.command(&suspended, "suspend", &body).await.expect(200);
        let before = app.items().await;

        for id in [&waiting, &suspended] {
            app.command(id, "suspend", &body)
                .await
                .expect_problem(409, "invalid_transition");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_many_that_suspend_at_once_one_does() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let body = json!({ "reason": "not paid" });

        let answers = join_all((0..10).map(|_| app.command(&id, "suspend", &body))).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1);
        for answer in lost {
            answer.expect_problem(409, "invalid_transition");
        }
        assert_eq!(app.events_of("tenant.suspended.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn a_change_of_tier_goes_on_while_the_tenant_is_suspended() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let change = app.change_tier(&id, "PREMIUM").await;

        app.command(&id, "suspend", &json!({ "reason": "not paid" }))
            .await
            .expect(200);
        app.report(&change, &change.success()).await.expect(204);

        let tenant = app.find_tenant(&id).await;
        assert_eq!(
            (&tenant["status"], &tenant["tier"], &tenant["statusReason"]),
            (&json!("SUSPENDED"), &json!("PREMIUM"), &json!("not paid"))
        );
    }

    #[tokio::test]
    async fn a_repeated_request_is_answered_as_before() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let send = async || {
            let call = app
                .post(&format!("/tenants/{id}/suspend"))
                .bearer(&app.operator());
            let call = call.header("idempotency-key", "k-1");
            call.json(&json!({ "reason": "not paid" })).send().await
        };

        let first = send().await.expect(200);
        let again = send().await.expect(200);

        assert_eq!(
            (again.header("idempotency-replayed"), &again.text),
            (Some("true"), &first.text)
        );
        assert_eq!(app.events_of("tenant.suspended.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_suspend_and_they_say_why() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let path = format!("/tenants/{id}/suspend");

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
        let wrong = app.command(&id, "suspend", &json!({ "x": 1 })).await;
        assert_eq!(
            wrong.expect_problem(422, "invalid_body").violations(),
            [
                ("/reason".to_owned(), "required".to_owned()),
                ("/x".to_owned(), "unknown_member".to_owned())
            ]
        );
        let unknown = app
            .command(&app.unknown_id(), "suspend", &json!({ "reason": "x" }))
            .await;
        unknown.expect_problem(404, "not_found");
    }
}
