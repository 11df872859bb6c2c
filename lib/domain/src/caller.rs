use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Id, Kind, Lead, Membership, Permission, Permissions, Tenant, Text, User};

/// Who stands behind a change; in records and events `operator:sub`, `member:id`, `person:id`, `lead:id`, `application-plane`, `system` or `anonymous`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person or machine of the platform, by token subject.
    Operator(Text<200>),
    /// A member of a tenant.
    Member(Id<Membership>),
    /// A person, in no tenant.
    Person(Id<User>),
    /// A prospect.
    Lead(Id<Lead>),
    /// The application plane that carries out provisioning.
    ApplicationPlane,
    /// Tenantry itself.
    System,
    /// Somebody on a public route.
    Anonymous,
}

/// A caller of the platform: no tenant of its own, all tenants within reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The token's subject.
    pub subject: Text<200>,
    /// What it may do.
    pub permissions: Permissions,
}

/// A caller who belongs to one tenant and reaches no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The tenant.
    pub tenant_id: Id<Tenant>,
    /// The membership, `userTenantId` in tokens.
    pub membership_id: Id<Membership>,
    /// What it may do there.
    pub permissions: Permissions,
}

/// Who is calling, proved by a token; a public route has an anonymous caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Proved by a platform token.
    Operator(Operator),
    /// Proved by a tenant token.
    Member(Member),
    /// Proved by a token of somebody who acts in no tenant now.
    Person(Id<User>),
    /// Proved by our own token from verification.
    Lead(Id<Lead>),
    /// Not proved.
    Anonymous,
}

impl Caller {
    /// The name under which this caller's changes are recorded.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Operator(operator) => Actor::Operator(operator.subject.clone()),
            Self::Member(member) => Actor::Member(member.membership_id),
            Self::Person(id) => Actor::Person(*id),
            Self::Lead(id) => Actor::Lead(*id),
            Self::Anonymous => Actor::Anonymous,
        }
    }

    /// Lets operators with the permission pass.
    pub fn require_operator(&self, permission: Permission) -> Result<(), Error> {
        match self {
            Self::Operator(operator) => require(&operator.permissions, permission),
            Self::Member(_) | Self::Person(_) | Self::Lead(_) => {
                Err(Error::Forbidden("only operators may do this".to_owned()))
            }
            Self::Anonymous => Err(Error::Unauthenticated("a bearer token is required")),
        }
    }

    /// Whether the caller holds the permission at all, before it is known for which tenant.
    pub fn require_permission(&self, permission: Permission) -> Result<(), Error> {
        match self {
            Self::Operator(operator) => require(&operator.permissions, permission),
            Self::Member(member) => require(&member.permissions, permission),
            Self::Person(_) => Err(Error::Forbidden(
                "the token is for no tenant in which its person may act".to_owned(),
            )),
            Self::Lead(_) => Err(Error::Forbidden("lead tokens may not do this".to_owned())),
            Self::Anonymous => Err(Error::Unauthenticated("a bearer token is required")),
        }
    }

    /// Proof that the caller may act in the tenant; a tenant out of a member's reach does not exist for it.
    pub fn scope(&self, tenant_id: Id<Tenant>, permission: Permission) -> Result<TenantScope, Error> {
        self.require_permission(permission)?;
        match self {
            Self::Member(member) if member.tenant_id != tenant_id => {
                Err(Error::not_found(Kind::Tenant, tenant_id))
            }
            Self::Operator(_) | Self::Member(_) | Self::Person(_) | Self::Lead(_) | Self::Anonymous => {
                Ok(TenantScope {
                    tenant_id,
                    actor: self.actor(),
                    lead_id: None,
                })
            }
        }
    }

    /// Proof that a lead may read the tenant, valid only for the tenant that turns out to be the lead's own.
    pub fn scope_of_lead(&self, tenant_id: Id<Tenant>) -> Option<TenantScope> {
        match self {
            Self::Lead(lead_id) => Some(TenantScope {
                tenant_id,
                actor: self.actor(),
                lead_id: Some(*lead_id),
            }),
            Self::Operator(_) | Self::Member(_) | Self::Person(_) | Self::Anonymous => None,
        }
    }
}

fn require(held: &Permissions, permission: Permission) -> Result<(), Error> {
    if held.holds(permission) {
        Ok(())
    } else {
        Err(Error::Forbidden(format!(
            "permission {} is required",
            permission.name()
        )))
    }
}

/// Proof that a caller may act in one tenant. The store asks for it before it touches anything of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantScope {
    tenant_id: Id<Tenant>,
    actor: Actor,
    lead_id: Option<Id<Lead>>,
}

impl TenantScope {
    /// The scope of Tenantry itself or of an application plane whose signature was checked; grep for it in review.
    pub fn of_system(tenant_id: Id<Tenant>, actor: Actor) -> Self {
        Self {
            tenant_id,
            actor,
            lead_id: None,
        }
    }

    /// The tenant.
    pub fn tenant_id(&self) -> Id<Tenant> {
        self.tenant_id
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whether the acting caller is bound to this tenant, so that a suspension stops its writes.
    pub fn is_member(&self) -> bool {
        matches!(self.actor, Actor::Member(_))
    }

    /// Whether the acting caller belongs to this tenant, as its member or as the lead that became it.
    pub fn is_bound(&self) -> bool {
        self.is_member() || self.lead_id.is_some()
    }

    /// The lead that must have become the tenant, if the scope is a lead's.
    pub fn lead_id(&self) -> Option<Id<Lead>> {
        self.lead_id
    }

    /// Whether the tenant that was found is one that this scope covers: a lead's own, for leads.
    pub fn covers(&self, tenant: &Tenant) -> bool {
        tenant.id == self.tenant_id && self.lead_id.is_none_or(|lead| tenant.lead_id == Some(lead))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(subject) => write!(f, "operator:{subject}"),
            Self::Member(id) => write!(f, "member:{id}"),
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Lead(id) => write!(f, "lead:{id}"),
            Self::ApplicationPlane => f.write_str("application-plane"),
            Self::System => f.write_str("system"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let actor = match text.split_once(':') {
            Some(("operator", subject)) => Text::parse(subject).map(Self::Operator),
            Some(("member", id)) => Id::parse(id).map(Self::Member),
            Some(("person", id)) => Id::parse(id).map(Self::Person),
            Some(("lead", id)) => Id::parse(id).map(Self::Lead),
            _ => match &*text {
                "application-plane" => Ok(Self::ApplicationPlane),
                "system" => Ok(Self::System),
                "anonymous" => Ok(Self::Anonymous),
                _ => Err(crate::Rule::new("invalid_actor", "must name an actor")),
            },
        };
        actor.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TenantStatus;
    use crate::examples::{id, member, operator, tenant};

    fn of_operator(permissions: impl IntoIterator<Item = Permission>) -> Caller {
        Caller::Operator(operator(permissions))
    }

    fn of_member(tenant_id: Id<Tenant>, permissions: impl IntoIterator<Item = Permission>) -> Caller {
        Caller::Member(member(tenant_id, permissions))
    }

    #[test]
    fn operators_act_in_every_tenant_in_their_own_name() {
        let caller = of_operator([Permission::ViewTenant]);

        for tenant_id in [id(1), id(2)] {
            let scope = caller
                .scope(tenant_id, Permission::ViewTenant)
                .expect("operators reach every tenant");

            assert_eq!(
                (scope.tenant_id(), scope.actor(), scope.is_member()),
                (tenant_id, &caller.actor(), false)
            );
        }
    }

    #[test]
    fn members_act_in_their_own_tenant() {
        let caller = of_member(id(1), [Permission::ViewTenant]);

        let scope = caller
            .scope(id(1), Permission::ViewTenant)
            .expect("it is the member's own");

        assert_eq!(
            (scope.tenant_id(), scope.actor(), scope.is_member()),
            (id(1), &Actor::Member(id(4)), true)
        );
    }

    #[test]
    fn another_tenant_does_not_exist_for_a_member() {
        let caller = of_member(id(1), Permission::all());

        for permission in Permission::all() {
            let refused = caller.scope(id(2), permission);

            assert_eq!(
                refused,
                Err(Error::not_found(Kind::Tenant, id::<Tenant>(2))),
                "{permission:?}"
            );
        }
    }

    #[test]
    fn without_the_permission_nobody_learns_whether_a_tenant_exists() {
        for permission in Permission::all() {
            let others: Vec<Permission> = Permission::all().filter(|other| *other != permission).collect();
            for caller in [of_operator(others.clone()), of_member(id(1), others)] {
                for tenant_id in [id(1), id(2)] {
                    let refused = caller.scope(tenant_id, permission);

                    let detail = format!("permission {} is required", permission.name());
                    assert_eq!(refused, Err(Error::Forbidden(detail)));
                }
            }
        }
    }

    #[test]
    fn leads_and_strangers_get_no_scope_by_permission() {
        for permission in Permission::all() {
            assert!(matches!(
                Caller::Lead(id(1)).scope(id(1), permission),
                Err(Error::Forbidden(_))
            ));
            assert!(matches!(
                Caller::Anonymous.scope(id(1), permission),
                Err(Error::Unauthenticated(_))
            ));
        }
    }

    #[test]
    fn what_is_for_operators_is_for_nobody_else() {
        for permission in Permission::all() {
            assert_eq!(of_operator([permission]).require_operator(permission), Ok(()));
            assert!(matches!(
                of_operator([]).require_operator(permission),
                Err(Error::Forbidden(_))
            ));
            assert!(matches!(
                of_member(id(1), Permission::all()).require_operator(permission),
                Err(Error::Forbidden(_))
            ));
            assert!(matches!(
                Caller::Lead(id(1)).require_operator(permission),
                Err(Error::Forbidden(_))
            ));
            assert!(matches!(
                Caller::Anonymous.require_operator(permission),
                Err(Error::Unauthenticated(_))
            ));
        }
    }

    #[test]
    fn a_leads_scope_covers_the_tenant_it_became_and_no_other() {
        let lead = Caller::Lead(id(7));
        let own = Tenant {
            lead_id: Some(id(7)),
            ..tenant(TenantStatus::Active)
        };
        let of_other_lead = Tenant {
            lead_id: Some(id(8)),
            ..own.clone()
        };
        let of_no_lead = Tenant {
            lead_id: None,
            ..own.clone()
        };
        let elsewhere = Tenant {
            id: id(9),
            ..own.clone()
        };

        let scope = lead
            .scope_of_lead(own.id)
            .expect("a lead gets a scope that is yet to be proved");

        assert!(scope.covers(&own));
        assert!(!scope.is_member());
        for other in [of_other_lead, of_no_lead, elsewhere] {
            assert!(!scope.covers(&other), "{other:?}");
        }
    }

    #[test]
    fn only_leads_get_a_leads_scope() {
        for caller in [
            of_operator(Permission::all()),
            of_member(id(1), Permission::all()),
            Caller::Anonymous,
        ] {
            assert_eq!(caller.scope_of_lead(id(1)), None);
        }
    }

    #[test]
    fn what_names_no_actor_is_refused() {
        let hostile = [
            "",
            "operator",
            "operator:",
            "operator: ",
            "member:ada",
            "member:",
            "lead:x",
            "System",
            "system:x",
            "admin",
            "lead:system",
        ];

        for text in hostile {
            let json = serde_json::to_string(text).expect("it is a text");
            assert!(serde_json::from_str::<Actor>(&json).is_err(), "{text:?}");
        }
    }

    fn any_actor() -> impl Strategy<Value = Actor> {
        prop_oneof![
            "\\PC{1,60}".prop_filter_map("subjects are texts", |text| Text::parse(&text)
                .ok()
                .map(Actor::Operator)),
            "[a-z:|#]{1,40}".prop_filter_map("subjects are texts", |text| Text::parse(&text)
                .ok()
                .map(Actor::Operator)),
            any::<u8>().prop_map(|byte| Actor::Member(id(byte))),
            any::<u8>().prop_map(|byte| Actor::Person(id(byte))),
            any::<u8>().prop_map(|byte| Actor::Lead(id(byte))),
            Just(Actor::ApplicationPlane),
            Just(Actor::System),
            Just(Actor::Anonymous),
        ]
    }

    proptest! {
        #[test]
        fn an_actor_that_was_written_is_the_same_actor(actor in any_actor()) {
            let json = serde_json::to_string(&actor).expect("an actor is a text");

            prop_assert_eq!(serde_json::from_str::<Actor>(&json).expect("what was written can be read"), actor);
        }

        #[test]
        fn different_actors_are_printed_differently(a in any_actor(), b in any_actor()) {
            prop_assert_eq!(a == b, a.to_string() == b.to_string());
        }
    }
}
