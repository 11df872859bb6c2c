//! Members of a tenant: people, memberships, invitations and preferences.

mod accept_invitation;
mod activate_tenant_user;
mod count_preferences;
mod create_invitation;
mod create_invitations;
mod create_tenant_user;
mod deactivate_tenant_user;
mod decline_invitation;
mod delete_invitation;
mod delete_member_config;
mod delete_preference;
mod delete_tenant_user;
mod delete_user;
mod export_user;
mod find_invitation;
mod find_preference;
mod find_tenant_user;
mod invitation_answer;
mod invitation_view;
mod list_invitations;
mod list_invitations_of_user;
mod list_member_configs;
mod list_preferences;
mod list_tenant_users;
mod list_tenants_of_user;
mod member_removal;
mod member_status;
#[cfg(test)]
mod member_tests;
mod member_trail;
mod member_view;
mod new_person;
mod preference_view;
mod put_member_config;
mod put_preference;
mod resend_invitation;
#[cfg(test)]
mod scene;
mod switch_tenant;
mod update_preference;
mod update_tenant_user;

use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{
    CreateTenantUser, CreateUserInvitation, CreateUserTenantPreference, DeleteTenantUser, DeleteUser,
    DeleteUserInvitation, DeleteUserTenantPreference, ExportUser, UpdateTenant, UpdateTenantUser,
    UpdateUserInvitation, UpdateUserTenantPreference, ViewAllTenantOfSelf, ViewTenant, ViewTenantUser,
    ViewUserInvitation, ViewUserTenantPreference,
};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("users")
        .add(
            Access::Tenant(CreateTenantUser),
            routes!(create_tenant_user::create_tenant_user),
        )
        .add(
            Access::Tenant(ViewTenantUser),
            routes!(list_tenant_users::list_tenant_users),
        )
        .add(
            Access::Tenant(ViewTenantUser),
            routes!(find_tenant_user::find_tenant_user),
        )
        .add(
            Access::Tenant(UpdateTenantUser),
            routes!(update_tenant_user::update_tenant_user),
        )
        .add(
            Access::Tenant(DeleteTenantUser),
            routes!(delete_tenant_user::delete_tenant_user),
        )
        .add(
            Access::Tenant(UpdateTenantUser),
            routes!(activate_tenant_user::activate_tenant_user),
        )
        .add(
            Access::Tenant(UpdateTenantUser),
            routes!(deactivate_tenant_user::deactivate_tenant_user),
        )
        .add(
            Access::Tenant(CreateUserInvitation),
            routes!(create_invitation::create_invitation),
        )
        .add(
            Access::Tenant(CreateUserInvitation),
            routes!(create_invitations::create_invitations),
        )
        .add(
            Access::Tenant(ViewUserInvitation),
            routes!(list_invitations::list_invitations),
        )
        .add(
            Access::Tenant(ViewUserInvitation),
            routes!(find_invitation::find_invitation),
        )
        .add(
            Access::Tenant(DeleteUserInvitation),
            routes!(delete_invitation::delete_invitation),
        )
        .add(
            Access::Tenant(UpdateUserInvitation),
            routes!(resend_invitation::resend_invitation),
        )
        .add(Access::Invitation, routes!(accept_invitation::accept_invitation))
        .add(
            Access::Invitation,
            routes!(decline_invitation::decline_invitation),
        )
        .add(
            Access::Person(ViewAllTenantOfSelf),
            routes!(list_invitations_of_user::list_invitations_of_user),
        )
        .add(
            Access::Person(ViewAllTenantOfSelf),
            routes!(list_tenants_of_user::list_tenants_of_user),
        )
        .add(
            Access::Person(ViewAllTenantOfSelf),
            routes!(switch_tenant::switch_tenant),
        )
        .add(Access::Person(ExportUser), routes!(export_user::export_user))
        .add(Access::Person(DeleteUser), routes!(delete_user::delete_user))
        .add(
            Access::Member(CreateUserTenantPreference),
            routes!(put_preference::put_preference),
        )
        .add(
            Access::Member(ViewUserTenantPreference),
            routes!(list_preferences::list_preferences),
        )
        .add(
            Access::Member(ViewUserTenantPreference),
            routes!(count_preferences::count_preferences),
        )
        .add(
            Access::Member(ViewUserTenantPreference),
            routes!(find_preference::find_preference),
        )
        .add(
            Access::Member(UpdateUserTenantPreference),
            routes!(update_preference::update_preference),
        )
        .add(
            Access::Member(DeleteUserTenantPreference),
            routes!(delete_preference::delete_preference),
        )
        .add(
            Access::Tenant(ViewTenant),
            routes!(list_member_configs::list_member_configs),
        )
        .add(
            Access::Tenant(UpdateTenant),
            routes!(put_member_config::put_member_config),
        )
        .add(
            Access::Tenant(UpdateTenant),
            routes!(delete_member_config::delete_member_config),
        )
        .schema::<member_view::MemberView>()
        .schema::<invitation_view::InvitationView>()
        .schema::<create_invitations::BulkAnswer>()
        .schema::<list_tenants_of_user::TenantOfUser>()
        .schema::<preference_view::PreferenceView>()
        .schema::<count_preferences::PreferenceCount>()
        .schema::<export_user::UserExport>()
}
