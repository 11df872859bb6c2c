use tenantry_api::view::TenantView;
use tenantry_api::{Body, Created, FromMembers, LeadId, Members, Operation, Path, Problem};
use tenantry_app::{Onboarded, found_tenant};
use tenantry_domain::{
    Actor, Address, Domain, Error as DomainError, Kind, NewTenant, PersonName, TenantKey, Website,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// The tenant that a lead becomes.
#[derive(Debug, ToSchema)]
#[schema(as = NewTenantOfLead, rename_all = "camelCase")]
pub(crate) struct NewTenantOfLead {
    /// Short name: 1 to 10 lower-case letters and digits. It can never be changed.
    #[schema(value_type = String, pattern = "^[a-z0-9]{1,10}$", example = "acme")]
    key: TenantKey,
    /// Name for people; the lead's company if absent.
    #[schema(value_type = Option<String>, max_length = 100)]
    name: Option<PersonName>,
    /// Mail domains, one of them that of the lead's e-mail address.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20, example = json!(["acme.com"]))]
    domains: Vec<Domain>,
    /// Web site.
    #[schema(value_type = Option<String>)]
    website: Option<Website>,
    /// Postal address; the lead's if absent.
    #[schema(value_type = Option<tenantry_api::view::AddressView>)]
    address: Option<Address>,
}

impl FromMembers for NewTenantOfLead {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let key = members.text("key", TenantKey::parse);
        let name = members.optional_text("name", PersonName::parse_name);
        let domains = members.texts("domains", 20, Domain::parse);
        let website = members.optional_text("website", Website::parse);
        let address = members.optional_object("address");
        Some(Self {
            key: key?,
            name: name?,
            domains: domains?,
            website: website?,
            address: address?.and_then(Address::if_given),
        })
    }
}

/// Become a tenant.
///
/// A verified lead has one tenant. Its first contact is the lead's person; it waits for provisioning.
#[utoipa::path(
    post,
    path = "/leads/{id}/tenants",
    request_body = NewTenantOfLead,
    params(("id" = String, Path, description = "The lead's id."))
)]
pub(crate) async fn create_tenant_of_lead(
    operation: Operation,
    Path(id): Path<LeadId>,
    Body(body): Body<NewTenantOfLead>,
) -> Result<Created<TenantView>, Problem> {
    let context = &operation.context;
    let lead = context
        .store
        .find_lead(id)
        .await?
        .ok_or_else(|| DomainError::not_found(Kind::Lead, id))?;
    let NewTenantOfLead {
        key,
        name,
        domains,
        website,
        address,
    } = body;
    let name = name.unwrap_or_else(|| lead.company_name.clone());
    let new = NewTenant {
        key,
        name,
        domains,
        website,
        address: address.or_else(|| lead.address.clone()),
    };
    let change = context.change(Actor::Lead(id));
    let person = (
        lead.first_name.clone(),
        lead.last_name.clone(),
        lead.email.clone(),
    );
    let mut founding = Transaction::new();
    let Onboarded { tenant, contact } =
        found_tenant(context, &mut founding, new, person, Some(&lead), &change)?;
    let onboarded = lead.clone().onboard(tenant.id, context.now)?;
    // First: a lead that clicks twice hears that it has its tenant, not that its own key is taken.
    let mut transaction = Transaction::new();
    transaction.onboard_lead(&lead, &onboarded).append(founding);
    operation.about_tenant(tenant.id);
    let location = format!("/tenants/{}", tenant.id);
    let body = TenantView::from(tenant)
        .with_contacts(vec![contact])
        .with_lead(Some(onboarded));
    operation.finish(transaction, Created { location, body }).await
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Call, TestApp, VerifiedLead};

    fn new_tenant(key: &str) -> Value {
        json!({ "key": key, "domains": ["acme.com"] })
    }

    fn onboard<'a>(app: &'a TestApp, lead: &VerifiedLead) -> Call<'a> {
        app.post(&format!("/leads/{}/tenants", lead.id))
            .bearer(&lead.token)
    }

    #[tokio::test]
    async fn a_verified_lead_becomes_a_tenant() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let mut body = new_tenant("acme");
        body["name"] = json!("Acme Works");
        body["website"] = json!("https://acme.com");
        body["address"] = json!({ "city": "London", "country": "UK" });

        let answer = onboard(&app, &lead).json(&body).send().await.expect(201);

        let location = format!("/tenants/{}", answer.text_at("/id"));
        assert_eq!(answer.header("location"), Some(&*location));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        insta::assert_json_snapshot!(answer.json());
        let found = app
            .get(&format!("{location}?include=contacts,lead"))
            .bearer(&lead.token)
            .send()
            .await
            .expect(200);
        assert_eq!(found.json(), answer.json());
    }

    #[tokio::test]
    async fn name_and_address_are_the_leads_if_absent() {
        let app = TestApp::start().await;
        let mut sign_up = TestApp::new_lead("ada@acme.com");
        sign_up["address"] = json!({ "city": "London", "country": "UK" });
        let id = app
            .post("/leads")
            .json(&sign_up)
            .send()
            .await
            .expect(201)
            .text_at("/id");
        let verify = app
            .post(&format!("/leads/{id}/verify"))
            .bearer(&app.last_code().await);
        let token = verify.send().await.expect(200).text_at("/token");

        let answer = onboard(&app, &VerifiedLead { id, token })
            .json(&new_tenant("acme"))
            .send()
            .await
            .expect(201);

        assert_eq!(answer.text_at("/name"), "Acme");
        assert_eq!(
            answer.json()["address"],
            json!({ "city": "London", "country": "UK" })
        );
    }

    #[tokio::test]
    async fn the_event_and_the_audit_trail_say_that_it_was_the_lead() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        let answer = onboard(&app, &lead)
            .json(&new_tenant("acme"))
            .send()
            .await
            .expect(201);

        insta::assert_json_snapshot!(app.events_of("tenant.created.v1").await);
        let path = format!("/tenants/{}/audit", answer.text_at("/id"));
        let audit = app.get(&path).bearer(&app.operator()).send().await.expect(200);
        assert_eq!(audit.text_at("/items/0/action"), "tenant.created");
        assert_eq!(audit.text_at("/items/0/actor"), format!("lead:{}", lead.id));
    }

    #[tokio::test]
    async fn domains_are_compared_in_any_case_and_kept_once() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("Ada@Acme.Com").await;
        let body = json!({ "key": "acme", "domains": ["example.org", "ACME.com", "acme.COM"] });

        let answer = onboard(&app, &lead).json(&body).send().await.expect(201);

        assert_eq!(answer.json()["domains"], json!(["example.org", "acme.com"]));
    }

    #[tokio::test]
    async fn the_domain_of_the_address_must_be_among_the_domains() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let items = app.items().await;

        for domain in ["example.org", "sub.acme.com", "notacme.com"] {
            let body = json!({ "key": "acme", "domains": [domain] });
            let answer = onboard(&app, &lead)
                .json(&body)
                .send()
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [("/domains".to_owned(), "email_domain_mismatch".to_owned())]
            );
        }

        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn every_broken_rule_is_said_at_once() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let body = json!({
            "key": "Acme!",
            "name": "",
            "domains": ["acme.com", "no_host", 7],
            "website": "javascript:alert(1)",
            "address": [],
            "id": "x",
            "createdAt": "2020-01-01T00:00:00Z",
            "createdBy": "x",
            "modifiedAt": "x",
            "modifiedBy": "x",
            "version": 7,
            "status": "ACTIVE",
            "leadId": lead.id,
        });

        let answer = onboard(&app, &lead)
            .json(&body)
            .send()
            .await
            .expect_problem(422, "invalid_body");

        insta::assert_json_snapshot!(answer.violations());
    }

    #[tokio::test]
    async fn keys_are_one_to_ten_lower_case_letters_and_digits() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        for key in ["", "elevenchars", "Acme", " acme", "ac-me", "ac#me", "äcme"] {
            let answer = onboard(&app, &lead)
                .json(&new_tenant(key))
                .send()
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                answer.violations(),
                [("/key".to_owned(), "invalid_tenant_key".to_owned())],
                "{key}"
            );
        }

        onboard(&app, &lead)
            .json(&new_tenant("0123456789"))
            .send()
            .await
            .expect(201);
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_object_is_refused() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let json = Some("application/json");
        let cases = [
            (None, b"{}".to_vec(), 415, "unsupported_media_type"),
            (json, b"".to_vec(), 400, "malformed_json"),
            (json, b"{".to_vec(), 400, "malformed_json"),
            (json, vec![b' '; 256 * 1024 + 1], 413, "body_too_large"),
            (json, b"7".to_vec(), 422, "invalid_body"),
        ];

        for (content_type, body, status, code) in cases {
            let mut call = onboard(&app, &lead).body(body);
            if let Some(content_type) = content_type {
                call = call.header("content-type", content_type);
            }
            call.send().await.expect_problem(status, code);
        }
    }

    #[tokio::test]
    async fn without_a_good_token_nothing_of_the_body_is_read() {
        let app = TestApp::start().await;
        let lead = app.sign_up("ada@acme.com").await;
        let path = format!("/leads/{}/tenants", lead.id);

        app.post(&path)
            .body("{")
            .send()
            .await
            .expect_problem(401, "token_required");
        for token in ["invalid-token", &*lead.code] {
            app.post(&path)
                .bearer(token)
                .body("{")
                .send()
                .await
                .expect_problem(401, "invalid_token");
        }
    }

    #[tokio::test]
    async fn a_token_lives_for_sixty_minutes() {
        for (age_ms, status) in [(60 * 60_000 - 1_000, 201), (60 * 60_000, 401)] {
            let app = TestApp::start().await;
            let lead = app.verified_lead("ada@acme.com").await;

            app.clock.advance_ms(age_ms);

            onboard(&app, &lead)
                .json(&new_tenant("acme"))
                .send()
                .await
                .expect(status);
        }
    }

    #[tokio::test]
    async fn only_the_lead_itself_may() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let tenant = app.tenant("other").await;
        let path = format!("/leads/{}/tenants", lead.id);

        for token in [app.operator(), app.member_with(&tenant, Permission::all())] {
            let answer = app
                .post(&path)
                .bearer(&token)
                .json(&new_tenant("acme"))
                .send()
                .await;
            answer.expect_problem(403, "forbidden");
        }
    }

    #[tokio::test]
    async fn another_lead_does_not_exist_for_it() {
        let app = TestApp::start().await;
        let (ada, bob) = (
            app.verified_lead("ada@acme.com").await,
            app.verified_lead("bob@acme.com").await,
        );

        for id in [&bob.id, &app.unknown_id(), "1"] {
            let call = app
                .post(&format!("/leads/{id}/tenants"))
                .bearer(&ada.token)
                .json(&new_tenant("acme"));
            call.send().await.expect_problem(404, "not_found");
        }
    }

    #[tokio::test]
    async fn an_erased_lead_becomes_nothing() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        app.delete(&format!("/leads/{}", lead.id))
            .bearer(&app.operator())
            .send()
            .await
            .expect(204);

        let answer = onboard(&app, &lead).json(&new_tenant("acme")).send().await;

        answer.expect_problem(404, "not_found");
    }

    #[tokio::test]
    async fn a_lead_has_one_tenant() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        onboard(&app, &lead)
            .json(&new_tenant("acme"))
            .send()
            .await
            .expect(201);
        let items = app.items().await;

        let answer = onboard(&app, &lead).json(&new_tenant("acme2")).send().await;

        answer.expect_problem(409, "lead_already_onboarded");
        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn a_key_that_is_taken_is_refused_and_the_lead_may_try_another() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        app.tenant("acme").await;
        let items = app.items().await;

        let answer = onboard(&app, &lead).json(&new_tenant("acme")).send().await;

        answer.expect_problem(409, "tenant_key_taken");
        assert_eq!(app.items().await, items);
        onboard(&app, &lead)
            .json(&new_tenant("acme2"))
            .send()
            .await
            .expect(201);
    }

    #[tokio::test]
    async fn a_repeated_request_has_the_first_answer() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let send = || {
            onboard(&app, &lead)
                .header("idempotency-key", "k-1")
                .json(&new_tenant("acme"))
                .send()
        };
        let first = send().await.expect(201);
        let items = app.items().await;

        let second = send().await.expect(201);

        assert_eq!(second.text, first.text);
        assert_eq!(second.header("location"), first.header("location"));
        assert_eq!(second.header("idempotency-replayed"), Some("true"));
        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn an_idempotency_key_of_another_request_is_refused() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let send = |key: &str| {
            onboard(&app, &lead)
                .header("idempotency-key", "k-1")
                .json(&new_tenant(key))
                .send()
        };
        send("acme").await.expect(201);

        let answer = send("acme2").await;

        answer.expect_problem(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn of_fifty_leads_that_want_one_key_at_once_one_has_it() {
        let app = TestApp::start_with(|config| config.public_rate_per_minute = 1_000).await;
        let mut leads = Vec::new();
        for n in 0..50 {
            leads.push(app.verified_lead(&format!("ada{n}@acme.com")).await);
        }

        let answers = join_all(
            leads
                .iter()
                .map(|lead| onboard(&app, lead).json(&new_tenant("acme")).send()),
        )
        .await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(winners.len(), 1);
        for answer in losers {
            answer.expect_problem(409, "tenant_key_taken");
        }
        assert_eq!(app.events_of("tenant.created.v1").await.len(), 1);
    }

    #[tokio::test]
    async fn of_fifty_tenants_that_a_lead_wants_at_once_it_has_one() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;

        let calls = (0..50).map(|n| onboard(&app, &lead).json(&new_tenant(&format!("acme{n}"))).send());
        let answers = join_all(calls).await;

        let (winners, losers): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(winners.len(), 1);
        for answer in losers {
            answer.expect_problem(409, "lead_already_onboarded");
        }
        let count = app
            .get("/tenants/count")
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        assert_eq!(count.text_at("/count"), "1");
    }

    #[tokio::test]
    async fn a_lead_that_clicks_twice_hears_that_it_has_its_tenant() {
        let app = TestApp::start().await;
        let lead = app.verified_lead("ada@acme.com").await;
        let path = format!("/leads/{}/tenants", lead.id);
        let body = json!({ "key": "acme", "domains": ["acme.com"] });
        let click = || app.post(&path).bearer(&lead.token).json(&body).send();

        let answers = futures_util::future::join_all((0..10).map(|_| click())).await;

        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 201) {
            answer.expect_problem(409, "lead_already_onboarded");
        }
    }
}
