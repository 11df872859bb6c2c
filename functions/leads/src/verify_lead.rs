use secrecy::ExposeSecret;
use serde::Serialize;
use subtle::ConstantTimeEq;
use tenantry_api::{BearerToken, Count, LeadId, Operation, Path, Problem};
use tenantry_app::{lead_token, sha256_hex};
use tenantry_domain::{Actor, Conflict, Error as DomainError, Event, Lead, LeadCode, Transition};
use tenantry_store::{Rate, Transaction, Unique};
use utoipa::ToSchema;

/// A lead that proved its e-mail address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerifiedLead {
    /// The lead's id.
    #[schema(format = "uuid")]
    id: String,
    /// The lead's own token, good for 60 minutes: it reads the lead, creates its tenant, and reads that tenant.
    token: String,
}

const REFUSED: &str = "the code is not valid, was used, or has expired";

/// Prove the e-mail address.
///
/// Takes the code from the mail as bearer token. A code works once, for 15 minutes, for its own lead.
#[utoipa::path(post, path = "/leads/{id}/verify", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn verify_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
    BearerToken(code): BearerToken,
) -> Result<Count<VerifiedLead>, Problem> {
    let context = &operation.context;
    let limit = context.app.config.public_rate_per_minute;
    let by_client = Rate::Client {
        address: &operation.client.0,
        limit,
    };
    let found = context.store.find_lead_with_code(id).await?;
    let Some((lead, stored)) = found.and_then(|found| matching(found, code.expose_secret(), context.now))
    else {
        context.store.charge(&by_client, context.now).await?;
        return Err(DomainError::Unauthenticated(REFUSED).into());
    };
    let verified = lead.clone().verify(context.now);
    let change = context.change(Actor::Lead(id));
    let mut transaction = Transaction::new();
    transaction
        .charge(&by_client, context.now)
        .spend_lead_code(&stored, DomainError::Unauthenticated(REFUSED))
        .reserve(
            &Unique::LeadEmail(&lead.email),
            &id.to_string(),
            Conflict::LeadAlreadyVerified,
        )
        .replace_lead(&lead, &verified)
        .audit_lead(id, &context.audit("lead.verified", &change));
    if !lead.is_verified() {
        let event = Event::of_lead(
            "lead.verified",
            Transition::Changed(&lead, &verified),
            context.new_id(),
            context.now,
        );
        transaction.send(&context.event(&event));
    }
    context.store.commit(transaction).await?;
    let token = lead_token::issue(&context.app.keyring, id, context.now)
        .expose_secret()
        .to_owned();
    Ok(Count(VerifiedLead {
        id: id.to_string(),
        token,
    }))
}

/// The lead and its code, if that is the code that was sent and it still counts.
fn matching(
    (lead, stored): (Lead, Option<LeadCode>),
    code: &str,
    now: tenantry_domain::Timestamp,
) -> Option<(Lead, LeadCode)> {
    let stored = stored.filter(|stored| stored.is_alive(now))?;
    let is_equal = bool::from(sha256_hex(code).as_bytes().ct_eq(stored.hash.as_bytes()));
    is_equal.then_some((lead, stored))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tenantry_testing::{Answer, Call, SignedUp, TestApp};

    fn verify<'a>(app: &'a TestApp, lead_id: &str, code: &str) -> Call<'a> {
        app.post(&format!("/leads/{lead_id}/verify")).bearer(code)
    }

    #[tokio::test]
    async fn the_code_proves_the_address() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;

        let answer = verify(&app, &id, &code).send().await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        let token = answer.text_at("/token");
        let lead = app
            .get(&format!("/leads/{id}"))
            .bearer(&token)
            .send()
            .await
            .expect(200)
            .json();
        insta::assert_json_snapshot!("the_code_proves_the_address_lead", lead);
    }

    #[tokio::test]
    async fn the_event_goes_out_once_however_often_the_address_is_proved() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        app.post(&format!("/leads/{}/resend", lead.id))
            .send()
            .await
            .expect(202);
        let code = app.last_code().await;

        verify(&app, &lead.id, &code).send().await.expect(200);

        insta::assert_json_snapshot!(app.events_of("lead.verified.v1").await);
    }

    #[tokio::test]
    async fn a_spent_code_is_refused() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;
        verify(&app, &id, &code).send().await.expect(200);

        let answer = verify(&app, &id, &code)
            .send()
            .await
            .expect_problem(401, "invalid_token");

        assert!(!answer.text.contains(&code));
        let challenge = r#"Bearer realm="tenantry", error="invalid_token""#;
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
    }

    #[tokio::test]
    async fn a_code_lives_for_fifteen_minutes() {
        for (age_ms, status) in [(15 * 60_000 - 1, 200), (15 * 60_000, 401)] {
            let app = TestApp::start().await;
            let SignedUp { id, code } = app.sign_up("ada@acme.com").await;

            app.clock.advance_ms(age_ms);

            verify(&app, &id, &code).send().await.expect(status);
        }
    }

    #[tokio::test]
    async fn a_code_is_good_for_its_own_lead_only() {
        let app = TestApp::start().await;
        let (ada, bob) = (
            app.sign_up("ada@acme.com").await,
            app.sign_up("bob@acme.com").await,
        );

        verify(&app, &ada.id, &bob.code)
            .send()
            .await
            .expect_problem(401, "invalid_token");

        verify(&app, &bob.id, &bob.code).send().await.expect(200);
    }

    #[tokio::test]
    async fn whatever_is_no_code_has_the_same_answer() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;
        let verified = app.verified_lead("bob@acme.com").await;
        let unknown_id = app.unknown_id();
        let shortened = &code[..code.len() - 1];
        let operator = app.operator();
        let cases = [
            (&id, shortened),
            (&id, "tlc_"),
            (&id, &*verified.token),
            (&id, &*operator),
            (&unknown_id, &*code),
            (&verified.id, &*code),
        ];

        let mut bodies = Vec::new();
        for (lead_id, code) in cases {
            let answer = verify(&app, lead_id, code)
                .send()
                .await
                .expect_problem(401, "invalid_token");
            let mut body = answer.json();
            body["instance"].take();
            bodies.push(body);
        }

        assert!(bodies.iter().all(|body| *body == bodies[0]));
        verify(&app, &id, &code).send().await.expect(200);
    }

    #[tokio::test]
    async fn a_code_is_looked_for_in_the_authorization_header_only() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;
        let path = format!("/leads/{id}/verify");

        let answers: [Answer; 4] = [
            app.post(&path).send().await,
            app.post(&path).body(code.clone()).send().await,
            app.post(&path)
                .header("authorization", &format!("Basic {code}"))
                .send()
                .await,
            app.post(&path).bearer(&code).bearer(&code).send().await,
        ];

        for answer in answers {
            let answer = answer.expect_problem(401, "token_required");
            assert_eq!(
                answer.header("www-authenticate"),
                Some(r#"Bearer realm="tenantry""#)
            );
        }
        let in_query = app
            .post(&format!("{path}?code={code}"))
            .bearer(&code)
            .send()
            .await;
        assert!(
            !in_query
                .expect_problem(400, "unknown_query_member")
                .text
                .contains(&code)
        );
    }

    #[tokio::test]
    async fn what_is_no_id_is_not_found() {
        let app = TestApp::start().await;

        let answer = verify(&app, "1", "tlc_x").send().await;

        answer.expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn guessing_is_limited() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;
        for n in 0..10 {
            verify(&app, &id, &format!("tlc_{n}"))
                .send()
                .await
                .expect_problem(401, "invalid_token");
        }

        let guessed = verify(&app, &id, "tlc_x").send().await;
        let right = verify(&app, &id, &code).send().await;

        assert_eq!(
            guessed.expect_problem(429, "rate_limited").header("retry-after"),
            Some("60")
        );
        right.expect_problem(429, "rate_limited");
        app.clock.advance_minutes(1);
        verify(&app, &id, &code).send().await.expect(200);
    }

    #[tokio::test]
    async fn an_address_is_proved_by_one_lead_in_any_case() {
        let app = TestApp::start().await;
        let (first, second) = (
            app.sign_up("ada@acme.com").await,
            app.sign_up("ADA@ACME.com").await,
        );
        verify(&app, &first.id, &first.code).send().await.expect(200);
        let items = app.items().await;

        let answer = verify(&app, &second.id, &second.code).send().await;

        answer.expect_problem(409, "lead_already_verified");
        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn an_erased_leads_code_proves_nothing() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;
        app.delete(&format!("/leads/{id}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);

        let answer = verify(&app, &id, &code).send().await;

        answer.expect_problem(401, "invalid_token");
    }

    #[tokio::test]
    async fn of_fifty_that_use_a_code_at_once_one_succeeds() {
        let app = TestApp::start().await;
        let SignedUp { id, code } = app.sign_up("ada@acme.com").await;

        let calls = (0..50).map(|n| verify(&app, &id, &code).from(&format!("192.0.2.{n}")).send());
        let answers = join_all(calls).await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(winners.len(), 1);
        for answer in losers {
            answer.expect_problem(401, "invalid_token");
        }
        assert_eq!(app.events_of("lead.verified.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn of_fifty_leads_that_prove_one_address_at_once_one_succeeds() {
        let app = TestApp::start_with(|config| config.public_rate_per_minute = 1_000).await;
        let mut leads = Vec::new();
        for _ in 0..50 {
            leads.push(app.sign_up("ada@acme.com").await);
        }

        let answers = join_all(leads.iter().map(|lead| verify(&app, &lead.id, &lead.code).send())).await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(winners.len(), 1);
        for answer in losers {
            answer.expect_problem(409, "lead_already_verified");
        }
        let path = "/leads/count?isValidated=true";
        assert_eq!(
            app.get(path)
                .bearer(&app.operator())
                .send()
                .await
                .expect(200)
                .text_at("/count"),
            "1"
        );
    }
}
