//! What belongs to a tenant's account: contacts.

mod contact_trail;
mod count_contacts;
mod create_contact;
mod delete_contact;
mod find_contact;
mod known_tenant;
mod list_contacts;
#[cfg(test)]
mod scene;
mod update_contact;

use tenantry_api::view::ContactView;
use tenantry_api::{Access, Routes, routes};
use tenantry_domain::Permission::{CreateContact, DeleteContact, UpdateContact, ViewContact};

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
        .schema::<ContactView>()
        .schema::<count_contacts::ContactCount>()
}
