use tenantry_api::{LeadId, NoContent, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Event, Kind, Transition};
use tenantry_store::{Transaction, Unique};

/// Erase a lead.
///
/// Its personal data is gone for good, its code is void, its token opens neither it nor its tenant, and its e-mail
/// address may sign up again.
/// The tenant that it became stays, with its contacts.
#[utoipa::path(delete, path = "/leads/{id}", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn delete_lead(operation: Operation, Path(id): Path<LeadId>) -> Result<NoContent, Problem> {
    let context = &operation.context;
    let lead = context
        .store
        .find_lead(id)
        .await?
        .ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    operation.check_version(Kind::Lead, id, lead.version)?;
    let change = context.change(operation.caller.actor());
    let event = Event::of_lead(
        "lead.erased",
        Transition::Removed(&lead),
        context.new_id(),
        context.now,
    );
    let mut transaction = Transaction::new();
    transaction
        .delete_lead(&lead, operation.lost_race(Kind::Lead, id))
        .audit_lead(id, &context.audit("lead.erased", &change))
        .send(&context.event(&event));
    if lead.is_verified() {
        transaction.release(&Unique::LeadEmail(&lead.email), &id.to_string());
    }
    context.store.commit(transaction).await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::json;
    use tenantry_domain::Permission;
    use tenantry_testing::{Call, TestApp};

    fn erase<'a>(app: &'a TestApp, lead_id: &str) -> Call<'a> {
        app.delete(&format!("/leads/{lead_id}"))
            .bearer(&app.operator_with([Permission::DeleteLead]))
    }

    #[tokio::test]
    async fn nothing_personal_of_an_erased_lead_is_left() {
        let app = TestApp::start().await;
        let mut body = TestApp::new_lead("ada@acme.com");
        body["address"] = json!({ "city": "Ockham" });
        let id = app
            .post("/leads")
            .json(&body)
            .send()
            .await
            .expect(201)
            .text_at("/id");
        let code = app.last_code().await;
        app.post(&format!("/leads/{id}/verify"))
            .bearer(&code)
            .send()
            .await
            .expect(200);

        let answer = erase(&app, &id).send().await.expect(204);

        app.settle().await;
        assert_eq!(answer.text, "");
        app.get(&format!("/leads/{id}"))
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
        let items = format!("{:?}", app.items().await);
        for personal in ["ada@acme.com", "Lovelace", "Ockham"] {
            assert!(!items.contains(personal), "{personal}");
        }
    }

    #[tokio::test]
    async fn the_event_names_no_person() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;

        erase(&app, &lead.id).send().await.expect(204);

        insta::assert_json_snapshot!(app.events_of("lead.erased.v1").await);
    }

    #[tokio::test]
    async fn its_token_reads_nothing_and_its_address_may_sign_up_again() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        erase(&app, &lead.id).send().await.expect(204);

        let answer = app
            .get(&format!("/leads/{}", lead.id))
            .bearer(&lead.token)
            .send()
            .await;
        answer.expect_problem(404, "not_found");
        app.verified_lead("ada@acme.com").await;
    }

    #[tokio::test]
    async fn erasing_a_lead_that_proved_nothing_frees_nobody_elses_address() {
        let app = TestApp::start().await;
        let unproved = app.sign_up("ada@acme.com").await;
        app.verified_lead("ada@acme.com").await;

        erase(&app, &unproved.id).send().await.expect(204);

        let answer = app
            .post("/leads")
            .json(&TestApp::new_lead("ada@acme.com"))
            .send()
            .await;
        answer.expect_problem(409, "lead_already_verified");
    }

    #[tokio::test]
    async fn its_tenant_stays_without_it() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let tenant = json!({ "key": "acme", "domains": ["acme.com"] });
        let path = format!("/leads/{}/tenants", lead.id);
        let created = app
            .post(&path)
            .bearer(&lead.token)
            .json(&tenant)
            .send()
            .await
            .expect(201);

        erase(&app, &lead.id).send().await.expect(204);

        let found = app.find_tenant(&created.text_at("/id")).await;
        assert_eq!(found["contacts"].as_array().map(Vec::len), Some(1));
        assert_eq!(found.get("lead"), None);
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_may() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let tenant = app.tenant("acme").await;
        let path = format!("/leads/{}", lead.id);
        let others = Permission::all().filter(|permission| *permission != Permission::DeleteLead);
        let member = app.member_with(&tenant, Permission::all());

        app.delete(&path)
            .send()
            .await
            .expect_problem(401, "token_required");
        app.delete(&path)
            .bearer("x")
            .send()
            .await
            .expect_problem(401, "invalid_token");
        for token in [app.operator_with(others), member, lead.token] {
            app.delete(&path)
                .bearer(&token)
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
    }

    #[tokio::test]
    async fn a_lead_that_is_not_there_is_not_found() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        erase(&app, &lead.id).send().await.expect(204);

        for id in [&*lead.id, &*app.unknown_id(), "1"] {
            erase(&app, id).send().await.expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn a_version_that_is_gone_is_not_erased() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        let answer = erase(&app, &lead.id).header("if-match", "\"1\"").send().await;

        answer.expect_problem(412, "precondition_failed");
        erase(&app, &lead.id)
            .header("if-match", "\"2\"")
            .send()
            .await
            .expect(204);
    }

    #[tokio::test]
    async fn of_fifty_that_erase_a_lead_at_once_one_succeeds() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        let answers = join_all((0..50).map(|_| erase(&app, &lead.id).send())).await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 204);
        assert_eq!(winners.len(), 1);
        for answer in losers {
            let is_late = answer.status == 404;
            let (status, code) = if is_late {
                (404, "not_found")
            } else {
                (409, "modified_concurrently")
            };
            answer.expect_problem(status, code);
        }
        assert_eq!(app.events_of("lead.erased.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn the_token_of_an_erased_lead_opens_its_tenant_no_more() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let body = serde_json::json!({ "key": "acme", "domains": ["acme.com"] });
        let path = format!("/leads/{}/tenants", lead.id);
        let tenant = app
            .post(&path)
            .bearer(&lead.token)
            .json(&body)
            .send()
            .await
            .expect(201);
        let tenant = format!("/tenants/{}", tenant.text_at("/id"));
        app.get(&tenant).bearer(&lead.token).send().await.expect(200);

        app.delete(&format!("/leads/{}", lead.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);

        app.get(&tenant)
            .bearer(&lead.token)
            .send()
            .await
            .expect_problem(404, "not_found");
        let kept = app.get(&tenant).bearer(&app.operator()).send().await.expect(200);
        assert_eq!(kept.json().get("leadId"), None);
        assert_eq!(kept.header("etag"), Some("\"2\""));
    }
}
