use tenantry_api::{Accepted, Body, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_app::{JobWish, MAX_GRACE_DAYS, start_job};
use tenantry_domain::{Job, Reason, Rule};
use utoipa::ToSchema;

use crate::job_view::{JobView, accepted};

/// How a tenant leaves.
#[derive(Debug, ToSchema)]
#[schema(as = TenantOffboarding, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct OffboardingDoc {
    /// Why; kept, and told to listeners.
    #[schema(max_length = 1000, example = "contract ended")]
    reason: Option<String>,
    /// For how many days it cannot be erased; the installation's setting if absent.
    #[schema(minimum = 0, maximum = 365, example = 30)]
    grace_days: Option<u16>,
}

/// The same as it was read.
pub(crate) struct Offboarding {
    reason: Option<Reason>,
    grace_days: u16,
}

impl FromMembers for Offboarding {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let reason = members.optional_text("reason", Reason::parse);
        let grace_days = match members.optional_number("graceDays") {
            Some(None) => Some(members.config.offboard_grace_days),
            Some(Some(days)) => match u16::try_from(days) {
                Ok(days) if days <= MAX_GRACE_DAYS => Some(days),
                _ => {
                    let rule = format!("must be a number from 0 to {MAX_GRACE_DAYS}");
                    members.note("graceDays", Rule::new("out_of_range", rule))
                }
            },
            None => None,
        };
        Some(Self {
            reason: reason?,
            grace_days: grace_days?,
        })
    }
}

/// Offboard a tenant.
///
/// An event asks the application plane to remove the tenant's resources; it reports back to `/webhook` with type 1. The tenant
/// is DEPROVISIONING until then and INACTIVE afterwards. Its data stays until it is erased, which the grace period allows
/// from `erasableAt` on. While its offboarding is under way, asking again answers with that job; while another job is open,
/// there is no offboarding.
#[utoipa::path(
    post,
    path = "/tenants/{id}/offboard",
    request_body = OffboardingDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn offboard_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(Offboarding { reason, grace_days }): Body<Offboarding>,
) -> Result<Accepted<JobView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let wish = JobWish::Offboard { reason, grace_days };
    let reply = |job: &Job| accepted(job.clone()).stored();
    let job = start_job(&operation.context, &scope, &wish, reply).await?;
    Ok(accepted(job))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn a_tenant_leaves_in_two_steps() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        app.clock.advance_minutes(1);

        let answer = app
            .command(&id, "offboard", &json!({ "reason": "contract ended" }))
            .await
            .expect(202);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
        let leaving = app.find_tenant(&id).await;
        assert_eq!(
            (
                &leaving["status"],
                &leaving["statusReason"],
                &leaving["erasableAt"]
            ),
            (
                &json!("DEPROVISIONING"),
                &json!("contract ended"),
                &json!("2026-02-14T09:31:00.000Z")
            )
        );
        let order = app.order(&answer.text_at("/id")).await;
        app.report(&order, &order.removed()).await.expect(204);
        insta::assert_json_snapshot!("offboarded_tenant", app.find_tenant(&id).await);
        for kind in ["offboarding", "deprovisioning_requested", "offboarded"] {
            let events = app.events_of(&format!("tenant.{kind}.v1")).await;
            insta::assert_json_snapshot!(format!("{kind}_event"), events);
        }
    }

    #[tokio::test]
    async fn a_removal_that_fails_can_be_tried_again() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let order = app.offboard(&id).await;

        app.report(&order, &order.not_removed("bucket is not empty"))
            .await
            .expect(204);

        let tenant = app.find_tenant(&id).await;
        assert_eq!(
            (&tenant["status"], tenant.get("openJobId")),
            (&json!("DEPROVISIONING"), None)
        );
        let job = app.find_job(&id, &order.job_id).await;
        assert_eq!(
            (&job["status"], &job["reason"]),
            (&json!("FAILED"), &json!("bucket is not empty"))
        );
        let events = app.events_of("tenant.deprovisioning_failed.v1").await;
        assert_eq!(events[0]["detail"]["data"]["reason"], "bucket is not empty");
    }

    #[tokio::test]
    async fn a_report_of_the_wrong_type_is_refused() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let order = app.offboard(&id).await;
        let before = app.items().await;

        let wrong = app.report(&order, &order.success()).await;

        assert_eq!(
            wrong.expect_problem(422, "invalid_body").violations(),
            [("/type".to_owned(), "wrong_type".to_owned())]
        );
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn suspended_and_failed_tenants_leave_too_and_others_do_not() {
        let app = TestApp::start().await;
        let suspended = app.active_tenant("one").await;
        app.command(&suspended, "suspend", &json!({ "reason": "x" }))
            .await
            .expect(200);
        let failed = app.tenant("two").await;
        let job = app.provision(&failed).await;
        app.report(&job, &job.failure("busy")).await.expect(204);
        let (waiting, gone) = (app.tenant("three").await, app.inactive_tenant("four").await);

        for id in [&suspended, &failed] {
            app.command(id, "offboard", &json!({})).await.expect(202);
        }
        for id in [&waiting, &gone] {
            app.command(id, "offboard", &json!({}))
                .await
                .expect_problem(409, "invalid_transition");
        }
    }

    #[tokio::test]
    async fn while_a_job_is_open_nobody_leaves() {
        let app = TestApp::start().await;
        let active = app.active_tenant("one").await;
        let change = app.change_tier(&active, "PREMIUM").await;
        let provisioning = app.provision(&app.tenant("two").await).await;

        for job in [change, provisioning] {
            let answer = app.command(&job.tenant_id, "offboard", &json!({})).await;
            let detail = answer.expect_problem(409, "job_open").text_at("/detail");
            assert!(detail.contains(&job.job_id), "{detail}");
        }
    }

    #[tokio::test]
    async fn of_many_that_offboard_at_once_one_starts_and_all_hear_of_it() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let body = json!({ "reason": "contract ended" });

        let answers = join_all((0..20).map(|_| app.command(&id, "offboard", &body))).await;

        for answer in &answers {
            assert_eq!((answer.status.as_u16(), &answer.text), (202, &answers[0].text));
        }
        assert_eq!(app.events_of("tenant.deprovisioning_requested.v1").await.len(), 1);
        assert_eq!(app.events_of("tenant.offboarding.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;

        for days in [json!(-1), json!(366), json!(70_000)] {
            let answer = app
                .command(
                    &id,
                    "offboard",
                    &json!({ "reason": "", "graceDays": days, "x": 1 }),
                )
                .await;
            assert_eq!(
                answer.expect_problem(422, "invalid_body").violations(),
                [
                    ("/reason", "blank"),
                    ("/graceDays", "out_of_range"),
                    ("/x", "unknown_member")
                ]
                .map(|(pointer, code)| (pointer.to_owned(), code.to_owned()))
            );
        }
        app.command(&id, "offboard", &json!({ "graceDays": "1" }))
            .await
            .expect_problem(422, "invalid_body");
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_offboard() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let path = format!("/tenants/{id}/offboard");

        for token in [
            app.member_with(&id, [Permission::DeleteTenant]),
            app.operator_with([Permission::UpdateTenant]),
        ] {
            app.post(&path)
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
        app.command(&app.unknown_id(), "offboard", &json!({}))
            .await
            .expect_problem(404, "not_found");
    }
}
