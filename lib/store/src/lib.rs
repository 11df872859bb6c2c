//! The one table: keys, items, transactions, queries and cursors.
//!
//! The only crate that knows `DynamoDB`. It decides nothing: a caller brings the new state and the conflict that
//! each condition means. It must not know HTTP, mail, events, or who may do what beyond asking for a `TenantScope`.

mod audit;
mod billing;
mod call;
mod contact;
mod count;
mod cursor;
mod entity;
mod erasure;
mod error;
mod export;
mod figures;
mod group;
mod idempotency;
mod identity;
mod invitation;
mod job;
mod key;
mod lead;
mod member;
mod meter;
mod outbox;
mod page;
mod plan;
mod preference;
mod rate;
mod seen;
pub mod table;
mod tenant;
mod tenant_config;
mod trail;
mod transaction;

pub use billing::{BillingParts, BillingWish, Due, DueThing};
pub use call::{Settings, Store};
pub use count::LeadState;
pub use cursor::CursorKey;
pub use erasure::{Erasure, Remains};
pub use error::Error;
pub use idempotency::{IdempotencyRecord, StoredReply};
pub use identity::{Arrival, Standing, TENANTS_AT_ONCE, TenantIssuer};
pub use job::{CallbackKey, OverdueJob};
pub use key::Unique;
pub use lead::LeadFilter;
pub use member::{People, Wanted};
pub use meter::{Meter, Usage};
pub use outbox::{MessageKind, OutboxMessage};
pub use page::{Order, Page, PageRequest};
pub use rate::Rate;
pub use tenant::{TenantFilter, TenantParts};
pub use trail::{AuditKeys, ChainCheck, ChainedEntry, Fault, Trail};
pub use transaction::Transaction;
