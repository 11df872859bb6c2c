//! What the words of Tenantry mean: entities, ids, state machines, permissions and events.
//!
//! Everything here is pure: a state, a command and an instant go in, a new state or an error comes out.
//! This crate must not know HTTP, AWS, the table's layout, or how to wait.

mod address;
mod audit;
mod caller;
mod contact;
mod entitlement;
mod entropy;
mod error;
mod event;
#[cfg(test)]
mod examples;
mod id;
mod job;
mod json_text;
mod lead;
mod name;
mod network;
mod permission;
mod resource;
mod tally;
mod tenant;
mod time;

pub use address::{Address, AddressChanges};
pub use audit::{AuditEntry, Change};
pub use caller::{Actor, Caller, Member, Operator, TenantScope};
pub use contact::{Contact, ContactKind};
pub use entitlement::{EntitledPlan, Entitlement, Tiers};
pub use entropy::Entropy;
pub use error::{Conflict, Error, Invalid, Kind, Rule, Violation};
pub use event::{Callback, Event, EventData, LeadFact, TenantFact, Transition};
pub use id::{Id, Membership, User};
pub use job::{Job, JobKind, JobStatus, Outcome, Step};
pub use lead::{CODE_LIFE_MS, Lead, LeadChanges, LeadCode, NewLead, TOKEN_LIFE_MS};
pub use name::{PersonName, Reason, Text};
pub use network::{Domain, Email, Website};
pub use permission::{Permission, Permissions, Scope};
pub use resource::Resource;
pub use tally::Tally;
pub use tenant::{NewTenant, Patch, Tenant, TenantChanges, TenantCommand, TenantKey, TenantStatus};
pub use time::{Clock, Timestamp};
