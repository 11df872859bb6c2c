use serde::Serialize;
use tenantry_api::{Accepted, LeadId, Operation, Path, Problem};
use tenantry_store::{Rate, Transaction};
use utoipa::ToSchema;

use crate::verification_mail::new_verification;

/// That a mail is on its way, if there is such a lead.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CodeSent {
    /// A sentence for people.
    message: &'static str,
}

/// Send a new code.
///
/// The code before no longer counts. The answer does not tell whether there is such a lead. A verified lead gets a code as
/// well: with it, it can have a new token.
#[utoipa::path(post, path = "/leads/{id}/resend", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn resend_code(
    operation: Operation,
    Path(id): Path<LeadId>,
) -> Result<Accepted<CodeSent>, Problem> {
    let context = &operation.context;
    let limit = context.app.config.public_rate_per_minute;
    let mut transaction = Transaction::new();
    // Counted by the id that was asked for, so that the limit does not tell whether there is such a lead.
    transaction
        .charge(
            &Rate::Client {
                address: &operation.client.0,
                limit,
            },
            context.now,
        )
        .charge(&Rate::Lead { id, limit }, context.now);
    if let Some(lead) = context.store.find_lead(id).await? {
        let (code, mail) = new_verification(context, &lead);
        let change = context.change(operation.caller.actor());
        transaction
            .expect_lead(&lead)
            .put_lead_code(&code)
            .audit_lead(lead.id, &context.audit("lead.code_sent", &change))
            .send(&mail);
    }
    let body = CodeSent {
        message: "if there is such a lead, a mail with a new code is on its way",
    };
    operation
        .finish(transaction, Accepted { location: None, body })
        .await
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_testing::{Answer, SignedUp, TestApp};

    async fn verify(app: &TestApp, lead_id: &str, code: &str) -> Answer {
        app.post(&format!("/leads/{lead_id}/verify"))
            .from("198.51.100.9")
            .bearer(code)
            .send()
            .await
    }

    #[tokio::test]
    async fn a_new_code_takes_the_place_of_the_old_one() {
        let app = TestApp::start().await;
        let SignedUp { id, code: old_code } = app.sign_up("ada@acme.com").await;

        let answer = app.post(&format!("/leads/{id}/resend")).send().await.expect(202);

        let new_code = app.last_code().await;
        insta::assert_json_snapshot!(answer.json());
        verify(&app, &id, &old_code)
            .await
            .expect_problem(401, "invalid_token");
        verify(&app, &id, &new_code).await.expect(200);
    }

    #[tokio::test]
    async fn the_new_mail_goes_to_the_lead_and_the_code_nowhere_else() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;

        let answer = app
            .post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);

        let items = format!("{:?}", app.items().await);
        let (mails, code) = (app.mails().await, app.last_code().await);
        assert_eq!(
            mails.iter().map(|mail| &*mail.to).collect::<Vec<_>>(),
            ["ada@acme.com", "ada@acme.com"]
        );
        assert_ne!(code, lead.code);
        assert!(!answer.text.contains(&code) && !items.contains(&code));
    }

    #[tokio::test]
    async fn a_new_code_lives_as_long_as_the_first() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        app.clock.advance_minutes(20);
        app.post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);
        let code = app.last_code().await;

        app.clock.advance_minutes(14);

        verify(&app, &lead.id, &code).await.expect(200);
    }

    #[tokio::test]
    async fn the_answer_does_not_tell_whether_there_is_such_a_lead() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let known = app
            .post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);
        let mails = app.mails().await.len();

        let unknown = app
            .post(&format!("/leads/{}/resend", app.unknown_id()))
            .send()
            .await
            .expect(202);

        assert_eq!(unknown.text, known.text);
        let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&unknown), names(&known));
        assert_eq!(app.mails().await.len(), mails);
    }

    #[tokio::test]
    async fn a_verified_lead_can_have_a_new_token() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        app.post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);

        let code = app.last_code().await;
        let token = verify(&app, &lead.id, &code).await.expect(200).text_at("/token");
        app.get(&format!("/leads/{}", lead.id))
            .bearer(&token)
            .send()
            .await
            .expect(200);
    }

    #[tokio::test]
    async fn an_erased_lead_gets_no_mail() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        app.delete(&format!("/leads/{}", lead.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);

        app.post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);

        assert_eq!(app.mails().await.len(), 1);
    }

    #[tokio::test]
    async fn what_is_no_id_is_not_found() {
        let app = TestApp::start().await;

        for id in ["1", "%00", "{id}", "00000000000000000000000000000000"] {
            app.post(&format!("/leads/{}/resend", id.replace(['{', '}'], "%7B")))
                .send()
                .await
                .expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn a_client_asks_ten_times_a_minute() {
        let app = TestApp::start().await;
        let path = format!("/leads/{}/resend", app.unknown_id());
        for _ in 0..10 {
            app.post(&path).send().await.expect(202);
        }

        let answer = app.post(&path).send().await.expect_problem(429, "rate_limited");

        assert_eq!(answer.header("retry-after"), Some("60"));
    }

    #[tokio::test]
    async fn a_lead_is_mailed_ten_new_codes_a_minute_whoever_asks() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let path = format!("/leads/{}/resend", lead.id);
        let ask = |n: u8| {
            let call = app.post(&path).from(&format!("192.0.2.{n}"));
            call.send()
        };
        for n in 0..10 {
            ask(n).await.expect(202);
        }

        ask(100).await.expect_problem(429, "rate_limited");

        assert_eq!(app.mails().await.len(), 1 + 10);
    }

    #[tokio::test]
    async fn a_repeated_request_sends_one_mail() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let resend = || {
            app.post(&format!("/leads/{}/resend", lead.id))
                .header("idempotency-key", "k-1")
                .send()
        };
        let first = resend().await.expect(202);

        let second = resend().await.expect(202);

        assert_eq!(second.text, first.text);
        assert_eq!(second.header("idempotency-replayed"), Some("true"));
        assert_eq!(app.mails().await.len(), 2);
    }

    #[tokio::test]
    async fn an_idempotency_key_of_another_request_is_refused() {
        let app = TestApp::start().await;
        let (ada, bob) = (
            app.sign_up("ada@acme.com").await,
            app.sign_up("bob@acme.com").await,
        );
        let resend = |lead: &SignedUp| {
            app.post(&format!("/leads/{}/resend", lead.id))
                .header("idempotency-key", "k-1")
        };
        resend(&ada).send().await.expect(202);

        let other_lead = resend(&bob).send().await;
        let other_body = resend(&ada).json(&json!({})).send().await;

        other_lead.expect_problem(422, "idempotency_key_reused");
        other_body.expect_problem(422, "idempotency_key_reused");
        assert_eq!(app.mails().await.len(), 3);
    }

    #[tokio::test]
    async fn of_fifty_codes_asked_for_at_once_one_counts() {
        let app = TestApp::start_with(|config| config.public_rate_per_minute = 1_000).await;
        let lead = app.sign_up("ada@acme.com").await;
        let path = format!("/leads/{}/resend", lead.id);

        let answers = join_all((0..50).map(|_| app.post(&path).send())).await;

        assert!(answers.iter().all(|answer| answer.status == 202));
        let mails = app.mails().await;
        let mut codes = mails
            .iter()
            .filter_map(|mail| mail.text.lines().find(|line| line.starts_with("tlc_")));
        let mut accepted = 0;
        for code in codes.by_ref() {
            let answer = verify(&app, &lead.id, code).await;
            if answer.status == 200 {
                accepted += 1;
            } else {
                answer.expect_problem(401, "invalid_token");
            }
        }
        assert_eq!((mails.len(), accepted), (51, 1));
    }

    #[tokio::test]
    async fn the_limit_does_not_tell_whether_there_is_such_a_lead() {
        let app = TestApp::start().await;
        let known = app.sign_up("ada@acme.com").await.id;
        let mut answers = Vec::new();

        for id in [known, app.unknown_id()] {
            let mut statuses = Vec::new();
            for client in 0..12 {
                let call = app
                    .post(&format!("/leads/{id}/resend"))
                    .from(&format!("192.0.2.{client}"));
                statuses.push(call.send().await.status.as_u16());
            }
            answers.push(statuses);
        }

        assert_eq!(answers[0], [[202; 10].as_slice(), &[429, 429]].concat());
        assert_eq!(answers[0], answers[1]);
    }
}
