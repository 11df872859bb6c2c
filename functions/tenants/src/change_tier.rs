use tenantry_api::{Accepted, Body, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_app::{JobWish, start_job};
use tenantry_domain::{Job, Reason};
use utoipa::ToSchema;

use crate::job_view::{JobView, accepted};

/// Where a tenant moves.
#[derive(Debug, ToSchema)]
#[schema(as = TierChange, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct TierChangeDoc {
    /// One of the configured tiers, in any case.
    #[schema(example = "PREMIUM")]
    tier: String,
    /// Why; kept, and told to listeners.
    #[schema(max_length = 1000, example = "upgraded")]
    reason: Option<String>,
}

/// The same as it was read.
pub(crate) struct TierChange {
    tier: String,
    reason: Option<Reason>,
}

impl FromMembers for TierChange {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let tiers = &members.config.tiers;
        let tier = members.text("tier", |tier| tiers.find(tier));
        let reason = members.optional_text("reason", Reason::parse);
        Some(Self {
            tier: tier?,
            reason: reason?,
        })
    }
}

/// Move a tenant to another tier.
///
/// An event asks the application plane to make the resources of an ACTIVE tenant fit the tier; it reports back to `/webhook`
/// with type 0. The tenant's tier changes with its success, and only then. While a change is under way, asking again answers
/// with that job.
#[utoipa::path(
    post,
    path = "/tenants/{id}/change-tier",
    request_body = TierChangeDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn change_tier(
    operation: Operation,
    Scope(scope): Scope,
    Body(TierChange { tier, reason }): Body<TierChange>,
) -> Result<Accepted<JobView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let wish = JobWish::ChangeTier { tier, reason };
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
    async fn the_tier_changes_with_the_success_and_not_before() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        app.clock.advance_minutes(1);

        let answer = app
            .command(
                &id,
                "change-tier",
                &json!({ "tier": "premium", "reason": "upgraded" }),
            )
            .await
            .expect(202);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 2);
        let meanwhile = app.find_tenant(&id).await;
        assert_eq!(
            (&meanwhile["status"], &meanwhile["tier"], &meanwhile["openJobId"]),
            (&json!("ACTIVE"), &json!("BASIC"), &answer.json()["id"])
        );
        let order = app.order(&answer.text_at("/id")).await;
        app.report(&order, &order.success()).await.expect(204);
        let after = app.find_tenant(&id).await;
        assert_eq!(
            (&after["tier"], after.get("openJobId")),
            (&json!("PREMIUM"), None)
        );
        for kind in ["tier_change_requested", "tier_changed"] {
            let events = app.events_of(&format!("tenant.{kind}.v1")).await;
            insta::assert_json_snapshot!(format!("{kind}_event"), events);
        }
        let welcomes = app.mails().await;
        assert_eq!(
            welcomes
                .iter()
                .filter(|mail| mail.subject.ends_with("is ready"))
                .count(),
            1
        );
    }

    #[tokio::test]
    async fn a_change_that_fails_leaves_the_tier() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let order = app.change_tier(&id, "PREMIUM").await;

        app.report(&order, &order.failure("no room")).await.expect(204);

        let tenant = app.find_tenant(&id).await;
        assert_eq!(
            (&tenant["status"], &tenant["tier"], tenant.get("statusReason")),
            (&json!("ACTIVE"), &json!("BASIC"), None)
        );
        let events = app.events_of("tenant.tier_change_failed.v1").await;
        assert_eq!(events[0]["detail"]["data"]["reason"], "no room");
    }

    #[tokio::test]
    async fn the_next_job_is_for_the_tier_that_the_tenant_has() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let to_premium = app.change_tier(&id, "PREMIUM").await;
        app.report(&to_premium, &to_premium.success()).await.expect(204);
        let to_standard = app.change_tier(&id, "STANDARD").await;
        app.report(&to_standard, &to_standard.failure("no"))
            .await
            .expect(204);

        let removal = app.offboard(&id).await;

        assert_eq!(app.find_job(&id, &removal.job_id).await["tier"], "PREMIUM");
    }

    #[tokio::test]
    async fn of_many_changes_at_once_one_starts() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let body = json!({ "tier": "PREMIUM" });

        let answers = join_all((0..20).map(|_| app.command(&id, "change-tier", &body))).await;

        for answer in &answers {
            assert_eq!((answer.status.as_u16(), &answer.text), (202, &answers[0].text));
        }
        assert_eq!(app.events_of("tenant.tier_change_requested.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn only_a_tenant_in_use_moves_and_only_to_another_tier() {
        let app = TestApp::start().await;
        let (active, waiting) = (app.active_tenant("one").await, app.tenant("two").await);
        let provisioning = app.provision(&app.tenant("three").await).await;
        let before = app.items().await;
        let premium = json!({ "tier": "PREMIUM" });

        app.command(&active, "change-tier", &json!({ "tier": "basic" }))
            .await
            .expect_problem(409, "tier_unchanged");
        app.command(&waiting, "change-tier", &premium)
            .await
            .expect_problem(409, "invalid_transition");
        app.command(&provisioning.tenant_id, "change-tier", &premium)
            .await
            .expect_problem(409, "job_open");
        app.command(&app.unknown_id(), "change-tier", &premium)
            .await
            .expect_problem(404, "not_found");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_move_tenants_and_only_to_known_tiers() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let path = format!("/tenants/{id}/change-tier");

        for token in [
            app.member_with(&id, [Permission::UpdateTenant]),
            app.operator_with([Permission::ProvisionTenant]),
        ] {
            app.post(&path)
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
        let answer = app
            .command(&id, "change-tier", &json!({ "tier": "GOLD", "reason": 1 }))
            .await;
        assert_eq!(
            answer.expect_problem(422, "invalid_body").violations(),
            [
                ("/tier".to_owned(), "unknown_tier".to_owned()),
                ("/reason".to_owned(), "invalid_type".to_owned())
            ]
        );
    }
}
