//! What an application plane is told and what it answers, in its own language.

use tenantry_domain::{Entitlement, Error as DomainError, Wire};

use crate::Context;

impl Context {
    /// How the application plane of a tenant with this entitlement is spoken to: as the deployment says, and its plan.
    pub fn wire_for(&self, entitlement: &Entitlement) -> Result<Wire, DomainError> {
        let wire = &self.app.config.application_plane;
        match &entitlement.application_plane {
            Some(changes) => wire.with(changes).map_err(DomainError::Invalid),
            None => Ok(wire.clone()),
        }
    }
}
