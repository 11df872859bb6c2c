use serde::Serialize;
use tenantry_api::{Count, Operation, Problem};
use tenantry_domain::{Permission, Scope};
use utoipa::ToSchema;

/// All permissions that there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PermissionCatalogue)]
pub(crate) struct CatalogueView {
    /// In the order of the catalogue.
    items: Vec<PermissionView>,
}

/// Something that a caller may be allowed to do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Permission)]
pub(crate) struct PermissionView {
    /// Its name, in tokens too.
    #[schema(value_type = String, example = "ViewTenant")]
    name: &'static str,
    /// What stands for it in tokens of other systems.
    #[schema(value_type = Vec<String>, example = json!(["10207", "17"]))]
    aliases: &'static [&'static str],
    /// `platform`, if it is for operators; `tenant`, if members of a tenant can hold it, too.
    #[schema(value_type = String, example = "tenant")]
    scope: &'static str,
    /// What its holder may do.
    #[schema(value_type = String, example = "read a tenant")]
    allows: &'static str,
}

/// List all permissions.
///
/// What roles and decisions about members can name: those with the scope `tenant`.
#[utoipa::path(get, path = "/permissions")]
pub(crate) async fn list_permissions(_: Operation) -> Result<Count<CatalogueView>, Problem> {
    let items = Permission::all().map(PermissionView::from).collect();
    Ok(Count(CatalogueView { items }))
}

impl From<Permission> for PermissionView {
    fn from(permission: Permission) -> Self {
        Self {
            name: permission.name(),
            aliases: permission.aliases(),
            scope: match permission.scope() {
                Scope::Platform => "platform",
                Scope::Tenant => "tenant",
            },
            allows: permission.allows(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenantry_domain::Permission;
    use tenantry_testing::TestApp;

    use crate::scene::{find, send};

    #[tokio::test]
    async fn the_catalogue_names_every_permission() {
        let app = TestApp::start().await;

        let catalogue = find(&app, "/permissions").await;

        assert_eq!(catalogue["items"].as_array().map(Vec::len), Some(64));
        insta::assert_json_snapshot!(catalogue);
    }

    #[tokio::test]
    async fn whoever_is_somebody_reads_it_without_a_call() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let lead = app.verified_lead("ada@acme.com").await;
        let nothing: [Permission; 0] = [];

        for token in [
            app.operator_with(nothing),
            app.member_with(&tenant, nothing),
            lead.token,
        ] {
            let answer = send(&app, "GET", "/permissions", &token, &Value::Null)
                .await
                .expect(200);
            assert_eq!(answer.usage.calls, 0);
        }
        let answer = app.get("/permissions").send().await;
        answer.expect_problem(401, "token_required");
        let answer = send(&app, "GET", "/permissions?limit=1", &app.operator(), &Value::Null).await;
        answer.expect_problem(400, "unknown_query_member");
    }
}
