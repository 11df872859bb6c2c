//! What members may do: roles, groups, decisions about single members, and the catalogue of permissions.

mod add_group_member;
mod add_group_members;
mod create_group;
mod create_override;
mod create_role;
mod delete_group;
mod delete_override;
mod delete_role;
mod find_effective_permissions;
mod find_group;
mod find_role;
mod granted;
mod group_member_view;
mod group_place;
mod group_trail;
mod group_view;
mod list_group_members;
mod list_groups;
mod list_groups_of_member;
mod list_overrides;
mod list_permissions;
mod list_roles;
#[cfg(test)]
mod member_tests;
mod new_group_member;
mod override_guard;
mod override_trail;
mod override_view;
mod part_of;
mod race;
#[cfg(test)]
mod read_tests;
mod remove_group_member;
mod role_guard;
mod role_trail;
mod role_view;
#[cfg(test)]
mod scene;
mod update_group;
mod update_group_member;
mod update_override;
mod update_role;

use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{
    CreateGroup, CreateMultipleUserGroup, CreateRoles, CreateUserGroup, CreateUserPermissions, DeleteGroup,
    DeleteRoles, DeleteUserPermissions, LeaveUserGroup, RemoveMemberFromUserGroup, UpdateGroup,
    UpdateMemberInUserGroup, UpdateRoles, UpdateUserPermissions, ViewGroupList, ViewRoles, ViewUserGroupList,
    ViewUserPermissions, ViewUserTenant,
};

use crate::group_member_view::GroupMemberView;
use crate::override_view::OverrideView;

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("access")
        .add(Access::Tenant(CreateRoles), routes!(create_role::create_role))
        .add(Access::Tenant(ViewRoles), routes!(list_roles::list_roles))
        .add(Access::Tenant(ViewRoles), routes!(find_role::find_role))
        .add(Access::Tenant(UpdateRoles), routes!(update_role::update_role))
        .add(Access::Tenant(DeleteRoles), routes!(delete_role::delete_role))
        .add(Access::Tenant(CreateGroup), routes!(create_group::create_group))
        .add(Access::Tenant(ViewGroupList), routes!(list_groups::list_groups))
        .add(Access::Tenant(ViewGroupList), routes!(find_group::find_group))
        .add(Access::Tenant(UpdateGroup), routes!(update_group::update_group))
        .add(Access::Tenant(DeleteGroup), routes!(delete_group::delete_group))
        .add(
            Access::Account(ViewUserGroupList),
            routes!(list_group_members::list_group_members),
        )
        .add(
            Access::Account(CreateUserGroup),
            routes!(add_group_member::add_group_member),
        )
        .add(
            Access::Account(CreateMultipleUserGroup),
            routes!(add_group_members::add_group_members),
        )
        .add(
            Access::Account(UpdateMemberInUserGroup),
            routes!(update_group_member::update_group_member),
        )
        .add(
            Access::AccountEither(RemoveMemberFromUserGroup, LeaveUserGroup),
            routes!(remove_group_member::remove_group_member),
        )
        .add(
            Access::Account(ViewUserPermissions),
            routes!(list_overrides::list_overrides),
        )
        .add(
            Access::Account(CreateUserPermissions),
            routes!(create_override::create_override),
        )
        .add(
            Access::Account(UpdateUserPermissions),
            routes!(update_override::update_override),
        )
        .add(
            Access::Account(DeleteUserPermissions),
            routes!(delete_override::delete_override),
        )
        .add(
            Access::Account(ViewUserTenant),
            routes!(list_groups_of_member::list_groups_of_member),
        )
        .add(
            Access::Account(ViewUserPermissions),
            routes!(find_effective_permissions::find_effective_permissions),
        )
        .add(Access::AnyCaller, routes!(list_permissions::list_permissions))
        .schema::<role_view::RoleView>()
        .schema::<group_view::GroupView>()
        .schema::<GroupMemberView>()
        .schema::<add_group_members::BulkAnswer>()
        .schema::<OverrideView>()
        .schema::<list_groups_of_member::GroupOfMemberView>()
        .schema::<find_effective_permissions::EffectiveView>()
        .schema::<list_permissions::CatalogueView>()
}
