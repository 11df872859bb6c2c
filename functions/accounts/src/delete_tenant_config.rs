use tenantry_api::{NoContent, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Kind, TenantConfig};
use tenantry_store::Transaction;

use crate::config_body::shown;

/// Remove a setting, with its secrets.
#[utoipa::path(
    delete,
    path = "/tenant-configs/{id}",
    params(("id" = String, Path, description = "The setting's id."), TenantQuery)
)]
pub(crate) async fn delete_tenant_config(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<TenantConfig>>,
) -> Result<NoContent, Problem> {
    let context = &operation.context;
    operation.about_tenant(scope.tenant_id());
    let found = context.store.find_tenant_config_to_change(&scope, id).await?;
    let (config, trail) = found.ok_or_else(|| DomainError::not_found(Kind::TenantConfig, id))?;
    operation.check_version(Kind::TenantConfig, id, config.version)?;
    let change = context.change(scope.actor().clone());
    let mut entry = context.audit("tenant_config.deleted", &change);
    entry.before = Some(shown(&config));
    let mut transaction = Transaction::new();
    transaction
        .in_tenant(&scope)
        .delete_tenant_config(&scope, &config, operation.lost_race(Kind::TenantConfig, id))
        .audit(&trail, &entry);
    context.store.commit(transaction).await?;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::{add_auth0, path_of_config};

    #[tokio::test]
    async fn a_setting_is_removed_and_its_key_is_free_again() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);

        let answer = app.delete(&path).bearer(&app.operator()).send().await.expect(204);

        assert_eq!(answer.usage.calls, 2);
        app.get(&path)
            .bearer(&app.operator())
            .send()
            .await
            .expect_problem(404, "not_found");
        add_auth0(&app, &tenant).await;
    }

    #[tokio::test]
    async fn it_is_removed_once_however_many_try() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);
        let token = app.operator();

        let answers = join_all((0..5).map(|_| app.delete(&path).bearer(&token).send())).await;

        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 204);
        assert_eq!((won.len(), lost.len()), (1, 4));
        for answer in lost {
            assert!(answer.status == 404 || answer.status == 409, "{}", answer.text);
        }
    }

    #[tokio::test]
    async fn what_is_out_of_reach_suspended_or_another_version_stays() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let (mine, theirs) = (add_auth0(&app, &own).await, add_auth0(&app, &foreign).await);
        let member = app.member(&own);
        let send = async |token: &str, path: String| app.delete(&path).bearer(token).send().await;

        for path in [
            format!("/tenant-configs/{theirs}"),
            path_of_config(&foreign, &theirs),
        ] {
            send(&member, path).await.expect_problem(404, "not_found");
        }
        let others = app.operator_with([Permission::UpdateTenantConfig]);
        send(&others, path_of_config(&own, &mine))
            .await
            .expect_problem(403, "forbidden");
        let call = app.delete(&path_of_config(&own, &mine)).bearer(&app.operator());
        call.header("if-match", "\"2\"")
            .send()
            .await
            .expect_problem(412, "precondition_failed");
        app.force_status(&own, "SUSPENDED").await;
        send(&member, format!("/tenant-configs/{mine}"))
            .await
            .expect_problem(409, "tenant_suspended");
    }
}
