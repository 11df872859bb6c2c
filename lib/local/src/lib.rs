//! The whole of Tenantry in one process, for a laptop: embedded table with its stream, relay, bus, mailbox, and a sample
//! application plane, and an issuer that signs anybody in. Nothing of it is in a function's dependency tree.

mod app_plane;
mod bus;
mod embedded;
mod error;
mod issuer;
mod local_identity;
mod local_routes;
mod mailbox;
mod mailbox_page;
mod master_key;
mod oidc;
mod pattern;
mod product;
mod server;

pub use bus::{ForeignEvent, LocalBus};
pub use embedded::{Embedded, Stream, TABLE, client};
pub use error::Error;
pub use issuer::{AUDIENCE, ISSUER, IssuerSettings, LocalIssuer, Subject};
pub use local_identity::LocalIdentity;
pub use mailbox::{Mailbox, ReceivedMail};
pub use oidc::Sessions;
pub use pattern::{Pattern, PatternError};
pub use product::{Ingredients, Product, groups};
pub use server::{Options, Server};
