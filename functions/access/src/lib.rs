//! What members may do: roles, groups, decisions about single members, and the catalogue of permissions.

use tenantry_api::Routes;

/// The routes of this group.
pub fn routes() -> Routes {
    Routes::new("access")
}
