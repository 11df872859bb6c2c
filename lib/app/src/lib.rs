//! What more than one entry point shares: operations, the ports to the outside, secrets and configuration.
//!
//! It must not know HTTP, Lambda, or how the table is laid out.

mod chance;
mod config;
mod context;
mod dialect;
mod job_report;
mod keyring;
pub mod lead_token;
pub mod mail;
mod message;
pub mod metric;
mod onboarding;
mod port;
mod secret;
pub mod signature;
mod trace;
mod web_address;

pub use chance::{OsEntropy, SystemClock};
pub use config::{Config, ConfigError, Issuer};
pub use context::{App, Context, Error, Idempotency};
pub use dialect::{About, Answer, BusEvent, Ignored, JobRequest, Notice, Verdict};
pub use job_report::{Report, close_job};
pub use keyring::{KeyError, Keyring};
pub use message::{Body, Envelope, Posted, open_message};
pub use onboarding::{Onboarded, found_tenant};
pub use port::{BusEntry, EventBus, MailPort, Undelivered};
pub use secret::{new_code, new_webhook_secret, sha256_hex};
pub use trace::TraceContext;
pub use web_address::web_address;
