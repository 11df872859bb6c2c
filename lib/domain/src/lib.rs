//! What the words of Tenantry mean: entities, ids, state machines, permissions and events.
//!
//! Everything here is pure: a state, a command and an instant go in, a new state or an error comes out.
//! This crate must not know HTTP, AWS, the table's layout, or how to wait.

mod address;
mod audit;
mod billing_event;
mod calendar;
mod caller;
mod contact;
mod entitlement;
mod entropy;
mod error;
mod event;
#[cfg(test)]
mod examples;
mod grant;
mod group;
mod id;
mod identity;
mod invitation;
mod invoice;
mod job;
mod json_text;
mod lead;
mod member_event;
mod membership;
mod money;
mod name;
mod network;
mod permission;
mod plan;
mod preference;
mod resource;
mod role;
#[cfg(feature = "schema")]
pub mod schema;
mod subscription;
mod tally;
mod tenant;
mod tenant_config;
mod time;
mod user;
mod wire;

pub use address::{Address, AddressChanges};
pub use audit::{AuditEntry, Change};
pub use billing_event::{InvoiceFact, PlanFact, SubscriptionFact};
pub use calendar::{BillingInterval, Day, Period};
pub use caller::{Actor, Caller, Member, Operator, TenantScope};
pub use contact::{Contact, ContactChanges, ContactKind, NewContact};
pub use entitlement::{EntitledPlan, Entitlement, Tiers};
pub use entropy::Entropy;
pub use error::{Conflict, Error, Invalid, Kind, Rule, Violation};
pub use event::{Callback, ContactRef, Event, EventData, LeadFact, TenantFact, Transition};
pub use grant::{Grant, Override, Overrides, effective, explain};
pub use group::{Group, GroupChanges, GroupMember, GroupPlace, NewGroup};
pub use id::Id;
pub use identity::{Administrator, Identity, IdentitySetup, Login, ProviderId, ProviderName};
pub use invitation::{Invitation, InvitationStatus, NewInvitation, Offer};
pub use invoice::{Account, Invoice, InvoiceLine, InvoiceStatus, NewInvoice, Party, Suspension};
pub use job::{Job, JobKind, JobStatus, Outcome, Step};
pub use lead::{CODE_LIFE_MS, Lead, LeadChanges, LeadCode, NewLead, TOKEN_LIFE_MS};
pub use member_event::{GroupFact, GroupMemberFact, InvitationFact, MemberFact, RoleFact, UserFact};
pub use membership::{
    Designation, Locale, Membership, MembershipChanges, MembershipCommand, MembershipStatus,
};
pub use money::{Currency, Money};
pub use name::{PersonName, Reason, Text};
pub use network::{Domain, Email, Website};
pub use permission::{Permission, Permissions, Scope};
pub use plan::{Deployment, Limits, Plan, PlanChanges, PlanTerms};
pub use preference::Preference;
pub use resource::Resource;
pub use role::{Description, NewRole, Role, RoleChanges, RoleName, Roles, SystemRole};
pub use subscription::{Agreement, Bill, CancelAt, Segment, Subscription, SubscriptionStatus};
pub use tally::Tally;
pub use tenant::{NewTenant, Patch, Tenant, TenantChanges, TenantCommand, TenantKey, TenantStatus};
pub use tenant_config::{ConfigName, SealedSecrets, TenantConfig};
pub use time::{Clock, Timestamp};
pub use user::{Phone, Profile, User, UserChanges, Username};
pub use wire::{Dialect, FinalEvent, Wire, WireChanges};
