use tenantry_domain::{Conflict, Error as DomainError, Group, GroupMember, Id, Membership, TenantScope};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, GROUP_PREFIX, Key, Keys, LAST};
use crate::page::List;
use crate::table::GSI2;
use crate::{Error, Order, Page, PageRequest, Store, Trail, Transaction, Unique};

impl Entity for Group {
    const TYPE: &'static str = "group";

    fn keys(&self) -> Keys {
        Keys::only(key::group(self.tenant_id, self.id))
    }
}

impl Versioned for Group {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for GroupMember {
    const TYPE: &'static str = "group_member";

    fn keys(&self) -> Keys {
        let gsi2 = Key {
            pk: key::members_of_group(self.group_id),
            sk: key::by_time(self.place.added_at, self.membership_id),
        };
        Keys {
            gsi2: Some(gsi2),
            ..Keys::only(key::group_member(
                self.tenant_id,
                self.group_id,
                self.membership_id,
            ))
        }
    }
}

impl Transaction {
    /// Adds a group whose name no other one of the tenant has.
    pub fn create_group(&mut self, scope: &TenantScope, group: &Group) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), group.tenant_id, "a group of another tenant");
        self.reserve_group_name(group).add(group)
    }

    /// Puts the next version of a group over the one it was made from.
    pub fn replace_group(
        &mut self,
        scope: &TenantScope,
        before: &Group,
        after: &Group,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), after.tenant_id, "a group of another tenant");
        let is_renamed = before.name.as_str().to_lowercase() != after.name.as_str().to_lowercase();
        if is_renamed {
            self.reserve_group_name(after).release_group_name(before);
        }
        self.replace(after, conflict)
    }

    /// Deletes the version of a group that was read, and frees its name.
    pub fn delete_group(&mut self, scope: &TenantScope, group: &Group, conflict: DomainError) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), group.tenant_id, "a group of another tenant");
        self.delete_version(&key::group(group.tenant_id, group.id), group.version, conflict)
            .release_group_name(group)
    }

    /// Puts a member into a group, or in its place there.
    pub fn put_group_member(&mut self, scope: &TenantScope, member: &GroupMember) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), member.tenant_id, "a group of another tenant");
        self.add(member)
    }

    /// Takes a member out of a group.
    pub fn delete_group_member(
        &mut self,
        scope: &TenantScope,
        group: Id<Group>,
        member: Id<Membership>,
    ) -> &mut Self {
        self.delete_any(&key::group_member(scope.tenant_id(), group, member))
    }

    fn reserve_group_name(&mut self, group: &Group) -> &mut Self {
        let taken = Conflict::GroupNameTaken(group.name.to_string());
        let name = Unique::GroupName(group.tenant_id, &group.name);
        self.reserve(&name, &group.id.to_string(), taken)
    }

    fn release_group_name(&mut self, group: &Group) -> &mut Self {
        let name = Unique::GroupName(group.tenant_id, &group.name);
        self.release(&name, &group.id.to_string())
    }
}

impl Store {
    /// Finds a group of the tenant.
    pub async fn find_group(&self, scope: &TenantScope, id: Id<Group>) -> Result<Option<Group>, Error> {
        self.get(&key::group(scope.tenant_id(), id)).await
    }

    /// Finds a group and where the tenant's audit trail stands, in one call.
    pub async fn find_group_to_change(
        &self,
        scope: &TenantScope,
        id: Id<Group>,
    ) -> Result<Option<(Group, Trail)>, Error> {
        self.get_with_trail(scope, &key::group(scope.tenant_id(), id))
            .await
    }

    /// Finds groups of the tenant, those that there are, in one call.
    pub async fn find_groups(&self, scope: &TenantScope, ids: &[Id<Group>]) -> Result<Vec<Group>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = ids.iter().map(|id| key::group(scope.tenant_id(), *id).to_item());
        let items = self.get_items(keys.collect(), None).await?;
        items.into_iter().map(Group::from_item).collect()
    }

    /// Lists the groups of the tenant by the time they were made.
    pub async fn list_groups(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<Group>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, GROUP_PREFIX);
        self.page(&list, request).await
    }

    /// Lists the members of a group of the tenant by the time they were added.
    pub async fn list_group_members(
        &self,
        scope: &TenantScope,
        group: Id<Group>,
        request: &PageRequest,
    ) -> Result<Page<GroupMember>, Error> {
        let list = List {
            index: Some(GSI2),
            partitions: vec![key::members_of_group(group)],
            range: (" ".to_owned(), LAST.to_owned()),
            is_consistent: false,
        };
        let page: Page<GroupMember> = self.page(&list, request).await?;
        // A group's id is no proof of whose it is.
        let is_foreign = page
            .items
            .iter()
            .any(|member| member.tenant_id != scope.tenant_id());
        Ok(if is_foreign {
            Page {
                items: Vec::new(),
                next_cursor: None,
            }
        } else {
            page
        })
    }

    /// The first members of a group as the table has them now, not its index: whom its end has to let go.
    pub async fn find_group_members(
        &self,
        scope: &TenantScope,
        group: Id<Group>,
        limit: usize,
    ) -> Result<Vec<GroupMember>, Error> {
        let prefix = key::group_member_prefix(group);
        let range = (prefix.clone(), format!("{prefix}{LAST}"));
        let partition = key::tenant(scope.tenant_id()).pk;
        let items = self
            .query(
                None,
                &partition,
                &range,
                None,
                Order::Ascending,
                Some(limit),
                true,
            )
            .await?;
        let members = items
            .into_iter()
            .filter(|item| text_of(item, "type") == Some(GroupMember::TYPE));
        members.map(GroupMember::from_item).collect()
    }

    /// Finds members of the tenant, those that there are: one call for a hundred.
    pub async fn find_members(
        &self,
        scope: &TenantScope,
        ids: &[Id<Membership>],
    ) -> Result<Vec<Membership>, Error> {
        let mut found = Vec::new();
        for ids in ids.chunks(100) {
            let keys = ids
                .iter()
                .map(|id| key::membership(scope.tenant_id(), *id).to_item());
            for item in self.get_items(keys.collect(), None).await? {
                found.push(Membership::from_item(item)?);
            }
        }
        Ok(found)
    }
}
