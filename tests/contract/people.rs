//! What the routes of users and access name.

use serde_json::{Value, json};
use tenantry_domain::Permission;
use tenantry_testing::{Person, TestApp, of_members};

use crate::contract::scene::split;

/// A tenant with a person, and everything that there is about members. Nothing of it gives anybody a permission: whoever may do
/// the one thing that a test is about is refused for no other reason.
pub(crate) struct People {
    /// Somebody who joined.
    pub(crate) person: Person,
    /// The role of that person, which grants nothing.
    guest: String,
    /// A role that nobody has.
    role: String,
    /// A group with that person in it, and another owner.
    group: String,
    /// Somebody who is in no group.
    outsider: Person,
    /// An invitation that waits for an answer, and its code.
    pub(crate) invitation: String,
    pub(crate) code: String,
    /// A preference of that person.
    preference: String,
    /// A setting of the tenant.
    config: String,
}

impl People {
    /// Everything anew.
    pub(crate) async fn of(app: &TestApp, tenant_id: &str) -> Self {
        let unique = || format!("{}@people.example", app.unknown_id());
        let name = |what: &str| format!("{what} {}", app.unknown_id());
        let guest = app.custom_role(tenant_id, &name("Guests"), []).await;
        let role = app.custom_role(tenant_id, &name("Nobodies"), []).await;
        let (email, other, invited) = (unique(), unique(), unique());
        let person = app.join(tenant_id, &email, &guest).await;
        let outsider = app.join(tenant_id, &other, &guest).await;
        let body = json!({ "name": name("Group") });
        let group = app
            .account_thing(&format!("/tenants/{tenant_id}/groups"), &body)
            .await;
        let keeper = app.join(tenant_id, &unique(), &guest).await;
        for (membership_id, is_owner) in [(&person.membership_id, false), (&keeper.membership_id, true)] {
            let body = json!({ "userTenantId": membership_id, "isOwner": is_owner });
            app.post(&format!("/groups/{group}/user?tenantId={tenant_id}"))
                .bearer(&app.operator())
                .json(&body)
                .send()
                .await
                .expect(201);
        }
        let body = json!({ "email": invited, "roleId": guest, "firstName": "Alan" });
        let path = format!("/tenants/{tenant_id}/invitations");
        let invitation = app.account_thing(&path, &body).await;
        let code = app.last_invitation_code().await;
        let path = format!(
            "/user-tenants/{}/user-level-permissions?tenantId={tenant_id}",
            person.membership_id
        );
        for permission in [
            Permission::UpdateUserPermissions,
            Permission::DeleteUserPermissions,
        ] {
            // Denied, so that the person may do no more than whoever holds one permission.
            let body = json!({ "permission": permission.name(), "allowed": false });
            let call = app.post(&path).bearer(&app.operator()).json(&body);
            call.send().await.expect(201);
        }
        let call =
            app.post("/user-tenant-prefs")
                .bearer(&app.token_of(tenant_id, &person.user_id, of_members()));
        let body = json!({ "configKey": "theme", "configValue": { "dark": true } });
        let preference = call.json(&body).send().await.expect(201).text_at("/id");
        let body = json!({
            "tenantId": tenant_id, "configKey": format!("sign-in {}", app.unknown_id()),
            "configValue": { "domain": "acme.auth0.com" },
        });
        let config = app.account_thing("/tenant-configs", &body).await;
        Self {
            person,
            guest,
            role,
            group,
            outsider,
            invitation,
            code,
            preference,
            config,
        }
    }

    /// What the parameters of these routes name; `{id}` is the tenant's where the path begins so.
    pub(crate) fn ids(&self, route: &str) -> Vec<(&'static str, &str)> {
        let (_, template) = split(route);
        let id = if template.starts_with("/groups/") {
            &self.group
        } else if template.starts_with("/user-tenants/") {
            &self.person.membership_id
        } else if template.starts_with("/user/") {
            &self.person.user_id
        } else if template.starts_with("/user-tenant-prefs/") {
            &self.preference
        } else {
            &self.person.tenant_id
        };
        let permission = if route.starts_with("DELETE ") {
            Permission::DeleteUserPermissions
        } else {
            Permission::UpdateUserPermissions
        };
        vec![
            ("{id}", id),
            ("{userId}", &self.person.user_id),
            ("{invitationId}", &self.invitation),
            ("{roleId}", &self.role),
            ("{groupId}", &self.group),
            ("{configId}", &self.config),
            ("{permission}", permission.name()),
            ("{tenantId}", &self.person.tenant_id),
        ]
    }

    /// Every id that there is.
    pub(crate) fn all(&self) -> [&str; 9] {
        [
            &self.person.tenant_id,
            &self.person.user_id,
            &self.person.membership_id,
            &self.role,
            &self.guest,
            &self.group,
            &self.invitation,
            &self.preference,
            &self.config,
        ]
    }

    /// The body of a request that is carried out.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether the route is one of these"
    )]
    pub(crate) fn sample(&self, app: &TestApp, route: &str) -> Option<Option<Value>> {
        let email = format!("{}@new.example", app.unknown_id());
        let body = match route {
            "GET /tenants/{id}/users"
            | "GET /tenants/{id}/users/{userId}"
            | "DELETE /tenants/{id}/users/{userId}"
            | "POST /tenants/{id}/users/{userId}/activate"
            | "POST /tenants/{id}/users/{userId}/deactivate"
            | "GET /tenants/{id}/invitations"
            | "GET /tenants/{id}/invitations/{invitationId}"
            | "DELETE /tenants/{id}/invitations/{invitationId}"
            | "POST /tenants/{id}/invitations/{invitationId}/resend"
            | "GET /user/{id}/invitations"
            | "GET /user/{id}/tenants"
            | "POST /user/{id}/tenants/{tenantId}/switch"
            | "GET /user/{id}/export"
            | "DELETE /user/{id}"
            | "GET /user-tenant-prefs"
            | "GET /user-tenant-prefs/count"
            | "GET /user-tenant-prefs/{id}"
            | "DELETE /user-tenant-prefs/{id}"
            | "GET /tenants/{id}/tenant-configs"
            | "DELETE /tenants/{id}/tenant-configs/{configId}"
            | "GET /tenants/{id}/roles"
            | "GET /tenants/{id}/roles/{roleId}"
            | "DELETE /tenants/{id}/roles/{roleId}"
            | "GET /tenants/{id}/groups"
            | "GET /tenants/{id}/groups/{groupId}"
            | "DELETE /tenants/{id}/groups/{groupId}"
            | "GET /groups/{id}/user"
            | "DELETE /groups/{id}/user/{userId}"
            | "GET /user-tenants/{id}/user-level-permissions"
            | "DELETE /user-tenants/{id}/user-level-permissions/{permission}"
            | "GET /user-tenants/{id}/user-groups"
            | "GET /user-tenants/{id}/effective-permissions"
            | "GET /permissions" => None,
            "POST /tenants/{id}/users" => Some(TestApp::new_user(&email, &self.guest)),
            "PATCH /tenants/{id}/users/{userId}" => Some(json!({ "designation": "Rear admiral" })),
            "POST /tenants/{id}/invitations" => Some(json!({ "email": email, "roleId": self.guest })),
            "POST /tenants/{id}/invitations/bulk" => Some(json!([{ "email": email, "roleId": self.guest }])),
            "POST /invitations/accept" | "POST /invitations/decline" => Some(json!({})),
            "POST /user-tenant-prefs" => {
                Some(json!({ "configKey": "layout", "configValue": { "columns": 2 } }))
            }
            "PATCH /user-tenant-prefs/{id}" => Some(json!({ "configValue": { "dark": false } })),
            "POST /tenants/{id}/tenant-configs" => Some(json!({
                "configKey": format!("sign-in {}", app.unknown_id()), "configValue": { "domain": "acme.auth0.com" },
            })),
            "POST /tenants/{id}/roles" => Some(json!({ "name": format!("Role {}", app.unknown_id()) })),
            "PATCH /tenants/{id}/roles/{roleId}" => Some(json!({ "description": "Nobody has it." })),
            "POST /tenants/{id}/groups" => Some(json!({ "name": format!("Group {}", app.unknown_id()) })),
            "PATCH /tenants/{id}/groups/{groupId}" => Some(json!({ "description": "They sell." })),
            "POST /groups/{id}/user" => Some(json!({ "userTenantId": self.outsider.membership_id })),
            "POST /groups/{id}/user/bulk" => Some(json!([{ "userTenantId": self.outsider.membership_id }])),
            "PATCH /groups/{id}/user/{userId}" => Some(json!({ "isOwner": true })),
            "POST /user-tenants/{id}/user-level-permissions" => Some(json!({
                "permission": Permission::CreateUserPermissions.name(), "allowed": false,
            })),
            "PATCH /user-tenants/{id}/user-level-permissions/{permission}" => {
                Some(json!({ "allowed": true }))
            }
            _ => return None,
        };
        Some(body)
    }
}
