use serde_json::{Map, Value, json};
use tenantry_api::view::ConfigView;
use tenantry_api::{
    Body, Created, Found, FromMembers, Members, Operation, Problem, Reply as _, Scope, Upserted,
};
use tenantry_app::look_again;
use tenantry_domain::{ConfigName, Conflict, Error as DomainError, Kind, TenantConfig};
use tenantry_store::Transaction;
use utoipa::ToSchema;

/// A setting that a tenant's members set for themselves.
#[derive(Debug, ToSchema)]
#[schema(as = NewMemberConfig, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is a setting of the domain"
)]
pub(crate) struct NewMemberConfigDoc {
    /// What it sets: 1 to 100 letters, digits, dots, underscores, hyphens and spaces.
    #[schema(max_length = 100, example = "password-policy")]
    config_key: String,
    /// What it is set to: any object of at most 8 KiB.
    #[schema(value_type = Object)]
    config_value: Map<String, Value>,
}

/// The setting as it was read.
pub(crate) struct NewMemberConfig {
    key: ConfigName,
    value: Map<String, Value>,
}

impl FromMembers for NewMemberConfig {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let key = members.text("configKey", ConfigName::parse);
        let value = members.sized_object("configValue", TenantConfig::MOST_BYTES);
        Some(Self {
            key: key?,
            value: value?,
        })
    }
}

/// Set one of a tenant's settings for its members.
///
/// One value for each key: 201 if it is new, 200 if it was there; it is replaced as a whole. A setting that has secrets is kept
/// under `/tenant-configs`, and not touched here.
#[utoipa::path(
    post,
    path = "/tenants/{id}/tenant-configs",
    request_body = NewMemberConfigDoc,
    params(("id" = String, Path, description = "The tenant's id."))
)]
pub(crate) async fn put_member_config(
    operation: Operation,
    Scope(scope): Scope,
    Body(NewMemberConfig { key, value }): Body<NewMemberConfig>,
) -> Result<Upserted<ConfigView>, Problem> {
    let context = &operation.context;
    let tenant_id = scope.tenant_id();
    operation.about_tenant(tenant_id);
    let change = context.change(scope.actor().clone());
    let put = look_again(|| async {
        let store = &context.store;
        let (found, trail) = store.find_tenant_config_of_key_to_change(&scope, &key).await?;
        let mut transaction = Transaction::new();
        transaction.in_tenant(&scope);
        let reply = match found {
            None => {
                let entropy = &*context.app.entropy;
                let config = TenantConfig::new(tenant_id, key.clone(), value.clone(), None, &change, entropy);
                let mut entry = context.audit("tenant_config.created", &change);
                entry.after = Some(shown(&config));
                transaction
                    .create_tenant_config(&scope, &config)
                    .audit(&trail, &entry);
                Upserted::Created(Created {
                    location: format!("/tenant-configs/{}", config.id),
                    body: config.into(),
                })
            }
            Some(config) if config.secrets.is_some() => {
                return Err(Conflict::SecretsInConfig(key.to_string()).into());
            }
            Some(before) => match before.clone().update(Some(value.clone()), None, &change) {
                None => Upserted::Found(Found(before.into())),
                Some(config) => {
                    let mut entry = context.audit("tenant_config.updated", &change);
                    (entry.before, entry.after) = (Some(shown(&before)), Some(shown(&config)));
                    let lost = operation.lost_race(Kind::TenantConfig, config.id);
                    transaction
                        .replace_tenant_config(&scope, &config, lost)
                        .audit(&trail, &entry);
                    Upserted::Found(Found(config.into()))
                }
            },
        };
        match context.commit(transaction, || reply.stored()).await {
            // Somebody else was first to set it: that is what is set otherwise then.
            Err(tenantry_app::Error::Refused(DomainError::Conflict(Conflict::TenantConfigExists(key)))) => {
                Err(Conflict::ModifiedConcurrently {
                    kind: Kind::TenantConfig,
                    id: key,
                }
                .into())
            }
            committed => committed.map(|()| reply),
        }
    })
    .await?;
    Ok(put)
}

/// A setting as the audit trail shows it: by its names.
pub(crate) fn shown(config: &TenantConfig) -> Value {
    let members: Vec<&String> = config.config_value.keys().collect();
    json!({ "configId": config.id, "configKey": config.config_key, "members": members })
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::SystemRole;
    use tenantry_testing::{Answer, TestApp};

    use crate::scene::{add_secrets, configs_of, count_of, find, last_entries, policy, send, told};

    async fn put(app: &TestApp, tenant_id: &str, token: &str, body: &Value) -> Answer {
        send(app, "POST", &configs_of(tenant_id), token, body).await
    }

    #[tokio::test]
    async fn a_setting_is_set_and_set_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let admin = app.member_as(&tenant, SystemRole::Admin);

        let first = put(&app, &tenant, &admin, &policy(8)).await.expect(201);
        app.clock.advance_minutes(1);
        let again = put(&app, &tenant, &admin, &policy(12)).await.expect(200);
        app.clock.advance_minutes(1);
        let same = put(&app, &tenant, &admin, &policy(12)).await.expect(200);

        insta::assert_json_snapshot!(first.json());
        let path = format!("/tenant-configs/{}", first.text_at("/id"));
        assert_eq!(first.header("location"), Some(&*path));
        insta::assert_json_snapshot!(again.json());
        assert_eq!(same.json(), again.json());
        let found = find(&app, &format!("{path}?tenantId={tenant}")).await;
        assert_eq!(found, again.json());
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 2).await);
        // The key's marker and where the audit trail stands, the setting if there is one, and the commit.
        let calls = [&first, &again, &same].map(|answer| answer.usage.calls);
        assert_eq!(calls, [2, 3, 3]);
    }

    #[tokio::test]
    async fn everything_that_is_wrong_is_said_at_once() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let body = json!({
            "configKey": "a/b", "configValue": "x", "secrets": { "clientSecret": "s3cret" }, "tenantId": tenant,
        });
        let large = json!({ "configKey": "profile", "configValue": { "x": "x".repeat(8192) } });

        let answer = put(&app, &tenant, &app.operator(), &body).await;
        let large = put(&app, &tenant, &app.operator(), &large).await;

        let answer = answer.expect_problem(422, "invalid_body");
        let wrong = [
            "/configKey invalid_config_key",
            "/configValue invalid_type",
            "/secrets unknown_member",
            "/tenantId unknown_member",
        ];
        assert_eq!(told(&answer), wrong);
        assert!(!answer.text.contains("s3cret"));
        let large = large.expect_problem(422, "invalid_body");
        assert_eq!(told(&large), ["/configValue too_large"]);
    }

    #[tokio::test]
    async fn a_setting_with_secrets_is_not_the_members() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        add_secrets(&app, &tenant).await;
        let before = app.items().await;

        let body = json!({ "configKey": "auth0", "configValue": { "domain": "evil.example" } });
        for token in [app.operator(), app.member_as(&tenant, SystemRole::Owner)] {
            put(&app, &tenant, &token, &body)
                .await
                .expect_problem(409, "config_has_secrets");
        }

        let kept = app.items().await;
        assert!(before.iter().all(|item| kept.contains(item)));
    }

    #[tokio::test]
    async fn of_many_that_set_it_first_one_does_and_the_others_after_it() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (token, body) = (app.operator(), policy(8));

        let answers = join_all((0..50).map(|_| put(&app, &tenant, &token, &body))).await;

        let (made, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1);
        for answer in others {
            assert_eq!(answer.expect(200).json(), made[0].json());
        }
        assert_eq!(count_of(&app, "tenant_config").await, 1);
        let counted = find(&app, &format!("/tenant-configs/count?tenantId={tenant}")).await;
        assert_eq!(counted["count"], 1);
    }
}
