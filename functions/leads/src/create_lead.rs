use tenantry_api::view::LeadView;
use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem};
use tenantry_domain::{Address, Conflict, Email, Event, Lead, NewLead, PersonName, Transition};
use tenantry_store::{Rate, Transaction, Unique};
use utoipa::ToSchema;

use crate::verification_mail::new_verification;

/// A sign-up.
#[derive(Debug, ToSchema)]
#[schema(as = NewLead, rename_all = "camelCase")]
pub(crate) struct NewLeadBody {
    /// First name.
    #[schema(value_type = String, max_length = 100, example = "Ada")]
    first_name: PersonName,
    /// Last name.
    #[schema(value_type = String, max_length = 100, example = "Lovelace")]
    last_name: PersonName,
    /// Company; the tenant's name unless another is given.
    #[schema(value_type = String, max_length = 100, example = "Acme")]
    company_name: PersonName,
    /// Where the verification mail goes.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@acme.com")]
    email: Email,
    /// Postal address.
    #[schema(value_type = Option<tenantry_api::view::AddressView>)]
    address: Option<Address>,
}

impl FromMembers for NewLeadBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.text("firstName", PersonName::parse_name);
        let last_name = members.text("lastName", PersonName::parse_name);
        let company_name = members.text("companyName", PersonName::parse_name);
        let email = members.text("email", Email::parse);
        let address = members.optional_object("address");
        Some(Self {
            first_name: first_name?,
            last_name: last_name?,
            company_name: company_name?,
            email: email?,
            address: address?.and_then(Address::if_given),
        })
    }
}

/// Sign up.
///
/// A mail with a link and a one-time code goes to the address; the code proves that the address is the person's own.
/// Signing up again with the same address is allowed until one sign-up is verified.
#[utoipa::path(post, path = "/leads", request_body = NewLeadBody)]
pub(crate) async fn create_lead(
    operation: Operation,
    Body(body): Body<NewLeadBody>,
) -> Result<Created<LeadView>, Problem> {
    let context = &operation.context;
    let NewLeadBody {
        first_name,
        last_name,
        company_name,
        email,
        address,
    } = body;
    let new = NewLead {
        first_name,
        last_name,
        company_name,
        email,
        address,
    };
    let lead = Lead::sign_up(new, context.now, &*context.app.entropy);
    let limit = context.app.config.public_rate_per_minute;
    let by_client = Rate::Client {
        address: &operation.client.0,
        limit,
    };
    let (code, mail) = new_verification(context, &lead);
    let change = context.change(operation.caller.actor());
    let event = Event::of_lead(
        "lead.created",
        Transition::Created(&lead),
        context.new_id(),
        context.now,
    );
    let mut transaction = Transaction::new();
    transaction
        .charge(&by_client, context.now)
        .charge(
            &Rate::Email {
                email: &lead.email,
                limit,
            },
            context.now,
        )
        .check_free(
            &Unique::LeadEmail(&lead.email),
            &lead.id.to_string(),
            Conflict::LeadAlreadyVerified,
        )
        .create_lead(&lead)
        .put_lead_code(&code)
        .audit_lead(lead.id, &context.audit("lead.created", &change))
        .send(&context.event(&event))
        .send(&mail);
    let location = format!("/leads/{}", lead.id);
    let created = operation
        .finish(
            transaction,
            Created {
                location,
                body: lead.into(),
            },
        )
        .await;
    if let Err(problem) = &created
        && problem.status() == http::StatusCode::CONFLICT
    {
        // The refused transaction took its own count back with it; guessing who is known here costs as much as signing up.
        context.store.charge(&by_client, context.now).await?;
    }
    created
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn a_sign_up_is_answered_with_the_lead() {
        let app = TestApp::start().await;
        let mut body = TestApp::new_lead(" Ada@ACME.com ");
        body["address"] = json!({ "address": "1 Main St", "city": "London", "zip": "N1", "country": "UK" });

        let answer = app.post("/leads").json(&body).send().await.expect(201);

        let location = format!("/leads/{}", answer.text_at("/id"));
        assert_eq!(answer.header("location"), Some(&*location));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn an_address_without_any_part_is_none() {
        let app = TestApp::start().await;
        let mut body = TestApp::new_lead("ada@acme.com");
        body["address"] = json!({ "city": null });

        let answer = app.post("/leads").json(&body).send().await.expect(201);

        assert_eq!(answer.json().get("address"), None);
    }

    #[tokio::test]
    async fn the_mail_carries_link_and_code() {
        let app = TestApp::start().await;

        app.post("/leads")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await
            .expect(201);

        insta::assert_json_snapshot!(app.mails().await);
    }

    #[tokio::test]
    async fn the_event_names_no_person() {
        let app = TestApp::start().await;

        app.post("/leads")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await
            .expect(201);

        insta::assert_json_snapshot!(app.events().await);
    }

    #[tokio::test]
    async fn neither_the_answer_nor_the_table_has_the_code() {
        let app = TestApp::start().await;

        let answer = app
            .post("/leads")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await
            .expect(201);

        let items: Vec<String> = app.items().await.iter().map(|item| format!("{item:?}")).collect();
        let outbox: Vec<&String> = items.iter().filter(|item| item.contains("OUTBOX#")).collect();
        let code = app.last_code().await;
        assert!(!answer.text.contains(&code));
        assert!(
            answer
                .headers
                .values()
                .all(|value| !value.to_str().unwrap_or_default().contains(&code))
        );
        assert!(items.iter().all(|item| !item.contains(&code)));
        assert_eq!(outbox.len(), 2);
        assert!(
            outbox
                .iter()
                .all(|item| !item.contains("ada@acme.com") && !item.contains("Lovelace"))
        );
        let items_after = format!("{:?}", app.items().await);
        assert!(!items_after.contains(&code));
    }

    #[tokio::test]
    async fn every_broken_rule_is_said_at_once() {
        let app = TestApp::start().await;
        let body = json!({
            "firstName": " ",
            "lastName": 7,
            "companyName": "win at https://example.com",
            "email": "ada at acme",
            "address": { "city": "x".repeat(101), "planet": "Mars" },
            "a/b~c": true,
        });

        let answer = app
            .post("/leads")
            .json(&body)
            .send()
            .await
            .expect_problem(422, "invalid_body");

        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn what_is_required_must_be_there() {
        let app = TestApp::start().await;

        let answer = app.post("/leads").json(&json!({ "email": null })).send().await;

        let required = |name: &str| (format!("/{name}"), "required".to_owned());
        let expected = ["firstName", "lastName", "companyName", "email"].map(required);
        assert_eq!(answer.expect_problem(422, "invalid_body").violations(), expected);
    }

    #[tokio::test]
    async fn members_that_the_server_owns_are_refused() {
        let app = TestApp::start().await;
        let names = [
            "id",
            "createdAt",
            "createdBy",
            "modifiedAt",
            "modifiedBy",
            "version",
            "status",
            "isValidated",
        ];

        for name in names {
            let mut body = TestApp::new_lead("ada@acme.com");
            body[name] = json!("2020-01-01T00:00:00Z");
            let answer = app
                .post("/leads")
                .json(&body)
                .send()
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [(format!("/{name}"), "unknown_member".to_owned())]
            );
        }

        assert_eq!(app.items().await, []);
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_object_is_refused() {
        let app = TestApp::start().await;
        let json = Some("application/json");
        let cases = [
            (None, b"{}".to_vec(), 415, "unsupported_media_type"),
            (Some("text/plain"), b"{}".to_vec(), 415, "unsupported_media_type"),
            (json, b"".to_vec(), 400, "malformed_json"),
            (json, b"{\"firstName\":".to_vec(), 400, "malformed_json"),
            (json, b"{} {}".to_vec(), 400, "malformed_json"),
            (json, vec![b' '; 256 * 1024 + 1], 413, "body_too_large"),
            (json, b"[]".to_vec(), 422, "invalid_body"),
        ];

        for (content_type, body, status, code) in cases {
            let mut call = app.post("/leads").body(body);
            if let Some(content_type) = content_type {
                call = call.header("content-type", content_type);
            }
            call.send().await.expect_problem(status, code);
        }
    }

    #[tokio::test]
    async fn a_query_is_refused() {
        let app = TestApp::start().await;

        let answer = app
            .post("/leads?dry=1")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await;

        answer.expect_problem(400, "unknown_query_member");
    }

    #[tokio::test]
    async fn an_address_that_was_not_proved_may_sign_up_again() {
        let app = TestApp::start().await;
        app.sign_up("ada@acme.com").await;

        app.post("/leads")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await
            .expect(201);

        assert_eq!(app.mails().await.len(), 2);
    }

    #[tokio::test]
    async fn an_address_that_was_proved_is_refused_in_any_case() {
        let app = TestApp::start().await;
        app.verified_lead("ada@acme.com").await;
        let (mails, events) = (app.mails().await.len(), app.events().await.len());

        let answer = app
            .post("/leads")
            .json(&TestApp::new_lead("ADA@Acme.COM"))
            .send()
            .await;

        answer.expect_problem(409, "lead_already_verified");
        assert_eq!(
            (app.mails().await.len(), app.events().await.len()),
            (mails, events)
        );
    }

    #[tokio::test]
    async fn asking_which_addresses_are_known_is_limited() {
        let app = TestApp::start().await;
        app.verified_lead("ada@acme.com").await;

        for _ in 0..10 {
            let answer = app
                .post("/leads")
                .json(&TestApp::new_lead("ada@acme.com"))
                .send()
                .await;
            answer.expect_problem(409, "lead_already_verified");
        }

        let answer = app
            .post("/leads")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await;
        answer.expect_problem(429, "rate_limited");
    }

    #[tokio::test]
    async fn a_client_signs_up_ten_times_a_minute() {
        let app = TestApp::start().await;
        for n in 0..10 {
            app.post("/leads")
                .json(&TestApp::new_lead(&format!("ada{n}@acme.com")))
                .send()
                .await
                .expect(201);
        }
        app.clock.advance_ms(500);

        let answer = app
            .post("/leads")
            .json(&TestApp::new_lead("bob@acme.com"))
            .send()
            .await;

        assert_eq!(
            answer.expect_problem(429, "rate_limited").header("retry-after"),
            Some("60")
        );
        let bob = TestApp::new_lead("bob@acme.com");
        app.post("/leads")
            .from("203.0.113.8")
            .json(&bob)
            .send()
            .await
            .expect(201);
        app.clock.advance_ms(59_500);
        app.post("/leads").json(&bob).send().await.expect(201);
    }

    #[tokio::test]
    async fn an_address_is_mailed_ten_times_a_minute_whoever_asks() {
        let app = TestApp::start().await;
        let sign_up = |n: usize, email: &'static str| {
            app.post("/leads")
                .from(&format!("192.0.2.{n}"))
                .json(&TestApp::new_lead(email))
                .send()
        };
        for n in 0..10 {
            sign_up(n, "ada@acme.com").await.expect(201);
        }

        let answer = sign_up(10, "ADA@ACME.COM").await;

        assert_eq!(
            answer.expect_problem(429, "rate_limited").header("retry-after"),
            Some("60")
        );
        assert_eq!(app.mails().await.len(), 10);
    }

    #[tokio::test]
    async fn a_repeated_request_has_the_first_answer_and_sends_no_second_mail() {
        let app = TestApp::start().await;
        let sign_up = || {
            let body = TestApp::new_lead("ada@acme.com");
            app.post("/leads")
                .header("idempotency-key", "k-1")
                .json(&body)
                .send()
        };
        let first = sign_up().await.expect(201);
        app.clock.advance_minutes(23 * 60);

        let second = sign_up().await.expect(201);

        assert_eq!(second.text, first.text);
        for name in ["location", "etag", "content-type"] {
            assert_eq!(second.header(name), first.header(name), "{name}");
        }
        assert_eq!(
            (
                first.header("idempotency-replayed"),
                second.header("idempotency-replayed")
            ),
            (None, Some("true"))
        );
        assert_eq!(app.mails().await.len(), 1);
    }

    #[tokio::test]
    async fn an_idempotency_key_of_another_request_is_refused() {
        let app = TestApp::start().await;
        let sign_up = |email: &str| {
            app.post("/leads")
                .header("idempotency-key", "k-1")
                .json(&TestApp::new_lead(email))
                .send()
        };
        sign_up("ada@acme.com").await.expect(201);

        let answer = sign_up("bob@acme.com").await;

        answer.expect_problem(422, "idempotency_key_reused");
        assert_eq!(app.mails().await.len(), 1);
    }

    #[tokio::test]
    async fn strangers_with_one_idempotency_key_do_not_meet() {
        let app = TestApp::start().await;
        let sign_up = |address: &str| {
            let body = TestApp::new_lead("ada@acme.com");
            app.post("/leads")
                .from(address)
                .header("idempotency-key", "k-1")
                .json(&body)
                .send()
        };

        let (first, second) = (sign_up("192.0.2.1").await, sign_up("192.0.2.2").await);

        assert_ne!(
            first.expect(201).text_at("/id"),
            second.expect(201).text_at("/id")
        );
    }

    #[tokio::test]
    async fn an_idempotency_key_that_is_none_is_refused() {
        let app = TestApp::start().await;

        for key in ["", " ", &"k".repeat(256)] {
            let call = app
                .post("/leads")
                .header("idempotency-key", key)
                .json(&TestApp::new_lead("ada@acme.com"));
            call.send().await.expect_problem(400, "invalid_idempotency_key");
        }
    }

    #[tokio::test]
    async fn fifty_repetitions_at_once_are_one_sign_up() {
        let app = TestApp::start().await;
        let body = TestApp::new_lead("ada@acme.com");

        let calls = (0..50).map(|_| {
            app.post("/leads")
                .header("idempotency-key", "k-1")
                .json(&body)
                .send()
        });
        let answers = join_all(calls).await;

        let first = answers[0].clone().expect(201);
        for answer in &answers {
            assert_eq!(answer.clone().expect(201).text, first.text);
        }
        let originals = answers
            .iter()
            .filter(|answer| answer.header("idempotency-replayed").is_none());
        assert_eq!(originals.count(), 1);
        assert_eq!(app.mails().await.len(), 1);
    }

    #[tokio::test]
    async fn fifty_sign_ups_at_once_stay_within_the_limit() {
        let app = TestApp::start().await;

        let calls = (0..50).map(|n| {
            app.post("/leads")
                .json(&TestApp::new_lead(&format!("ada{n}@acme.com")))
                .send()
        });
        let answers = join_all(calls).await;

        let (welcome, surplus): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(welcome.len(), 10);
        for answer in surplus {
            answer.expect_problem(429, "rate_limited");
        }
        assert_eq!(app.mails().await.len(), 10);
    }

    #[tokio::test]
    async fn an_idempotency_key_is_forgotten_after_a_day() {
        let app = TestApp::start().await;
        let send = |email: &str| {
            let call = app.post("/leads").header("idempotency-key", "k-1");
            call.json(&TestApp::new_lead(email)).send()
        };
        send("ada@acme.com").await.expect(201);

        app.clock.advance_minutes(24 * 60 - 1);
        send("grace@acme.com")
            .await
            .expect_problem(422, "idempotency_key_reused");
        app.clock.advance_minutes(1);
        let answer = send("grace@acme.com").await.expect(201);

        assert_eq!(answer.text_at("/email"), "grace@acme.com");
    }
}
