use serde_json::{Map, Value};
use tenantry_api::{Accepted, Body, FromMembers, Members, Operation, Problem, Reply as _, Scope};
use tenantry_app::{JobWish, start_job};
use tenantry_domain::{
    Caller, Conflict, EntitledPlan, Entitlement, Error as DomainError, Id, Job, Kind, Rule, Subscription,
    TenantScope, Text,
};
use utoipa::ToSchema;

use crate::job_view::{JobView, accepted};

/// More than this of a plan does not fit beside the tenant into an event of 256 KiB.
const MAX_PLAN_BYTES: usize = 64 * 1024;

/// What the tenant is provisioned for: `subscriptionId` and nothing else, or the subscription as another billing side has it.
#[derive(Debug, ToSchema)]
#[schema(as = SubscriptionToProvision, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's subscription is what is read"
)]
pub(crate) struct SubscriptionDoc {
    /// The tenant's own subscription here: tier, plan and application plane are taken from it.
    #[schema(format = "uuid")]
    subscription_id: Option<String>,
    /// Its id on the billing side.
    #[schema(max_length = 200, example = "sub_1")]
    id: String,
    /// Who subscribed.
    #[schema(max_length = 200)]
    subscriber_id: Option<String>,
    /// When it begins.
    #[schema(max_length = 40)]
    start_date: Option<String>,
    /// When it ends.
    #[schema(max_length = 40)]
    end_date: Option<String>,
    /// The billing side's status number.
    status: Option<i64>,
    /// The plan's id on the billing side.
    #[schema(max_length = 200)]
    plan_id: Option<String>,
    /// The invoice that paid for it.
    #[schema(max_length = 200)]
    invoice_id: Option<String>,
    /// The plan: `tier` is one of the configured tiers in any case; everything else goes to the application plane as it is.
    #[schema(value_type = Object, example = json!({"tier": "BASIC"}))]
    plan: Value,
}

/// The subscription as it was read.
pub(crate) enum SubscriptionBody {
    /// As another billing side has it.
    Told(Box<Entitlement>),
    /// One of ours.
    Ours(Id<Subscription>),
}

struct PlanBody {
    tier: Option<String>,
    rest: Map<String, Value>,
}

impl FromMembers for SubscriptionBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        // With it, every other member is one too many.
        if let Some(id) = members.optional_text("subscriptionId", Id::parse)? {
            return Some(Self::Ours(id));
        }
        let id = members.text("id", Text::parse);
        let subscriber_id = members.optional_text("subscriberId", Text::parse);
        let start_date = members.optional_text("startDate", Text::parse);
        let end_date = members.optional_text("endDate", Text::parse);
        let status = members.optional_number("status");
        let plan_id = members.optional_text("planId", Text::parse);
        let invoice_id = members.optional_text("invoiceId", Text::parse);
        let plan: Option<PlanBody> = members.object("plan");
        if plan.as_ref().is_some_and(PlanBody::is_too_large) {
            members.note::<()>(
                "plan",
                Rule::new("too_large", format!("must have at most {MAX_PLAN_BYTES} bytes")),
            );
        }
        Some(Self::Told(Box::new(Entitlement {
            id: id?,
            subscriber_id: subscriber_id?,
            start_date: start_date?,
            end_date: end_date?,
            status: status?,
            plan_id: plan_id?,
            invoice_id: invoice_id?,
            plan: plan?.into_plan()?,
            application_plane: None,
        })))
    }
}

impl FromMembers for PlanBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let tiers = &members.config.tiers;
        let tier = members.text("tier", |tier| tiers.find(tier));
        Some(Self {
            tier,
            rest: members.rest(),
        })
    }
}

impl PlanBody {
    fn is_too_large(&self) -> bool {
        Value::Object(self.rest.clone()).to_string().len() > MAX_PLAN_BYTES
    }

    fn into_plan(self) -> Option<EntitledPlan> {
        Some(EntitledPlan {
            tier: self.tier?,
            rest: self.rest,
        })
    }
}

/// Start provisioning.
///
/// An event asks the application plane to make the tenant's resources; it reports back to `/webhook`. While a job is open,
/// starting again answers with that job. After a failure it starts the next attempt. The lead that became the tenant may
/// start it for a subscription to a plan that is for tenants to take.
#[utoipa::path(
    post,
    path = "/tenants/{id}/provision",
    request_body = SubscriptionDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn provision_tenant(
    operation: Operation,
    Scope(scope): Scope,
    Body(body): Body<SubscriptionBody>,
) -> Result<Accepted<JobView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let wish = JobWish::Provision(match body {
        SubscriptionBody::Told(subscription) => {
            check_may_tell(&operation.caller)?;
            subscription
        }
        SubscriptionBody::Ours(id) => Box::new(entitlement(&operation, &scope, id).await?),
    });
    let reply = |job: &Job| accepted(job.clone()).stored();
    let job = start_job(&operation.context, &scope, &wish, reply).await?;
    Ok(accepted(job))
}

/// What a tenant has not paid for is not a lead's to say.
fn check_may_tell(caller: &Caller) -> Result<(), DomainError> {
    match caller {
        Caller::Lead(_) => Err(DomainError::Forbidden(
            "leads provision with `subscriptionId`".to_owned(),
        )),
        Caller::Operator(_) | Caller::Member(_) | Caller::Person(_) | Caller::Anonymous => Ok(()),
    }
}

async fn entitlement(
    operation: &Operation,
    scope: &TenantScope,
    id: Id<Subscription>,
) -> Result<Entitlement, Problem> {
    let subscription = operation.context.store.find_subscription(scope, id).await?;
    let subscription = subscription.ok_or_else(|| DomainError::not_found(Kind::Subscription, id))?;
    if !subscription.status.is_live() {
        let (id, status) = (id.to_string(), subscription.status);
        return Err(DomainError::from(Conflict::SubscriptionEnded { id, status }).into());
    }
    if !subscription.agreement().terms.self_service {
        check_may_tell(&operation.caller)?;
    }
    Ok(subscription.entitlement())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    const REQUESTED: &str = "tenant.provisioning_requested.v1";

    async fn provision(app: &TestApp, id: &str, body: &Value) -> Answer {
        app.post(&format!("/tenants/{id}/provision"))
            .bearer(&app.operator())
            .json(body)
            .send()
            .await
    }

    #[tokio::test]
    async fn provisioning_starts_with_a_job() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        app.clock.advance_minutes(1);

        let answer = provision(&app, &id, &TestApp::subscription()).await.expect(202);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(
            answer.header("location"),
            Some(&*format!("/tenants/{id}/jobs/{}", answer.text_at("/id")))
        );
        assert_eq!(answer.usage.calls, 2);
        let tenant = app.find_tenant(&id).await;
        assert_eq!(
            (&tenant["status"], &tenant["tier"]),
            (&json!("PROVISIONING"), &json!("BASIC"))
        );
        assert_eq!(tenant["openJobId"], answer.json()["id"]);
    }

    #[tokio::test]
    async fn the_application_plane_is_told_all_it_needs() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let body = json!({
            "id": "sub_1", "subscriberId": "s-1", "startDate": "2026-01-15", "endDate": "2027-01-15", "status": 1, "planId": "p-1",
            "invoiceId": "i-1",
            "plan": {
                "tier": "premium", "name": "Gold", "metaData": { "b": [1, 2.5, -3, null, true, "x"], "a": {} }, "price": 10.10,
                "limits": { "seats": 18_446_744_073_709_551_615_u64 },
            },
        });

        provision(&app, &id, &body).await.expect(202);

        insta::assert_json_snapshot!(app.events_of(REQUESTED).await);
    }

    #[tokio::test]
    async fn a_subscription_of_ours_says_what_is_provisioned() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let plane = json!({ "deadlineSeconds": 600, "attributes": { "region": "eu" } });
        let plan = app
            .plan(json!({ "tier": "premium", "applicationPlane": plane }))
            .await;
        let subscription = app.subscribe(&id, &plan).await;

        let answer = provision(&app, &id, &json!({ "subscriptionId": subscription }))
            .await
            .expect(202);

        assert_eq!(
            (answer.text_at("/tier"), answer.text_at("/subscriptionId")),
            ("PREMIUM".to_owned(), subscription)
        );
        assert_eq!(answer.text_at("/deadline"), "2026-01-15T09:40:00.000Z");
        let events = app.events_of(REQUESTED).await;
        let told = &events[0]["detail"]["data"]["subscription"];
        assert_eq!(told["plan"]["limits"], json!({ "seats": 5 }));
        assert_eq!(
            (&told["planId"], &told["subscriberId"]),
            (&json!(plan), &json!(id))
        );
    }

    #[tokio::test]
    async fn another_tenants_subscription_provisions_nothing() {
        let app = TestApp::start().await;
        let (own, theirs) = (app.tenant("own").await, app.tenant("theirs").await);
        let subscription = app.subscribe(&theirs, &app.plan(json!({})).await).await;
        let unknown = app.unknown_id();

        for id in [&subscription, &unknown] {
            let answer = provision(&app, &own, &json!({ "subscriptionId": id })).await;
            answer.expect_problem(404, "not_found");
        }
        assert_eq!(app.find_tenant(&own).await["status"], "PENDING_PROVISION");
    }

    #[tokio::test]
    async fn a_subscription_that_has_ended_provisions_nothing() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let subscription = app.subscribe(&id, &app.plan(json!({})).await).await;
        let cancel = app.post(&format!("/subscriptions/{subscription}/cancel?tenantId={id}"));
        cancel
            .bearer(&app.operator())
            .json(&json!({ "at": "now" }))
            .send()
            .await
            .expect(200);

        let answer = provision(&app, &id, &json!({ "subscriptionId": subscription })).await;

        answer.expect_problem(409, "subscription_ended");
    }

    #[tokio::test]
    async fn with_a_subscription_of_ours_nothing_else_is_told() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let body = json!({ "subscriptionId": app.unknown_id(), "id": "1", "plan": { "tier": "BASIC" } });

        let answer = provision(&app, &id, &body)
            .await
            .expect_problem(422, "invalid_body");

        let unknown = |at: &str| (at.to_owned(), "unknown_member".to_owned());
        assert_eq!(answer.violations(), [unknown("/id"), unknown("/plan")]);
    }

    #[tokio::test]
    async fn a_lead_provisions_the_tenant_that_it_became_for_an_offer_and_nothing_else() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let stranger = app.verified_lead("eve@other.com").await;
        let acme = json!({ "key": "acme", "domains": ["acme.com"] });
        let founded = app
            .post(&format!("/leads/{}/tenants", lead.id))
            .bearer(&lead.token)
            .json(&acme);
        let tenant = founded.send().await.expect(201).text_at("/id");
        let hidden = app
            .subscribe(&tenant, &app.plan(json!({ "selfService": false })).await)
            .await;
        let by = async |token: &str, body: Value| {
            app.post(&format!("/tenants/{tenant}/provision"))
                .bearer(token)
                .json(&body)
                .send()
                .await
        };

        by(&lead.token, TestApp::subscription())
            .await
            .expect_problem(403, "forbidden");
        by(&lead.token, json!({ "subscriptionId": hidden }))
            .await
            .expect_problem(403, "forbidden");
        let cancel = app.post(&format!("/subscriptions/{hidden}/cancel?tenantId={tenant}"));
        cancel
            .bearer(&app.operator())
            .json(&json!({ "at": "now" }))
            .send()
            .await
            .expect(200);
        let offer = app.subscribe(&tenant, &app.plan(json!({})).await).await;
        by(&stranger.token, json!({ "subscriptionId": offer }))
            .await
            .expect_problem(404, "not_found");
        let started = by(&lead.token, json!({ "subscriptionId": offer }))
            .await
            .expect(202);

        assert_eq!(started.text_at("/tier"), "BASIC");
        assert_eq!(app.find_tenant(&tenant).await["status"], "PROVISIONING");
    }

    #[tokio::test]
    async fn the_secret_is_sealed_at_rest_and_goes_nowhere_but_into_the_event() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;

        let answer = provision(&app, &id, &TestApp::subscription()).await.expect(202);
        let items = format!("{:?}", app.items().await);

        assert!(!answer.text.contains("tws_"));
        assert!(
            items.contains("tenant.provisioning_requested"),
            "the event is not in the outbox"
        );
        assert!(!items.contains("tws_"));
        let events = app.events_of(REQUESTED).await;
        let secret = events[0]["detail"]["data"]["callback"]["secret"]
            .as_str()
            .expect("the event carries it");
        assert!(secret.starts_with("tws_"));
        assert!(!format!("{:?}", app.items().await).contains(secret));
    }

    #[tokio::test]
    async fn nothing_changes_when_the_body_is_wrong() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let before = app.items().await;
        let large = "x".repeat(64 * 1024);
        let cases = [
            (json!({}), vec![("/id", "required"), ("/plan", "required")]),
            (json!({ "id": "1" }), vec![("/plan", "required")]),
            (json!({ "id": "1", "plan": null }), vec![("/plan", "required")]),
            (
                json!({ "id": "1", "plan": "BASIC" }),
                vec![("/plan", "invalid_type")],
            ),
            (
                json!({ "id": "1", "plan": { "metaData": {} } }),
                vec![("/plan/tier", "required")],
            ),
            (
                json!({ "id": "1", "plan": { "tier": null } }),
                vec![("/plan/tier", "required")],
            ),
            (
                json!({ "id": "1", "plan": { "tier": "" } }),
                vec![("/plan/tier", "unknown_tier")],
            ),
            (
                json!({ "id": "1", "plan": { "tier": "GOLD" } }),
                vec![("/plan/tier", "unknown_tier")],
            ),
            (
                json!({ "id": "1", "plan": { "tier": "BASIC", "x": large } }),
                vec![("/plan", "too_large")],
            ),
            (
                json!({ "id": "1", "plan": { "x": large } }),
                vec![("/plan/tier", "required"), ("/plan", "too_large")],
            ),
            (
                json!({ "id": " ", "status": "1", "startDate": 5, "plan": { "tier": 1 }, "createdBy": "x" }),
                vec![
                    ("/id", "blank"),
                    ("/startDate", "invalid_type"),
                    ("/status", "invalid_type"),
                    ("/plan/tier", "invalid_type"),
                    ("/createdBy", "unknown_member"),
                ],
            ),
        ];

        for (body, expected) in cases {
            let answer = provision(&app, &id, &body)
                .await
                .expect_problem(422, "invalid_body");
            let violations = answer.violations();
            let told: Vec<(&str, &str)> = violations
                .iter()
                .map(|(pointer, code)| (&**pointer, &**code))
                .collect();
            assert_eq!(told, expected);
        }

        assert_eq!(app.items().await, before);
        assert!(app.events_of(REQUESTED).await.is_empty());
    }

    #[tokio::test]
    async fn bodies_that_cannot_be_read_are_refused() {
        let app = TestApp::start().await;
        let path = format!("/tenants/{}/provision", app.tenant("acme").await);
        let before = app.items().await;
        let send = async |media_type: &str, body: &str| {
            app.post(&path)
                .bearer(&app.operator())
                .header("content-type", media_type)
                .body(body)
                .send()
                .await
        };

        send("application/json", "")
            .await
            .expect_problem(400, "malformed_json");
        send("application/json", "{")
            .await
            .expect_problem(400, "malformed_json");
        send("text/plain", "{}")
            .await
            .expect_problem(415, "unsupported_media_type");
        send("application/json", &" ".repeat(256 * 1024 + 1))
            .await
            .expect_problem(413, "body_too_large");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_tier_is_taken_in_any_case() {
        let app = TestApp::start().await;

        for (key, tier) in [("a", "basic"), ("b", "Standard"), ("c", " PREMIUM ")] {
            let id = app.tenant(key).await;
            let answer = provision(&app, &id, &json!({ "id": "1", "plan": { "tier": tier } }))
                .await
                .expect(202);
            assert_eq!(answer.text_at("/tier"), tier.trim().to_uppercase());
        }
    }

    #[tokio::test]
    async fn no_plan_breaks_the_server() {
        let app = TestApp::start().await;
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let plans = [
            json!({ "deep": deep }),
            json!({ "": 1 }),
            json!({ "x": { "": {} } }),
            json!({ "x": 1e300 }),
            json!({ "x": 1e-300 }),
            json!({ "x": -0.0 }),
            json!({ "x": 0.123_456_789_012_345_67 }),
            json!({ "x": "\0" }),
            json!({ "pk": "x", "sk": "y", "type": "tenant", "version": 9 }),
            json!({ "x".repeat(60_000): 1 }),
            json!({ "x": vec![0; 20_000] }),
        ];

        for (n, mut plan) in plans.into_iter().enumerate() {
            let id = app.tenant(&format!("t{n}")).await;
            plan["tier"] = json!("BASIC");
            let answer = provision(&app, &id, &json!({ "id": "1", "plan": plan })).await;
            assert_eq!(answer.status, 202, "{n}: {}", answer.text);
            let events = app.events_of(REQUESTED).await;
            let event = events
                .iter()
                .find(|event| event["detail"]["data"]["tenant"]["id"] == id.as_str());
            assert_eq!(
                event.expect("the event went out")["detail"]["data"]["subscription"]["plan"],
                plan,
                "{n}"
            );
            let path = answer.header("location").expect("it says where").to_owned();
            app.get(&path).bearer(&app.operator()).send().await.expect(200);
        }
    }

    #[tokio::test]
    async fn starting_again_answers_with_the_open_job() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let first = provision(&app, &id, &TestApp::subscription()).await.expect(202);
        let before = app.items().await;

        let again = provision(
            &app,
            &id,
            &json!({ "id": "sub_2", "plan": { "tier": "PREMIUM" } }),
        )
        .await
        .expect(202);

        assert_eq!(again.text, first.text);
        assert_eq!(app.items().await, before);
        assert_eq!(app.events_of(REQUESTED).await.len(), 1);
    }

    #[tokio::test]
    async fn of_many_starts_one_is_made() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let body = TestApp::subscription();

        let answers = join_all((0..50).map(|_| provision(&app, &id, &body))).await;

        for answer in &answers {
            assert_eq!((answer.status.as_u16(), &answer.text), (202, &answers[0].text));
        }
        assert_eq!(app.events_of(REQUESTED).await.len(), 1);
        let jobs = app
            .get(&format!("/tenants/{id}/jobs"))
            .bearer(&app.operator())
            .send()
            .await
            .json();
        assert_eq!(jobs["items"].as_array().map(Vec::len), Some(1));
    }

    #[tokio::test]
    async fn a_repeated_request_is_answered_as_before() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let path = format!("/tenants/{id}/provision");
        let send = async |body: &Value| {
            app.post(&path)
                .bearer(&app.operator())
                .header("idempotency-key", "k-1")
                .json(body)
                .send()
                .await
        };

        let first = send(&TestApp::subscription()).await.expect(202);
        let while_open = send(&TestApp::subscription()).await.expect(202);
        let events = app.events_of(REQUESTED).await;
        let callback = &events[0]["detail"]["data"]["callback"];
        let text = |name: &str| callback[name].as_str().expect("callbacks are texts").to_owned();
        let provisioning = tenantry_testing::Provisioning {
            tenant_id: id.clone(),
            job_id: first.text_at("/id"),
            secret: text("secret").into(),
            context: text("context"),
        };
        app.report(&provisioning, &provisioning.success())
            .await
            .expect(204);
        let when_active = send(&TestApp::subscription()).await.expect(202);
        let other = send(&json!({ "id": "sub_2", "plan": { "tier": "BASIC" } })).await;

        for again in [while_open, when_active] {
            assert_eq!(
                (again.header("idempotency-replayed"), &again.text),
                (Some("true"), &first.text)
            );
            assert_eq!(again.header("location"), first.header("location"));
        }
        other.expect_problem(422, "idempotency_key_reused");
        assert_eq!(app.events_of(REQUESTED).await.len(), 1);
    }

    #[tokio::test]
    async fn an_active_tenant_is_not_provisioned() {
        let app = TestApp::start().await;
        let id = app.active_tenant("acme").await;
        let before = app.items().await;

        let answer = provision(&app, &id, &TestApp::subscription())
            .await
            .expect_problem(409, "invalid_transition");

        assert_eq!(
            answer.text_at("/detail"),
            "a tenant that is ACTIVE cannot be provisioned"
        );
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn after_a_failure_the_next_attempt_has_a_secret_of_its_own() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let first = app.provision(&id).await;
        app.report(&first, &first.failure("no capacity"))
            .await
            .expect(204);
        let failed = app.find_tenant(&id).await;
        app.clock.advance_minutes(1);

        let answer = provision(&app, &id, &TestApp::subscription()).await.expect(202);

        assert_eq!(
            (&failed["status"], &failed["statusReason"]),
            (&json!("PROVISION_FAILED"), &json!("no capacity"))
        );
        assert_eq!(
            (answer.text_at("/attempt"), answer.text_at("/status")),
            ("2".to_owned(), "OPEN".to_owned())
        );
        assert_ne!(answer.text_at("/id"), first.job_id);
        let tenant = app.find_tenant(&id).await;
        assert_eq!(
            (&tenant["status"], tenant.get("statusReason")),
            (&json!("PROVISIONING"), None)
        );
        let events = app.events_of(REQUESTED).await;
        let callback = |n: usize, name: &str| events[n]["detail"]["data"]["callback"][name].clone();
        assert_eq!(events.len(), 2);
        for name in ["secret", "context"] {
            assert_ne!(callback(0, name), callback(1, name), "{name}");
        }
    }

    #[tokio::test]
    async fn a_member_may_start_its_own_tenant() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let member = app.member_with(&id, [Permission::ProvisionTenant]);

        let call = app
            .post(&format!("/tenants/{id}/provision"))
            .bearer(&member)
            .json(&TestApp::subscription());

        call.send().await.expect(202);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);
        let before = app.items().await;

        let call = app.post(&format!("/tenants/{foreign}/provision")).bearer(&member);
        call.json(&TestApp::subscription())
            .send()
            .await
            .expect_problem(404, "not_found");
        for id in [&*app.unknown_id(), "x", "%00"] {
            provision(&app, id, &TestApp::subscription())
                .await
                .expect_problem(404, "not_found");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn who_is_no_active_member_starts_nothing() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let tokens = app.no_members(&id).await;
        let before = app.items().await;

        for token in tokens {
            let call = app.post(&format!("/tenants/{id}/provision")).bearer(&token);
            let answer = call.json(&TestApp::subscription()).send().await;
            let answer = answer.expect_problem(403, "membership_inactive");
            assert_eq!(answer.usage.calls, 2);
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_starts_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let id = app.tenant("acme").await;
        let path = format!("/tenants/{id}/provision");

        app.post(&path).send().await.expect_problem(401, "token_required");
        for others in [
            app.member_with(&id, [Permission::UpdateTenant]),
            app.operator_with([Permission::UpdateTenant]),
        ] {
            app.post(&path)
                .bearer(&others)
                .body("not even read")
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
        let call = app
            .post(&format!("{path}?force=1"))
            .bearer(&app.operator())
            .json(&TestApp::subscription());
        call.send().await.expect_problem(400, "unknown_query_member");
    }
}
