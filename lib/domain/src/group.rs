use serde::{Deserialize, Serialize};

use crate::role::{Description, RoleName};
use crate::{Change, Conflict, Entropy, Id, Membership, Patch, Tenant, Timestamp, User, Website};

/// Members of a tenant who belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Its id.
    pub id: Id<Group>,
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// What it is called; no other group of the tenant is called so, in any letter case.
    pub name: RoleName,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<Description>,
    /// Where a picture of it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub photo_url: Option<Website>,
    /// How many members it has.
    pub members: u64,
    /// How many of them are its owners.
    pub owners: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed, or who is in it.
    pub modified_at: Timestamp,
    /// Counts the changes, of its members too, from 1.
    pub version: u64,
}

/// A group that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// What it is called.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<Description>,
    /// Where a picture of it is.
    pub photo_url: Option<Website>,
}

/// What may change of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupChanges {
    /// What it is called.
    pub name: Option<RoleName>,
    /// What it is for.
    pub description: Patch<Description>,
    /// Where a picture of it is.
    pub photo_url: Patch<Website>,
}

/// What a member is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupPlace {
    /// Whether it is one of the group's owners.
    pub is_owner: bool,
    /// Since when it is in the group.
    pub added_at: Timestamp,
}

/// One member of a group, as the group has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupMember {
    /// The group.
    pub group_id: Id<Group>,
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// The member.
    pub membership_id: Id<Membership>,
    /// The person.
    pub user_id: Id<User>,
    /// What it is in the group.
    #[serde(flatten)]
    pub place: GroupPlace,
}

impl Group {
    /// So many members a group has at most: with its last request it goes together with all of them.
    pub const MOST_MEMBERS: u64 = 1_000;
    /// So many are added at once at most: all of them in one transaction.
    pub const MOST_AT_ONCE: usize = 30;

    /// A group without members.
    pub fn new(tenant_id: Id<Tenant>, new: NewGroup, change: &Change, entropy: &dyn Entropy) -> Self {
        let NewGroup {
            name,
            description,
            photo_url,
        } = new;
        Self {
            id: Id::new(change.at, entropy),
            tenant_id,
            name,
            description,
            photo_url,
            members: 0,
            owners: 0,
            created_at: change.at,
            modified_at: change.at,
            version: 1,
        }
    }

    /// The group after the changes, or nothing if they change nothing.
    pub fn update(self, changes: GroupChanges, change: &Change) -> Option<Self> {
        let GroupChanges {
            name,
            description,
            photo_url,
        } = changes;
        let before = self.clone();
        let group = Self {
            name: name.unwrap_or(self.name),
            description: description.apply(self.description),
            photo_url: photo_url.apply(self.photo_url),
            ..self
        };
        (group != before).then(|| group.changed(change))
    }

    /// With these members more, and these owners among them.
    pub fn with(mut self, members: u64, owners: u64, change: &Change) -> Result<Self, Conflict> {
        if self.members + members > Self::MOST_MEMBERS {
            return Err(Conflict::GroupFull(self.id.to_string()));
        }
        self.members += members;
        self.owners += owners;
        Ok(self.changed(change))
    }

    /// Without one member. The last owner stays while there are others: somebody has to be asked about a group.
    pub fn without(mut self, place: GroupPlace, change: &Change) -> Result<Self, Conflict> {
        if place.is_owner && self.owners == 1 && self.members > 1 {
            return Err(Conflict::LastGroupOwner(self.id.to_string()));
        }
        self.members = self.members.saturating_sub(1);
        self.owners = self.owners.saturating_sub(u64::from(place.is_owner));
        Ok(self.changed(change))
    }

    /// Without one who leaves the tenant, last owner or not: nobody is kept in a tenant by a group.
    #[must_use]
    pub fn abandoned(mut self, place: GroupPlace, change: &Change) -> Self {
        self.members = self.members.saturating_sub(1);
        self.owners = self.owners.saturating_sub(u64::from(place.is_owner));
        self.changed(change)
    }

    /// With one member as an owner that was none, or the other way.
    pub fn with_owner(mut self, is_owner: bool, change: &Change) -> Result<Self, Conflict> {
        if !is_owner && self.owners == 1 {
            return Err(Conflict::LastGroupOwner(self.id.to_string()));
        }
        self.owners = if is_owner {
            self.owners + 1
        } else {
            self.owners.saturating_sub(1)
        };
        Ok(self.changed(change))
    }

    fn changed(self, change: &Change) -> Self {
        Self {
            modified_at: change.at,
            version: self.version + 1,
            ..self
        }
    }
}

impl GroupMember {
    /// A member in a group.
    pub fn new(group: &Group, membership: &Membership, place: GroupPlace) -> Self {
        Self {
            group_id: group.id,
            tenant_id: group.tenant_id,
            membership_id: membership.id,
            user_id: membership.user_id,
            place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;
    use crate::examples::{Counter, change, id, now};

    fn group(members: u64, owners: u64) -> Group {
        let new = NewGroup {
            name: Text::parse("Sales").expect("the example is a name"),
            description: None,
            photo_url: None,
        };
        let group = Group::new(id(1), new, &change(), &Counter::default());
        group.with(members, owners, &change()).expect("there is room")
    }

    fn owner() -> GroupPlace {
        GroupPlace {
            is_owner: true,
            added_at: now(),
        }
    }

    #[test]
    fn the_last_owner_stays_while_there_are_others() {
        let member = GroupPlace {
            is_owner: false,
            added_at: now(),
        };

        let alone = group(1, 1).without(owner(), &change());
        let of_two = group(2, 2).without(owner(), &change());
        let last = group(2, 1).without(owner(), &change());
        let other = group(2, 1).without(member, &change());

        assert_eq!(alone.map(|group| (group.members, group.owners)), Ok((0, 0)));
        assert_eq!(of_two.map(|group| (group.members, group.owners)), Ok((1, 1)));
        assert_eq!(last.map_err(|conflict| conflict.code()), Err("last_group_owner"));
        assert_eq!(other.map(|group| (group.members, group.owners)), Ok((1, 1)));
    }

    #[test]
    fn the_last_owner_stays_an_owner() {
        assert_eq!(
            group(2, 1)
                .with_owner(false, &change())
                .map_err(|conflict| conflict.code()),
            Err("last_group_owner")
        );
        assert_eq!(
            group(2, 1).with_owner(true, &change()).map(|group| group.owners),
            Ok(2)
        );
    }

    #[test]
    fn who_leaves_the_tenant_leaves_its_groups() {
        let left = group(2, 1).abandoned(owner(), &change());

        assert_eq!((left.members, left.owners), (1, 0));
    }

    #[test]
    fn a_group_has_room_for_a_thousand() {
        let full = group(Group::MOST_MEMBERS, 1);

        assert_eq!(
            full.with(1, 0, &change()).map_err(|conflict| conflict.code()),
            Err("group_full")
        );
    }
}
