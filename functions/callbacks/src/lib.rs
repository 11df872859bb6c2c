//! Signed calls from outside: an application plane reports on a job, and has the tenant's people be able to sign in.

mod name_administrator;
mod receive_webhook;
mod set_up_identity;
mod signed;

use tenantry_api::{Access, Routes, routes};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("callbacks")
        .add(Access::Signature, routes!(receive_webhook::receive_webhook))
        .add(Access::Signature, routes!(set_up_identity::set_up_identity))
        .add(Access::Signature, routes!(name_administrator::name_administrator))
        .schema::<set_up_identity::SetUpView>()
}

#[cfg(test)]
mod identity_tests;
