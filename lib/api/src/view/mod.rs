//! Things as several groups of routes show them. A view destructures what it shows, so a new field is a decision.

mod address;
mod config;
mod lead;
mod tenant;

pub use address::AddressView;
pub use config::ConfigView;
pub use lead::LeadView;
pub use tenant::{ContactView, ResourceView, TenantView};
