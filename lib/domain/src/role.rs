use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Change, Conflict, Entropy, Error, Id, Kind, Permission, Permissions, Rule, Scope, Tenant, Text, Timestamp,
};

/// The roles that every tenant has. What they grant is decided here, so that a new permission reaches all tenants at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SystemRole {
    /// May do everything in the tenant; there is always one.
    Owner,
    /// Looks after people, access and settings; not after what is bought, provisioned or carried away.
    Admin,
    /// Sees who else is there, and keeps its own preferences.
    Member,
}

/// What members of a tenant are made to do their work: a name for a set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// Its id.
    pub id: Id<Role>,
    /// What it is called; no other role of the tenant is called so, in any letter case.
    pub name: RoleName,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<Description>,
    /// What it grants.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub modified_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// The name of a role or group.
pub type RoleName = Text<100>;

/// A line that says what something is for.
pub type Description = Text<500>;

/// All roles of one tenant that it made itself. They are few and are read together wherever permissions are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    /// Whose they are.
    pub tenant_id: Id<Tenant>,
    /// By their ids.
    pub roles: BTreeMap<Id<Role>, Role>,
    /// When the tenant's own roles came to be: with the tenant.
    pub created_at: Timestamp,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// A role that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRole {
    /// What it is called.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<Description>,
    /// What it grants.
    pub permissions: Permissions,
}

/// What may change of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleChanges {
    /// What it is called.
    pub name: Option<RoleName>,
    /// What it is for.
    pub description: crate::Patch<Description>,
    /// What it grants.
    pub permissions: Option<Permissions>,
}

impl SystemRole {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Member];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "Owner",
            Self::Admin => "Admin",
            Self::Member => "Member",
        }
    }

    fn describes(self) -> &'static str {
        match self {
            Self::Owner => "May do everything in the tenant.",
            Self::Admin => "Looks after people, access and settings.",
            Self::Member => "Sees who else is there, and keeps own preferences.",
        }
    }

    /// What it grants.
    pub fn permissions(self) -> Permissions {
        let of_tenant = Permission::all().filter(|permission| permission.scope() == Scope::Tenant);
        of_tenant.filter(|permission| self.grants(*permission)).collect()
    }

    fn grants(self, permission: Permission) -> bool {
        use Permission::{
            CreateSubscription, CreateUserTenantPreference, DeleteSubscription, DeleteUserTenantPreference,
            ExportTenant, LeaveUserGroup, ProvisionTenant, UpdateSubscription, UpdateUserTenantPreference,
            ViewAllTenantOfSelf, ViewGroupList, ViewPlan, ViewRoles, ViewTenant, ViewTenantUser,
            ViewUserGroupList, ViewUserTenant, ViewUserTenantPreference,
        };
        match self {
            Self::Owner => true,
            Self::Admin => !matches!(
                permission,
                CreateSubscription | UpdateSubscription | DeleteSubscription | ExportTenant | ProvisionTenant
            ),
            Self::Member => matches!(
                permission,
                ViewTenant
                    | ViewTenantUser
                    | ViewRoles
                    | ViewGroupList
                    | ViewUserGroupList
                    | LeaveUserGroup
                    | ViewUserTenant
                    | ViewAllTenantOfSelf
                    | ViewPlan
                    | CreateUserTenantPreference
                    | ViewUserTenantPreference
                    | UpdateUserTenantPreference
                    | DeleteUserTenantPreference
            ),
        }
    }

    /// What it is called, as roles are.
    pub fn role_name(self) -> RoleName {
        Text::abridge(self.name(), "role")
    }

    /// Its id in a tenant: it follows from the tenant's.
    pub fn id(self, tenant_id: Id<Tenant>) -> Id<Role> {
        Id::following(&format!("role {}", self.name()), &[tenant_id.as_uuid()])
    }
}

impl Role {
    /// The role of the system that has this id in the tenant, if it is one.
    pub fn system(tenant_id: Id<Tenant>, id: Id<Self>) -> Option<SystemRole> {
        SystemRole::ALL.into_iter().find(|role| role.id(tenant_id) == id)
    }

    /// Refuses what is more than the caller holds: nobody gives away, or decides about, more than that.
    pub fn check_within(&self, held: &Permissions) -> Result<(), Error> {
        match held.missing_of(&self.permissions) {
            None => Ok(()),
            Some(permission) => Err(Error::Forbidden(format!(
                "role `{}` grants {}, which the caller does not hold",
                self.name,
                permission.name()
            ))),
        }
    }
}

impl Roles {
    /// So many roles a tenant makes at most.
    pub const MOST: usize = 50;

    /// Of a new tenant, which has made none.
    pub fn begin(tenant_id: Id<Tenant>, at: Timestamp) -> Self {
        Self {
            tenant_id,
            roles: BTreeMap::new(),
            created_at: at,
            version: 1,
        }
    }

    /// A role of the tenant: one of its own, or of the system.
    pub fn find(&self, id: Id<Role>) -> Option<Cow<'_, Role>> {
        match Role::system(self.tenant_id, id) {
            Some(system) => Some(Cow::Owned(self.system(system))),
            None => self.roles.get(&id).map(Cow::Borrowed),
        }
    }

    /// The same, as what a body names.
    pub fn require(&self, id: Id<Role>) -> Result<Cow<'_, Role>, Error> {
        let missing =
            || Error::invalid(Rule::new("unknown_role", format!("role `{id}` does not exist")).at("/roleId"));
        self.find(id).ok_or_else(missing)
    }

    /// All of them: the system's first, then by age.
    pub fn all(&self) -> Vec<Role> {
        let system = SystemRole::ALL.into_iter().map(|role| self.system(role));
        system.chain(self.roles.values().cloned()).collect()
    }

    fn system(&self, role: SystemRole) -> Role {
        Role {
            id: role.id(self.tenant_id),
            name: role.role_name(),
            description: Some(Text::abridge(role.describes(), "role")),
            permissions: role.permissions(),
            created_at: self.created_at,
            modified_at: self.created_at,
            version: 1,
        }
    }

    /// With one role more.
    pub fn create(self, new: NewRole, change: &Change, entropy: &dyn Entropy) -> Result<(Self, Role), Error> {
        let NewRole {
            name,
            description,
            permissions,
        } = new;
        if self.roles.len() >= Self::MOST {
            return Err(Conflict::TooManyRoles(self.tenant_id.to_string()).into());
        }
        let role = Role {
            id: Id::new(change.at, entropy),
            name,
            description,
            permissions,
            created_at: change.at,
            modified_at: change.at,
            version: 1,
        };
        Ok((self.with(role.clone())?, role))
    }

    /// With one role changed; nothing if the changes change nothing.
    pub fn update(
        self,
        id: Id<Role>,
        changes: RoleChanges,
        change: &Change,
    ) -> Result<Option<(Self, Role)>, Error> {
        let before = self.changeable(id)?.clone();
        let RoleChanges {
            name,
            description,
            permissions,
        } = changes;
        let role = Role {
            name: name.unwrap_or_else(|| before.name.clone()),
            description: description.apply(before.description.clone()),
            permissions: permissions.unwrap_or_else(|| before.permissions.clone()),
            ..before.clone()
        };
        if role == before {
            return Ok(None);
        }
        let role = Role {
            modified_at: change.at,
            version: before.version + 1,
            ..role
        };
        Ok(Some((self.with(role.clone())?, role)))
    }

    /// Without one role.
    pub fn delete(mut self, id: Id<Role>) -> Result<Self, Error> {
        self.changeable(id)?;
        self.roles.remove(&id);
        self.version += 1;
        Ok(self)
    }

    /// A role that the tenant may change: one of its own.
    pub fn changeable(&self, id: Id<Role>) -> Result<&Role, Error> {
        if let Some(system) = Role::system(self.tenant_id, id) {
            return Err(Conflict::SystemRole(system.name()).into());
        }
        self.roles
            .get(&id)
            .ok_or_else(|| Error::not_found(Kind::Role, id))
    }

    fn with(mut self, role: Role) -> Result<Self, Error> {
        let wanted = role.name.as_str().to_lowercase();
        let is_taken = self
            .all()
            .iter()
            .any(|other| other.id != role.id && other.name.as_str().to_lowercase() == wanted);
        if is_taken {
            return Err(Conflict::RoleNameTaken(role.name.to_string()).into());
        }
        self.roles.insert(role.id, role);
        self.version += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Patch;
    use crate::examples::{Counter, change, id, now};

    fn named(name: &str) -> NewRole {
        NewRole {
            name: Text::parse(name).expect("the example is a name"),
            description: None,
            permissions: [Permission::ViewTenant].into_iter().collect(),
        }
    }

    fn conflict<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
        match result {
            Err(Error::Conflict(conflict)) => conflict.code(),
            other => panic!("{other:?} is no conflict"),
        }
    }

    #[test]
    fn what_system_roles_grant_grows_from_member_to_owner_and_never_to_the_platform() {
        let [owner, admin, member] = SystemRole::ALL.map(SystemRole::permissions);

        assert_eq!(owner.missing_of(&admin), None);
        assert_eq!(admin.missing_of(&member), None);
        assert_eq!(admin.missing_of(&owner), Some(Permission::ProvisionTenant));
        assert!(owner.iter().all(|permission| permission.scope() == Scope::Tenant));
        assert!(!member.holds(Permission::UpdateTenantUser));
    }

    #[test]
    fn a_system_role_has_an_id_of_its_own_in_each_tenant() {
        let (one, other) = (id(1), id(2));

        assert_eq!(
            Role::system(one, SystemRole::Owner.id(one)),
            Some(SystemRole::Owner)
        );
        assert_eq!(Role::system(other, SystemRole::Owner.id(one)), None);
        assert_ne!(SystemRole::Owner.id(one), SystemRole::Admin.id(one));
    }

    #[test]
    fn names_are_unique_in_any_letter_case_those_of_the_system_included() {
        let entropy = Counter::default();
        let (roles, role) = Roles::begin(id(1), now())
            .create(named("Editor"), &change(), &entropy)
            .expect("the name is free");

        for taken in ["editor", "EDITOR", "owner", "Admin", "MEMBER"] {
            let refused = roles.clone().create(named(taken), &change(), &entropy);
            assert_eq!(conflict(refused), "role_name_taken", "{taken}");
        }
        let own = RoleChanges {
            name: Some(Text::parse("EDITOR").expect("a name")),
            ..RoleChanges::default()
        };
        let (_, renamed) = roles
            .update(role.id, own, &change())
            .expect("it is its own name")
            .expect("it changes");
        assert_eq!((renamed.name.as_str(), renamed.version), ("EDITOR", 2));
    }

    #[test]
    fn the_roles_of_the_system_stay_as_they_are() {
        let roles = Roles::begin(id(1), now());

        for system in SystemRole::ALL {
            let role_id = system.id(id(1));
            let update = roles.clone().update(role_id, RoleChanges::default(), &change());
            assert_eq!(conflict(update), "system_role");
            assert_eq!(conflict(roles.clone().delete(role_id)), "system_role");
        }
    }

    #[test]
    fn changes_that_change_nothing_are_none() {
        let (roles, role) = Roles::begin(id(1), now())
            .create(named("Editor"), &change(), &Counter::default())
            .expect("the name is free");
        let same = RoleChanges {
            name: Some(role.name.clone()),
            description: Patch::Clear,
            permissions: Some(role.permissions.clone()),
        };

        assert_eq!(roles.update(role.id, same, &change()), Ok(None));
    }

    #[test]
    fn there_are_fifty_at_most() {
        let entropy = Counter::default();
        let mut roles = Roles::begin(id(1), now());
        for n in 0..Roles::MOST {
            let made = roles.create(named(&format!("role {n}")), &change(), &entropy);
            roles = made.expect("there is room").0;
        }

        assert_eq!(
            conflict(roles.create(named("one more"), &change(), &entropy)),
            "too_many_roles"
        );
    }
}
