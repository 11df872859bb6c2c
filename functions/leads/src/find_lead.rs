use tenantry_api::view::LeadView;
use tenantry_api::{Found, LeadId, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Kind};

/// Read a lead.
#[utoipa::path(get, path = "/leads/{id}", params(("id" = String, Path, description = "The lead's id.")))]
pub(crate) async fn find_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
) -> Result<Found<LeadView>, Problem> {
    let lead = operation.context.store.find_lead(id).await?;
    let lead = lead.ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    Ok(Found(lead.into()))
}

#[cfg(test)]
mod tests {
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    #[tokio::test]
    async fn an_operator_reads_a_lead() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let token = app.operator_with([Permission::ViewLead]);

        let answer = app
            .get(&format!("/leads/{}", lead.id))
            .bearer(&token)
            .send()
            .await
            .expect(200);

        assert_eq!(answer.header("etag"), Some("\"1\""));
        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn a_lead_reads_itself_and_sees_its_tenant() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let path = format!("/leads/{}", lead.id);
        let tenant = serde_json::json!({ "key": "acme", "domains": ["acme.com"] });
        let created = app
            .post(&format!("{path}/tenants"))
            .bearer(&lead.token)
            .json(&tenant)
            .send()
            .await
            .expect(201);

        let answer = app.get(&path).bearer(&lead.token).send().await.expect(200);

        assert_eq!(answer.header("etag"), Some("\"3\""));
        assert_eq!(answer.text_at("/tenantId"), created.text_at("/id"));
    }

    #[tokio::test]
    async fn what_was_tried_for_a_token_is_refused() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let path = format!("/leads/{}", lead.id);

        app.get(&path).send().await.expect_problem(401, "token_required");
        for token in ["x", &*lead.code, "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.e30."] {
            app.get(&path)
                .bearer(token)
                .send()
                .await
                .expect_problem(401, "invalid_token");
        }
    }

    #[tokio::test]
    async fn a_leads_token_lives_for_sixty_minutes() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let path = format!("/leads/{}", lead.id);

        app.clock.advance_ms(60 * 60_000 - 1);
        app.get(&path).bearer(&lead.token).send().await.expect(200);

        app.clock.advance_ms(1);
        app.get(&path)
            .bearer(&lead.token)
            .send()
            .await
            .expect_problem(401, "invalid_token");
    }

    #[tokio::test]
    async fn an_operator_without_the_permission_and_every_member_are_refused() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let tenant = app.tenant("acme").await;
        let others = Permission::all().filter(|permission| *permission != Permission::ViewLead);

        for token in [
            app.operator_with(others),
            app.member_with(&tenant, Permission::all()),
        ] {
            let answer = app
                .get(&format!("/leads/{}", lead.id))
                .bearer(&token)
                .send()
                .await;
            answer.expect_problem(403, "forbidden");
        }
    }

    #[tokio::test]
    async fn another_lead_does_not_exist_for_a_lead() {
        let app = TestApp::start().await;
        let (ada, bob) = (
            app.verified_lead("ada@acme.com").await,
            app.sign_up("bob@acme.com").await,
        );
        let unknown_id = app.unknown_id();

        let known = app
            .get(&format!("/leads/{}", bob.id))
            .bearer(&ada.token)
            .send()
            .await;
        let unknown = app
            .get(&format!("/leads/{unknown_id}"))
            .bearer(&ada.token)
            .send()
            .await;

        let known = known.expect_problem(404, "not_found").text_at("/detail");
        let unknown = unknown.expect_problem(404, "not_found").text_at("/detail");
        assert_eq!(known.replace(&bob.id, ""), unknown.replace(&unknown_id, ""));
    }

    #[tokio::test]
    async fn a_lead_that_is_not_there_is_not_found() {
        let app = TestApp::start().await;

        for id in [&*app.unknown_id(), "1", "count2", "a%23b"] {
            let answer = app
                .get(&format!("/leads/{id}"))
                .bearer(&app.operator())
                .send()
                .await;
            answer.expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn an_unknown_query_member_is_refused() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;

        let answer = app
            .get(&format!("/leads/{}?include=tenant", lead.id))
            .bearer(&app.operator())
            .send()
            .await;

        answer.expect_problem(400, "unknown_query_member");
    }
}
