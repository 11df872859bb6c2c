use serde::Serialize;
use tenantry_api::{Found, Operation, Path, Problem, Scope, Tagged, TenantQuery};
use tenantry_domain::{
    Error as DomainError, Grant, Id, Kind, Membership, Permission, Permissions, Roles, explain,
};
use utoipa::ToSchema;

/// What a member may do, and why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EffectivePermissions)]
pub(crate) struct EffectiveView {
    /// The member.
    #[schema(format = "uuid")]
    user_tenant_id: String,
    /// Its role.
    #[schema(format = "uuid")]
    role_id: String,
    /// What its role is called; null if the role is gone.
    #[schema(required = true, example = "Editor")]
    role_name: Option<String>,
    /// REGISTERED, ACTIVE, INACTIVE, PASSWORD_CHANGE_NEEDED or REJECTED; only an ACTIVE member may act.
    #[schema(value_type = String, example = "ACTIVE")]
    status: &'static str,
    /// What it holds, by name.
    #[schema(value_type = Vec<String>, example = json!(["ViewTenant"]))]
    permissions: Vec<&'static str>,
    /// Each permission that its role or a decision says something about.
    explained: Vec<ExplainedView>,
    #[serde(skip)]
    version: u64,
}

/// Where one permission of a member comes from, or why it is not there.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExplainedPermission)]
pub(crate) struct ExplainedView {
    /// The permission, by name.
    #[schema(value_type = String, example = "ViewTenant")]
    permission: &'static str,
    /// Whether the member holds it.
    is_held: bool,
    /// What says something about it: `role`, if its role grants it, and `override`, if it was decided for the member itself.
    #[schema(value_type = Vec<String>, example = json!(["role"]))]
    origins: Vec<&'static str>,
    /// `allowed` or `denied`, if it was decided for the member itself: that counts before the role.
    #[serde(rename = "override")]
    #[schema(value_type = Option<String>, required = true)]
    decision: Option<&'static str>,
}

/// Read what a member may do, and why.
///
/// The `ETag` is the member's version.
#[utoipa::path(
    get,
    path = "/user-tenants/{id}/effective-permissions",
    params(("id" = String, Path, description = "The member's id."), TenantQuery)
)]
pub(crate) async fn find_effective_permissions(
    operation: Operation,
    Scope(scope): Scope,
    Path(id): Path<Id<Membership>>,
) -> Result<Found<EffectiveView>, Problem> {
    operation.about_tenant(scope.tenant_id());
    let found = operation.context.store.find_access(&scope, id).await?;
    let (member, roles) = found.ok_or_else(|| DomainError::not_found(Kind::Member, id))?;
    Ok(Found(EffectiveView::new(&member, &roles)))
}

impl EffectiveView {
    fn new(member: &Membership, roles: &Roles) -> Self {
        let role = roles.find(member.role_id);
        let of_role = role.as_ref().map(|role| role.permissions.clone());
        let of_role: Permissions = of_role.unwrap_or_default();
        let grants = explain(&of_role, &member.overrides);
        Self {
            user_tenant_id: member.id.to_string(),
            role_id: member.role_id.to_string(),
            role_name: role.map(|role| role.name.to_string()),
            status: member.status.name(),
            permissions: member.permissions(roles).iter().map(Permission::name).collect(),
            explained: grants.into_iter().map(ExplainedView::from).collect(),
            version: member.version,
        }
    }
}

impl From<Grant> for ExplainedView {
    fn from(grant: Grant) -> Self {
        let Grant {
            permission,
            is_in_role,
            decision,
        } = grant;
        let origins = [("role", is_in_role), ("override", decision.is_some())];
        let origins = origins
            .into_iter()
            .filter_map(|(origin, is_one)| is_one.then_some(origin));
        Self {
            permission: permission.name(),
            is_held: grant.is_held(),
            origins: origins.collect(),
            decision: decision.map(|is_allowed| if is_allowed { "allowed" } else { "denied" }),
        }
    }
}

impl Tagged for EffectiveView {
    fn version(&self) -> u64 {
        self.version
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tenantry_domain::{Permission, SystemRole};
    use tenantry_testing::{Person, TestApp};

    use crate::scene::{decide, find, held, nobody, of_members, order, send, somebody};

    fn path_of(person: &Person) -> String {
        let (id, tenant_id) = (&person.membership_id, &person.tenant_id);
        format!("/user-tenants/{id}/effective-permissions?tenantId={tenant_id}")
    }

    #[tokio::test]
    async fn each_permission_says_where_it_comes_from_in_one_call() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let granted = ["ViewTenant", "ViewContact", "UpdateContact", "DeleteContact"];
        let granted = granted.into_iter().filter_map(Permission::parse);
        let role = app.custom_role(&tenant, "Editor", granted).await;
        let ada = app.join(&tenant, "ada@acme.com", &role).await;
        decide(&app, &ada, "UpdateContact", true).await;
        decide(&app, &ada, "DeleteContact", false).await;
        decide(&app, &ada, "ViewInvoice", true).await;
        decide(&app, &ada, "ExportTenant", false).await;

        let answer = order(&app, "GET", &path_of(&ada), &Value::Null).await.expect(200);

        insta::assert_json_snapshot!(answer.json());
        assert_eq!(answer.usage.calls, 1);
        assert_eq!(answer.header("etag"), Some("\"5\""));
    }

    #[tokio::test]
    async fn an_owner_holds_all_that_members_can_hold_and_nothing_of_the_platform() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;

        let owner = app.join_as(&tenant, "ada@acme.com", SystemRole::Owner).await;

        let everything: Vec<&str> = of_members().map(Permission::name).collect();
        assert_eq!(held(&app, &owner).await, everything);
    }

    #[tokio::test]
    async fn who_cannot_act_is_shown_with_its_status() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let ada = app.join_as(&tenant, "ada@acme.com", SystemRole::Member).await;
        let before = find(&app, &path_of(&ada)).await;

        let path = format!("/tenants/{tenant}/users/{}/deactivate", ada.user_id);
        app.post(&path).bearer(&app.operator()).send().await.expect(200);

        let mut after = find(&app, &path_of(&ada)).await;
        assert_eq!(after["status"], "INACTIVE");
        after["status"] = json!("ACTIVE");
        assert_eq!(after, before);
    }

    #[tokio::test]
    async fn a_member_sees_itself_and_others_with_the_permission_to() {
        let app = TestApp::start().await;
        let tenant = app.tenant("acme").await;
        let [ada, grace] = [(); 2].map(|()| somebody(&app, &tenant));

        for person in [&ada, &grace] {
            let path = format!("/user-tenants/{}/effective-permissions", person.membership_id);
            let answer = send(&app, "GET", &path, &ada.token, &Value::Null)
                .await
                .expect(200);
            assert_eq!(answer.json(), find(&app, &path_of(person)).await);
        }
    }

    #[tokio::test]
    async fn who_is_no_member_is_not_found() {
        let app = TestApp::start().await;
        let (tenant, other) = (app.tenant("one").await, app.tenant("two").await);
        let elsewhere = somebody(&app, &other).membership_id;

        for id in [&nobody(&app, &tenant), &elsewhere, &app.unknown_id(), "me"] {
            let path = format!("/user-tenants/{id}/effective-permissions?tenantId={tenant}");
            let answer = order(&app, "GET", &path, &Value::Null).await;
            answer.expect_problem(404, "not_found");
        }
    }
}
