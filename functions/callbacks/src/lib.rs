//! Signed calls from outside: an application plane reports on a provisioning job.

mod receive_webhook;

use tenantry_api::{Access, Routes, routes};

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("callbacks").add(Access::Signature, routes!(receive_webhook::receive_webhook))
}
