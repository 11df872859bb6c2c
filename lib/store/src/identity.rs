//! How people arrive: from an identity provider's login to a person, its memberships and what they allow, in one call.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Conflict, Id, Login, Membership, ProviderName, Roles, Tenant, TenantScope, TenantStatus, Timestamp, User,
};

use crate::call::Failure;
use crate::entity::{Entity, text_of};
use crate::key::{self, Keys};
use crate::meter::Side;
use crate::{Error, Store, Transaction, Unique};

/// So many tenants are looked at in one call: all roles of a tenant are one item, which may be large.
pub const TENANTS_AT_ONCE: usize = 10;

/// A person on its way in, and what it may do where it might go.
#[derive(Clone, Debug, Default)]
pub struct Arrival {
    /// The person, if there is one with the id that was asked for.
    pub user: Option<User>,
    /// Who has the login, if somebody has.
    pub owner_of_login: Option<Id<User>>,
    /// Where it stands in those of the tenants that are there and that it belongs to.
    pub standings: Vec<Standing>,
}

/// Where a person stands in one tenant.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The tenant.
    pub tenant: Tenant,
    /// The person's membership.
    pub membership: Membership,
    /// The tenant's roles.
    pub roles: Roles,
}

/// An issuer whose tokens speak of one tenant only, because its pool or realm is that tenant's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The tenant that they may speak of.
    pub tenant_id: Id<Tenant>,
    /// The kind of provider.
    pub provider: ProviderName,
    /// `aud` or `client_id` must be one of these.
    pub audiences: Vec<String>,
    /// Where its keys are published.
    pub jwks_uri: String,
    /// Since when.
    pub created_at: Timestamp,
}

impl Standing {
    /// Whether the person may act there: as an active member of an active tenant.
    pub fn is_open(&self) -> bool {
        self.tenant.status == TenantStatus::Active && self.membership.is_active()
    }
}

impl Entity for TenantIssuer {
    const TYPE: &'static str = "issuer";

    fn keys(&self) -> Keys {
        Keys::only(key::issuer(&self.issuer))
    }
}

impl Transaction {
    /// Lets an issuer speak of its tenant.
    pub fn put_issuer(&mut self, scope: &TenantScope, issuer: &TenantIssuer) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), issuer.tenant_id, "an issuer of another tenant");
        self.add(issuer)
    }

    /// Takes the word from an issuer.
    pub(crate) fn delete_issuer(&mut self, issuer: &str) -> &mut Self {
        self.delete_any(&key::issuer(issuer))
    }

    /// Makes the logins that a person has from now on its own, and frees those that it has no more.
    pub(crate) fn move_logins(&mut self, user: Id<User>, before: &[Login], after: &[Login]) -> &mut Self {
        let owner = user.to_string();
        for login in after.iter().filter(|login| !before.contains(login)) {
            self.reserve(&Unique::Login(login), &owner, Conflict::LoginTaken);
        }
        for login in before.iter().filter(|login| !after.contains(login)) {
            self.release(&Unique::Login(login), &owner);
        }
        self
    }
}

impl Store {
    /// Finds a person by its id, who has a login, and where the person stands in these tenants, in one call for up to
    /// `TENANTS_AT_ONCE` tenants; more are not looked at.
    pub async fn find_arrival(
        &self,
        user_id: Id<User>,
        login: Option<&Login>,
        tenants: &[Id<Tenant>],
    ) -> Result<Arrival, Error> {
        let tenants = &tenants[..tenants.len().min(TENANTS_AT_ONCE)];
        let mut keys = vec![key::user(user_id)];
        let marker = login.map(|login| key::unique(&Unique::Login(login)));
        keys.extend(marker.clone());
        for tenant_id in tenants {
            keys.push(key::tenant(*tenant_id));
            keys.push(key::membership(
                *tenant_id,
                Membership::id_of(*tenant_id, user_id),
            ));
            keys.push(key::roles(*tenant_id));
        }
        let keys = keys.iter().map(key::Key::to_item).collect();
        let mut arrival = Arrival::default();
        let (mut found, mut memberships, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        for item in self.get_items(keys, None).await? {
            match text_of(&item, "type") {
                Some(User::TYPE) => arrival.user = Some(User::from_item(item)?),
                Some("unique") => {
                    arrival.owner_of_login = text_of(&item, "owner").and_then(|owner| Id::parse(owner).ok());
                }
                Some(Tenant::TYPE) => found.push(Tenant::from_item(item)?),
                Some(Membership::TYPE) => memberships.push(Membership::from_item(item)?),
                Some(Roles::TYPE) => roles.push(Roles::from_item(item)?),
                _ => {}
            }
        }
        arrival.standings = standings(found, memberships, roles);
        Ok(arrival)
    }

    /// Finds who has a login.
    pub async fn find_owner_of_login(&self, login: &Login) -> Result<Option<Id<User>>, Error> {
        let marker = self.get_item(&key::unique(&Unique::Login(login))).await?;
        Ok(marker.and_then(|marker| Id::parse(text_of(&marker, "owner")?).ok()))
    }

    /// Finds where a member stands: its tenant, its membership and the roles, in one call.
    pub async fn find_standing(
        &self,
        scope: &TenantScope,
        id: Id<Membership>,
    ) -> Result<Option<Standing>, Error> {
        let tenant_id = scope.tenant_id();
        let keys = [
            key::tenant(tenant_id),
            key::membership(tenant_id, id),
            key::roles(tenant_id),
        ];
        let (mut tenants, mut memberships, mut roles) = (Vec::new(), Vec::new(), Vec::new());
        let keys = keys.iter().map(key::Key::to_item).collect();
        for item in self.get_items(keys, None).await? {
            match text_of(&item, "type") {
                Some(Tenant::TYPE) => tenants.push(Tenant::from_item(item)?),
                Some(Membership::TYPE) => memberships.push(Membership::from_item(item)?),
                Some(Roles::TYPE) => roles.push(Roles::from_item(item)?),
                _ => {}
            }
        }
        Ok(standings(tenants, memberships, roles).pop())
    }

    /// Notes where a person goes from now on, if it is still there. Other changes of the person that were read before look again.
    pub async fn go_to(&self, user_id: Id<User>, tenant_id: Id<Tenant>) -> Result<(), Error> {
        let result = self
            .call(|| {
                self.client()
                    .update_item()
                    .table_name(self.table())
                    .set_key(Some(key::user(user_id).to_item()))
                    .update_expression("SET lastTenantId = :tenant ADD version :one")
                    .condition_expression("attribute_exists(pk)")
                    .expression_attribute_values(":tenant", AttributeValue::S(tenant_id.to_string()))
                    .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
            })
            .await;
        match result {
            Ok(output) => {
                self.meter().spent(Side::Write, output.consumed_capacity());
                Ok(())
            }
            Err(Failure::Final(error))
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Finds the issuer whose tokens say so, if it is that of a tenant.
    pub async fn find_issuer(&self, issuer: &str) -> Result<Option<TenantIssuer>, Error> {
        self.get(&key::issuer(issuer)).await
    }
}

/// Puts together what belongs to one tenant; what is not complete is none.
fn standings(tenants: Vec<Tenant>, memberships: Vec<Membership>, roles: Vec<Roles>) -> Vec<Standing> {
    let mut standings = Vec::new();
    for membership in memberships {
        let tenant = tenants.iter().find(|tenant| tenant.id == membership.tenant_id);
        let roles = roles.iter().find(|roles| roles.tenant_id == membership.tenant_id);
        if let (Some(tenant), Some(roles)) = (tenant, roles) {
            standings.push(Standing {
                tenant: tenant.clone(),
                membership,
                roles: roles.clone(),
            });
        }
    }
    standings
}
