//! What belongs to a tenant's account: contacts and settings.

mod config_body;
mod config_view;
mod contact_trail;
mod count_contacts;
mod count_tenant_configs;
mod create_contact;
mod create_tenant_config;
mod delete_contact;
mod delete_tenant_config;
mod find_contact;
mod find_tenant_config;
mod known_tenant;
mod list_contacts;
mod list_tenant_configs;
#[cfg(test)]
mod scene;
mod update_contact;
mod update_tenant_config;

use tenantry_api::view::ContactView;
use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{
    CreateContact, CreateTenantConfig, DeleteContact, DeleteTenantConfig, UpdateContact, UpdateTenantConfig,
    ViewContact, ViewTenantConfig,
};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("accounts")
        .add(
            Access::Account(CreateContact),
            routes!(create_contact::create_contact),
        )
        .add(
            Access::Account(ViewContact),
            routes!(list_contacts::list_contacts),
        )
        .add(
            Access::Account(ViewContact),
            routes!(count_contacts::count_contacts),
        )
        .add(Access::Account(ViewContact), routes!(find_contact::find_contact))
        .add(
            Access::Account(UpdateContact),
            routes!(update_contact::update_contact),
        )
        .add(
            Access::Account(DeleteContact),
            routes!(delete_contact::delete_contact),
        )
        .add(
            Access::Account(CreateTenantConfig),
            routes!(create_tenant_config::create_tenant_config),
        )
        .add(
            Access::Account(ViewTenantConfig),
            routes!(list_tenant_configs::list_tenant_configs),
        )
        .add(
            Access::Account(ViewTenantConfig),
            routes!(count_tenant_configs::count_tenant_configs),
        )
        .add(
            Access::Account(ViewTenantConfig),
            routes!(find_tenant_config::find_tenant_config),
        )
        .add(
            Access::Account(UpdateTenantConfig),
            routes!(update_tenant_config::update_tenant_config),
        )
        .add(
            Access::Account(DeleteTenantConfig),
            routes!(delete_tenant_config::delete_tenant_config),
        )
        .schema::<ContactView>()
        .schema::<config_view::ConfigView>()
        .schema::<count_tenant_configs::ConfigCount>()
        .schema::<count_contacts::ContactCount>()
}
