//! Stories of plans, subscriptions and invoices, each through HTTP and the sweep.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tenantry_domain::Permission;
use tenantry_testing::{Answer, TestApp};

async fn post(app: &TestApp, token: &str, path: &str, body: &Value) -> Answer {
    app.post(path).bearer(token).json(body).send().await
}

async fn patch(app: &TestApp, path: &str, body: &Value) -> Answer {
    app.patch(path).bearer(&app.operator()).json(body).send().await
}

async fn get(app: &TestApp, token: &str, path: &str) -> Answer {
    app.get(path).bearer(token).send().await
}

/// A tenant that has taken a plan of 49.00 EUR a month today.
async fn subscribed(app: &TestApp) -> (String, String, String) {
    let tenant = app.active_tenant("acme").await;
    let plan = app.plan(json!({})).await;
    let subscription = app.subscribe(&tenant, &plan).await;
    (tenant, plan, subscription)
}

async fn pay(app: &TestApp, tenant: &str, invoice: &str) -> Answer {
    let path = format!("/invoices/{invoice}?tenantId={tenant}");
    patch(app, &path, &json!({ "status": "PAID" })).await
}

async fn status_of(app: &TestApp, tenant: &str) -> String {
    let tenant = app.find_tenant(tenant).await;
    tenant["status"].as_str().unwrap_or_default().to_owned()
}

fn texts(items: &[Value], member: &str) -> Vec<String> {
    let text = |item: &Value| {
        item[member]
            .as_str()
            .map_or_else(|| item[member].to_string(), str::to_owned)
    };
    items.iter().map(text).collect()
}

async fn kinds(app: &TestApp, prefix: &str) -> Vec<String> {
    let events = app.events().await;
    let kinds = events.iter().filter_map(|event| event["detail-type"].as_str());
    kinds
        .filter(|kind| kind.starts_with(prefix))
        .map(str::to_owned)
        .collect()
}

mod plans {
    use super::*;

    #[tokio::test]
    async fn a_plan_is_put_on_sale_changed_and_taken_out_of_sale() {
        let app = TestApp::start().await;
        let mut body = TestApp::new_plan();
        body["applicationPlane"] = json!({ "dialect": "sbt-0.9", "attributes": { "useEc2": "false" } });
        body["deployment"] = json!("SILO");
        body["description"] = json!("For those who begin.");

        let created = post(&app, &app.operator(), "/plans", &body).await.expect(201);
        let path = format!("/plans/{}", created.text_at("/id"));
        app.clock.advance_minutes(1);
        let changed = patch(&app, &path, &json!({ "price": 5900, "description": null }))
            .await
            .expect(200);
        let same = patch(&app, &path, &json!({ "price": 5900 })).await.expect(200);
        app.delete(&path).bearer(&app.operator()).send().await.expect(204);
        app.delete(&path).bearer(&app.operator()).send().await.expect(204);

        insta::assert_json_snapshot!("plan_created", created.json());
        assert_eq!(created.usage.calls, 1);
        assert_eq!(
            (changed.text_at("/price"), changed.text_at("/version")),
            ("5900".to_owned(), "2".to_owned())
        );
        assert_eq!(
            (same.text, changed.json()["description"].clone()),
            (changed.text.clone(), Value::Null)
        );
        let archived = get(&app, &app.operator(), &path).await.expect(200).json();
        assert!(archived["archivedAt"].is_string());
        patch(&app, &path, &json!({ "price": 1 }))
            .await
            .expect_problem(409, "plan_archived");
        assert_eq!(
            kinds(&app, "plan.").await,
            ["plan.created.v1", "plan.updated.v1", "plan.archived.v1"]
        );
    }

    #[tokio::test]
    async fn all_that_is_wrong_with_a_plan_is_said_at_once() {
        let app = TestApp::start().await;
        let body = json!({
            "tier": "GOLD", "deployment": "x", "price": -1, "currencyCode": "EURO", "billingInterval": "WEEK",
            "limits": { "a b": 1 }, "selfService": "yes", "applicationPlane": [], "id": "1",
        });

        let answer = post(&app, &app.operator(), "/plans", &body)
            .await
            .expect_problem(422, "invalid_body");

        let expected = [
            ("/name", "required"),
            ("/tier", "unknown_tier"),
            ("/deployment", "unknown_deployment"),
            ("/price", "out_of_range"),
            ("/currencyCode", "unknown_currency"),
            ("/billingInterval", "unknown_interval"),
            ("/limits", "invalid_limit"),
            ("/selfService", "invalid_type"),
            ("/applicationPlane", "invalid_type"),
            ("/id", "unknown_member"),
        ];
        assert_eq!(
            answer.violations(),
            expected.map(|(at, code)| (at.to_owned(), code.to_owned()))
        );
        for price in [
            json!(1.5),
            json!("49"),
            json!(1e300),
            json!(i64::MAX),
            json!(u64::MAX),
        ] {
            let mut body = TestApp::new_plan();
            body["price"] = price;
            post(&app, &app.operator(), "/plans", &body)
                .await
                .expect_problem(422, "invalid_body");
        }
    }

    #[tokio::test]
    async fn leads_and_members_see_what_they_may_take() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let lead = app.verified_lead("ada@acme.com").await;
        let offer = app
            .plan(json!({ "applicationPlane": { "dialect": "arc" } }))
            .await;
        let hidden = app.plan(json!({ "selfService": false })).await;
        let archived = app.plan(json!({})).await;
        app.delete(&format!("/plans/{archived}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);

        for token in [lead.token.clone(), app.member(&tenant)] {
            let listed = get(&app, &token, "/plans").await.expect(200);
            assert_eq!(
                texts(listed.json()["items"].as_array().expect("a page"), "id"),
                [offer.as_str()]
            );
            let found = get(&app, &token, &format!("/plans/{offer}")).await.expect(200);
            assert_eq!(found.json()["applicationPlane"], Value::Null);
            for id in [&hidden, &archived] {
                get(&app, &token, &format!("/plans/{id}"))
                    .await
                    .expect_problem(404, "not_found");
            }
        }
        let listed = get(&app, &app.operator(), "/plans?order=createdAt:asc")
            .await
            .expect(200);
        assert_eq!(listed.json()["items"].as_array().map(Vec::len), Some(3));
        assert_eq!(listed.usage.calls, 1);
    }

    #[tokio::test]
    async fn of_two_changes_of_one_version_one_is_made() {
        let app = TestApp::start().await;
        let path = format!("/plans/{}", app.plan(json!({})).await);
        let operator = app.operator();
        let change = |price: i64| {
            app.patch(&path)
                .bearer(&operator)
                .header("if-match", "\"1\"")
                .json(&json!({ "price": price }))
                .send()
        };

        let answers = join_all((1..=10).map(change)).await;

        let made = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(made, 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.expect_problem(412, "precondition_failed");
        }
    }
}

mod subscriptions {
    use super::*;

    #[tokio::test]
    async fn a_tenant_takes_a_plan() {
        let app = TestApp::start().await;
        let (tenant, plan) = (app.tenant("acme").await, app.plan(json!({})).await);
        let body = json!({ "tenantId": tenant, "planId": plan });

        let answer = post(&app, &app.operator(), "/subscriptions", &body)
            .await
            .expect(201);

        insta::assert_json_snapshot!("subscription_created", answer.json());
        assert_eq!(answer.usage.calls, 2);
        let path = format!("/subscriptions/{}?tenantId={tenant}", answer.text_at("/id"));
        let found = get(&app, &app.operator(), &path).await.expect(200);
        assert_eq!((found.json(), found.usage.calls), (answer.json(), 1));
        insta::assert_json_snapshot!(
            "subscription_event",
            app.events_of("subscription.created.v1").await
        );
        let trail = get(&app, &app.operator(), &format!("/tenants/{tenant}/audit?limit=1"))
            .await
            .expect(200);
        assert_eq!(trail.json()["items"][0]["action"], "subscription.created");
    }

    #[tokio::test]
    async fn of_fifty_that_come_at_once_one_is_the_tenants() {
        let app = TestApp::start().await;
        let (tenant, plan) = (app.tenant("acme").await, app.plan(json!({})).await);
        let (token, body) = (app.operator(), json!({ "tenantId": tenant, "planId": plan }));

        let answers = join_all((0..50).map(|_| post(&app, &token, "/subscriptions", &body))).await;

        let (made, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1);
        for answer in lost {
            answer.expect_problem(409, "subscription_exists");
        }
    }

    #[tokio::test]
    async fn a_repeat_with_the_same_idempotency_key_is_answered_as_before() {
        let app = TestApp::start().await;
        let (tenant, plan) = (app.tenant("acme").await, app.plan(json!({})).await);
        let body = json!({ "tenantId": tenant, "planId": plan });
        let token = app.operator();
        let send = || {
            app.post("/subscriptions")
                .bearer(&token)
                .header("idempotency-key", "k")
                .json(&body)
                .send()
        };

        let first = send().await.expect(201);
        let again = send().await.expect(201);

        assert_eq!(first.text, again.text);
    }

    #[tokio::test]
    async fn a_body_that_is_wrong_changes_nothing() {
        let app = TestApp::start().await;
        let (tenant, plan) = (app.tenant("acme").await, app.plan(json!({})).await);
        let archived = app.plan(json!({})).await;
        app.delete(&format!("/plans/{archived}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);
        let before = app.items().await.len();
        let cases = [
            (json!({}), "/planId", "required"),
            (json!({ "planId": "x" }), "/planId", "invalid_id"),
            (json!({ "planId": app.unknown_id() }), "/planId", "unknown_plan"),
            (
                json!({ "planId": plan, "startsOn": "2026-02-30" }),
                "/startsOn",
                "invalid_date",
            ),
            (
                json!({ "planId": plan, "startsOn": "2024-12-31" }),
                "/startsOn",
                "out_of_range",
            ),
            (
                json!({ "planId": plan, "startsOn": "2099-01-01" }),
                "/startsOn",
                "out_of_range",
            ),
            (
                json!({ "planId": plan, "endsOn": "2026-01-14" }),
                "/endsOn",
                "out_of_range",
            ),
            (
                json!({ "planId": plan, "status": "ACTIVE" }),
                "/status",
                "unknown_member",
            ),
        ];

        for (mut body, pointer, code) in cases {
            body["tenantId"] = json!(tenant);
            let answer = post(&app, &app.operator(), "/subscriptions", &body)
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [(pointer.to_owned(), code.to_owned())],
                "{body}"
            );
        }
        let body = json!({ "tenantId": tenant, "planId": archived });
        post(&app, &app.operator(), "/subscriptions", &body)
            .await
            .expect_problem(409, "plan_archived");
        assert_eq!(app.items().await.len(), before);
    }

    #[tokio::test]
    async fn another_tenants_subscription_does_not_exist() {
        let app = TestApp::start().await;
        let (theirs, plan, id) = subscribed(&app).await;
        let own = app.tenant("own").await;
        let member = app.member(&own);

        for token in [&member, &app.operator()] {
            let path = format!("/subscriptions/{id}?tenantId={own}");
            get(&app, token, &path).await.expect_problem(404, "not_found");
            app.patch(&path)
                .bearer(token)
                .json(&json!({ "planId": plan }))
                .send()
                .await
                .expect_problem(404, "not_found");
            let cancel = format!("/subscriptions/{id}/cancel?tenantId={own}");
            post(&app, token, &cancel, &json!({ "at": "now" }))
                .await
                .expect_problem(404, "not_found");
        }
        let path = format!("/subscriptions/{id}?tenantId={theirs}");
        get(&app, &member, &path).await.expect_problem(404, "not_found");
        get(&app, &member, &format!("/subscriptions?tenantId={theirs}"))
            .await
            .expect_problem(404, "not_found");
        let body = json!({ "tenantId": theirs, "planId": plan });
        post(&app, &member, "/subscriptions", &body)
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_lead_takes_an_offer_for_the_tenant_that_it_became_and_no_more() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let stranger = app.verified_lead("eve@other.com").await;
        let body = json!({ "key": "acme", "domains": ["acme.com"] });
        let tenant = post(&app, &lead.token, &format!("/leads/{}/tenants", lead.id), &body)
            .await
            .expect(201)
            .text_at("/id");
        let foreign = app.tenant("foreign").await;
        let (offer, hidden) = (
            app.plan(json!({})).await,
            app.plan(json!({ "selfService": false })).await,
        );
        let take = |tenant: &str, plan: &str| json!({ "tenantId": tenant, "planId": plan });

        post(&app, &stranger.token, "/subscriptions", &take(&tenant, &offer))
            .await
            .expect_problem(404, "not_found");
        post(&app, &lead.token, "/subscriptions", &take(&foreign, &offer))
            .await
            .expect_problem(404, "not_found");
        post(&app, &lead.token, "/subscriptions", &json!({ "planId": offer }))
            .await
            .expect_problem(422, "invalid_body");
        post(&app, &lead.token, "/subscriptions", &take(&tenant, &hidden))
            .await
            .expect_problem(422, "invalid_body");
        let mut past = take(&tenant, &offer);
        past["startsOn"] = json!("2026-01-01");
        post(&app, &lead.token, "/subscriptions", &past)
            .await
            .expect_problem(422, "invalid_body");
        let taken = post(&app, &lead.token, "/subscriptions", &take(&tenant, &offer))
            .await
            .expect(201);

        let path = format!("/subscriptions/{}?tenantId={tenant}", taken.text_at("/id"));
        get(&app, &lead.token, &path).await.expect(200);
        get(&app, &stranger.token, &path)
            .await
            .expect_problem(404, "not_found");
        get(&app, &lead.token, &format!("/subscriptions?tenantId={tenant}"))
            .await
            .expect_problem(403, "forbidden");
        app.patch(&path)
            .bearer(&lead.token)
            .json(&json!({ "planId": hidden }))
            .send()
            .await
            .expect_problem(403, "forbidden");
    }

    #[tokio::test]
    async fn a_suspended_tenants_member_takes_and_changes_nothing() {
        let app = TestApp::start().await;
        let (tenant, plan, id) = subscribed(&app).await;
        let member = app.member(&tenant);
        app.force_status(&tenant, "SUSPENDED").await;

        let cancel = format!("/subscriptions/{id}/cancel");
        post(&app, &member, &cancel, &json!({ "at": "now" }))
            .await
            .expect_problem(409, "tenant_suspended");
        post(
            &app,
            &app.operator(),
            &format!("{cancel}?tenantId={tenant}"),
            &json!({ "at": "now" }),
        )
        .await
        .expect(200);
        post(&app, &member, "/subscriptions", &json!({ "planId": plan }))
            .await
            .expect_problem(409, "tenant_suspended");
    }

    #[tokio::test]
    async fn an_upgrade_is_prorated_to_the_minor_unit() {
        let app = TestApp::start().await;
        let (tenant, _, id) = subscribed(&app).await;
        let bigger = app
            .plan(json!({ "name": "Bigger", "price": 9900, "tier": "PREMIUM" }))
            .await;
        app.advance_to("2026-01-25");

        let path = format!("/subscriptions/{id}?tenantId={tenant}");
        let answer = patch(&app, &path, &json!({ "planId": bigger })).await.expect(200);
        let again = patch(&app, &path, &json!({ "planId": bigger })).await.expect(200);
        app.advance_to("2026-02-15");
        app.sweep_billing().await;

        assert_eq!(
            (answer.usage.calls, answer.json()["plan"]["since"].clone()),
            (2, json!("2026-01-25"))
        );
        assert_eq!(again.text, answer.text);
        let invoices = app.invoices(&tenant).await;
        // 10 and 21 of 31 days.
        assert_eq!(
            texts(invoices[0]["lines"].as_array().expect("lines"), "amount"),
            ["1581", "6706"]
        );
        assert_eq!(invoices[0]["amount"], 1581 + 6706);
        assert_eq!(
            kinds(&app, "subscription.").await,
            ["subscription.created.v1", "subscription.changed.v1"]
        );
    }

    #[tokio::test]
    async fn a_plan_in_another_currency_or_interval_is_no_upgrade() {
        let app = TestApp::start().await;
        let (tenant, _, id) = subscribed(&app).await;
        let path = format!("/subscriptions/{id}?tenantId={tenant}");

        for (changes, code) in [
            (json!({ "currencyCode": "JPY" }), "other_currency"),
            (json!({ "billingInterval": "YEAR" }), "other_interval"),
        ] {
            let other = app.plan(changes).await;
            let answer = patch(&app, &path, &json!({ "planId": other }))
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(answer.violations(), [("/planId".to_owned(), code.to_owned())]);
        }
    }

    #[tokio::test]
    async fn what_is_asked_before_the_sweep_comes_by_is_asked_of_the_present() {
        let app = TestApp::start().await;
        let (tenant, _, id) = subscribed(&app).await;
        let bigger = app.plan(json!({ "price": 9900 })).await;
        app.advance_to("2026-04-01");

        let path = format!("/subscriptions/{id}?tenantId={tenant}");
        patch(&app, &path, &json!({ "planId": bigger })).await.expect(200);
        let cancel = format!("/subscriptions/{id}/cancel?tenantId={tenant}");
        let cancelled = post(&app, &app.operator(), &cancel, &json!({ "at": "now" }))
            .await
            .expect(200);

        assert_eq!(cancelled.text_at("/status"), "CANCELLED");
        let amounts = texts(&app.invoices(&tenant).await, "amount");
        // Two whole months; then 17 days of the one plan and one of the other, of 31.
        assert_eq!(amounts, ["4900", "4900", &(2687 + 319).to_string()]);
        let again = post(&app, &app.operator(), &cancel, &json!({ "at": "now" })).await;
        again.expect_problem(409, "subscription_ended");
        assert_eq!(app.sweep_billing().await.changes, 0);
    }

    #[tokio::test]
    async fn cancelled_at_the_periods_end_it_ends_then() {
        let app = TestApp::start().await;
        let (tenant, _, id) = subscribed(&app).await;
        let cancel = format!("/subscriptions/{id}/cancel?tenantId={tenant}");

        let answer = post(&app, &app.operator(), &cancel, &json!({ "at": "period_end" }))
            .await
            .expect(200);
        app.advance_to("2026-02-14");
        let early = app.sweep_billing().await;
        app.advance_to("2026-02-15");
        app.sweep_billing().await;

        assert_eq!(
            (answer.text_at("/status"), answer.text_at("/endsOn")),
            ("ACTIVE".to_owned(), "2026-02-14".to_owned())
        );
        assert_eq!(early.changes, 0);
        assert_eq!(app.find_subscription(&tenant, &id).await["status"], "CANCELLED");
        assert_eq!(texts(&app.invoices(&tenant).await, "amount"), ["4900"]);
        assert_eq!(
            kinds(&app, "subscription.").await,
            [
                "subscription.created.v1",
                "subscription.changed.v1",
                "subscription.cancelled.v1"
            ]
        );
    }
}

mod invoices {
    use super::*;

    #[tokio::test]
    async fn an_invoice_is_made_by_hand_and_paid() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let address = json!({ "address": { "address": "1 Main Street", "zip": "W1", "city": "London", "country": "GB" } });
        patch(&app, &format!("/tenants/{tenant}"), &address)
            .await
            .expect(200);
        let body = json!({
            "tenantId": tenant, "currencyCode": "KWD", "startDate": "2026-01-01", "endDate": "2026-01-31", "dueDate": "2026-02-01",
            "lines": [{ "description": "Set-up", "quantity": 3, "unitAmount": 12345 }, { "description": "Discount", "unitAmount": -35 }],
        });

        let created = post(&app, &app.operator(), "/invoices", &body).await.expect(201);
        let path = format!("/invoices/{}?tenantId={tenant}", created.text_at("/id"));
        let paid = patch(&app, &path, &json!({ "status": 1, "paidOn": "2026-01-14" }))
            .await
            .expect(200);

        insta::assert_json_snapshot!("invoice_created", created.json());
        assert_eq!((created.usage.calls, paid.usage.calls), (2, 2));
        assert_eq!(
            (paid.text_at("/status"), paid.text_at("/paidOn")),
            ("PAID".to_owned(), "2026-01-14".to_owned())
        );
        patch(&app, &path, &json!({ "status": "PAID" }))
            .await
            .expect_problem(409, "invoice_closed");
        app.delete(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(409, "invoice_closed");
        assert_eq!(
            kinds(&app, "invoice.").await,
            ["invoice.issued.v1", "invoice.paid.v1"]
        );
        insta::assert_json_snapshot!("invoice_event", app.events_of("invoice.paid.v1").await);
    }

    #[tokio::test]
    async fn all_that_is_wrong_with_an_invoice_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let line = |unit: i64, quantity: i64| json!({ "description": "x", "unitAmount": unit, "quantity": quantity });
        let body = |lines: Value| json!({ "tenantId": tenant, "currencyCode": "EUR", "lines": lines });
        let cases = [
            (
                json!({ "tenantId": tenant }),
                vec![("/currencyCode", "required"), ("/lines", "required")],
            ),
            (body(json!([])), vec![("/lines", "required")]),
            (
                body(json!([{}])),
                vec![
                    ("/lines/0/description", "required"),
                    ("/lines/0/unitAmount", "required"),
                ],
            ),
            (
                body(json!([line(1, 0)])),
                vec![("/lines/0/quantity", "out_of_range")],
            ),
            (
                body(json!([line(i64::MAX, 1)])),
                vec![("/lines/0", "amount_too_large")],
            ),
            (
                body(json!([line(999_999_999_999_999, 2)])),
                vec![("/lines/0", "amount_too_large")],
            ),
            (
                body(json!([line(2, i64::MAX)])),
                vec![("/lines/0", "amount_too_large")],
            ),
            (
                body(json!([line(999_999_999_999_999, 1), line(1, 1)])),
                vec![("/lines", "amount_too_large")],
            ),
            (body(json!([line(-1, 1)])), vec![("/lines", "negative_total")]),
            (
                body(json!([{ "description": "x", "unitAmount": 1.5 }])),
                vec![("/lines/0/unitAmount", "invalid_type")],
            ),
        ];

        for (body, expected) in cases {
            let answer = post(&app, &app.operator(), "/invoices", &body)
                .await
                .expect_problem(422, "invalid_body");
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(at, code)| (at.to_owned(), code.to_owned()))
                .collect();
            assert_eq!(answer.violations(), expected, "{body}");
        }
        for (member, value) in [
            ("dueDate", "2026-01-14"),
            ("endDate", "2026-01-01"),
            ("dueDate", "soon"),
        ] {
            let mut body = body(json!([line(1, 1)]));
            body[member] = json!(value);
            post(&app, &app.operator(), "/invoices", &body)
                .await
                .expect_problem(422, "invalid_body");
        }
    }

    #[tokio::test]
    async fn numbers_follow_each_other_however_many_are_made_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let token = app.operator();
        let body = json!({ "tenantId": tenant, "currencyCode": "JPY", "lines": [{ "description": "x", "unitAmount": 7 }] });

        let answers = join_all((0..12).map(|_| post(&app, &token, "/invoices", &body))).await;

        let made: Vec<Answer> = answers
            .into_iter()
            .filter(|answer| answer.status != 409)
            .collect();
        let mut numbers: Vec<String> = made
            .into_iter()
            .map(|answer| answer.expect(201).text_at("/number"))
            .collect();
        numbers.sort();
        assert!(!numbers.is_empty());
        for (position, number) in numbers.iter().enumerate() {
            assert_eq!(*number, format!("ACME-{:06}", position + 1));
        }
        assert_eq!(app.invoices(&tenant).await.len(), numbers.len());
    }

    #[tokio::test]
    async fn of_paying_and_cancelling_one_is_done() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = app.invoice(&tenant).await;
        let path = format!("/invoices/{id}?tenantId={tenant}");
        let token = app.operator();

        let cancel = app.delete(&path).bearer(&token).send();
        let (paid, cancelled) = futures_util::future::join(pay(&app, &tenant, &id), cancel).await;

        let is_paid = paid.status == 200;
        let (won, lost) = if is_paid {
            (paid, cancelled)
        } else {
            (cancelled, paid)
        };
        assert!(won.status.is_success(), "{}", won.text);
        lost.expect_problem(409, "invoice_closed");
        let invoice = &app.invoices(&tenant).await[0];
        assert_eq!(invoice["status"], if is_paid { "PAID" } else { "CANCELLED" });
    }

    #[tokio::test]
    async fn lists_and_counts_tell_the_statuses_apart() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let (first, second) = (app.invoice(&tenant).await, app.invoice(&tenant).await);
        app.invoice(&tenant).await;
        pay(&app, &tenant, &first).await.expect(200);
        let path = format!("/invoices/{second}?tenantId={tenant}");
        app.delete(&path).bearer(&app.operator()).send().await.expect(204);
        let member = app.member(&tenant);

        let counted = async |query: &str| {
            let answer = get(&app, &member, &format!("/invoices/count{query}"))
                .await
                .expect(200);
            assert_eq!(answer.usage.calls, 1);
            answer.text_at("/count")
        };
        let listed = async |query: &str| {
            let answer = get(&app, &member, &format!("/invoices{query}")).await.expect(200);
            assert_eq!(answer.usage.calls, 1);
            answer.json()["items"].as_array().map_or(0, Vec::len)
        };

        for (query, count) in [
            ("", 3),
            ("?status=PENDING", 1),
            ("?status=PAID", 1),
            ("?status=1", 1),
            ("?status=CANCELLED", 1),
        ] {
            assert_eq!(
                (counted(query).await, listed(query).await),
                (count.to_string(), count),
                "{query}"
            );
        }
        get(&app, &member, "/invoices?status=OPEN")
            .await
            .expect_problem(400, "invalid_query");
        get(&app, &member, &format!("/invoices?tenantId={other}"))
            .await
            .expect_problem(404, "not_found");
        let unknown = app.unknown_id();
        get(&app, &app.operator(), &format!("/invoices?tenantId={unknown}"))
            .await
            .expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_member_reads_its_own_invoices_and_marks_none_as_paid() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let (id, foreign) = (app.invoice(&tenant).await, app.invoice(&other).await);
        let member = app.member_with(&tenant, Permission::all());

        get(&app, &member, &format!("/invoices/{id}")).await.expect(200);
        get(&app, &member, &format!("/invoices/{foreign}"))
            .await
            .expect_problem(404, "not_found");
        let body = json!({ "status": "PAID" });
        let path = format!("/invoices/{id}");
        app.patch(&path)
            .bearer(&member)
            .json(&body)
            .send()
            .await
            .expect_problem(403, "forbidden");
        app.delete(&path)
            .bearer(&member)
            .send()
            .await
            .expect_problem(403, "forbidden");
        pay(&app, &other, &id).await.expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn an_invoice_is_downloaded_as_a_file() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let id = app.invoice(&tenant).await;

        let answer = get(&app, &app.member(&tenant), &format!("/invoices/{id}/download"))
            .await
            .expect(200);

        assert_eq!(answer.header("content-type"), Some("application/pdf"));
        let disposition = "attachment; filename=\"invoice-ACME-000001.pdf\"";
        assert_eq!(answer.header("content-disposition"), Some(disposition));
        assert_eq!(answer.usage.calls, 1);
        let foreign = get(&app, &app.member(&other), &format!("/invoices/{id}/download")).await;
        foreign.expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_version_that_is_not_the_present_one_is_not_changed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = format!("/invoices/{}?tenantId={tenant}", app.invoice(&tenant).await);
        let call = app
            .patch(&path)
            .bearer(&app.operator())
            .header("if-match", "\"2\"");

        call.json(&json!({ "status": "PAID" }))
            .send()
            .await
            .expect_problem(412, "precondition_failed");
    }
}

mod sweep {
    use super::*;

    #[tokio::test]
    async fn a_year_from_31_january_makes_twelve_invoices() {
        let app = TestApp::start().await;
        app.advance_to("2026-01-31");
        let (tenant, _, id) = subscribed(&app).await;

        for day in [
            "2026-02-28",
            "2026-03-31",
            "2026-04-30",
            "2026-05-31",
            "2026-06-30",
            "2026-07-31",
            "2026-08-31",
            "2026-09-30",
            "2026-10-31",
            "2026-11-30",
            "2026-12-31",
            "2027-01-31",
        ] {
            app.advance_to(day);
            app.sweep_billing().await;
            let invoices = app.invoices(&tenant).await;
            let last = invoices.last().expect("a month is over");
            assert_eq!(last["issuedOn"], day);
            pay(&app, &tenant, last["id"].as_str().expect("it has an id"))
                .await
                .expect(200);
        }

        let invoices = app.invoices(&tenant).await;
        insta::assert_json_snapshot!(
            "a_year_of_invoices",
            invoices
                .iter()
                .map(|invoice| {
                    json!([
                        invoice["number"],
                        invoice["startDate"],
                        invoice["endDate"],
                        invoice["amount"],
                        invoice["dueDate"],
                        invoice["status"]
                    ])
                })
                .collect::<Vec<_>>()
        );
        assert_eq!(app.find_subscription(&tenant, &id).await["status"], "ACTIVE");
        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");
    }

    #[tokio::test]
    async fn twice_late_or_side_by_side_the_same_invoices_are_made() {
        let pictures = async |sweeps: &[&str], at_once: usize| {
            let app = TestApp::start().await;
            let (tenant, _, _) = subscribed(&app).await;
            for day in sweeps {
                app.advance_to(day);
                join_all((0..at_once).map(|_| app.run_sweep())).await;
            }
            // One more, for what those that met have left to the next one.
            app.sweep_billing().await;
            let invoices = app.invoices(&tenant).await;
            let members = ["id", "number", "startDate", "endDate", "amount", "lines"];
            let picture = |invoice: &Value| members.map(|member| invoice[member].to_string());
            (
                invoices.iter().map(picture).collect::<Vec<_>>(),
                kinds(&app, "invoice.issued").await.len(),
            )
        };

        let daily = pictures(&["2026-02-15", "2026-03-15", "2026-04-15"], 1).await;
        let twice = pictures(
            &[
                "2026-02-15",
                "2026-02-15",
                "2026-03-15",
                "2026-03-16",
                "2026-04-15",
            ],
            1,
        )
        .await;
        let late = pictures(&["2026-04-20"], 1).await;
        let side_by_side = pictures(&["2026-02-15", "2026-04-20"], 8).await;

        assert_eq!((daily.0.len(), daily.1), (3, 3));
        for other in [twice, late, side_by_side] {
            assert_eq!(other, daily);
        }
    }

    #[tokio::test]
    async fn an_unpaid_invoice_leads_through_the_grace_to_suspension_and_payment_back() {
        let app = TestApp::start().await;
        let (tenant, _, id) = subscribed(&app).await;
        app.advance_to("2026-02-15");
        app.sweep_billing().await;
        let invoice = app.invoices(&tenant).await[0].clone();
        assert_eq!(invoice["dueDate"], "2026-03-01");

        app.advance_to("2026-03-01");
        assert_eq!(app.sweep_billing().await.changes, 0);
        app.advance_to("2026-03-02");
        assert_eq!(app.sweep_billing().await.changes, 1);
        assert_eq!(app.invoices(&tenant).await[0]["overdueSince"], "2026-03-02");
        assert_eq!(
            app.find_subscription(&tenant, &id).await["pastDueSince"],
            "2026-03-02"
        );
        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");
        app.advance_to("2026-03-16");
        app.sweep_billing().await;
        assert_eq!(status_of(&app, &tenant).await, "SUSPENDED");
        assert_eq!(
            app.find_tenant(&tenant).await["statusReason"],
            "billing: an invoice is overdue"
        );
        assert_eq!(app.run_sweep().await.changes, 0);

        pay(&app, &tenant, invoice["id"].as_str().expect("it has an id"))
            .await
            .expect(200);
        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");
        assert_eq!(
            app.find_subscription(&tenant, &id).await["pastDueSince"],
            Value::Null
        );
        assert_eq!(
            kinds(&app, "invoice.").await,
            [
                "invoice.issued.v1",
                "invoice.overdue.v1",
                "invoice.issued.v1",
                "invoice.paid.v1"
            ]
        );
        assert_eq!(
            kinds(&app, "subscription.past").await,
            ["subscription.past_due.v1"]
        );
        assert_eq!(kinds(&app, "tenant.suspended").await.len(), 1);
        assert_eq!(kinds(&app, "tenant.reactivated").await.len(), 1);
    }

    #[tokio::test]
    async fn the_last_overdue_invoice_brings_a_tenant_back_and_only_from_billings_own_suspension() {
        let app = TestApp::start().await;
        let tenant = app.active_tenant("acme").await;
        let (first, second) = (app.invoice(&tenant).await, app.invoice(&tenant).await);
        app.advance_to("2026-03-01");
        app.sweep_billing().await;
        assert_eq!(status_of(&app, &tenant).await, "SUSPENDED");

        pay(&app, &tenant, &first).await.expect(200);
        assert_eq!(status_of(&app, &tenant).await, "SUSPENDED");
        let path = format!("/invoices/{second}?tenantId={tenant}");
        app.delete(&path).bearer(&app.operator()).send().await.expect(204);
        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");

        let third = app.invoice(&tenant).await;
        app.force_status(&tenant, "SUSPENDED").await;
        app.advance_to("2026-05-01");
        app.sweep_billing().await;
        pay(&app, &tenant, &third).await.expect(200);
        assert_eq!(status_of(&app, &tenant).await, "SUSPENDED");
    }

    #[tokio::test]
    async fn a_subscription_that_expires_leads_through_the_grace_to_suspension_and_a_new_one_back() {
        let app = TestApp::start().await;
        let (tenant, plan) = (
            app.active_tenant("acme").await,
            app.plan(json!({ "price": 0 })).await,
        );
        let body = json!({ "tenantId": tenant, "planId": plan, "endsOn": "2026-01-31" });
        let id = post(&app, &app.operator(), "/subscriptions", &body)
            .await
            .expect(201)
            .text_at("/id");

        app.advance_to("2026-02-01");
        app.sweep_billing().await;
        assert_eq!(app.find_subscription(&tenant, &id).await["status"], "EXPIRED");
        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");
        app.advance_to("2026-02-15");
        app.sweep_billing().await;
        assert_eq!(status_of(&app, &tenant).await, "SUSPENDED");
        app.subscribe(&tenant, &plan).await;

        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");
        assert_eq!(kinds(&app, "subscription.expired").await.len(), 1);
        let invoices = app.invoices(&tenant).await;
        assert_eq!(
            (texts(&invoices, "amount"), texts(&invoices, "status")),
            (vec!["0".to_owned()], vec!["PAID".to_owned()])
        );
    }

    #[tokio::test]
    async fn another_subscription_in_the_grace_keeps_the_tenant_in_use() {
        let app = TestApp::start().await;
        let (tenant, plan, id) = subscribed(&app).await;
        let cancel = format!("/subscriptions/{id}/cancel?tenantId={tenant}");
        post(&app, &app.operator(), &cancel, &json!({ "at": "now" }))
            .await
            .expect(200);
        pay(
            &app,
            &tenant,
            app.invoices(&tenant).await[0]["id"].as_str().expect("an id"),
        )
        .await
        .expect(200);
        app.subscribe(&tenant, &plan).await;

        app.advance_to("2026-02-10");
        app.sweep_billing().await;

        assert_eq!(status_of(&app, &tenant).await, "ACTIVE");
        assert_eq!(app.run_sweep().await.found, 0);
    }

    #[tokio::test]
    async fn a_tenant_that_has_left_is_billed_once_more_and_no_further() {
        let app = TestApp::start().await;
        let (tenant, _, id) = subscribed(&app).await;
        app.force_status(&tenant, "INACTIVE").await;

        app.advance_to("2026-06-01");
        app.sweep_billing().await;

        assert_eq!(app.invoices(&tenant).await.len(), 1);
        assert_eq!(app.find_subscription(&tenant, &id).await["status"], "CANCELLED");
    }

    #[tokio::test]
    async fn a_zero_decimal_and_a_three_decimal_currency_are_billed_to_their_unit() {
        for (code, price, owed) in [("JPY", 1000, 548), ("KWD", 12_345, 6770)] {
            let app = TestApp::start().await;
            let (tenant, plan) = (
                app.tenant("acme").await,
                app.plan(json!({ "currencyCode": code, "price": price })).await,
            );
            let body = json!({ "tenantId": tenant, "planId": plan, "endsOn": "2026-01-31" });
            post(&app, &app.operator(), "/subscriptions", &body)
                .await
                .expect(201);

            app.advance_to("2026-02-01");
            app.sweep_billing().await;

            // 17 of 31 days.
            assert_eq!(app.invoices(&tenant).await[0]["amount"], owed, "{code}");
        }
    }

    #[tokio::test]
    async fn what_is_not_due_costs_a_sweep_nothing() {
        let app = TestApp::start().await;
        let (tenant, _, _) = subscribed(&app).await;
        app.invoice(&tenant).await;
        let meter = || app.product.edge.app.store.meter().reading();

        let before = meter();
        let swept = app.sweep_billing().await;

        let usage = meter().since(before);
        assert_eq!(
            (swept.found, usage.calls, usage.write_units.to_string()),
            (0, 4, "0".to_owned())
        );
    }
}
