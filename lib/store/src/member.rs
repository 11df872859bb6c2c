//! Persons, their memberships, the roles of a tenant, and all that a decision about access has to look at, in one call.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Update};
use tenantry_domain::{
    Actor, Conflict, Email, Error as DomainError, Group, Id, Invitation, Kind, Membership, MembershipStatus,
    Role, Roles, Rule, Tenant, TenantScope, Timestamp, User,
};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, Key, Keys, LAST};
use crate::page::List;
use crate::table::GSI2;
use crate::transaction::Refusal;
use crate::{Error, Page, PageRequest, Store, Trail, Transaction, Unique};

/// What a decision about people has to look at, besides the tenant's roles and where its audit trail stands.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Members of the tenant.
    pub members: Vec<Id<Membership>>,
    /// Persons.
    pub users: Vec<Id<User>>,
    /// Who has these names and addresses.
    pub owners_of: Vec<Unique<'a>>,
    /// A group of the tenant.
    pub group: Option<Id<Group>>,
    /// An invitation of the tenant.
    pub invitation: Option<Id<Invitation>>,
    /// Whether these addresses wait for an answer to an invitation.
    pub invited: Vec<&'a Email>,
    /// Whether the tenant itself is wanted.
    pub tenant: bool,
}

/// What was found of it.
#[derive(Clone, Debug)]
pub struct People {
    /// The tenant, if it was wanted.
    pub tenant: Option<Tenant>,
    /// The tenant's roles.
    pub roles: Roles,
    /// Where its audit trail stands.
    pub trail: Trail,
    /// The members that there are.
    pub members: Vec<Membership>,
    /// The persons that there are.
    pub users: Vec<User>,
    /// Who has the names and addresses that were asked for, in their order.
    pub owners: Vec<Option<Id<User>>>,
    /// Until when the addresses that were asked for wait for an answer to an invitation, in their order.
    pub invited: Vec<Option<Timestamp>>,
    /// The group, if there is one.
    pub group: Option<Group>,
    /// The invitation, if there is one.
    pub invitation: Option<Invitation>,
}

impl People {
    /// One of the members.
    pub fn member(&self, id: Id<Membership>) -> Option<&Membership> {
        self.members.iter().find(|member| member.id == id)
    }

    /// One of the persons.
    pub fn user(&self, id: Id<User>) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }
}

impl Entity for User {
    const TYPE: &'static str = "user";

    fn keys(&self) -> Keys {
        Keys::only(key::user(self.id))
    }
}

impl Versioned for User {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for Membership {
    const TYPE: &'static str = "membership";

    fn keys(&self) -> Keys {
        let gsi2 = Key {
            pk: key::members_of(self.tenant_id),
            sk: key::by_time(self.created_at, self.id),
        };
        Keys {
            gsi2: Some(gsi2),
            ..Keys::only(key::membership(self.tenant_id, self.id))
        }
    }
}

impl Versioned for Membership {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for Roles {
    const TYPE: &'static str = "roles";

    fn keys(&self) -> Keys {
        Keys::only(key::roles(self.tenant_id))
    }
}

impl Versioned for Roles {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Goes on only while who acts is an active member of the tenant, if it acts as one: whoever was removed or deactivated
    /// writes nothing, however long its token lives.
    pub(crate) fn acting(&mut self, scope: &TenantScope) -> &mut Self {
        match scope.actor() {
            Actor::Member(id) => {
                self.expect_active(scope, *id, DomainError::MembershipInactive(id.to_string()))
            }
            Actor::Operator(_)
            | Actor::Person(_)
            | Actor::Lead(_)
            | Actor::ApplicationPlane
            | Actor::System
            | Actor::Anonymous => self,
        }
    }

    /// Goes on only while this member of the tenant is active.
    pub fn expect_active(
        &mut self,
        scope: &TenantScope,
        id: Id<Membership>,
        refusal: impl Into<DomainError>,
    ) -> &mut Self {
        let active = MembershipStatus::Active.name().to_owned();
        let check = ConditionCheck::builder()
            .set_key(Some(key::membership(scope.tenant_id(), id).to_item()))
            .condition_expression("#status = :active")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", AttributeValue::S(active));
        self.check(check, refusal.into())
    }

    /// Goes on only while the person is no member of the tenant, or one that said no.
    pub fn expect_no_member(&mut self, scope: &TenantScope, user_id: Id<User>) -> &mut Self {
        let tenant_id = scope.tenant_id();
        let id = Membership::id_of(tenant_id, user_id);
        let rejected = MembershipStatus::Rejected.name().to_owned();
        let check = ConditionCheck::builder()
            .set_key(Some(key::membership(tenant_id, id).to_item()))
            .condition_expression("attribute_not_exists(pk) OR #status = :rejected")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":rejected", AttributeValue::S(rejected));
        self.check(
            check,
            DomainError::from(Conflict::MemberExists(user_id.to_string())),
        )
    }

    /// Goes on only while another owner of the tenant can act, for one that is about to leave.
    pub fn expect_other_owner(&mut self, scope: &TenantScope) -> &mut Self {
        let tenant_id = scope.tenant_id();
        let check = ConditionCheck::builder()
            .set_key(Some(key::owners(tenant_id).to_item()))
            .condition_expression("#n > :one")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        self.check(
            check,
            DomainError::from(Conflict::LastOwner(tenant_id.to_string())),
        )
    }

    /// Adds a person whose name and address nobody has.
    pub fn create_user(&mut self, user: &User) -> &mut Self {
        let owner = user.id.to_string();
        let taken = Conflict::UsernameTaken(user.username.to_string());
        self.reserve(&Unique::UserEmail(&user.email), &owner, Conflict::EmailTaken)
            .reserve(&Unique::Username(&user.username), &owner, taken)
            .move_logins(user.id, &[], &user.logins)
            .create(user, modified(Kind::User, user.id))
    }

    /// Puts the next version of a person over the one it was made from; a new name or address must be nobody's.
    pub fn replace_user(&mut self, before: &User, after: &User) -> &mut Self {
        let owner = after.id.to_string();
        if before.email != after.email {
            self.reserve(&Unique::UserEmail(&after.email), &owner, Conflict::EmailTaken)
                .release(&Unique::UserEmail(&before.email), &owner);
        }
        if before.username != after.username {
            let taken = Conflict::UsernameTaken(after.username.to_string());
            self.reserve(&Unique::Username(&after.username), &owner, taken)
                .release(&Unique::Username(&before.username), &owner);
        }
        self.move_logins(after.id, &before.logins, &after.logins)
            .replace(after, modified(Kind::User, after.id))
    }

    /// Removes a person for good, and frees its name and address.
    pub fn delete_user(&mut self, user: &User, conflict: DomainError) -> &mut Self {
        let owner = user.id.to_string();
        self.delete_version(&key::user(user.id), user.version, conflict)
            .release(&Unique::UserEmail(&user.email), &owner)
            .release(&Unique::Username(&user.username), &owner)
            .move_logins(user.id, &user.logins, &[])
    }

    /// Adds a member, if the person is none.
    pub fn create_membership(&mut self, scope: &TenantScope, membership: &Membership) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            membership.tenant_id,
            "a member of another tenant"
        );
        let exists = DomainError::from(Conflict::MemberExists(membership.user_id.to_string()));
        self.create(membership, exists)
            .count_role(membership.tenant_id, membership.role_id, 1);
        if membership.is_acting_owner() {
            self.count_owners(membership.tenant_id, 1);
        }
        self
    }

    /// Puts the next version of a member over the one it was made from. The last owner that can act stays one.
    pub fn replace_membership(
        &mut self,
        scope: &TenantScope,
        before: &Membership,
        after: &Membership,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), after.tenant_id, "a member of another tenant");
        self.replace(after, conflict);
        if before.role_id != after.role_id {
            self.count_role(after.tenant_id, before.role_id, -1).count_role(
                after.tenant_id,
                after.role_id,
                1,
            );
        }
        match (before.is_acting_owner(), after.is_acting_owner()) {
            (true, false) => self.count_owners(after.tenant_id, -1),
            (false, true) => self.count_owners(after.tenant_id, 1),
            (true, true) | (false, false) => self,
        }
    }

    /// Puts the next version of a member that differs in its login only, and so in nothing that is counted.
    pub fn note_login(
        &mut self,
        scope: &TenantScope,
        after: &Membership,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), after.tenant_id, "a member of another tenant");
        self.replace(after, conflict)
    }

    /// Deletes the version of a member that was read. The last owner that can act stays.
    pub fn delete_membership(
        &mut self,
        scope: &TenantScope,
        membership: &Membership,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            membership.tenant_id,
            "a member of another tenant"
        );
        let item = key::membership(membership.tenant_id, membership.id);
        self.delete_version(&item, membership.version, conflict)
            .count_role(membership.tenant_id, membership.role_id, -1);
        if membership.is_acting_owner() {
            self.count_owners(membership.tenant_id, -1);
        }
        self
    }

    /// The roles of a new tenant, which has made none.
    pub(crate) fn begin_roles(&mut self, tenant_id: Id<Tenant>, at: Timestamp) -> &mut Self {
        self.add(&Roles::begin(tenant_id, at))
    }

    /// Puts the next version of a tenant's roles, with one role more.
    pub fn create_role(
        &mut self,
        scope: &TenantScope,
        roles: &Roles,
        role: &Role,
        conflict: DomainError,
    ) -> &mut Self {
        let count = Update::builder()
            .set_key(Some(key::role_count(scope.tenant_id(), role.id).to_item()))
            .update_expression("SET #n = :none")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()));
        self.replace_roles(scope, roles, conflict)
            .update(count, Refusal::Never)
    }

    /// Puts the next version of a tenant's roles.
    pub fn replace_roles(&mut self, scope: &TenantScope, roles: &Roles, conflict: DomainError) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), roles.tenant_id, "roles of another tenant");
        self.replace(roles, conflict)
    }

    /// Puts the next version of a tenant's roles without one that is nobody's.
    pub fn delete_role(
        &mut self,
        scope: &TenantScope,
        roles: &Roles,
        role: Id<Role>,
        conflict: DomainError,
    ) -> &mut Self {
        let delete = Delete::builder()
            .set_key(Some(key::role_count(scope.tenant_id(), role).to_item()))
            .condition_expression("attribute_not_exists(pk) OR #n = :none")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":none", AttributeValue::N("0".to_owned()));
        let in_use = DomainError::from(Conflict::RoleInUse(role.to_string()));
        self.delete(delete, Refusal::Means(in_use));
        self.replace_roles(scope, roles, conflict)
    }

    /// Counts a member of a role that the tenant made, which must be there; those of the system are nobody's to remove.
    fn count_role(&mut self, tenant_id: Id<Tenant>, role: Id<Role>, delta: i64) -> &mut Self {
        if Role::system(tenant_id, role).is_some() {
            return self;
        }
        let update = Update::builder()
            .set_key(Some(key::role_count(tenant_id, role).to_item()))
            .update_expression("ADD #n :delta")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":delta", AttributeValue::N(delta.to_string()));
        let rule = Rule::new("unknown_role", format!("role `{role}` does not exist"));
        self.update(update, DomainError::invalid(rule.at("/roleId")))
    }

    fn count_owners(&mut self, tenant_id: Id<Tenant>, delta: i64) -> &mut Self {
        let update = Update::builder()
            .set_key(Some(key::owners(tenant_id).to_item()))
            .update_expression("ADD #n :delta")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":delta", AttributeValue::N(delta.to_string()));
        if delta > 0 {
            return self.update(update, Refusal::Never);
        }
        let update = update
            .condition_expression("#n > :one")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        self.update(
            update,
            DomainError::from(Conflict::LastOwner(tenant_id.to_string())),
        )
    }
}

/// Somebody else changed it between our read and our write.
pub(crate) fn modified<T>(kind: Kind, id: Id<T>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind,
        id: id.to_string(),
    }
    .into()
}

impl Store {
    /// Finds a member of the tenant.
    pub async fn find_membership(
        &self,
        scope: &TenantScope,
        id: Id<Membership>,
    ) -> Result<Option<Membership>, Error> {
        self.get(&key::membership(scope.tenant_id(), id)).await
    }

    /// Finds a person.
    pub async fn find_user(&self, id: Id<User>) -> Result<Option<User>, Error> {
        self.get(&key::user(id)).await
    }

    /// Finds who has an address.
    pub async fn find_user_with_email(&self, email: &Email) -> Result<Option<Id<User>>, Error> {
        let marker = self.get_item(&key::unique(&Unique::UserEmail(email))).await?;
        Ok(marker.and_then(|marker| Id::parse(text_of(&marker, "owner")?).ok()))
    }

    /// Finds the roles of the tenant; `None` if there is no such tenant.
    pub async fn find_roles(&self, scope: &TenantScope) -> Result<Option<Roles>, Error> {
        self.get(&key::roles(scope.tenant_id())).await
    }

    /// Finds a member with the roles of its tenant: all that its permissions come from, in one call, however many members,
    /// roles and decisions there are.
    pub async fn find_access(
        &self,
        scope: &TenantScope,
        id: Id<Membership>,
    ) -> Result<Option<(Membership, Roles)>, Error> {
        let tenant_id = scope.tenant_id();
        let keys = vec![
            key::membership(tenant_id, id).to_item(),
            key::roles(tenant_id).to_item(),
        ];
        let (mut membership, mut roles) = (None, None);
        for item in self.get_items(keys, None).await? {
            match text_of(&item, "type") {
                Some(Membership::TYPE) => membership = Some(Membership::from_item(item)?),
                Some(Roles::TYPE) => roles = Some(Roles::from_item(item)?),
                _ => {}
            }
        }
        Ok(membership.zip(roles))
    }

    /// Finds all that a decision about people has to look at, in one call. `None` if there is no such tenant.
    pub async fn find_people(
        &self,
        scope: &TenantScope,
        wanted: &Wanted<'_>,
    ) -> Result<Option<People>, Error> {
        let tenant_id = scope.tenant_id();
        let markers: Vec<Key> = wanted.owners_of.iter().map(key::unique).collect();
        let mut keys = vec![key::roles(tenant_id), key::trail(tenant_id)];
        keys.extend(wanted.members.iter().map(|id| key::membership(tenant_id, *id)));
        keys.extend(wanted.users.iter().map(|id| key::user(*id)));
        keys.extend(markers.iter().cloned());
        let invited: Vec<Key> = wanted
            .invited
            .iter()
            .map(|email| key::invited(tenant_id, email))
            .collect();
        keys.extend(invited.iter().cloned());
        keys.extend(wanted.group.map(|id| key::group(tenant_id, id)));
        keys.extend(wanted.invitation.map(|id| key::invitation(tenant_id, id)));
        keys.extend(wanted.tenant.then(|| key::tenant(tenant_id)));
        // The table takes no key twice, and who acts may be who it is about.
        keys.sort_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
        keys.dedup();
        let keys = keys.iter().map(Key::to_item).collect();
        let items = self.get_items(keys, None).await?;
        let at = |key: &Key| {
            items
                .iter()
                .find(|item| text_of(item, "pk") == Some(&key.pk) && text_of(item, "sk") == Some(&key.sk))
        };
        let owner_of = |marker: &Key| Id::parse(text_of(at(marker)?, "owner")?).ok();
        let owners = markers.iter().map(owner_of).collect();
        let expiry_of = |marker: &Key| Timestamp::parse(text_of(at(marker)?, "expiresAt")?).ok();
        let invited = invited.iter().map(expiry_of).collect();
        let (mut tenant, mut roles, mut trail) = (None, None, Trail::begin(tenant_id));
        let (mut members, mut users, mut group, mut invitation) = (Vec::new(), Vec::new(), None, None);
        for item in items {
            match text_of(&item, "type") {
                Some(Tenant::TYPE) => tenant = Some(Tenant::from_item(item)?),
                Some(Roles::TYPE) => roles = Some(Roles::from_item(item)?),
                Some(Trail::TYPE) => trail = Trail::from_item(item)?,
                Some(Membership::TYPE) => members.push(Membership::from_item(item)?),
                Some(User::TYPE) => users.push(User::from_item(item)?),
                Some(Group::TYPE) => group = Some(Group::from_item(item)?),
                Some(Invitation::TYPE) => invitation = Some(Invitation::from_item(item)?),
                _ => {}
            }
        }
        Ok(roles.map(|roles| People {
            tenant,
            roles,
            trail,
            members,
            users,
            owners,
            invited,
            group,
            invitation,
        }))
    }

    /// Finds the memberships of a person and the tenants that they are in, those that there are: one call for fifty.
    pub async fn find_memberships_of(
        &self,
        user_id: Id<User>,
        tenants: &[Id<Tenant>],
    ) -> Result<Vec<(Membership, Tenant)>, Error> {
        let mut found = Vec::new();
        for tenants in tenants.chunks(50) {
            let keys = tenants.iter().flat_map(|tenant_id| {
                let membership = Membership::id_of(*tenant_id, user_id);
                [key::membership(*tenant_id, membership), key::tenant(*tenant_id)]
            });
            let keys = keys.map(|key| key.to_item()).collect();
            let (mut memberships, mut of) = (Vec::new(), Vec::new());
            for item in self.get_items(keys, None).await? {
                match text_of(&item, "type") {
                    Some(Membership::TYPE) => memberships.push(Membership::from_item(item)?),
                    Some(Tenant::TYPE) => of.push(Tenant::from_item(item)?),
                    _ => {}
                }
            }
            for membership in memberships {
                let tenant = of.iter().find(|tenant| tenant.id == membership.tenant_id);
                found.extend(tenant.cloned().map(|tenant| (membership, tenant)));
            }
        }
        Ok(found)
    }

    /// Lists the members of the tenant by the time they came.
    pub async fn list_memberships(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<Membership>, Error> {
        let list = List {
            index: Some(GSI2),
            partitions: vec![key::members_of(scope.tenant_id())],
            range: (" ".to_owned(), LAST.to_owned()),
            is_consistent: false,
        };
        self.page(&list, request).await
    }
}
