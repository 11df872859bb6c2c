use tenantry_api::view::TenantView;
use tenantry_api::{Body, Created, FromMembers, Members, Operation, Problem};
use tenantry_app::{Onboarded, found_tenant};
use tenantry_domain::{Address, Domain, Email, NewTenant, PersonName, TenantKey, Website};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// A tenant that an operator creates.
#[derive(Debug, ToSchema)]
#[schema(as = NewTenant, rename_all = "camelCase")]
pub(crate) struct NewTenantBody {
    /// Name for people.
    #[schema(value_type = String, max_length = 100, example = "Acme")]
    name: PersonName,
    /// Short name: 1 to 10 lower-case letters and digits. It can never be changed.
    #[schema(value_type = String, pattern = "^[a-z0-9]{1,10}$", example = "acme")]
    key: TenantKey,
    /// Mail domains, one of them that of the contact's e-mail address.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 20, example = json!(["acme.com"]))]
    domains: Vec<Domain>,
    /// The first contact: primary, and the tenant's administrator.
    contact: NewContact,
    /// Web site.
    #[schema(value_type = Option<String>)]
    website: Option<Website>,
    /// Postal address.
    #[schema(value_type = Option<tenantry_api::view::AddressView>)]
    address: Option<Address>,
}

/// The first contact of a new tenant.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewContact {
    /// First name.
    #[schema(value_type = String, max_length = 100, example = "Ada")]
    first_name: PersonName,
    /// Last name.
    #[schema(value_type = String, max_length = 100, example = "Lovelace")]
    last_name: PersonName,
    /// E-mail address.
    #[schema(value_type = String, format = Email, max_length = 254, example = "ada@acme.com")]
    email: Email,
    /// Accepted for the references' clients: the first contact is primary in any case.
    #[expect(dead_code, reason = "read and checked, but not followed")]
    is_primary: Option<bool>,
}

impl FromMembers for NewTenantBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let name = members.text("name", PersonName::parse_name);
        let key = members.text("key", TenantKey::parse);
        let domains = members.texts("domains", 20, Domain::parse);
        let contact = members.object("contact");
        let website = members.optional_text("website", Website::parse);
        let address = members.optional_object("address");
        Some(Self {
            name: name?,
            key: key?,
            domains: domains?,
            contact: contact?,
            website: website?,
            address: address?.and_then(Address::if_given),
        })
    }
}

impl FromMembers for NewContact {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.text("firstName", PersonName::parse_name);
        let last_name = members.text("lastName", PersonName::parse_name);
        let email = members.text("email", Email::parse);
        let is_primary = members.optional_flag("isPrimary");
        Some(Self {
            first_name: first_name?,
            last_name: last_name?,
            email: email?,
            is_primary: is_primary?,
        })
    }
}

/// Create a tenant.
///
/// Without a lead, by an operator. It waits for provisioning.
#[utoipa::path(post, path = "/tenants", request_body = NewTenantBody)]
pub(crate) async fn create_tenant(
    operation: Operation,
    Body(body): Body<NewTenantBody>,
) -> Result<Created<TenantView>, Problem> {
    let context = &operation.context;
    let NewTenantBody {
        name,
        key,
        domains,
        contact,
        website,
        address,
    } = body;
    let NewContact {
        first_name,
        last_name,
        email,
        is_primary: _,
    } = contact;
    let new = NewTenant {
        key,
        name,
        domains,
        website,
        address,
    };
    let change = context.change(operation.caller.actor());
    let mut transaction = Transaction::new();
    let person = (first_name, last_name, email);
    let Onboarded { tenant, contact } = found_tenant(context, &mut transaction, new, person, None, &change)?;
    operation.about_tenant(tenant.id);
    let location = format!("/tenants/{}", tenant.id);
    let body = TenantView::from(tenant).with_contacts(vec![contact]);
    operation.finish(transaction, Created { location, body }).await
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    async fn create(app: &TestApp, body: &Value) -> Answer {
        app.post("/tenants")
            .bearer(&app.operator())
            .json(body)
            .send()
            .await
    }

    fn with(member: &str, value: Value) -> Value {
        let mut body = TestApp::new_tenant("acme");
        body[member] = value;
        body
    }

    fn told(violations: &[(String, String)]) -> Vec<(&str, &str)> {
        violations
            .iter()
            .map(|(pointer, code)| (&**pointer, &**code))
            .collect()
    }

    #[tokio::test]
    async fn an_operator_creates_a_tenant() {
        let app = TestApp::start().await;
        let body = json!({
            "name": " Acme ",
            "key": "acme",
            "domains": ["ACME.com", "acme.org", "acme.com"],
            "contact": { "firstName": "Ada", "lastName": "Lovelace", "email": "Ada@Acme.com", "isPrimary": false },
            "website": "https://acme.com",
            "address": { "address": "1 Main St", "city": "London", "state": "England", "zip": "N1", "country": "GB" },
        });

        let answer = create(&app, &body).await.expect(201);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(
            answer.header("location"),
            Some(&*format!("/tenants/{}", answer.text_at("/id")))
        );
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn others_hear_of_a_new_tenant() {
        let app = TestApp::start().await;
        app.tenant("acme").await;

        let events = app.events_of("tenant.created.v1").await;

        insta::assert_json_snapshot!(events);
    }

    #[tokio::test]
    async fn a_tenant_that_was_created_is_found() {
        let app = TestApp::start().await;

        let created = create(&app, &TestApp::new_tenant("acme")).await.expect(201);

        let path = format!(
            "{}?include=contacts",
            created.header("location").expect("it says where")
        );
        let found = app.get(&path).bearer(&app.operator()).send().await.expect(200);
        assert_eq!(found.json(), created.json());
        assert_eq!(found.header("etag"), created.header("etag"));
    }

    #[tokio::test]
    async fn an_address_without_any_part_is_none() {
        let app = TestApp::start().await;

        let answer = create(&app, &with("address", json!({ "city": null })))
            .await
            .expect(201);

        assert_eq!(answer.json().get("address"), None);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let body = json!({
            "name": "", "key": "Acme!", "domains": ["acme.com", "localhost", 7],
            "contact": { "firstName": "a\nb", "email": "ada@ acme.com", "isPrimary": "yes", "tenantId": "x" },
            "website": "javascript:alert(1)", "address": { "zip": "x".repeat(26), "street": "1 Main St" },
            "status": "ACTIVE", "a/b~c": 1,
        });

        let answer = create(&app, &body).await.expect_problem(422, "invalid_body");

        let violations = answer.violations();
        assert_eq!(
            told(&violations),
            [
                ("/name", "blank"),
                ("/key", "invalid_tenant_key"),
                ("/domains/1", "invalid_domain"),
                ("/domains/2", "invalid_type"),
                ("/contact/firstName", "invalid_text"),
                ("/contact/lastName", "required"),
                ("/contact/email", "invalid_email"),
                ("/contact/isPrimary", "invalid_type"),
                ("/contact/tenantId", "unknown_member"),
                ("/website", "invalid_website"),
                ("/address/zip", "too_long"),
                ("/address/street", "unknown_member"),
                ("/status", "unknown_member"),
                ("/a~1b~0c", "unknown_member"),
            ]
        );
    }

    #[tokio::test]
    async fn a_refusal_is_problem_details() {
        let app = TestApp::start().await;

        let answer = create(&app, &json!({})).await.expect_problem(422, "invalid_body");

        insta::assert_json_snapshot!(answer.json());
    }

    #[tokio::test]
    async fn what_the_server_owns_is_never_accepted() {
        let app = TestApp::start().await;
        let before = app.items().await;

        for name in [
            "id",
            "status",
            "createdAt",
            "createdBy",
            "modifiedAt",
            "modifiedBy",
            "version",
            "leadId",
            "spocUserId",
            "deleted",
        ] {
            let answer = create(&app, &with(name, json!("1")))
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(
                told(&answer.violations()),
                [(&*format!("/{name}"), "unknown_member")]
            );
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn domains_are_a_list_of_one_to_twenty() {
        let app = TestApp::start().await;
        let many: Vec<String> = (0..21).map(|n| format!("a{n}.com")).collect();
        let cases = [
            (json!([]), "invalid_length"),
            (json!(many), "invalid_length"),
            (json!("acme.com"), "invalid_type"),
            (json!(null), "required"),
            (json!({}), "invalid_type"),
        ];

        for (domains, code) in cases {
            let answer = create(&app, &with("domains", domains))
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(told(&answer.violations()), [("/domains", code)]);
        }
    }

    #[tokio::test]
    async fn a_contact_of_another_domain_leaves_nothing_behind() {
        let app = TestApp::start().await;
        let before = app.items().await;

        let answer = create(&app, &with("domains", json!(["acme.org", "sub.acme.com"]))).await;

        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(
            told(&answer.violations()),
            [("/domains", "email_domain_mismatch")]
        );
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_object_is_refused() {
        let app = TestApp::start().await;
        let send = async |body: &str| {
            let call = app
                .post("/tenants")
                .bearer(&app.operator())
                .header("content-type", "application/json");
            call.body(body).send().await
        };

        for body in [
            "",
            "  ",
            "{",
            "{\"name\":}",
            "{} {}",
            "nul",
            "\u{feff}{}",
            "{\"a\":\"\\ud800\"}",
        ] {
            send(body).await.expect_problem(400, "malformed_json");
        }
        for body in ["[]", "1", "\"x\"", "null", "true"] {
            let answer = send(body).await.expect_problem(422, "invalid_body");
            assert_eq!(told(&answer.violations()), [("", "invalid_type")], "{body}");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        send(&deep).await.expect_problem(400, "malformed_json");
        let call = app
            .post("/tenants")
            .bearer(&app.operator())
            .header("content-type", "application/json");
        call.body([b'{', b'"', 0xff, b'"', b'}'])
            .send()
            .await
            .expect_problem(400, "malformed_json");
    }

    #[tokio::test]
    async fn a_body_of_another_media_type_is_refused() {
        let app = TestApp::start().await;
        let body = TestApp::new_tenant("acme").to_string();

        for media_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "application/jsonx",
            "",
        ] {
            let call = app
                .post("/tenants")
                .bearer(&app.operator())
                .header("content-type", media_type);
            call.body(body.clone())
                .send()
                .await
                .expect_problem(415, "unsupported_media_type");
        }
        let call = app.post("/tenants").bearer(&app.operator()).body(body.clone());
        call.send().await.expect_problem(415, "unsupported_media_type");
        let call = app
            .post("/tenants")
            .bearer(&app.operator())
            .header("content-type", "Application/JSON; charset=utf-8");
        call.body(body).send().await.expect(201);
    }

    #[tokio::test]
    async fn a_body_without_end_is_refused() {
        let app = TestApp::start().await;

        let answer = create(&app, &with("name", json!("x".repeat(256 * 1024)))).await;

        answer.expect_problem(413, "body_too_large");
    }

    #[tokio::test]
    async fn nobody_but_an_operator_with_the_permission_creates_tenants() {
        let app = TestApp::start().await;
        let tenant = app.tenant("one").await;
        let others = app.operator_with(Permission::all().filter(|p| *p != Permission::CreateTenant));
        let post = || app.post("/tenants").body("not even read");

        post().send().await.expect_problem(401, "token_required");
        post()
            .bearer("forged")
            .send()
            .await
            .expect_problem(401, "invalid_token");
        post()
            .bearer(&others)
            .send()
            .await
            .expect_problem(403, "forbidden");
        post()
            .bearer(&app.member(&tenant))
            .send()
            .await
            .expect_problem(403, "forbidden");
    }

    #[tokio::test]
    async fn a_query_is_refused() {
        let app = TestApp::start().await;

        let call = app
            .post("/tenants?dryRun=true")
            .bearer(&app.operator())
            .json(&TestApp::new_tenant("acme"));

        call.send().await.expect_problem(400, "unknown_query_member");
    }

    #[tokio::test]
    async fn a_taken_key_is_refused() {
        let app = TestApp::start().await;
        app.tenant("acme").await;
        let before = app.items().await;

        let answer = create(&app, &TestApp::new_tenant("acme"))
            .await
            .expect_problem(409, "tenant_key_taken");

        assert_eq!(answer.text_at("/detail"), "tenant key `acme` is taken");
        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn a_repeated_request_is_answered_as_before() {
        let app = TestApp::start().await;
        let token = app.operator();
        let send = async |key: &str| {
            let call = app
                .post("/tenants")
                .bearer(&token)
                .header("idempotency-key", "k-1");
            call.json(&TestApp::new_tenant(key)).send().await
        };

        let first = send("acme").await.expect(201);
        let items = app.items().await;
        app.clock.advance_minutes(5);
        let again = send("acme").await.expect(201);
        let other = send("other").await;

        assert_eq!(first.header("idempotency-replayed"), None);
        assert_eq!(again.header("idempotency-replayed"), Some("true"));
        assert_eq!(again.text, first.text);
        for name in ["location", "etag", "content-type"] {
            assert_eq!(again.header(name), first.header(name), "{name}");
        }
        other.expect_problem(422, "idempotency_key_reused");
        assert_eq!(app.items().await, items);
    }

    #[tokio::test]
    async fn a_refused_request_may_be_corrected_under_its_key() {
        let app = TestApp::start().await;
        app.tenant("acme").await;
        let token = app.operator();
        let send = async |body: &Value| {
            app.post("/tenants")
                .bearer(&token)
                .header("idempotency-key", "k-1")
                .json(body)
                .send()
                .await
        };

        send(&json!({})).await.expect_problem(422, "invalid_body");
        send(&TestApp::new_tenant("acme"))
            .await
            .expect_problem(409, "tenant_key_taken");
        let answer = send(&TestApp::new_tenant("other")).await.expect(201);

        assert_eq!(answer.header("idempotency-replayed"), None);
    }

    #[tokio::test]
    async fn the_keys_of_two_callers_do_not_meet() {
        let app = TestApp::start().await;
        let claims = json!({ "sub": "other-operator", "scope": "platform", "permissions": ["CreateTenant"] });
        let other = app
            .product
            .issuer
            .sign(claims, 1_768_469_400, 1_768_473_000)
            .expect("the local issuer signs");

        for (token, key) in [(app.operator(), "one"), (other, "two")] {
            let call = app
                .post("/tenants")
                .bearer(&token)
                .header("idempotency-key", "k-1")
                .json(&TestApp::new_tenant(key));
            assert_eq!(call.send().await.expect(201).text_at("/key"), key);
        }
    }

    #[tokio::test]
    async fn an_unusable_idempotency_key_is_refused() {
        let app = TestApp::start().await;

        for key in ["", "   ", &"x".repeat(256)] {
            let call = app
                .post("/tenants")
                .bearer(&app.operator())
                .header("idempotency-key", key);
            call.json(&TestApp::new_tenant("acme"))
                .send()
                .await
                .expect_problem(400, "invalid_idempotency_key");
        }
    }

    #[tokio::test]
    async fn one_of_many_gets_the_key() {
        let app = TestApp::start().await;
        let body = TestApp::new_tenant("acme");

        let answers = join_all((0..50).map(|_| create(&app, &body)));
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.await.into_iter().partition(|answer| answer.status == 201);

        assert_eq!((won.len(), lost.len()), (1, 49));
        for answer in lost {
            answer.expect_problem(409, "tenant_key_taken");
        }
        assert_eq!(app.events_of("tenant.created.v1").await.len(), 1);
        let count = app.get("/tenants/count").bearer(&app.operator()).send().await;
        assert_eq!(count.text_at("/count"), "1");
    }

    #[tokio::test]
    async fn one_request_sent_many_times_is_carried_out_once() {
        let app = TestApp::start().await;
        let token = app.operator();
        let send = || {
            let call = app
                .post("/tenants")
                .bearer(&token)
                .header("idempotency-key", "k-1");
            call.json(&TestApp::new_tenant("acme")).send()
        };

        let answers = join_all((0..20).map(|_| send())).await;

        let fresh = answers
            .iter()
            .filter(|answer| answer.header("idempotency-replayed").is_none())
            .count();
        assert_eq!(fresh, 1);
        for answer in &answers {
            assert_eq!((answer.status.as_u16(), &answer.text), (201, &answers[0].text));
        }
    }
}
