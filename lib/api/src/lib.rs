//! The HTTP edge: routes with their access, callers, bodies, replies, problems and the API document.
//!
//! The only crate that knows status codes. It must not know Lambda, nor what any endpoint is for.

mod access;
mod account;
mod body;
mod caller;
mod claims;
mod document;
mod edge;
mod guard;
mod list;
mod operation;
mod path;
mod problem;
mod query;
mod reply;
mod routes;
mod tenant_issuers;
pub mod view;

pub use access::Access;
pub use account::{AccountBody, TenantQuery};
pub use body::{Batch, Body, FromMembers, MAX_BODY_BYTES, Members, RawBody};
pub use caller::{Authenticator, BearerToken, KeyFetch, KeySource};
pub use document::openapi;
pub use edge::{ClientAddress, Edge, router};
pub use list::ListQuery;
pub use operation::{Operation, Scope};
pub use path::{LeadId, Parent, Path, TenantId};
pub use problem::Problem;
pub use query::Query;
pub use reply::{Accepted, Count, Created, Found, NoContent, PageOf, Paged, Raw, Reply, Tagged, Upserted};
pub use routes::{Endpoint, Route, Routes};

// For `routes!`.
#[doc(hidden)]
pub use pastey::paste as __paste;
#[doc(hidden)]
pub use utoipa_axum::routes as __described;
