use tenantry_api::view::ContactView;
use tenantry_api::{AccountBody, Created, FromMembers, Members, Operation, Problem};
use tenantry_domain::{
    Contact, ContactKind, Email, Error as DomainError, Event, Kind, NewContact, PersonName,
};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::contact_trail::shown;

/// A contact that is added to a tenant.
#[derive(Debug, ToSchema)]
#[schema(as = NewContactOfTenant, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; the domain's new contact is what is read"
)]
pub(crate) struct NewContactDoc {
    /// The tenant. A member may leave its own out; operators must name one.
    #[schema(value_type = Option<String>, format = "uuid")]
    tenant_id: Option<String>,
    /// First name.
    #[schema(max_length = 100, example = "Grace")]
    first_name: String,
    /// Last name.
    #[schema(max_length = 100, example = "Hopper")]
    last_name: String,
    /// E-mail address, of any domain.
    #[schema(format = Email, max_length = 254, example = "grace@books.example")]
    email: String,
    /// Whether it becomes the primary contact, in the place of the present one; not, if absent.
    is_primary: Option<bool>,
    /// `admin`, `billing` or `other`, which it is if absent.
    #[schema(rename = "type", example = "billing")]
    kind: Option<String>,
}

/// The contact as it was read.
pub(crate) struct NewContactBody(NewContact);

impl FromMembers for NewContactBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let first_name = members.text("firstName", PersonName::parse_name);
        let last_name = members.text("lastName", PersonName::parse_name);
        let email = members.text("email", Email::parse);
        let is_primary = members.optional_flag("isPrimary");
        let kind = members.optional_text("type", ContactKind::parse);
        Some(Self(NewContact {
            first_name: first_name?,
            last_name: last_name?,
            email: email?,
            is_primary: is_primary?.unwrap_or(false),
            kind: kind?.unwrap_or(ContactKind::Other),
        }))
    }
}

/// Add a contact to a tenant.
///
/// A tenant has exactly one primary contact: a new one that is to be it takes the flag from the present one in the same step.
/// Its e-mail address may be of any domain, other than that of the first contact: accountants and agencies have their own. A
/// tenant has at most 50 contacts.
#[utoipa::path(post, path = "/contacts", request_body = NewContactDoc)]
pub(crate) async fn create_contact(
    operation: Operation,
    AccountBody(scope, NewContactBody(new)): AccountBody<NewContactBody>,
) -> Result<Created<ContactView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let contact = Contact::new(tenant_id, new, &change, &*context.app.entropy);
    let found = context.store.find_contacts_to_change(&scope).await?;
    let (contacts, trail) = found.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
    let mut transaction = Transaction::new();
    transaction.in_tenant(&scope).create_contact(&scope, &contact);
    let primary = contacts.into_iter().find(|contact| contact.is_primary);
    if let Some(former) = primary.filter(|_| contact.is_primary) {
        let former_id = former.id;
        let former = former.succeeded(&change);
        let event = Event::of_contact("contact.updated", &former, context.new_id(), context.now);
        transaction
            .replace_contact(&scope, &former, operation.lost_race(Kind::Contact, former_id))
            .send(&context.event(&event));
    }
    let mut entry = context.audit("contact.created", &change);
    entry.after = Some(shown(&contact));
    let event = Event::of_contact("contact.created", &contact, context.new_id(), context.now);
    transaction.audit(&trail, &entry).send(&context.event(&event));
    let location = format!("/contacts/{}", contact.id);
    let body = contact.into();
    operation.finish(transaction, Created { location, body }).await
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{add_grace, contacts, counted, grace, primary};

    async fn create(app: &TestApp, token: &str, body: &Value) -> Answer {
        app.post("/contacts").bearer(token).json(body).send().await
    }

    fn with(mut body: Value, member: &str, value: Value) -> Value {
        body[member] = value;
        body
    }

    #[tokio::test]
    async fn a_contact_is_added() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = create(&app, &app.operator(), &grace(&tenant)).await.expect(201);

        insta::assert_json_snapshot!(answer.json());
        let location = format!("/contacts/{}", answer.text_at("/id"));
        assert_eq!(answer.header("location"), Some(&*location));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        assert_eq!(counted(&app, &tenant).await, "2");
        assert_eq!(primary(&app, &tenant).await, ["Ada"]);
        assert_eq!(
            app.find_tenant(&tenant).await["contacts"]
                .as_array()
                .map(Vec::len),
            Some(2)
        );
    }

    #[tokio::test]
    async fn others_hear_of_it_without_personal_data() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        add_grace(&app, &tenant).await;

        insta::assert_json_snapshot!(app.events_of("contact.created.v1").await);
    }

    #[tokio::test]
    async fn the_audit_trail_names_nobody() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        add_grace(&app, &tenant).await;

        let trail = app
            .get(&format!("/tenants/{tenant}/audit?limit=1"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        insta::assert_json_snapshot!(trail.json()["items"]);
    }

    #[tokio::test]
    async fn a_new_primary_contact_takes_the_flag_from_the_present_one() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let body = with(grace(&tenant), "isPrimary", json!(true));
        let answer = create(&app, &app.operator(), &body).await.expect(201);

        assert_eq!(answer.usage.calls, 2);
        assert_eq!(primary(&app, &tenant).await, ["Grace"]);
        assert_eq!(contacts(&app, &tenant).await[0]["version"], 2);
        insta::assert_json_snapshot!(app.events_of("contact.updated.v1").await);
    }

    #[tokio::test]
    async fn of_many_that_become_primary_at_once_one_is() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let token = app.operator();

        let bodies: Vec<Value> = (0..10)
            .map(|_| with(grace(&tenant), "isPrimary", json!(true)))
            .collect();
        let answers = join_all(bodies.iter().map(|body| create(&app, &token, body))).await;

        let (made, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert!(!made.is_empty());
        for answer in lost {
            answer.expect_problem(409, "modified_concurrently");
        }
        assert_eq!(primary(&app, &tenant).await.len(), 1);
        assert_eq!(counted(&app, &tenant).await, (1 + made.len()).to_string());
        assert_eq!(contacts(&app, &tenant).await.len(), 1 + made.len());
    }

    #[tokio::test]
    async fn a_tenant_has_fifty_contacts_at_most_however_many_come_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (token, body) = (app.operator(), grace(&tenant));

        for _ in 0..46 {
            create(&app, &token, &body).await.expect(201);
        }

        let answers = join_all((0..8).map(|_| create(&app, &token, &body))).await;

        let (made, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((made.len(), lost.len()), (3, 5));
        for answer in lost {
            answer.expect_problem(409, "too_many_contacts");
        }
        assert_eq!(counted(&app, &tenant).await, "50");
    }

    #[tokio::test]
    async fn a_repeat_with_the_same_idempotency_key_is_answered_as_before() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let token = app.operator();
        let send = |body: Value| {
            let call = app
                .post("/contacts")
                .bearer(&token)
                .header("idempotency-key", "k");
            call.json(&body).send()
        };

        let first = send(grace(&tenant)).await.expect(201);
        let again = send(grace(&tenant)).await.expect(201);

        assert_eq!(first.text, again.text);
        assert_eq!(counted(&app, &tenant).await, "2");
        send(with(grace(&tenant), "firstName", json!("Alan")))
            .await
            .expect_problem(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn a_member_adds_to_its_own_tenant_named_or_not() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let member = app.member(&tenant);
        let mut without = grace(&tenant);
        without["tenantId"] = Value::Null;

        let named = create(&app, &member, &grace(&tenant)).await.expect(201);
        let unnamed = create(&app, &member, &without).await.expect(201);

        for answer in [named, unnamed] {
            assert_eq!(answer.text_at("/tenantId"), tenant);
        }
    }

    #[tokio::test]
    async fn an_operator_names_the_tenant() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let operator = app.operator();

        for (value, code) in [
            (Value::Null, "required"),
            (json!("acme"), "invalid_id"),
            (json!(7), "invalid_type"),
        ] {
            let body = with(with(grace(&tenant), "tenantId", value), "email", json!("nowhere"));
            let answer = create(&app, &operator, &body)
                .await
                .expect_problem(422, "invalid_body");
            let violations = answer.violations();
            assert_eq!(violations[0], ("/tenantId".to_owned(), code.to_owned()));
            assert_eq!(violations[1], ("/email".to_owned(), "invalid_email".to_owned()));
        }
        let mut absent = grace(&tenant);
        absent
            .as_object_mut()
            .expect("the body is an object")
            .remove("tenantId");
        let answer = create(&app, &operator, &absent)
            .await
            .expect_problem(422, "invalid_body");
        assert_eq!(
            answer.violations(),
            [("/tenantId".to_owned(), "required".to_owned())]
        );
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({
            "tenantId": tenant, "firstName": "", "email": "nowhere", "isPrimary": "yes", "type": "owner", "id": "x",
        });

        let answer = create(&app, &app.operator(), &body)
            .await
            .expect_problem(422, "invalid_body");

        let violations = answer.violations();
        let told: Vec<(&str, &str)> = violations
            .iter()
            .map(|(pointer, code)| (&**pointer, &**code))
            .collect();
        assert_eq!(
            told,
            [
                ("/firstName", "blank"),
                ("/lastName", "required"),
                ("/email", "invalid_email"),
                ("/isPrimary", "invalid_type"),
                ("/type", "unknown_type"),
                ("/id", "unknown_member"),
            ]
        );
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);
        let before = app.items().await;

        create(&app, &member, &grace(&foreign))
            .await
            .expect_problem(404, "not_found");
        let mut hopeless = grace(&foreign);
        hopeless["email"] = json!("nowhere");
        create(&app, &member, &hopeless)
            .await
            .expect_problem(404, "not_found");
        for is_primary in [false, true] {
            let body = with(grace(&app.unknown_id()), "isPrimary", json!(is_primary));
            create(&app, &app.operator(), &body)
                .await
                .expect_problem(404, "not_found");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn members_of_a_suspended_or_offboarded_tenant_write_nothing_and_operators_do() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let member = app.member(&tenant);

        for (status, code) in [
            ("SUSPENDED", "tenant_suspended"),
            ("INACTIVE", "invalid_transition"),
        ] {
            app.force_status(&tenant, status).await;
            create(&app, &member, &grace(&tenant))
                .await
                .expect_problem(409, code);
            create(&app, &app.operator(), &grace(&tenant)).await.expect(201);
        }
    }

    #[tokio::test]
    async fn nobody_writes_without_a_token_or_the_permission() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        app.post("/contacts")
            .send()
            .await
            .expect_problem(401, "token_required");
        for others in [
            app.member_with(&tenant, [Permission::ViewContact]),
            app.operator_with([Permission::UpdateTenant]),
        ] {
            app.post("/contacts")
                .bearer(&others)
                .body("not even read")
                .send()
                .await
                .expect_problem(403, "forbidden");
        }
        app.post(&format!("/contacts?tenantId={tenant}"))
            .bearer(&app.operator())
            .json(&grace(&tenant))
            .send()
            .await
            .expect_problem(400, "unknown_query_member");
    }
}
