use serde_json::Value;
use tenantry_api::{FromMembers, Members, NoContent, Operation, Problem, RawBody};
use tenantry_app::{Context, Report, close_job, web_address};
use tenantry_domain::{
    Error as DomainError, Id, Job, JobKind, Outcome, Reason, Resource, Rule, Tenant, Text,
};
use tenantry_store::{CallbackKey, TenantParts};
use utoipa::ToSchema;

use crate::signed::{Over, Signed, refused};

/// The report of an application plane.
#[derive(Debug, ToSchema)]
#[schema(as = WebhookReport, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReportDoc {
    /// The tenant's id.
    #[schema(format = "uuid")]
    initiator_id: String,
    /// 0: made, or made to fit another tier; 1: removed.
    #[schema(value_type = i32, example = 0)]
    r#type: i32,
    /// What became of it.
    data: ReportDataDoc,
}

/// What became of a job.
#[derive(Debug, ToSchema)]
#[schema(as = WebhookReportData, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReportDataDoc {
    /// 1 or `"success"`, 0 or `"failure"`.
    #[schema(value_type = Value, example = 1)]
    status: Value,
    /// What was made, at most 90; all of it is kept.
    resources: Option<Vec<ReportedResourceDoc>>,
    /// Where the tenant finds its application.
    #[schema(example = "https://acme.example.com")]
    app_plane_url: Option<String>,
    /// Why it failed.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Something that was made.
#[derive(Debug, ToSchema)]
#[schema(as = WebhookReportedResource, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReportedResourceDoc {
    /// What it is.
    #[schema(max_length = 100, example = "bucket")]
    r#type: String,
    /// How the application plane calls it.
    #[schema(max_length = 200, example = "acme-data")]
    external_identifier: String,
    /// Whatever else there is to say.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// How often a report looks again after another one got in its way.
const ATTEMPTS: u32 = 5;

/// Report on a job.
///
/// Signed with the secret of the job's event: header `x-timestamp` is now in milliseconds since 1970, within 20 seconds of
/// our clock; `x-signature` is the lower-case hex HMAC-SHA256 of body, the event's `callback.context` and the timestamp, one
/// behind the other. A repeated report changes nothing and is answered as before, for a day.
#[utoipa::path(
    post,
    path = "/webhook",
    request_body = ReportDoc,
    params(
        ("x-signature" = String, Header, description = "Lower-case hex HMAC-SHA256."),
        ("x-timestamp" = String, Header, description = "Milliseconds since 1970.")
    )
)]
pub(crate) async fn receive_webhook(
    operation: Operation,
    signed: Signed,
    RawBody(body): RawBody,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    signed.check_time(context)?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| refused())?;
    let tenant_id = initiator(&value).ok_or_else(refused)?;
    operation.about_tenant(tenant_id);
    // Two reports may meet: the one that loses looks again, and is then a repetition or a contradiction.
    for _ in 0..ATTEMPTS {
        let (parts, callback_key) = signed.verify(context, tenant_id, &body, Over::Context).await?;
        operation.correlate(&callback_key.correlation_id);
        let report: ReportBody =
            Members::read(value.clone(), &context.app.config).map_err(DomainError::Invalid)?;
        report.check_kind(&parts, callback_key.job_id)?;
        match close_job(context, &parts, report.into_report(&callback_key, context)).await {
            Ok(()) => return Ok(NoContent),
            Err(error) if error.is_lost_race() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let conflict = tenantry_domain::Conflict::ModifiedConcurrently {
        kind: tenantry_domain::Kind::Tenant,
        id: tenant_id.to_string(),
    };
    Err(conflict.into())
}

fn initiator(body: &Value) -> Option<Id<Tenant>> {
    Id::parse(body.get("initiatorId")?.as_str()?).ok()
}

/// The report as it was read.
struct ReportBody {
    is_removal: bool,
    outcome: Outcome,
    resources: Vec<ReportedResource>,
}

struct ReportedResource {
    kind: Text<100>,
    external_identifier: Text<200>,
    metadata: Option<Value>,
}

impl ReportBody {
    /// Whether the report is of the type that the job asks for.
    fn check_kind(&self, parts: &TenantParts, job_id: Id<Job>) -> Result<(), DomainError> {
        let job = parts.jobs.iter().find(|job| job.id == job_id);
        let expected = match job.map(|job| job.kind) {
            Some(JobKind::Provision | JobKind::ChangeTier) => {
                "must be 0, as the job makes or changes resources"
            }
            Some(JobKind::Deprovision) => "must be 1, as the job removes resources",
            None => return Ok(()),
        };
        if job.is_some_and(|job| (job.kind == JobKind::Deprovision) == self.is_removal) {
            return Ok(());
        }
        Err(DomainError::invalid(
            Rule::new("wrong_type", expected).at("/type"),
        ))
    }

    fn into_report(self, callback_key: &CallbackKey, context: &Context) -> Report {
        let tenant_id = callback_key.tenant_id;
        let mut resources: Vec<Resource> = Vec::new();
        for reported in self.resources {
            let ReportedResource {
                kind,
                external_identifier,
                metadata,
            } = reported;
            // A transaction writes an item once: of a resource that is named twice the last word counts.
            resources.retain(|known| known.kind != kind || known.external_identifier != external_identifier);
            resources.push(Resource {
                tenant_id,
                kind,
                external_identifier,
                metadata,
                reported_at: context.now,
            });
        }
        Report {
            job_id: callback_key.job_id,
            outcome: self.outcome,
            resources,
            message: None,
        }
    }
}

impl FromMembers for ReportBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let initiator = members.text("initiatorId", Id::<Tenant>::parse);
        let kind = match members.optional_number("type") {
            Some(Some(0)) => Some(false),
            Some(Some(1)) => Some(true),
            Some(None) => members.note("type", Rule::new("required", "is required")),
            Some(Some(_)) => members.note(
                "type",
                Rule::new("unknown_type", "must be 0 (made) or 1 (removed)"),
            ),
            None => None,
        };
        let data = members.object::<ReportData>("data");
        initiator?;
        let is_removal = kind?;
        let ReportData { outcome, resources } = data?;
        Some(Self {
            is_removal,
            outcome,
            resources,
        })
    }
}

struct ReportData {
    outcome: Outcome,
    resources: Vec<ReportedResource>,
}

impl FromMembers for ReportData {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let is_success = match members.optional_value("status") {
            Some(Value::Number(number)) if number.as_i64() == Some(1) => Some(true),
            Some(Value::Number(number)) if number.as_i64() == Some(0) => Some(false),
            Some(Value::String(text)) if text == "success" => Some(true),
            Some(Value::String(text)) if text == "failure" => Some(false),
            None => members.note("status", Rule::new("required", "is required")),
            Some(_) => members.note(
                "status",
                Rule::new("unknown_status", "must be 1 or \"success\", 0 or \"failure\""),
            ),
        };
        let resources = members.optional_objects("resources", Report::MAX_RESOURCES);
        let app_plane_url = members.optional_text("appPlaneUrl", web_address);
        // Foreign text: what is too long or not one line is cut, not refused, so that no reason is lost to its form.
        let reason = members.optional_text("reason", |text| Ok(Reason::abridge(text, "no reason given")));
        // Whatever else an application plane says belongs to it.
        members.rest();
        let (resources, app_plane_url, reason) = (resources?, app_plane_url?, reason?);
        Some(if is_success? {
            Self {
                outcome: Outcome::Success {
                    app_plane_url: app_plane_url.flatten(),
                },
                resources,
            }
        } else {
            Self {
                outcome: Outcome::Failure { reason },
                resources: Vec::new(),
            }
        })
    }
}

impl FromMembers for ReportedResource {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let kind = members.text("type", Text::parse);
        let external_identifier = members.text("externalIdentifier", Text::parse);
        let metadata = members.optional_value("metadata");
        members.rest();
        Some(Self {
            kind: kind?,
            external_identifier: external_identifier?,
            metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_app::InvitationCode;
    use tenantry_app::signature::sign;
    use tenantry_domain::{Actor, Clock as _, InvitationStatus, SystemRole, TenantScope};
    use tenantry_testing::{Answer, Call, Provisioning, TestApp};

    /// A tenant that waits for the report on its job.
    async fn provisioning(app: &TestApp) -> Provisioning {
        let tenant_id = app.tenant("acme").await;
        app.provision(&tenant_id).await
    }

    /// A report whose text and headers are the test's own; it is signed properly, now.
    fn signed<'a>(app: &'a TestApp, provisioning: &Provisioning, body: &str) -> Call<'a> {
        let now = app.clock.now().as_millis();
        let signature = sign(&provisioning.secret, body.as_bytes(), &provisioning.context, now);
        app.post("/webhook")
            .header("x-timestamp", &now.to_string())
            .header("x-signature", &signature)
            .body(body)
    }

    async fn find_job(app: &TestApp, provisioning: &Provisioning) -> Value {
        let Provisioning {
            tenant_id, job_id, ..
        } = provisioning;
        let path = format!("/tenants/{tenant_id}/jobs/{job_id}");
        app.get(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect(200)
            .json()
    }

    async fn status_of_tenant(app: &TestApp, provisioning: &Provisioning) -> String {
        app.find_tenant(&provisioning.tenant_id).await["status"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn steps(job: &Value) -> Vec<String> {
        let steps = job["steps"].as_array().cloned().unwrap_or_default();
        steps
            .iter()
            .map(|step| step["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    async fn invitations(app: &TestApp) -> usize {
        let items = app.items().await.into_iter();
        let kinds = items.filter_map(|item| item.get("type")?.as_s().ok().cloned());
        kinds.filter(|kind| kind == "invitation").count()
    }

    async fn welcome_mails(app: &TestApp) -> usize {
        app.mails()
            .await
            .iter()
            .filter(|mail| mail.subject.ends_with("is ready"))
            .count()
    }

    #[tokio::test]
    async fn success_activates_the_tenant_and_keeps_all_that_was_made() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        app.clock.advance_minutes(3);

        let answer = app
            .report(&provisioning, &provisioning.success())
            .await
            .expect(204);

        assert_eq!(answer.text, "");
        insta::assert_json_snapshot!("success_tenant", app.find_tenant(&provisioning.tenant_id).await);
        insta::assert_json_snapshot!("success_job", find_job(&app, &provisioning).await);
        insta::assert_json_snapshot!("success_event", app.events_of("tenant.activated.v1").await);
    }

    #[tokio::test]
    async fn the_primary_contact_is_welcomed_once() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;

        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);

        insta::assert_json_snapshot!(app.mails().await);
    }

    #[tokio::test]
    async fn the_welcome_invites_the_primary_contact_to_own_the_tenant() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        let at_rest = format!("{:?}", app.items().await);

        let text = app.last_invitation_code().await;

        let code = InvitationCode::parse(&text).expect("it is a code");
        let scope = TenantScope::of_system(code.tenant_id, Actor::System);
        let store = &app.product.edge.app.store;
        let found = store.find_invitation(&scope, code.invitation_id).await;
        let invitation = found.expect("the table answers").expect("it is kept");
        assert_eq!(code.tenant_id.to_string(), provisioning.tenant_id);
        assert_eq!(invitation.status, InvitationStatus::Pending);
        assert_eq!(invitation.role_id, SystemRole::Owner.id(code.tenant_id));
        assert_eq!(
            (invitation.email.as_str(), &invitation.invited_by),
            ("ada@acme.com", &Actor::System)
        );
        assert!(code.opens(&invitation));
        let link = format!("https://app.example.com/invitation#code={text}\n");
        assert!(app.mails().await[0].text.contains(&link));
        assert!(!at_rest.contains("tic_"), "the code is sealed or hashed");
        let path = format!("/tenants/{}/audit?limit=1", provisioning.tenant_id);
        let trail = app.get(&path).bearer(&app.operator()).send().await.expect(200);
        assert_eq!(
            trail.text_at("/items/0/after/ownerInvitationId"),
            code.invitation_id.to_string()
        );
    }

    #[tokio::test]
    async fn a_provisioning_that_failed_first_invites_once() {
        let app = TestApp::start().await;
        let first = provisioning(&app).await;
        app.report(&first, &first.failure("no capacity left"))
            .await
            .expect(204);
        assert_eq!(invitations(&app).await, 0);

        let second = app.provision(&first.tenant_id).await;
        for _ in 0..2 {
            app.report(&second, &second.success()).await.expect(204);
        }
        app.report(&first, &first.success())
            .await
            .expect_problem(409, "job_closed");

        assert_eq!((invitations(&app).await, welcome_mails(&app).await), (1, 1));
    }

    #[tokio::test]
    async fn failure_is_kept_with_its_reason_and_nobody_is_welcomed() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;

        app.report(&provisioning, &provisioning.failure("no capacity left"))
            .await
            .expect(204);

        insta::assert_json_snapshot!("failure_tenant", app.find_tenant(&provisioning.tenant_id).await);
        insta::assert_json_snapshot!("failure_job", find_job(&app, &provisioning).await);
        insta::assert_json_snapshot!(
            "failure_event",
            app.events_of("tenant.provisioning_failed.v1").await
        );
        assert_eq!(app.mails().await.len(), 0);
    }

    #[tokio::test]
    async fn the_reason_of_a_failure_is_never_why_a_report_is_refused() {
        let long = "x".repeat(2_000);
        let cases = [
            ("two\nlines\u{202e}", "two lines"),
            (&*long, &long[..1_000]),
            (" ", "no reason given"),
        ];

        for (reason, kept) in cases {
            let app = TestApp::start().await;
            let provisioning = provisioning(&app).await;
            app.report(&provisioning, &provisioning.failure(reason))
                .await
                .expect(204);
            assert_eq!(find_job(&app, &provisioning).await["reason"], kept);
        }
    }

    #[tokio::test]
    async fn status_is_a_number_or_a_word() {
        let cases = [
            (json!(1), "ACTIVE"),
            (json!("success"), "ACTIVE"),
            (json!(0), "PROVISION_FAILED"),
            (json!("failure"), "PROVISION_FAILED"),
        ];

        for (status, expected) in cases {
            let app = TestApp::start().await;
            let provisioning = provisioning(&app).await;
            let body =
                json!({ "initiatorId": provisioning.tenant_id, "type": 0, "data": { "status": status } });
            app.report(&provisioning, &body).await.expect(204);
            assert_eq!(status_of_tenant(&app, &provisioning).await, expected, "{status}");
        }
    }

    #[tokio::test]
    async fn any_other_status_is_refused_and_fails_nobody() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let items = app.items().await;

        for status in [
            json!(2),
            json!(-1),
            json!(1.5),
            json!("SUCCESS"),
            json!("1"),
            json!(true),
            json!([]),
            json!(null),
        ] {
            let body =
                json!({ "initiatorId": provisioning.tenant_id, "type": 0, "data": { "status": status } });
            let answer = app
                .report(&provisioning, &body)
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [(
                    "/data/status".to_owned(),
                    if status.is_null() {
                        "required"
                    } else {
                        "unknown_status"
                    }
                    .to_owned()
                )],
                "{status}"
            );
        }

        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn every_broken_rule_is_said_at_once() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let body = json!({
            "initiatorId": provisioning.tenant_id,
            "type": 2,
            "createdBy": "x",
            "data": {
                "status": "done",
                "appPlaneUrl": 7,
                "reason": 7,
                "resources": [{ "externalIdentifier": " ", "metadata": {}, "theirs": 1 }, "bucket", { "type": "x".repeat(101) }],
                "theirs": 1,
            },
        });

        let answer = app
            .report(&provisioning, &body)
            .await
            .expect_problem(422, "invalid_body");

        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn only_provisioning_is_reported_here() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;

        for kind in [json!(1), json!(2), json!("0"), json!(0.5), Value::Null] {
            let body =
                json!({ "initiatorId": provisioning.tenant_id, "type": kind, "data": { "status": 1 } });
            let answer = app
                .report(&provisioning, &body)
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(answer.violations()[0].0, "/type", "{kind}");
        }
    }

    #[tokio::test]
    async fn a_refused_report_may_be_corrected() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let body = json!({ "initiatorId": provisioning.tenant_id, "type": 0 });
        let answer = app
            .report(&provisioning, &body)
            .await
            .expect_problem(422, "invalid_body");
        assert_eq!(answer.violations(), [("/data".to_owned(), "required".to_owned())]);

        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);

        assert_eq!(status_of_tenant(&app, &provisioning).await, "ACTIVE");
    }

    #[tokio::test]
    async fn the_application_is_reached_over_the_web_only() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let long = format!("https://acme.com/{}", "x".repeat(500));
        let urls = [
            "javascript:alert(1)",
            "data:text/html,x",
            "//acme.com",
            "acme.com",
            "https://acme.com/\" onclick=\"x",
            "https://acme.com/<b>",
            "https://acme.com@evil.example.com",
            "https://",
            "https://acme.com/\nx",
            &long,
        ];

        for url in urls {
            let mut body = provisioning.success();
            body["data"]["appPlaneUrl"] = json!(url);
            let answer = app
                .report(&provisioning, &body)
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [("/data/appPlaneUrl".to_owned(), "invalid_url".to_owned())],
                "{url}"
            );
        }

        assert_eq!(find_job(&app, &provisioning).await["status"], "OPEN");
        assert_eq!(welcome_mails(&app).await, 0);
    }

    #[tokio::test]
    async fn the_address_of_the_application_may_be_missing() {
        for url in [json!(null), json!(""), json!(" ")] {
            let app = TestApp::start().await;
            let provisioning = provisioning(&app).await;
            let mut body = provisioning.success();
            body["data"]["appPlaneUrl"] = url;

            app.report(&provisioning, &body).await.expect(204);

            assert_eq!(
                app.find_tenant(&provisioning.tenant_id).await.get("appPlaneUrl"),
                None
            );
            assert_eq!(welcome_mails(&app).await, 1);
        }
    }

    #[tokio::test]
    async fn ninety_resources_are_kept() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let mut body = provisioning.success();
        body["data"]["resources"] = (0..90)
            .map(|n| json!({ "type": "bucket", "externalIdentifier": format!("b-{n}") }))
            .collect();

        app.report(&provisioning, &body).await.expect(204);

        let tenant = app.find_tenant(&provisioning.tenant_id).await;
        assert_eq!(tenant["resources"].as_array().map(Vec::len), Some(90));
    }

    #[tokio::test]
    async fn ninety_one_resources_are_refused_and_the_job_stays_open() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let items = app.items().await;
        let mut body = provisioning.success();
        body["data"]["resources"] = (0..91)
            .map(|n| json!({ "type": "bucket", "externalIdentifier": format!("b-{n}") }))
            .collect();

        let answer = app
            .report(&provisioning, &body)
            .await
            .expect_problem(422, "invalid_body");

        assert_eq!(
            answer.violations(),
            [("/data/resources".to_owned(), "too_many".to_owned())]
        );
        assert_eq!(app.items().await, items);
        assert_eq!(find_job(&app, &provisioning).await["status"], "OPEN");
    }

    #[tokio::test]
    async fn of_a_resource_that_is_named_twice_the_last_word_counts() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let mut body = provisioning.success();
        let resource =
            |kind: &str, n: i32| json!({ "type": kind, "externalIdentifier": "a", "metadata": { "n": n } });
        body["data"]["resources"] =
            json!([resource("bucket", 1), resource("queue", 2), resource("bucket", 3)]);

        app.report(&provisioning, &body).await.expect(204);

        let tenant = app.find_tenant(&provisioning.tenant_id).await;
        let resources = tenant["resources"].as_array().cloned().unwrap_or_default();
        let mut kept: Vec<_> = resources
            .iter()
            .map(|kept| (kept["type"].as_str(), kept["metadata"]["n"].as_i64()))
            .collect();
        kept.sort_unstable();
        assert_eq!(kept, [(Some("bucket"), Some(3)), (Some("queue"), Some(2))]);
    }

    #[tokio::test]
    async fn metadata_comes_back_as_it_was_sent() {
        let mut deep = json!(1);
        for _ in 0..60 {
            deep = json!([deep]);
        }
        let cases = [
            json!({ "z": "acme", "list": [1, "two", null, true, {}], "a.b#c": { "": -0.5 } }),
            json!([[], "text"]),
            json!("text"),
            json!(u64::MAX),
            json!(1e200),
            json!(1e-200),
            deep,
        ];

        for metadata in cases {
            let app = TestApp::start().await;
            let provisioning = provisioning(&app).await;
            let mut body = provisioning.success();
            body["data"]["resources"] =
                json!([{ "type": "t", "externalIdentifier": "a", "metadata": metadata }]);
            app.report(&provisioning, &body).await.expect(204);
            let tenant = app.find_tenant(&provisioning.tenant_id).await;
            assert_eq!(tenant["resources"][0]["metadata"], metadata);
        }
    }

    #[tokio::test]
    async fn a_byte_identical_repetition_changes_nothing() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let now = app.clock.now().as_millis();
        app.report_at(&provisioning, &provisioning.success(), now)
            .await
            .expect(204);
        app.settle().await;
        let items = app.items().await;

        app.clock.advance_ms(5_000);
        app.report_at(&provisioning, &provisioning.success(), now)
            .await
            .expect(204);

        assert_eq!(app.items().await, items);
        assert_eq!(welcome_mails(&app).await, 1);
    }

    #[tokio::test]
    async fn a_repetition_that_is_signed_again_is_answered_as_before_for_a_day() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        app.settle().await;
        let items = app.items().await;

        app.clock.advance_ms(24 * 60 * 60_000 - 1);
        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        app.clock.advance_ms(1);
        app.report(&provisioning, &provisioning.success())
            .await
            .expect_problem(401, "invalid_signature");

        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn a_report_that_contradicts_the_first_is_noted_and_refused() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        let tenant = app.find_tenant(&provisioning.tenant_id).await;

        let answer = app.report(&provisioning, &provisioning.failure("too late")).await;

        answer.expect_problem(409, "job_closed");
        let job = find_job(&app, &provisioning).await;
        assert_eq!(job["status"], "SUCCEEDED");
        assert_eq!(steps(&job), ["requested", "succeeded", "late_failure_refused"]);
        assert_eq!(app.find_tenant(&provisioning.tenant_id).await, tenant);
        assert_eq!(app.events_of("tenant.provisioning_failed.v1").await.len(), 0);
    }

    #[tokio::test]
    async fn a_late_report_on_an_earlier_attempt_leaves_the_present_one_alone() {
        let app = TestApp::start().await;
        let first = provisioning(&app).await;
        app.report(&first, &first.failure("no capacity left"))
            .await
            .expect(204);
        let second = app.provision(&first.tenant_id).await;

        app.report(&first, &first.success())
            .await
            .expect_problem(409, "job_closed");

        assert_eq!(
            steps(&find_job(&app, &first).await),
            ["requested", "failed", "late_success_refused"]
        );
        assert_eq!(find_job(&app, &second).await["status"], "OPEN");
        assert_eq!(status_of_tenant(&app, &first).await, "PROVISIONING");
        app.report(&second, &second.success()).await.expect(204);
        assert_eq!(status_of_tenant(&app, &first).await, "ACTIVE");
    }

    #[tokio::test]
    async fn the_clocks_may_be_twenty_seconds_apart() {
        for (offset_ms, status) in [
            (-19_999, 204),
            (19_999, 204),
            (-20_000, 401),
            (20_000, 401),
            (i64::MIN / 2, 401),
        ] {
            let app = TestApp::start().await;
            let provisioning = provisioning(&app).await;
            let timestamp_ms = app.clock.now().as_millis().saturating_add(offset_ms);

            let answer = app
                .report_at(&provisioning, &provisioning.success(), timestamp_ms)
                .await;

            assert_eq!(answer.status, status, "{offset_ms}");
        }
    }

    #[tokio::test]
    async fn whatever_does_not_prove_itself_has_one_answer_and_changes_nothing() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let other_tenant = app.tenant("other").await;
        let other = app.provision(&other_tenant).await;
        let items = app.items().await;
        let now = app.clock.now().as_millis();
        let body = provisioning.success().to_string();
        let context = &provisioning.context;
        let signature = sign(&provisioning.secret, body.as_bytes(), context, now);
        let forged = format!("{}abcd", &signature[..60]);
        let report = |timestamp: &str, signature: &str, body: &str| {
            app.post("/webhook")
                .header("x-timestamp", timestamp)
                .header("x-signature", signature)
                .body(body)
        };
        let signed_by_other = sign(&other.secret, body.as_bytes(), &other.context, now);
        let in_others_context = sign(&provisioning.secret, body.as_bytes(), &other.context, now);
        let now = now.to_string();
        let unknown = provisioning
            .success()
            .to_string()
            .replace(&provisioning.tenant_id, &app.unknown_id());
        let no_initiator = json!({ "type": 0, "data": { "status": 1 } }).to_string();
        let odd_initiator =
            json!({ "initiatorId": "LEAD#1", "type": 0, "data": { "status": 1 } }).to_string();

        let answers: Vec<Answer> = vec![
            app.post("/webhook").body(&*body).send().await,
            app.post("/webhook")
                .header("x-timestamp", &now)
                .body(&*body)
                .send()
                .await,
            app.post("/webhook")
                .header("x-signature", &signature)
                .body(&*body)
                .send()
                .await,
            report(&now, "", &body).send().await,
            report(&now, &forged, &body).send().await,
            report(&now, &signature[..62], &body).send().await,
            report(&now, &format!("{signature}00"), &body).send().await,
            report(&now, "what", &body).send().await,
            report("what", &signature, &body).send().await,
            report("", &signature, &body).send().await,
            report("1e12", &signature, &body).send().await,
            report(&now, &signature, &body)
                .header("x-signature", &signature)
                .send()
                .await,
            report(&now, &signature, &body)
                .header("x-timestamp", &now)
                .send()
                .await,
            report(&now, &signature, &body.replace("acme-db", "evil-db"))
                .send()
                .await,
            report(&now, &signed_by_other, &body).send().await,
            report(&now, &in_others_context, &body).send().await,
            signed(&app, &provisioning, &unknown).send().await,
            signed(&app, &provisioning, &no_initiator).send().await,
            signed(&app, &provisioning, &odd_initiator).send().await,
            signed(&app, &provisioning, "{\"initiatorId\":").send().await,
            signed(&app, &provisioning, "[]").send().await,
            signed(&app, &provisioning, "").send().await,
        ];

        let mut bodies = Vec::new();
        for answer in answers {
            let mut body = answer.expect_problem(401, "invalid_signature").json();
            body["instance"].take();
            bodies.push(body);
        }
        insta::assert_json_snapshot!(bodies[0]);
        assert!(bodies.iter().all(|body| *body == bodies[0]));
        assert_eq!(app.items().await, items);
        report(&now, &signature, &body).send().await.expect(204);
    }

    #[tokio::test]
    async fn a_report_says_nothing_about_a_tenant_without_a_job() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let idle = app.tenant("idle").await;
        let body = provisioning
            .success()
            .to_string()
            .replace(&provisioning.tenant_id, &idle);

        let answer = signed(&app, &provisioning, &body).send().await;

        answer.expect_problem(401, "invalid_signature");
        assert_eq!(app.find_tenant(&idle).await["status"], "PENDING_PROVISION");
    }

    #[tokio::test]
    async fn what_was_signed_may_be_spaced_otherwise_on_the_wire() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let now = app.clock.now().as_millis();
        let compact = provisioning.success().to_string();
        let signature = sign(
            &provisioning.secret,
            compact.as_bytes(),
            &provisioning.context,
            now,
        );
        let pretty = serde_json::to_string_pretty(&provisioning.success()).expect("plain JSON");

        let call = app
            .post("/webhook")
            .header("x-timestamp", &now.to_string())
            .header("x-signature", &signature);
        call.body(pretty).send().await.expect(204);

        assert_eq!(status_of_tenant(&app, &provisioning).await, "ACTIVE");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let body = format!("{}{}", provisioning.success(), " ".repeat(256 * 1024));

        let answer = signed(&app, &provisioning, &body).send().await;

        answer.expect_problem(413, "body_too_large");
    }

    #[tokio::test]
    async fn the_key_outlives_the_deadline_by_a_day() {
        for (age_ms, status) in [(25 * 60 * 60_000 - 1, 204), (25 * 60 * 60_000, 401)] {
            let app = TestApp::start().await;
            let provisioning = provisioning(&app).await;

            app.clock.advance_ms(age_ms);

            app.report(&provisioning, &provisioning.success())
                .await
                .expect(status);
        }
    }

    #[tokio::test]
    async fn the_secret_is_sealed_where_it_rests() {
        let app = TestApp::start().await;
        let tenant_id = app.tenant("acme").await;
        let path = format!("/tenants/{tenant_id}/provision");
        app.post(&path)
            .bearer(&app.operator())
            .json(&TestApp::subscription())
            .send()
            .await
            .expect(202);

        let items = format!("{:?}", app.items().await);

        let events = app.events_of("tenant.provisioning_requested.v1").await;
        let secret = events[0]["detail"]["data"]["callback"]["secret"]
            .as_str()
            .expect("the event has the secret");
        assert!(secret.starts_with("tws_"));
        assert!(!items.contains("tws_"));
        assert!(!format!("{:?}", app.items().await).contains("tws_"));
    }

    #[tokio::test]
    async fn fifty_equal_reports_at_once_are_one() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let body = provisioning.success();

        let answers = join_all((0..50).map(|_| app.report(&provisioning, &body))).await;

        for answer in answers {
            answer.expect(204);
        }
        assert_eq!(
            steps(&find_job(&app, &provisioning).await),
            ["requested", "succeeded"]
        );
        assert_eq!(app.events_of("tenant.activated.v1").await.len(), 1);
        assert_eq!(welcome_mails(&app).await, 1);
    }

    #[tokio::test]
    async fn of_two_reports_that_contradict_each_other_at_once_one_counts() {
        let app = TestApp::start().await;
        let provisioning = provisioning(&app).await;
        let (success, failure) = (provisioning.success(), provisioning.failure("no capacity left"));

        let answers = join_all([
            app.report(&provisioning, &success),
            app.report(&provisioning, &failure),
        ])
        .await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 204);
        assert_eq!((winners.len(), losers.len()), (1, 1));
        losers[0].clone().expect_problem(409, "job_closed");
        assert_eq!(steps(&find_job(&app, &provisioning).await).len(), 3);
    }

    #[tokio::test]
    async fn a_challenge_comes_with_the_refusal() {
        let app = TestApp::start().await;

        let answer = app
            .post("/webhook")
            .body("{}")
            .send()
            .await
            .expect_problem(401, "invalid_signature");

        assert!(answer.header("www-authenticate").is_some());
    }
}
