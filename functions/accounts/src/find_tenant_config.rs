use tenantry_api::view::ConfigView;
use tenantry_api::{Found, Operation, Path, Problem, Scope, TenantQuery};
use tenantry_domain::{Error as DomainError, Id, Kind, TenantConfig};

/// Read a setting.
///
/// Without its secrets, of which only the names are shown.
#[utoipa::path(
    get,
    path = "/tenant-configs/{id}",
    params(("id" = String, Path, description = "The setting's id."), TenantQuery)
)]
pub(crate) async fn find_tenant_config(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<TenantConfig>>,
) -> Result<Found<ConfigView>, Problem> {
    let config = operation.context.store.find_tenant_config(&scope, id).await?;
    let config = config.ok_or_else(|| DomainError::not_found(Kind::TenantConfig, id))?;
    Ok(Found(config.into()))
}

#[cfg(test)]
mod tests {
    use tenantry_testing::TestApp;

    use crate::scene::{add_auth0, auth0, path_of_config};

    #[tokio::test]
    async fn a_setting_is_found_as_it_was_written_without_its_secrets() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let path = path_of_config(&tenant, &add_auth0(&app, &tenant).await);

        let answer = app.get(&path).bearer(&app.operator()).send().await.expect(200);

        assert_eq!(answer.json()["configValue"], auth0(&tenant)["configValue"]);
        assert_eq!(answer.text_at("/secretNames"), r#"["clientSecret","signingKey"]"#);
        assert!(!answer.text.contains("s3cret") && !answer.text.contains("sealed"));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        assert_eq!(answer.usage.calls, 1);
    }

    #[tokio::test]
    async fn what_does_not_exist_for_the_caller_is_not_found() {
        let app = TestApp::start().await;
        let (own, foreign) = (app.tenant("one").await, app.tenant("two").await);
        let (mine, theirs) = (add_auth0(&app, &own).await, add_auth0(&app, &foreign).await);
        let get = async |token: &str, path: String| app.get(&path).bearer(token).send().await;
        let member = app.member(&own);

        get(&member, format!("/tenant-configs/{mine}")).await.expect(200);
        for path in [
            format!("/tenant-configs/{theirs}"),
            path_of_config(&own, &theirs),
            path_of_config(&foreign, &theirs),
        ] {
            get(&member, path).await.expect_problem(404, "not_found");
        }
        for path in [path_of_config(&own, &theirs), path_of_config(&own, "x")] {
            get(&app.operator(), path).await.expect_problem(404, "not_found");
        }
    }
}
