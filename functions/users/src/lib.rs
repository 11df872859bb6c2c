//! Members of a tenant: people, memberships, invitations and preferences.

use tenantry_api::Routes;

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("users")
}
