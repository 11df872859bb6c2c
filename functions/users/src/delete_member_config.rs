use tenantry_api::{NoContent, Operation, Path, Problem, Scope};
use tenantry_domain::{Conflict, Error as DomainError, Id, Kind, TenantConfig};
use tenantry_store::Transaction;

use crate::put_member_config::shown;

/// Remove one of a tenant's settings for its members.
///
/// A setting that has secrets is kept under `/tenant-configs`, and not touched here.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/tenant-configs/{configId}",
    params(
        ("id" = String, Path, description = "The tenant's id."),
        ("configId" = String, Path, description = "The setting's id.")
    )
)]
pub(crate) async fn delete_member_config(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<TenantConfig>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_tenant_config_to_change(&scope, id).await?;
    let (config, trail) = found.ok_or_else(|| DomainError::not_found(Kind::TenantConfig, id))?;
    operation.check_version(Kind::TenantConfig, id, config.version)?;
    if config.secrets.is_some() {
        return Err(Conflict::SecretsInConfig(config.config_key.to_string()).into());
    }
    let change = context.change(scope.actor().clone());
    let mut entry = context.audit("tenant_config.deleted", &change);
    entry.before = Some(shown(&config));
    let lost = operation.lost_race(Kind::TenantConfig, id);
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .delete_tenant_config(&scope, &config, lost)
        .audit(&trail, &entry);
    context.store.commit(transaction).await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tenantry_testing::TestApp;

    use crate::scene::{add_secrets, configs_of, find, last_entries, order, policy, won};

    #[tokio::test]
    async fn a_setting_is_removed_and_its_key_free_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let (configs, body) = (configs_of(&tenant), policy(8));
        let set = || order(&app, "POST", &configs, &body);
        let path = format!(
            "{}/{}",
            configs_of(&tenant),
            set().await.expect(201).text_at("/id")
        );

        let answer = order(&app, "DELETE", &path, &Value::Null).await.expect(204);

        assert_eq!(answer.usage.calls, 2);
        insta::assert_json_snapshot!(last_entries(&app, &tenant, 1).await);
        order(&app, "DELETE", &path, &Value::Null)
            .await
            .expect_problem(404, "not_found");
        set().await.expect(201);
    }

    #[tokio::test]
    async fn a_setting_with_secrets_stays() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let id = add_secrets(&app, &tenant).await;
        let before = app.items().await;

        order(
            &app,
            "DELETE",
            &format!("{}/{id}", configs_of(&tenant)),
            &Value::Null,
        )
        .await
        .expect_problem(409, "config_has_secrets");

        assert_eq!(app.items().await, before);
    }

    #[tokio::test]
    async fn of_many_that_remove_it_at_once_one_does() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let answer = order(&app, "POST", &configs_of(&tenant), &policy(8)).await;
        let path = format!("{}/{}", configs_of(&tenant), answer.expect(201).text_at("/id"));

        let answers = join_all((0..8).map(|_| order(&app, "DELETE", &path, &Value::Null))).await;

        assert_eq!(won(answers, 204, &["not_found", "modified_concurrently"]), 1);
        let counted = find(&app, &format!("/tenant-configs/count?tenantId={tenant}")).await;
        assert_eq!(counted, json!({ "count": 0 }));
    }
}
