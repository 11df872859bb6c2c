use serde_json::{Map, Value};
use tenantry_api::view::ConfigView;
use tenantry_api::{Body, Found, FromMembers, Members, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Kind, Patch, TenantConfig};
use tenantry_store::Transaction;
use utoipa::ToSchema;

use crate::config_body::{SecretChanges, changed, is_same, merged, secrets_of, shown, value_of};

/// Changes. The key never changes: another key is another setting.
#[derive(Debug, ToSchema)]
#[schema(as = TenantConfigChanges, rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "describes the body in the API document; what is read is built from the domain's types"
)]
pub(crate) struct ConfigChangesDoc {
    /// The new value; it takes the place of the whole old one, so that it can hold nulls.
    #[schema(value_type = Object, required = false)]
    config_value: Option<Map<String, Value>>,
    /// Secrets by name: a text sets one, null removes it, others stay. Null instead of the object removes them all.
    #[schema(value_type = Option<Object>)]
    secrets: Option<Map<String, Value>>,
}

/// The changes as they were read.
pub(crate) struct ConfigChanges {
    value: Patch<Map<String, Value>>,
    secrets: Patch<SecretChanges>,
}

impl FromMembers for ConfigChanges {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let value = value_of(members);
        let secrets = secrets_of(members);
        Some(Self {
            value: value?,
            secrets: secrets?,
        })
    }
}

/// Change a setting.
#[utoipa::path(
    patch,
    path = "/tenant-configs/{id}",
    request_body(content = ConfigChangesDoc, content_type = "application/merge-patch+json"),
    params(("id" = String, Path, description = "The setting's id."), TenantQuery)
)]
pub(crate) async fn update_tenant_config(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<TenantConfig>>,
    Body(ConfigChanges { value, secrets }): Body<ConfigChanges>,
) -> Result<Found<ConfigView>, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_tenant_config_to_change(&scope, id).await?;
    let (config, trail) = found.ok_or_else(|| DomainError::not_found(Kind::TenantConfig, id))?;
    operation.check_version(Kind::TenantConfig, id, config.version)?;
    let before = context
        .open_config_secrets(&config)
        .map_err(|error| Problem::internal(&error))?;
    let after = merged(before.clone(), secrets)?;
    // Sealing the same again would look like a change: the sealed text is another one every time.
    let sealed = if is_same(&before, &after) {
        config.secrets.clone()
    } else {
        context.seal_config_secrets(config.tenant_id, &config.config_key, &after)
    };
    let change = context.change(scope.actor().clone());
    let value = value.apply(None);
    let Some(updated) = config.clone().update(value, sealed, &change) else {
        return Ok(Found(config.into()));
    };
    let mut entry = context.audit("tenant_config.updated", &change);
    entry.before = Some(shown(&config));
    entry.after = Some(changed((&config, &before), (&updated, &after)));
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .replace_tenant_config(&scope, &updated, operation.lost_race(Kind::TenantConfig, id))
        .audit(&trail, &entry);
    context.store.commit(transaction).await?;
    Ok(Found(updated.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::{add_auth0, auth0, opened, patch, path_of_config};

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, secret)| ((*name).to_owned(), (*secret).to_owned()))
            .collect()
    }

    #[tokio::test]
    async fn a_value_is_replaced_and_secrets_stay() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);

        let body = json!({ "configValue": { "domain": "new.auth0.com", "nothing": null } });
        let answer = patch(&app, &path, &body).await.expect(200);

        assert_eq!(answer.json()["configValue"], body["configValue"]);
        assert_eq!(answer.header("etag"), Some("\"2\""));
        assert_eq!(answer.usage.calls, 2);
        let kept = pairs(&[("clientSecret", "s3cret-one"), ("signingKey", "s3cret-two")]);
        assert_eq!(opened(&app, &tenant).await, kept);
    }

    #[tokio::test]
    async fn single_secrets_are_replaced_added_and_removed() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);

        let body = json!({ "secrets": { "clientSecret": "s3cret-new", "signingKey": null, "more": "s3cret-more", "x": null } });
        let answer = patch(&app, &path, &body).await.expect(200);

        assert_eq!(answer.text_at("/secretNames"), r#"["clientSecret","more"]"#);
        assert_eq!(
            opened(&app, &tenant).await,
            pairs(&[("clientSecret", "s3cret-new"), ("more", "s3cret-more")])
        );
        let answer = patch(&app, &path, &json!({ "secrets": null })).await.expect(200);
        assert_eq!(answer.text_at("/secretNames"), "[]");
        assert!(opened(&app, &tenant).await.is_empty());
    }

    #[tokio::test]
    async fn the_audit_trail_names_what_changed_and_no_value() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);

        let body = json!({ "configValue": { "domain": "acme.auth0.com", "x": 1 }, "secrets": { "signingKey": "s3cret-new" } });
        patch(&app, &path, &body).await.expect(200);

        let trail = app
            .get(&format!("/tenants/{tenant}/audit?limit=1"))
            .bearer(&app.operator())
            .send()
            .await
            .expect(200);
        insta::assert_json_snapshot!(trail.json()["items"]);
    }

    #[tokio::test]
    async fn a_change_of_nothing_is_no_change() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);
        let before = app.items().await;
        let same = json!({ "configValue": auth0(&tenant)["configValue"], "secrets": { "clientSecret": "s3cret-one", "x": null } });

        for body in [json!({}), json!({ "secrets": {} }), same] {
            let answer = patch(&app, &path, &body).await.expect(200);
            assert_eq!(answer.header("etag"), Some("\"1\""), "{body}");
        }

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn what_is_wrong_or_never_changes_is_refused() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);
        let many: serde_json::Map<String, Value> = (0..19).map(|n| (format!("s{n}"), json!("x"))).collect();

        for (body, pointer, code) in [
            (json!({ "configValue": null }), "/configValue", "required"),
            (json!({ "configValue": 1 }), "/configValue", "invalid_type"),
            (json!({ "configKey": "other" }), "/configKey", "unknown_member"),
            (json!({ "secretNames": [] }), "/secretNames", "unknown_member"),
            (json!({ "secrets": { "a": {} } }), "/secrets/a", "invalid_type"),
            (json!({ "secrets": many }), "/secrets", "too_many"),
        ] {
            let answer = patch(&app, &path, &body)
                .await
                .expect_problem(422, "invalid_body");
            assert_eq!(answer.violations(), [(pointer.to_owned(), code.to_owned())]);
        }
    }

    #[tokio::test]
    async fn of_two_changes_of_one_version_one_is_made() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);
        let token = app.operator();
        let send = |secret: &str| {
            let call = app.patch(&path).bearer(&token).header("if-match", "\"1\"");
            call.json(&json!({ "secrets": { "clientSecret": secret } }))
                .send()
        };

        let answers = join_all(["s3cret-a", "s3cret-b"].map(send)).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((won.len(), lost.len()), (1, 1));
        lost[0].clone().expect_problem(412, "precondition_failed");
    }

    #[tokio::test]
    async fn what_is_out_of_reach_or_suspended_is_not_changed() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let (mine, theirs) = (add_auth0(&app, &own).await, add_auth0(&app, &foreign).await);
        let (member, body) = (app.member(&own), json!({ "secrets": null }));
        let send = async |token: &str, path: String| app.patch(&path).bearer(token).json(&body).send().await;

        for path in [
            format!("/tenant-configs/{theirs}"),
            path_of_config(&foreign, &theirs),
        ] {
            send(&member, path).await.expect_problem(404, "not_found");
        }
        let others = app.operator_with([Permission::ViewTenantConfig]);
        send(&others, path_of_config(&own, &mine))
            .await
            .expect_problem(403, "forbidden");
        app.force_status(&own, "SUSPENDED").await;
        send(&member, format!("/tenant-configs/{mine}"))
            .await
            .expect_problem(409, "tenant_suspended");
    }
}
