use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tenantry_domain::{Id, Permission, SystemRole};

use crate::TestApp;

/// A person who joined a tenant.
#[derive(Clone, Debug)]
pub struct Person {
    /// The tenant.
    pub tenant_id: String,
    /// The person.
    pub user_id: String,
    /// Its membership.
    pub membership_id: String,
    /// A token with what the person may do now.
    pub token: String,
}

impl TestApp {
    /// The id of one of the roles that every tenant has.
    pub fn role(&self, tenant_id: &str, role: SystemRole) -> String {
        let tenant_id = Id::parse(tenant_id).expect("tests name tenants by their ids");
        role.id(tenant_id).to_string()
    }

    /// A role of the tenant's own with these permissions; answers its id.
    pub async fn custom_role(
        &self,
        tenant_id: &str,
        name: &str,
        permissions: impl IntoIterator<Item = Permission>,
    ) -> String {
        let permissions: Vec<&str> = permissions.into_iter().map(Permission::name).collect();
        let body = json!({ "name": name, "permissions": permissions });
        self.account_thing(&format!("/tenants/{tenant_id}/roles"), &body)
            .await
    }

    /// Somebody new whom an operator adds to a tenant.
    pub fn new_user(email: &str, role_id: &str) -> Value {
        json!({ "email": email, "firstName": "Grace", "lastName": "Hopper", "roleId": role_id })
    }

    /// Has an operator invite this address, and reads the code in the mail.
    pub async fn invite(&self, tenant_id: &str, email: &str, role_id: &str) -> String {
        let body = json!({ "email": email, "firstName": "Grace", "roleId": role_id });
        self.account_thing(&format!("/tenants/{tenant_id}/invitations"), &body)
            .await;
        self.last_invitation_code().await
    }

    /// A person who was invited to a tenant and joined it, known elsewhere or not.
    pub async fn join(&self, tenant_id: &str, email: &str, role_id: &str) -> Person {
        let code = self.invite(tenant_id, email, role_id).await;
        let answer = self
            .post("/invitations/accept")
            .from(&address_of(email))
            .bearer(&code)
            .json(&json!({}))
            .send()
            .await
            .expect(200);
        let (user_id, membership_id) = (answer.text_at("/id"), answer.text_at("/userTenantId"));
        Person {
            token: self.fresh_token(tenant_id, &user_id, &membership_id).await,
            tenant_id: tenant_id.to_owned(),
            user_id,
            membership_id,
        }
    }

    /// A person who joined a tenant with a system role.
    pub async fn join_as(&self, tenant_id: &str, email: &str, role: SystemRole) -> Person {
        self.join(tenant_id, email, &self.role(tenant_id, role)).await
    }

    /// A token with what the person may do by now, as identity providers issue it at the next sign-in.
    pub async fn sign_in(&self, person: &Person) -> String {
        self.fresh_token(&person.tenant_id, &person.user_id, &person.membership_id)
            .await
    }

    async fn fresh_token(&self, tenant_id: &str, user_id: &str, membership_id: &str) -> String {
        let path = format!("/user-tenants/{membership_id}/effective-permissions?tenantId={tenant_id}");
        let answer = self.get(&path).bearer(&self.operator()).send().await;
        let view = answer.expect(200).json();
        let held = view["permissions"].as_array().cloned().unwrap_or_default();
        let held = held
            .iter()
            .filter_map(Value::as_str)
            .filter_map(Permission::parse);
        self.token_of(tenant_id, user_id, held)
    }

    /// A member as an operator reads it.
    pub async fn find_user(&self, person: &Person) -> Value {
        let path = format!("/tenants/{}/users/{}", person.tenant_id, person.user_id);
        let answer = self.get(&path).bearer(&self.operator()).send().await;
        answer.expect(200).json()
    }
}

/// A client address for each person, so that scenes do not use up a test's rate limit.
fn address_of(email: &str) -> String {
    let hash = Sha256::digest(email);
    format!("10.{}.{}.{}", hash[0], hash[1], hash[2])
}
