use std::fmt::Write as _;

use axum::response::IntoResponse as _;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use tenantry_api::{Operation, Problem, Raw};
use tenantry_domain::{Tally, TenantStatus, Timestamp};

/// Version 0.0.4 of Prometheus' text exposition format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Read the installation's figures, for Prometheus.
///
/// They are counted as events are delivered, and are behind by as long as that takes. `tenantry_outbox_oldest_seconds` says how
/// long: the age of the oldest message that is not delivered yet.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Prometheus text format 0.0.4.", content_type = "text/plain")))]
pub(crate) async fn find_metrics(operation: Operation) -> Result<Raw, Problem> {
    let context = &operation.context;
    let (figures, oldest) = tokio::try_join!(
        context.store.find_figures(),
        context.store.find_oldest_undelivered()
    )?;
    let headers = [(CONTENT_TYPE, FORMAT), (CACHE_CONTROL, "no-store")];
    Ok(Raw(
        (headers, render(&figures, oldest, context.now)).into_response()
    ))
}

fn render(figures: &Tally, oldest: Option<Timestamp>, now: Timestamp) -> String {
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, String)]| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (suffix, value) in samples {
            let _ = writeln!(text, "{name}{suffix} {value}");
        }
    };
    let labelled = |label: &str, value: &str, figure: &str| {
        (
            format!("{{{label}=\"{value}\"}}"),
            figures.get(figure).to_string(),
        )
    };
    let plain = |figure: &str| [(String::new(), figures.get(figure).to_string())];
    family(
        "tenantry_tenants",
        "gauge",
        "Tenants by status.",
        &TenantStatus::ALL.map(|status| labelled("status", status.name(), &Tally::tenants(status))),
    );
    family(
        "tenantry_leads",
        "gauge",
        "Leads by whether their e-mail address is proved.",
        &[
            labelled("verified", "true", Tally::LEADS_VERIFIED),
            labelled("verified", "false", Tally::LEADS_UNVERIFIED),
        ],
    );
    family(
        "tenantry_jobs_requested_total",
        "counter",
        "Provisioning jobs that were requested.",
        &plain(Tally::JOBS_REQUESTED),
    );
    family(
        "tenantry_jobs_total",
        "counter",
        "Provisioning jobs that ended, by outcome.",
        &[
            labelled("outcome", "succeeded", Tally::JOBS_SUCCEEDED),
            labelled("outcome", "failed", Tally::JOBS_FAILED),
            labelled("outcome", "cancelled", Tally::JOBS_CANCELLED),
        ],
    );
    family(
        "tenantry_time_to_active_seconds",
        "summary",
        "Time from a tenant's creation to its first being active.",
        &[
            ("_sum".to_owned(), seconds(figures.get(Tally::TIME_TO_ACTIVE_MS))),
            ("_count".to_owned(), figures.get(Tally::ACTIVATIONS).to_string()),
        ],
    );
    family(
        "tenantry_members",
        "gauge",
        "Members of tenants, in whatever status.",
        &plain(Tally::MEMBERS),
    );
    family(
        "tenantry_roles",
        "gauge",
        "Roles that tenants made.",
        &plain(Tally::ROLES),
    );
    family(
        "tenantry_invitations_sent_total",
        "counter",
        "Invitations that were sent, again or for the first time.",
        &plain(Tally::INVITATIONS_SENT),
    );
    family(
        "tenantry_invitations_total",
        "counter",
        "Invitations that came to an end, by outcome.",
        &[
            labelled("outcome", "accepted", Tally::INVITATIONS_ACCEPTED),
            labelled("outcome", "declined", Tally::INVITATIONS_DECLINED),
            labelled("outcome", "revoked", Tally::INVITATIONS_REVOKED),
        ],
    );
    let age_ms = oldest.map_or(0, |oldest| (now.as_millis() - oldest.as_millis()).max(0));
    family(
        "tenantry_outbox_oldest_seconds",
        "gauge",
        "Age of the oldest event or mail that is not delivered yet; 0 if there is none.",
        &[(String::new(), seconds(age_ms))],
    );
    text
}

/// Milliseconds as seconds, exactly.
fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

#[cfg(test)]
mod tests {
    use tenantry_domain::SystemRole;
    use tenantry_testing::{Answer, TestApp};

    async fn scrape(app: &TestApp) -> Answer {
        app.get("/metrics").bearer(TestApp::SCRAPE_TOKEN).send().await
    }

    /// What stands behind a name.
    fn value<'a>(text: &'a str, sample: &str) -> &'a str {
        let line = text.lines().find_map(|line| line.strip_prefix(sample));
        line.unwrap_or_else(|| panic!("no {sample} in {text}")).trim()
    }

    #[tokio::test]
    async fn figures_are_those_of_what_was_delivered() {
        let app = TestApp::start().await;
        app.verified_lead("ada@acme.com").await;
        app.sign_up("grace@acme.com").await;
        let erased = app.sign_up("eve@acme.com").await;
        app.delete(&format!("/leads/{}", erased.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);
        app.tenant("waiting").await;
        let tenant_id = app.tenant("failing").await;
        let job = app.provision(&tenant_id).await;
        app.report(&job, &job.failure("no quota")).await.expect(204);
        let tenant_id = app.tenant("acme").await;
        app.clock.advance_ms(90_250);
        let job = app.provision(&tenant_id).await;
        app.report(&job, &job.success()).await.expect(204);
        app.settle().await;

        let answer = scrape(&app).await.expect(200);

        assert_eq!(answer.header("content-type"), Some(super::FORMAT));
        insta::assert_snapshot!(answer.text);
    }

    #[tokio::test]
    async fn figures_agree_with_the_counts_of_the_api() {
        let app = TestApp::start().await;
        app.verified_lead("ada@acme.com").await;
        app.sign_up("grace@acme.com").await;
        app.active_tenant("acme").await;
        app.tenant("globex").await;
        app.settle().await;

        let text = scrape(&app).await.expect(200).text;

        let operator = app.operator();
        for status in ["ACTIVE", "PENDING_PROVISION", "PROVISIONING"] {
            let counted = app
                .get(&format!("/tenants/count?status={status}"))
                .bearer(&operator)
                .send()
                .await
                .expect(200)
                .json();
            assert_eq!(
                value(&text, &format!("tenantry_tenants{{status=\"{status}\"}}")),
                counted["count"].to_string()
            );
        }
        let counted = app
            .get("/leads/count")
            .bearer(&operator)
            .send()
            .await
            .expect(200)
            .json();
        let leads = ["true", "false"].map(|verified| {
            let sample = format!("tenantry_leads{{verified=\"{verified}\"}}");
            value(&text, &sample).parse::<u64>().expect("a number")
        });
        assert_eq!(
            leads.iter().sum::<u64>().to_string(),
            counted["count"].to_string()
        );
    }

    #[tokio::test]
    async fn members_roles_and_invitations_are_counted_by_what_became_of_them() {
        let app = TestApp::start().await;
        let tenant_id = app.tenant("acme").await;
        let role = app.role(&tenant_id, SystemRole::Member);
        for name in ["One", "Two", "Three", "Four"] {
            app.custom_role(&tenant_id, name, []).await;
        }
        for email in ["one@acme.com", "two@acme.com"] {
            app.join(&tenant_id, email, &role).await;
        }
        let code = app.invite(&tenant_id, "three@acme.com", &role).await;
        let decline = app.post("/invitations/decline").bearer(&code);
        let decline = decline.header("content-type", "application/json").body("{}");
        decline.send().await.expect(204);
        let invitations = format!("/tenants/{tenant_id}/invitations");
        for email in ["four@acme.com", "five@acme.com", "six@acme.com"] {
            let id = app
                .account_thing(&invitations, &TestApp::new_user(email, &role))
                .await;
            let revoke = app.delete(&format!("{invitations}/{id}"));
            revoke.bearer(&app.operator()).send().await.expect(204);
        }
        app.settle().await;

        let text = scrape(&app).await.expect(200).text;

        for (sample, expected) in [
            ("tenantry_members ", "2"),
            ("tenantry_roles ", "4"),
            ("tenantry_invitations_sent_total ", "6"),
            ("tenantry_invitations_total{outcome=\"accepted\"}", "2"),
            ("tenantry_invitations_total{outcome=\"declined\"}", "1"),
            ("tenantry_invitations_total{outcome=\"revoked\"}", "3"),
        ] {
            assert_eq!(value(&text, sample), expected, "{sample}");
        }
    }

    #[tokio::test]
    async fn what_is_not_delivered_yet_shows_by_its_age() {
        let app = TestApp::start().await;
        app.sign_up("ada@acme.com").await;
        let settled = scrape(&app).await.expect(200).text;
        app.post("/leads")
            .json(&TestApp::new_lead("grace@acme.com"))
            .send()
            .await
            .expect(201);
        app.clock.advance_ms(61_007);

        let text = scrape(&app).await.expect(200).text;

        assert_eq!(value(&settled, "tenantry_outbox_oldest_seconds "), "0.000");
        assert_eq!(value(&text, "tenantry_outbox_oldest_seconds "), "61.007");
        assert_eq!(value(&text, "tenantry_leads{verified=\"false\"}"), "1");
    }

    #[tokio::test]
    async fn a_wrong_token_opens_nothing() {
        let app = TestApp::start().await;

        for token in ["scrap", &app.operator()] {
            let answer = app.get("/metrics").bearer(token).send().await;
            answer.expect_problem(401, "invalid_token");
        }
    }

    #[tokio::test]
    async fn without_a_scrape_token_there_is_no_such_route() {
        let app = TestApp::start_with(|config| config.metrics_token_sha256 = None).await;

        let with_token = scrape(&app).await;
        let without = app.get("/metrics").send().await;

        with_token.expect_problem(404, "no_such_route");
        without.expect_problem(404, "no_such_route");
    }
}
