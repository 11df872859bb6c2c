//! Whom a token is for: the person, the tenant that it goes to, and what it may do there.

use serde_json::{Map, Value, json};
use tenantry_domain::{Id, Login, Membership, MembershipStatus, Permissions, Tenant, User};
use tenantry_store::Standing;

use crate::{Context, Error};

/// Somebody who has proved to a provider who it is.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The person, as the provider names it to us. It is not believed without the login.
    pub user_id: Option<Id<User>>,
    /// How the provider knows it. The local issuer has none: it asks us who there is.
    pub login: Option<Login>,
    /// Where it wants to go.
    pub wanted: Option<Id<Tenant>>,
    /// Where it may belong, as the provider remembers it: looked at in the first call, and believed in nothing.
    pub hints: Vec<Id<Tenant>>,
}

/// What a token says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// The person.
    pub user_id: Id<User>,
    /// Where it acts, and as what; nowhere, if it may act nowhere.
    pub tenant: Option<TenantClaims>,
}

/// What a token says of a person in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantClaims {
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// The membership.
    pub membership_id: Id<Membership>,
    /// What the role is called.
    pub role: String,
    /// What it may do.
    pub permissions: Permissions,
    /// Where the membership stands.
    pub status: MembershipStatus,
}

/// What stands in a token instead of permissions that would make it too long: the API looks them up.
pub const PERMISSIONS_REF: &str = "membership";

/// A person, and where it stands in the tenants that were looked at.
struct Known {
    user: User,
    looked_at: Vec<Id<Tenant>>,
    standings: Vec<Standing>,
}

impl SignIn {
    /// Chooses the tenant: the wanted one and no other, or else the last one, the person's default, or whose own place it comes from. It costs one call
    /// if the hints hold and two if not, and one more to note where a person goes that went elsewhere before. `None` if nobody
    /// here has this login.
    pub async fn claims(&self, context: &Context) -> Result<Option<TokenClaims>, Error> {
        let Some(mut known) = self.find_person(context).await? else {
            return Ok(None);
        };
        // The table takes no key twice, and most people go where they always do.
        let (last, default) = (known.user.last_tenant_id, known.user.default_tenant_id);
        let unsaid = || {
            last.into_iter()
                .chain(default.filter(|_| default != last))
                .collect()
        };
        let choices: Vec<Id<Tenant>> = self.wanted.map_or_else(unsaid, |wanted| vec![wanted]);
        let is_new =
            |choice: &Id<Tenant>| !known.looked_at.contains(choice) && known.user.tenants.contains(choice);
        let missing: Vec<Id<Tenant>> = choices.iter().copied().filter(is_new).collect();
        if !missing.is_empty() {
            let found = context.store.find_arrival(known.user.id, None, &missing).await?;
            known.standings.extend(found.standings);
        }
        let open = choices.iter().find_map(|choice| {
            let standing = known
                .standings
                .iter()
                .find(|standing| standing.tenant.id == *choice)?;
            self.is_open(standing).then_some(standing)
        });
        // A place of a tenant's own leads to that tenant, wherever else its people go.
        let own = || {
            let mut standings = known.standings.iter();
            standings.find(|standing| self.is_from_own_place_of(standing) && self.is_open(standing))
        };
        let open = open.or_else(|| self.wanted.is_none().then(own).flatten());
        let tenant = open.map(TenantClaims::of);
        if let (Some(wanted), Some(_)) = (self.wanted, &tenant)
            && known.user.last_tenant_id != Some(wanted)
        {
            context.store.go_to(known.user.id, wanted).await?;
        }
        Ok(Some(TokenClaims {
            user_id: known.user.id,
            tenant,
        }))
    }

    /// The id that the provider names is a guess: whoever may choose its own name there could choose somebody's id. The login
    /// is the proof.
    async fn find_person(&self, context: &Context) -> Result<Option<Known>, Error> {
        let mut looked_at: Vec<Id<Tenant>> = self.wanted.into_iter().collect();
        for hint in &self.hints {
            if looked_at.len() < tenantry_store::TENANTS_AT_ONCE && !looked_at.contains(hint) {
                looked_at.push(*hint);
            }
        }
        let mut owner = None;
        if let Some(user_id) = self.user_id {
            let arrival = context
                .store
                .find_arrival(user_id, self.login.as_ref(), &looked_at)
                .await?;
            owner = arrival.owner_of_login;
            if let Some(user) = arrival.user
                && self
                    .login
                    .as_ref()
                    .is_none_or(|login| user.logins.contains(login))
            {
                return Ok(Some(Known {
                    user,
                    looked_at,
                    standings: arrival.standings,
                }));
            }
        } else if let Some(login) = &self.login {
            owner = context.store.find_owner_of_login(login).await?;
        }
        let Some(owner) = owner else {
            return Ok(None);
        };
        let arrival = context.store.find_arrival(owner, None, &looked_at).await?;
        let user = arrival.user.filter(|user| {
            self.login
                .as_ref()
                .is_some_and(|login| user.logins.contains(login))
        });
        Ok(user.map(|user| Known {
            user,
            looked_at,
            standings: arrival.standings,
        }))
    }

    fn is_from_own_place_of(&self, standing: &Standing) -> bool {
        let identity = standing
            .tenant
            .identity
            .as_ref()
            .filter(|identity| identity.is_own);
        identity
            .zip(self.login.as_ref())
            .is_some_and(|(identity, login)| login.is_at(identity.provider, &identity.place))
    }

    /// Whether the person may act there, and with this login: who vouches for a login in one tenant vouches for nothing in another.
    fn is_open(&self, standing: &Standing) -> bool {
        let is_login_of = self.login.is_none() || self.login == standing.membership.login;
        standing.is_open() && is_login_of
    }
}

impl TenantClaims {
    /// What a member may do now.
    pub fn of(standing: &Standing) -> Self {
        let Standing {
            tenant,
            membership,
            roles,
        } = standing;
        let role = roles.find(membership.role_id);
        Self {
            tenant_id: tenant.id,
            membership_id: membership.id,
            role: role.map(|role| role.name.to_string()).unwrap_or_default(),
            permissions: membership.permissions(roles),
            status: membership.status,
        }
    }
}

impl TokenClaims {
    /// As they stand in a token. Permissions that would take more than `room` bytes with the rest, as JSON, become a reference.
    pub fn to_claims(&self, room: usize) -> Map<String, Value> {
        let mut claims = Map::from_iter([("userId".to_owned(), json!(self.user_id))]);
        let Some(tenant) = &self.tenant else {
            return claims;
        };
        claims.insert("tenantId".to_owned(), json!(tenant.tenant_id));
        claims.insert("userTenantId".to_owned(), json!(tenant.membership_id));
        claims.insert("role".to_owned(), json!(tenant.role));
        claims.insert("status".to_owned(), json!(tenant.status));
        let mut whole = claims.clone();
        whole.insert("permissions".to_owned(), json!(tenant.permissions));
        if json!(whole).to_string().len() <= room {
            return whole;
        }
        claims.insert("permissionsRef".to_owned(), json!(PERMISSIONS_REF));
        claims
    }
}
