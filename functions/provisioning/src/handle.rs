use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tenantry_app::{
    App, BusEvent, Context, Error, Swept, TraceContext, continue_erasures, fail_overdue_jobs, metric,
    sweep_billing,
};
use tenantry_domain::Id;

use crate::take_answer::{Taken, take_answer};

/// So many runs of the billing sweep, a thousand things each, fit into one call of the function; the next hour goes on.
const SWEEPS: u32 = 5;

/// Takes answers and does what is due.
#[derive(Clone)]
pub struct Provisioning {
    app: Arc<App>,
}

/// What the function is called with.
#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Due { task: Task },
    Event(BusEvent),
}

/// What a schedule asks for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Fail the jobs that nobody reported on in time.
    WatchDeadlines,
    /// Do what time asks of subscriptions and invoices.
    SweepBilling,
}

impl Provisioning {
    /// On this table.
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Takes an event of the bus, or does a task of a schedule. An error says that it has to come again.
    pub async fn handle(&self, input: Value) -> Result<(), Error> {
        match serde_json::from_value(input).map_err(|error| Error::Internal(Box::new(error)))? {
            Input::Due { task } => self.carry_out(task).await,
            Input::Event(event) => self.take(&event).await,
        }
    }

    async fn take(&self, event: &BusEvent) -> Result<(), Error> {
        let trace = TraceContext::of_request(None, &event.id);
        let context = Context::new(&self.app, event.id.clone(), trace);
        let taken = take_answer(&context, event).await.inspect_err(|error| {
            tracing::error!(event.id = event.id, event.kind = event.detail_type, error = %error,
                "an answer has to come again");
        })?;
        metric::answer_taken(taken.name());
        match taken {
            Taken::Done { step, about } => tracing::info!(
                event.id = event.id,
                event.kind = event.detail_type,
                tenant.id = %about.tenant,
                job.id = %about.job,
                correlation.id = about.correlation,
                step,
                "an answer was taken"
            ),
            Taken::Foreign(why) => tracing::debug!(
                event.id = event.id,
                event.kind = event.detail_type,
                why,
                "an event is none of ours"
            ),
            Taken::Refused(why) => tracing::warn!(
                event.id = event.id,
                event.kind = event.detail_type,
                event.source = event.source,
                why,
                "nobody waits for an answer"
            ),
        }
        Ok(())
    }

    /// Does a task of a schedule. The next run does what an error left.
    pub async fn carry_out(&self, task: Task) -> Result<(), Error> {
        let now = self.app.clock.now();
        let request_id = Id::<Task>::new(now, &*self.app.entropy).to_string();
        let trace = TraceContext::of_request(None, &request_id);
        let context = Context {
            // Many tenants' work: each call has its own patience, not all of them one.
            store: self.app.store.clone(),
            ..Context::new(&self.app, request_id, trace)
        };
        match task {
            Task::WatchDeadlines => {
                let watched = fail_overdue_jobs(&context).await?;
                let erased = continue_erasures(&context).await?;
                metric::watched(watched.failed, watched.left);
                tracing::info!(
                    request.id = context.request_id,
                    jobs.found = watched.found,
                    jobs.failed = watched.failed,
                    jobs.left = watched.left,
                    has_more = watched.has_more,
                    erasures.found = erased.found,
                    erasures.finished = erased.finished,
                    erasures.left = erased.left,
                    "deadlines were watched"
                );
            }
            Task::SweepBilling => {
                let swept = sweep_all(&context).await?;
                metric::swept(swept.changes, swept.left);
                tracing::info!(
                    request.id = context.request_id,
                    billing.found = swept.found,
                    billing.changes = swept.changes,
                    billing.left = swept.left,
                    has_more = swept.has_more,
                    "billing was swept"
                );
            }
        }
        Ok(())
    }
}

/// The first of a month has more due than one run takes: goes on while runs get something done.
async fn sweep_all(context: &Context) -> Result<Swept, Error> {
    let mut all = Swept::default();
    for _ in 0..SWEEPS {
        let Swept {
            found,
            changes,
            left,
            has_more,
        } = sweep_billing(context).await?;
        all = Swept {
            found: all.found + found,
            changes: all.changes + changes,
            left,
            has_more,
        };
        if changes == 0 || !has_more {
            break;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_domain::{Dialect, Wire, WireChanges};
    use tenantry_testing::TestApp;

    use super::*;

    const PLANE: &str = "sbt.application.plane";

    /// A product whose application plane speaks this dialect.
    async fn speaking(dialect: Dialect) -> TestApp {
        TestApp::start_with(|config| config.application_plane = Wire::preset(dialect)).await
    }

    /// A tenant that was asked for; answers its id, and what its application plane was told.
    async fn provisioning(app: &TestApp) -> (String, Value) {
        let tenant_id = app.tenant("acme").await;
        let asked = app
            .command(&tenant_id, "provision", &TestApp::subscription())
            .await;
        asked.expect(202);
        (tenant_id, last_event(app).await)
    }

    async fn last_event(app: &TestApp) -> Value {
        app.events().await.pop().expect("something was said")
    }

    async fn jobs(app: &TestApp, tenant_id: &str) -> Vec<Value> {
        let path = format!("/tenants/{tenant_id}/jobs");
        let jobs = app
            .get(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect(200)
            .json();
        jobs["items"].as_array().cloned().unwrap_or_default()
    }

    async fn status(app: &TestApp, tenant_id: &str) -> Value {
        app.find_tenant(tenant_id).await["status"].clone()
    }

    fn steps(job: &Value) -> Vec<&str> {
        let steps = job["steps"].as_array().into_iter().flatten();
        steps.filter_map(|step| step["name"].as_str()).collect()
    }

    fn output(registration: &Value) -> Value {
        json!({ "tenantRegistrationId": registration, "jobOutput": {
            "tenantData": { "tenantS3Bucket": "b", "tenantConfig": "{\"userPoolId\":\"p\"}", "email": "ada@acme.com" },
            "tenantRegistrationData": { "registrationStatus": "created" } } })
    }

    #[tokio::test]
    async fn what_time_asks_of_billing_is_a_task() {
        let app = TestApp::start().await;
        let tenant_id = app.tenant("acme").await;
        let plan_id = app.plan(json!({})).await;
        app.subscribe(&tenant_id, &plan_id).await;
        app.advance_to("2026-02-15");

        app.run_task("sweep_billing").await;
        app.run_task("sweep_billing").await;

        assert_eq!(app.invoices(&tenant_id).await.len(), 1);
    }

    #[tokio::test]
    async fn a_success_over_the_bus_activates_the_tenant_and_keeps_what_was_made() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;

        let answer = output(&asked["detail"]["tenantRegistrationId"]);
        app.hear(PLANE, "sbt_aws_provisionSuccess", answer).await;

        let tenant = app.find_tenant(&tenant_id).await;
        assert_eq!(tenant["status"], "ACTIVE");
        insta::assert_json_snapshot!(tenant["resources"]);
        assert_eq!(
            steps(&jobs(&app, &tenant_id).await[0]),
            ["requested", "succeeded"]
        );
        assert_eq!(app.events_of("tenant.activated.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn as_many_resources_as_a_report_may_name_fit_beside_the_message_that_is_remembered() {
        let app = TestApp::start().await;
        let (tenant_id, asked) = provisioning(&app).await;
        let resources: Vec<Value> = (0..91)
            .map(|n| json!({ "type": "bucket", "externalIdentifier": format!("b-{n}") }))
            .collect();
        let data = json!({ "jobId": asked["detail"]["data"]["job"]["id"], "resources": resources });

        let answer = json!({ "data": data });
        app.hear("tenantry.application-plane", "job.succeeded.v1", answer)
            .await;

        let tenant = app.find_tenant(&tenant_id).await;
        assert_eq!(tenant["status"], "ACTIVE");
        assert_eq!(tenant["resources"].as_array().map(Vec::len), Some(90));
        let items = app.items().await;
        let seen = items
            .iter()
            .filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with("SEEN#")));
        assert_eq!(seen.count(), 1);
    }

    #[tokio::test]
    async fn a_failure_over_the_bus_fails_the_job_with_its_reason() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;

        let answer = json!({ "tenantRegistrationId": asked["detail"]["tenantRegistrationId"],
            "jobOutput": { "tenantStatus": "Failed to provision tenant." } });
        app.hear(PLANE, "sbt_aws_provisionFailure", answer).await;

        assert_eq!(status(&app, &tenant_id).await, "PROVISION_FAILED");
        let job = jobs(&app, &tenant_id).await.remove(0);
        assert_eq!(
            (&job["status"], &job["reason"]),
            (&json!("FAILED"), &json!("Failed to provision tenant."))
        );
    }

    #[tokio::test]
    async fn what_comes_twice_late_or_from_elsewhere_changes_nothing() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let registration = asked["detail"]["tenantRegistrationId"].clone();
        let failure = json!({ "tenantRegistrationId": registration, "jobOutput": { "tenantStatus": "no" } });
        let unknown = json!(app.unknown_id());
        let foreign = [
            (PLANE, "sbt_aws_provisionSuccess", output(&unknown)),
            (PLANE, "sbt_aws_deprovisionSuccess", output(&registration)),
            (PLANE, "other_provisionSuccess", output(&registration)),
            (
                "applicationPlaneEventSource",
                "sbt_aws_provisionSuccess",
                output(&registration),
            ),
            (
                "tenantry.application-plane",
                "job.succeeded.v1",
                json!({ "data": { "jobId": registration } }),
            ),
            (
                "sbt.control.plane",
                "sbt_aws_onboardingRequest",
                json!({ "customerIdentifier": "c" }),
            ),
        ];

        for (source, detail_type, detail) in foreign {
            app.hear(source, detail_type, detail).await;
            assert_eq!(status(&app, &tenant_id).await, "PROVISIONING", "{detail_type}");
        }
        for _ in 0..2 {
            app.hear(PLANE, "sbt_aws_provisionSuccess", output(&registration))
                .await;
        }
        app.hear(PLANE, "sbt_aws_provisionFailure", failure).await;

        assert_eq!(status(&app, &tenant_id).await, "ACTIVE");
        let job = jobs(&app, &tenant_id).await.remove(0);
        assert_eq!(steps(&job), ["requested", "succeeded", "late_failure_refused"]);
        assert_eq!(app.events_of("tenant.activated.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn one_event_is_taken_once_however_often_and_at_once_it_is_delivered() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let event = |kind: &str, detail: Value| json!({ "id": "one", "source": PLANE, "detail-type": kind, "time": "2026-01-15T09:30:00Z", "detail": detail });
        let registration = &asked["detail"]["tenantRegistrationId"];
        let success = event("sbt_aws_provisionSuccess", output(registration));

        let provisioning = &app.product.provisioning;
        let taken = join_all((0..50).map(|_| provisioning.handle(success.clone()))).await;

        assert!(taken.iter().all(Result::is_ok));
        assert_eq!(app.events_of("tenant.activated.v1").await.len(), 1);
        let failure = json!({ "tenantRegistrationId": registration, "jobOutput": {} });
        for _ in 0..2 {
            let mut late = event("sbt_aws_provisionFailure", failure.clone());
            late["id"] = "two".into();
            provisioning.handle(late).await.expect("it is taken");
        }
        let job = jobs(&app, &tenant_id).await.remove(0);
        assert_eq!(steps(&job), ["requested", "succeeded", "late_failure_refused"]);
    }

    #[tokio::test]
    async fn a_success_and_a_failure_at_once_leave_one_outcome() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let registration = &asked["detail"]["tenantRegistrationId"];
        let event = |id: usize| {
            let kind = if id.is_multiple_of(2) {
                "sbt_aws_provisionSuccess"
            } else {
                "sbt_aws_provisionFailure"
            };
            json!({ "id": id.to_string(), "source": PLANE, "detail-type": kind, "time": "2026-01-15T09:30:00Z",
                "detail": output(registration) })
        };

        let taken = join_all((0..50).map(|id| app.product.provisioning.handle(event(id)))).await;

        assert!(taken.iter().all(Result::is_ok), "{taken:?}");
        let ended = app.events_of("tenant.activated.v1").await.len()
            + app.events_of("tenant.provisioning_failed.v1").await.len();
        assert_eq!((ended, jobs(&app, &tenant_id).await.len()), (1, 1));
    }

    #[tokio::test]
    async fn a_plane_that_names_only_the_tenant_means_its_open_job() {
        let app = speaking(Dialect::Sbt03).await;
        let (tenant_id, asked) = provisioning(&app).await;
        assert_eq!(asked["detail"].get("tenantRegistrationId"), None);
        let failure = json!({ "tenantId": tenant_id, "tenantOutput": { "tenantStatus": "no" } });
        let old = json!({ "id": "old", "source": "applicationPlaneEventSource", "detail-type": "provisionFailure",
            "time": "2026-01-15T09:29:59Z", "detail": failure });

        app.product.provisioning.handle(old).await.expect("it is taken");
        assert_eq!(status(&app, &tenant_id).await, "PROVISIONING");
        let success = json!({ "tenantId": tenant_id, "tenantOutput": { "tenantS3Bucket": "b" } });
        app.hear("applicationPlaneEventSource", "provisionSuccess", success)
            .await;

        assert_eq!(status(&app, &tenant_id).await, "ACTIVE");
        app.hear("applicationPlaneEventSource", "provisionFailure", failure)
            .await;
        assert_eq!(status(&app, &tenant_id).await, "ACTIVE");
    }

    fn arc_answer(asked: &Value) -> Value {
        let mut environment = asked["detail"]["builderConfig"]["config"]["environmentOverride"].clone();
        environment["TF_STATE_BUCKET"] = "state".into();
        environment["TF_KEY"] = "acme".into();
        environment
    }

    #[tokio::test]
    async fn arcs_infrastructure_is_a_step_and_its_deployment_the_end() {
        let app = speaking(Dialect::Arc).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let source = "saas.tenant.provisioning.codebuild";

        for _ in 0..2 {
            app.hear(source, "TENANT_PROVISIONING_SUCCESS", arc_answer(&asked))
                .await;
        }
        assert_eq!(status(&app, &tenant_id).await, "PROVISIONING");
        app.hear(source, "TENANT_DEPLOYMENT_SUCCESS", arc_answer(&asked))
            .await;

        let tenant = app.find_tenant(&tenant_id).await;
        assert_eq!(tenant["status"], "ACTIVE");
        assert_eq!(tenant["resources"][0]["externalIdentifier"], "state/acme");
        let job = jobs(&app, &tenant_id).await.remove(0);
        assert_eq!(steps(&job), ["requested", "infrastructure_ready", "succeeded"]);
        app.hear(source, "TENANT_PROVISIONING_SUCCESS", arc_answer(&asked))
            .await;
        assert_eq!(steps(&jobs(&app, &tenant_id).await[0]).len(), 3);
    }

    #[tokio::test]
    async fn arcs_infrastructure_is_the_end_where_that_is_set() {
        let app = TestApp::start_with(|config| {
            let changes =
                WireChanges::parse(json!({ "dialect": "arc", "finalEvent": "TENANT_PROVISIONING_SUCCESS" }));
            config.application_plane = Wire::try_from(changes.expect("it is sound")).expect("it is sound");
        })
        .await;
        let (tenant_id, asked) = provisioning(&app).await;

        app.hear("anybody", "TENANT_PROVISIONING_SUCCESS", arc_answer(&asked))
            .await;

        assert_eq!(status(&app, &tenant_id).await, "ACTIVE");
    }

    #[tokio::test]
    async fn an_answer_of_arc_that_proves_nothing_is_refused() {
        let app = speaking(Dialect::Arc).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let changed = |name: &str, value: &str| {
            let mut answer = arc_answer(&asked);
            answer[name] = value.into();
            answer
        };
        let other = json!({ "id": app.unknown_id() }).to_string();

        for answer in [
            changed("secret", "tws_wrong"),
            changed("context", "x"),
            changed("tenant", &other),
        ] {
            app.hear("anybody", "TENANT_DEPLOYMENT_SUCCESS", answer).await;
        }

        assert_eq!(status(&app, &tenant_id).await, "PROVISIONING");
        assert_eq!(steps(&jobs(&app, &tenant_id).await[0]), ["requested"]);
    }

    #[tokio::test]
    async fn our_own_dialect_may_answer_by_event_too() {
        let app = speaking(Dialect::Tenantry).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let data = json!({ "jobId": asked["detail"]["data"]["job"]["id"],
            "resources": [{ "type": "bucket", "externalIdentifier": "b" }], "appPlaneUrl": "https://acme.example.com" });

        app.hear(
            "tenantry.application-plane",
            "job.succeeded.v1",
            json!({ "data": data }),
        )
        .await;

        let tenant = app.find_tenant(&tenant_id).await;
        assert_eq!(
            (&tenant["status"], &tenant["appPlaneUrl"]),
            (&json!("ACTIVE"), &json!("https://acme.example.com"))
        );
    }

    #[tokio::test]
    async fn what_a_plane_requires_is_asked_for_before_anything_is_written() {
        let app = TestApp::start_with(|config| {
            let changes = WireChanges::parse(json!({ "requiredKeys": ["tenantId", "prices", "useEc2"] }));
            config.application_plane = Wire::preset(Dialect::Sbt09)
                .with(&changes.expect("it is sound"))
                .expect("it is sound");
        })
        .await;
        let tenant_id = app.tenant("acme").await;
        let before = app.items().await;

        let answer = app
            .command(&tenant_id, "provision", &TestApp::subscription())
            .await;

        let problem = answer.expect(422).json();
        let pointers: Vec<_> = problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|e| &e["pointer"])
            .collect();
        assert_eq!(pointers, ["/plan/prices", "/plan/useEc2"]);
        assert_eq!(problem["errors"][0]["code"], "required_by_application_plane");
        assert_eq!(app.items().await, before);
        let body = json!({ "id": "sub_1", "plan": { "tier": "BASIC", "prices": [], "useEc2": false } });
        app.command(&tenant_id, "provision", &body).await.expect(202);
        assert_eq!(last_event(&app).await["detail"]["useEc2"], "false");
    }

    #[tokio::test]
    async fn no_foreign_plane_is_asked_for_another_tier() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let answer = output(&asked["detail"]["tenantRegistrationId"]);
        app.hear(PLANE, "sbt_aws_provisionSuccess", answer).await;

        let answer = app
            .command(&tenant_id, "change-tier", &json!({ "tier": "PREMIUM" }))
            .await;

        answer.expect_problem(409, "tier_change_unsupported");
    }

    #[tokio::test]
    async fn a_suspended_tenants_plane_is_told_and_one_that_leaves_is_removed() {
        let app = speaking(Dialect::Sbt05).await;
        let (tenant_id, _) = provisioning(&app).await;
        let plane = "applicationPlaneEventSource";
        app.hear(
            plane,
            "provisionSuccess",
            json!({ "tenantId": tenant_id, "jobOutput": {} }),
        )
        .await;

        app.command(&tenant_id, "suspend", &json!({ "reason": "not paid" }))
            .await
            .expect(200);
        app.command(&tenant_id, "reactivate", &json!({}))
            .await
            .expect(200);
        app.command(&tenant_id, "offboard", &json!({ "graceDays": 0 }))
            .await
            .expect(202);

        let told: Vec<(Value, Value)> = app
            .events()
            .await
            .into_iter()
            .filter(|event| event["source"] == "controlPlaneEventSource")
            .map(|mut event| (event["detail-type"].take(), event["detail"].take()))
            .collect();
        insta::assert_json_snapshot!(told);
        app.hear(
            plane,
            "deprovisionSuccess",
            json!({ "tenantId": tenant_id, "jobOutput": {} }),
        )
        .await;
        assert_eq!(status(&app, &tenant_id).await, "INACTIVE");
    }

    #[tokio::test]
    async fn overdue_jobs_are_failed_on_time() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, _) = provisioning(&app).await;

        app.clock.advance_minutes(69);
        app.run_task("watch_deadlines").await;
        assert_eq!(status(&app, &tenant_id).await, "PROVISIONING");
        app.clock.advance_minutes(2);
        app.run_task("watch_deadlines").await;

        assert_eq!(status(&app, &tenant_id).await, "PROVISION_FAILED");
        assert_eq!(jobs(&app, &tenant_id).await[0]["reason"], "deadline_exceeded");
    }

    #[tokio::test]
    async fn who_does_not_pay_is_suspended_and_sbt_hears_of_it() {
        let app = speaking(Dialect::Sbt09).await;
        let (tenant_id, asked) = provisioning(&app).await;
        let answer = output(&asked["detail"]["tenantRegistrationId"]);
        app.hear(PLANE, "sbt_aws_provisionSuccess", answer).await;
        app.subscribe(&tenant_id, &app.plan(json!({})).await).await;

        for _ in 0..3 {
            app.clock.advance_minutes(31 * 24 * 60);
            app.run_task("sweep_billing").await;
        }

        assert_eq!(status(&app, &tenant_id).await, "SUSPENDED");
        let notices = app.events_of("sbt_aws_deactivateRequest").await;
        assert_eq!(notices[0]["detail"], json!({ "tenantId": tenant_id }));
        assert_eq!(notices.len(), 1);
    }

    #[tokio::test]
    async fn what_is_neither_event_nor_task_is_an_error() {
        let app = speaking(Dialect::Tenantry).await;

        for input in [
            json!({}),
            json!({ "task": "rest" }),
            json!([]),
            json!({ "id": "a", "source": "b" }),
        ] {
            let done = app.product.provisioning.handle(input.clone()).await;

            assert!(done.is_err(), "{input}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_meets_a_table_in_trouble_comes_again() {
        let app = TestApp::start_patient(Duration::from_millis(300), |config| {
            config.application_plane = Wire::preset(Dialect::Sbt09);
        })
        .await;
        let (_, asked) = provisioning(&app).await;
        let event = json!({ "id": "one", "source": PLANE, "detail-type": "sbt_aws_provisionSuccess",
            "time": "2026-01-15T09:30:00Z", "detail": output(&asked["detail"]["tenantRegistrationId"]) });
        app.product.table.stop();

        let taken = app.product.provisioning.handle(event).await;

        assert!(matches!(taken, Err(Error::Store(_))), "{taken:?}");
    }
}
