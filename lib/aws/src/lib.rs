//! Tenantry's ports on AWS, and how a function starts on Lambda. Named only in a `main.rs`.

#[cfg(feature = "consumer")]
mod consume;
mod https;
mod keys;
mod otlp;
#[cfg(feature = "relay")]
mod relay;
mod sdk;
mod start;
mod telemetry;
mod tokens;

#[cfg(feature = "consumer")]
pub use consume::consume;
#[cfg(feature = "relay")]
pub use relay::{EventBridge, Ses};
pub use start::{Error, Process, choose_cryptography, serve, serve_without_keys};
pub use telemetry::Telemetry;
