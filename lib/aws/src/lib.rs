//! Tenantry's ports on AWS, and how a function starts on Lambda. Named only in a `main.rs`.

mod https;
mod keys;
mod otlp;
#[cfg(feature = "relay")]
mod relay;
mod sdk;
mod start;
mod telemetry;
mod tokens;

#[cfg(feature = "relay")]
pub use relay::{EventBridge, Ses, consume};
pub use start::{Error, Process, choose_cryptography, serve, serve_without_keys};
pub use telemetry::Telemetry;
