use tenantry_api::view::LeadView;
use tenantry_api::{Body, Found, FromMembers, LeadId, Members, Operation, Path, Problem};
use tenantry_domain::{Error as DomainError, Event, Kind, LeadChanges, PersonName, Transition};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// Corrections (JSON Merge Patch, RFC 7396). The e-mail address is not among them: it is what the lead proved.
#[derive(Debug, ToSchema)]
#[schema(as = LeadChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's changes are what is read"
)]
pub(crate) struct LeadChangesDoc {
    /// First name.
    #[schema(value_type = String, required = false, max_length = 100)]
    first_name: Option<String>,
    /// Last name.
    #[schema(value_type = String, required = false, max_length = 100)]
    last_name: Option<String>,
    /// Company.
    #[schema(value_type = String, required = false, max_length = 100)]
    company_name: Option<String>,
    /// Postal address; a part that is absent stays, null removes the part or the whole.
    address: Option<tenantry_api::view::AddressView>,
}

/// The corrections as they were read.
pub(crate) struct LeadPatch(LeadChanges);

impl FromMembers for LeadPatch {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.changed_text("firstName", PersonName::parse_name);
        let last_name = members.changed_text("lastName", PersonName::parse_name);
        let company_name = members.changed_text("companyName", PersonName::parse_name);
        let address = members.patched_object("address");
        Some(Self(LeadChanges {
            first_name: first_name?,
            last_name: last_name?,
            company_name: company_name?,
            address: address?,
        }))
    }
}

/// Correct a lead.
#[utoipa::path(
    patch,
    path = "/leads/{id}",
    request_body(content = LeadChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The lead's id."))
)]
pub(crate) async fn update_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
    Body(LeadPatch(changes)): Body<LeadPatch>,
) -> Result<Found<LeadView>, Problem> {
    let context = &operation.context;
    let lead = context
        .store
        .find_lead(id)
        .await?
        .ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    operation.check_version(Kind::Lead, id, lead.version)?;
    if changes == LeadChanges::default() {
        return Ok(Found(lead.into()));
    }
    let change = context.change(operation.caller.actor());
    let corrected = lead.clone().correct(changes, &change);
    let event = Event::of_lead(
        "lead.updated",
        Transition::Changed(&lead, &corrected),
        context.new_id(),
        context.now,
    );
    let mut transaction = Transaction::new();
    transaction
        .replace_lead_or(&lead, &corrected, operation.lost_race(Kind::Lead, id))
        .audit_lead(id, &context.audit("lead.updated", &change))
        .send(&context.event(&event));
    context.store.commit(transaction).await?;
    Ok(Found(corrected.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Call, TestApp};

    fn patch<'a>(app: &'a TestApp, lead_id: &str, body: &Value) -> Call<'a> {
        let token = app.operator_with([Permission::UpdateLead]);
        app.patch(&format!("/leads/{lead_id}")).bearer(&token).json(body)
    }

    #[tokio::test]
    async fn a_lead_is_corrected() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        app.clock.advance_minutes(1);
        let body = json!({ "firstName": " Augusta ", "address": { "city": "London" } });

        let answer = patch(&app, &lead.id, &body).send().await.expect(200);

        assert_eq!(answer.header("etag"), Some("\"2\""));
        insta::assert_json_snapshot!(answer.json());
        let found = app
            .get(&format!("/leads/{}", lead.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        assert_eq!(found.text, answer.text);
    }

    #[tokio::test]
    async fn the_event_names_no_person() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;

        patch(&app, &lead.id, &json!({ "companyName": "Acme Works" }))
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(app.events_of("lead.updated.v1").await);
    }

    #[tokio::test]
    async fn null_empties_and_absent_keeps() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let address = json!({ "city": "London", "zip": "N1" });
        patch(&app, &lead.id, &json!({ "address": address }))
            .send()
            .await
            .expect(200);

        let kept = patch(&app, &lead.id, &json!({ "lastName": "King" }))
            .send()
            .await
            .expect(200);
        let merged = patch(&app, &lead.id, &json!({ "address": { "city": "Bath" } }))
            .send()
            .await
            .expect(200);
        let emptied = patch(&app, &lead.id, &json!({ "address": null }))
            .send()
            .await
            .expect(200);

        assert_eq!(kept.json()["address"], address);
        assert_eq!(merged.json()["address"], json!({ "city": "Bath", "zip": "N1" }));
        assert_eq!(emptied.json().get("address"), None);
    }

    #[tokio::test]
    async fn an_address_without_any_part_is_none() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;

        let answer = patch(&app, &lead.id, &json!({ "address": {} }))
            .send()
            .await
            .expect(200);

        assert_eq!(answer.json().get("address"), None);
    }

    #[tokio::test]
    async fn no_correction_changes_nothing() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let items = app.items().await;

        let answer = patch(&app, &lead.id, &json!({})).send().await.expect(200);

        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn the_copy_beside_its_tenant_is_corrected_too() {
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

        patch(&app, &lead.id, &json!({ "firstName": "Augusta" }))
            .send()
            .await
            .expect(200);

        assert_eq!(
            app.find_tenant(&created.text_at("/id")).await["lead"]["firstName"],
            "Augusta"
        );
    }

    #[tokio::test]
    async fn every_broken_rule_is_said_at_once() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let items = app.items().await;
        let body = json!({
            "firstName": null,
            "lastName": "x".repeat(101),
            "companyName": "two\nlines",
            "address": "London",
            "email": "eve@acme.com",
            "isValidated": true,
            "validatedAt": "2020-01-01T00:00:00Z",
            "tenantId": lead.id,
            "id": lead.id,
            "createdAt": "2020-01-01T00:00:00Z",
            "modifiedAt": "2020-01-01T00:00:00Z",
            "version": 7,
        });

        let answer = patch(&app, &lead.id, &body)
            .send()
            .await
            .expect_problem(422, "invalid_body");

        insta::assert_json_snapshot!(answer.violations());
        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_object_is_refused() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let json = Some("application/merge-patch+json");
        let cases = [
            (None, b"{}".to_vec(), 415, "unsupported_media_type"),
            (
                Some("application/json-patch+json"),
                b"[]".to_vec(),
                415,
                "unsupported_media_type",
            ),
            (json, b"".to_vec(), 400, "malformed_json"),
            (json, b"{".to_vec(), 400, "malformed_json"),
            (json, vec![b' '; 256 * 1024 + 1], 413, "body_too_large"),
            (json, b"[]".to_vec(), 422, "invalid_body"),
        ];

        for (content_type, body, status, code) in cases {
            let mut call = app
                .patch(&format!("/leads/{}", lead.id))
                .bearer(&app.operator())
                .body(body);
            if let Some(content_type) = content_type {
                call = call.header("content-type", content_type);
            }
            call.send().await.expect_problem(status, code);
        }
    }

    #[tokio::test]
    async fn only_operators_with_the_permission_may() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let tenant = app.tenant("acme").await;
        let path = format!("/leads/{}", lead.id);
        let others = Permission::all().filter(|permission| *permission != Permission::UpdateLead);
        let member = app.member_with(&tenant, Permission::all());

        app.patch(&path)
            .body("{")
            .send()
            .await
            .expect_problem(401, "token_required");
        app.patch(&path)
            .bearer("x")
            .body("{")
            .send()
            .await
            .expect_problem(401, "invalid_token");
        for token in [app.operator_with(others), member, lead.token] {
            app.patch(&path)
                .bearer(&token)
                .body("{")
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
    }

    #[tokio::test]
    async fn a_lead_that_is_not_there_is_not_found() {
        let app = TestApp::start().await;

        for id in [&*app.unknown_id(), "1"] {
            patch(&app, id, &json!({ "firstName": "Eve" }))
                .send()
                .await
                .expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn a_version_that_is_gone_is_not_changed() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let body = json!({ "firstName": "Eve" });
        patch(&app, &lead.id, &body)
            .header("if-match", "\"1\"")
            .send()
            .await
            .expect(200);
        let items = app.items().await;

        for tag in ["\"1\"", "\"3\"", "W/\"2\"", "x"] {
            let answer = patch(&app, &lead.id, &body).header("if-match", tag).send().await;
            answer.expect_problem(412, "precondition_failed");
        }

        assert_eq!(app.items().await, items);
        for tag in ["\"2\"", "*", "\"1\", \"4\""] {
            patch(&app, &lead.id, &body)
                .header("if-match", tag)
                .send()
                .await
                .expect(200);
        }
    }

    #[tokio::test]
    async fn of_fifty_that_correct_one_version_at_once_one_succeeds() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let body = |n: usize| json!({ "firstName": format!("Ada {n}") });

        let calls = (0..50).map(|n| patch(&app, &lead.id, &body(n)).header("if-match", "\"1\"").send());
        let answers = join_all(calls).await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(winners.len(), 1);
        for answer in losers {
            answer.expect_problem(412, "precondition_failed");
        }
        let found = app
            .get(&format!("/leads/{}", lead.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        assert_eq!(found.text, winners[0].text);
    }

    #[tokio::test]
    async fn of_fifty_corrections_at_once_none_is_lost_silently() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let body = |n: usize| json!({ "firstName": format!("Ada {n}") });

        let answers = join_all((0..50).map(|n| patch(&app, &lead.id, &body(n)).send())).await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        for answer in losers {
            answer.expect_problem(409, "modified_concurrently");
        }
        let found = app
            .get(&format!("/leads/{}", lead.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        assert_eq!(found.text_at("/version"), (winners.len() + 1).to_string());
    }
}
