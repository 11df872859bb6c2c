use serde_json::{Map, Value};
use tenantry_api::view::ConfigView;
use tenantry_api::{AccountBody, Created, FromMembers, Members, Operation, Problem};
use tenantry_app::ConfigSecrets;
use tenantry_domain::{ConfigName, Error as DomainError, Kind, Patch, Rule, TenantConfig};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::config_body::{SecretChanges, merged, secrets_of, shown, value_of};

/// A setting that is added to a tenant.
#[derive(Debug, ToSchema)]
#[schema(as = NewTenantConfig, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is built from the domain's types"
)]
pub(crate) struct NewConfigDoc {
    /// The tenant. A member may leave its own out; operators must name one.
    #[schema(value_type = Option<String>, format = "uuid")]
    tenant_id: Option<String>,
    /// What it sets; a tenant has one setting for each key.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[A-Za-z0-9._ -]+$",
        example = "password-policy"
    )]
    config_key: String,
    /// What it is set to: any object of at most 8 KiB.
    #[schema(value_type = Object, example = json!({ "minimumLength": 12 }))]
    config_value: Map<String, Value>,
    /// What belongs to it and is never shown: texts by name, at most 20 and 8 KiB together.
    #[schema(value_type = Option<Object>, example = json!({ "clientSecret": "s3cret" }))]
    secrets: Option<Map<String, Value>>,
}

/// The setting as it was read.
pub(crate) struct NewConfig {
    key: ConfigName,
    value: Map<String, Value>,
    secrets: Patch<SecretChanges>,
}

impl FromMembers for NewConfig {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let key = members.text("configKey", ConfigName::parse);
        let value = match value_of(members) {
            Some(Patch::Set(value)) => Some(value),
            Some(Patch::Keep | Patch::Clear) => {
                members.note("configValue", Rule::new("required", "is required"))
            }
            None => None,
        };
        let secrets = secrets_of(members);
        Some(Self {
            key: key?,
            value: value?,
            secrets: secrets?,
        })
    }
}

/// Add a setting to a tenant.
///
/// Its secrets are sealed and never shown again. Known keys: `auth0` and `keycloak`, which identity set-up reads;
/// `password-policy`, `profile` and `date-time format`, which are for front ends. Others mean what their writers say.
#[utoipa::path(post, path = "/tenant-configs", request_body = NewConfigDoc)]
pub(crate) async fn create_tenant_config(
    operation: Operation,
    AccountBody(scope, NewConfig { key, value, secrets }): AccountBody<NewConfig>,
) -> Result<Created<ConfigView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let secrets = merged(ConfigSecrets::new(), secrets)?;
    let change = context.change(scope.actor().clone());
    let trail = context.store.find_trail(&scope).await?;
    let trail = trail.ok_or_else(|| DomainError::not_found(Kind::Tenant, tenant_id))?;
    let secrets = context.seal_config_secrets(tenant_id, &key, &secrets);
    let config = TenantConfig::new(tenant_id, key, value, secrets, &change, &*context.app.entropy);
    let mut entry = context.audit("tenant_config.created", &change);
    entry.after = Some(shown(&config));
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .create_tenant_config(&scope, &config)
        .audit(&trail, &entry);
    let location = format!("/tenant-configs/{}", config.id);
    let body = config.into();
    operation.finish(transaction, Created { location, body }).await
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{add_auth0, auth0, opened};

    async fn create(app: &TestApp, token: &str, body: &Value) -> Answer {
        app.post("/tenant-configs").bearer(token).json(body).send().await
    }

    fn with(tenant_id: &str, member: &str, value: Value) -> Value {
        let mut body = auth0(tenant_id);
        body[member] = value;
        body
    }

    #[tokio::test]
    async fn a_setting_is_added_and_its_secrets_are_not_shown() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let answer = create(&app, &app.operator(), &auth0(&tenant)).await.expect(201);

        insta::assert_json_snapshot!(answer.json());
        let location = format!("/tenant-configs/{}", answer.text_at("/id"));
        assert_eq!(answer.header("location"), Some(&*location));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 2);
        assert!(!answer.text.contains("s3cret"));
    }

    #[tokio::test]
    async fn secrets_are_readable_nowhere_but_for_identity_set_up() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let call = app.post("/tenant-configs").bearer(&app.operator());
        let call = call.header("idempotency-key", "k").json(&auth0(&tenant));

        call.send().await.expect(201);

        let items = format!("{:?}", app.items().await);
        let events = format!("{:?}", app.events().await);
        assert!(!items.contains("s3cret") && !events.contains("s3cret"));
        let secrets = [("clientSecret", "s3cret-one"), ("signingKey", "s3cret-two")];
        let secrets = secrets.map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        assert_eq!(opened(&app, &tenant).await, secrets);
    }

    #[tokio::test]
    async fn the_audit_trail_has_names_and_no_values() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        add_auth0(&app, &tenant).await;

        let trail = app
            .get(&format!("/tenants/{tenant}/audit?limit=1"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);

        insta::assert_json_snapshot!(trail.json()["items"]);
    }

    #[tokio::test]
    async fn a_key_is_set_once_in_a_tenant_and_once_in_another() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("acme").await, app.tenant("other").await);
        let operator = app.operator();

        create(&app, &operator, &auth0(&tenant)).await.expect(201);
        create(&app, &operator, &auth0(&other)).await.expect(201);
        create(&app, &operator, &auth0(&tenant))
            .await
            .expect_problem(409, "tenant_config_exists");
        let other_key = with(&tenant, "configKey", json!("date-time format"));
        create(&app, &operator, &other_key).await.expect(201);
    }

    #[tokio::test]
    async fn of_many_that_set_a_key_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (token, body) = (app.operator(), auth0(&tenant));

        let answers = join_all((0..8).map(|_| create(&app, &token, &body))).await;

        let (made, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((made.len(), lost.len()), (1, 7));
        for answer in lost {
            answer.expect_problem(409, "tenant_config_exists");
        }
    }

    #[tokio::test]
    async fn a_repeat_with_the_same_idempotency_key_is_answered_as_before() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let token = app.operator();
        let send = |body: Value| {
            let call = app
                .post("/tenant-configs")
                .bearer(&token)
                .header("idempotency-key", "k");
            call.json(&body).send()
        };

        let first = send(auth0(&tenant)).await.expect(201);
        let again = send(auth0(&tenant)).await.expect(201);

        assert_eq!(first.text, again.text);
        send(with(&tenant, "configKey", json!("keycloak")))
            .await
            .expect_problem(422, "idempotency_key_reused");
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({
            "configKey": "a#b", "configValue": ["x"], "x": 1,
            "secrets": { "a/b": "x", "empty": "", "number": 1, "long": "x".repeat(4097), "good": "x" },
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
                ("/tenantId", "required"),
                ("/configKey", "invalid_config_key"),
                ("/configValue", "invalid_type"),
                ("/secrets/a~1b", "invalid_config_key"),
                ("/secrets/empty", "invalid_length"),
                ("/secrets/number", "invalid_type"),
                ("/secrets/long", "invalid_length"),
                ("/x", "unknown_member"),
            ]
        );
        assert!(tenant.len() == 36 && !answer.text.contains("xxxx"));
    }

    #[tokio::test]
    async fn values_and_secrets_have_a_size() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let operator = app.operator();
        let of_bytes = |bytes: usize| json!({ "x": "x".repeat(bytes - r#"{"x":""}"#.len()) });
        let many: serde_json::Map<String, Value> = (0..21).map(|n| (format!("s{n}"), json!("x"))).collect();
        let large: serde_json::Map<String, Value> = (0..3)
            .map(|n| (format!("s{n}"), json!("x".repeat(3000))))
            .collect();

        for (member, value, pointer, code) in [
            ("configValue", of_bytes(8193), "/configValue", "too_large"),
            ("secrets", Value::Object(many), "/secrets", "too_many"),
            ("secrets", Value::Object(large), "/secrets", "too_large"),
            ("secrets", json!("x"), "/secrets", "invalid_type"),
        ] {
            let answer = create(&app, &operator, &with(&tenant, member, value)).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(answer.violations(), [(pointer.to_owned(), code.to_owned())]);
        }
        create(&app, &operator, &with(&tenant, "configValue", of_bytes(8192)))
            .await
            .expect(201);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let member = app.member(&own);
        let before = app.items().await;

        create(&app, &member, &auth0(&foreign))
            .await
            .expect_problem(404, "not_found");
        create(&app, &app.operator(), &auth0(&app.unknown_id()))
            .await
            .expect_problem(404, "not_found");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn nobody_writes_without_a_token_or_the_permission_or_into_a_suspended_tenant() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let others = app.operator_with([Permission::ViewTenantConfig]);

        app.post("/tenant-configs")
            .send()
            .await
            .expect_problem(401, "token_required");
        create(&app, &others, &auth0(&tenant))
            .await
            .expect_problem(403, "forbidden");
        app.force_status(&tenant, "SUSPENDED").await;
        create(&app, &app.member(&tenant), &auth0(&tenant))
            .await
            .expect_problem(409, "tenant_suspended");
    }
}
