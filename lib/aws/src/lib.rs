//! Tenantry's ports on AWS, and how a function starts on Lambda. Named only in a `main.rs`.

#[cfg(feature = "identity")]
mod cognito;
#[cfg(feature = "consumer")]
mod consume;
#[cfg(feature = "identity")]
mod http_client;
mod https;
mod keys;
mod otlp;
#[cfg(feature = "identity")]
mod providers;
#[cfg(feature = "relay")]
mod relay;
mod sdk;
mod start;
mod telemetry;
mod tokens;

#[cfg(feature = "identity")]
pub use cognito::Cognito;
#[cfg(feature = "consumer")]
pub use consume::consume;
#[cfg(feature = "identity")]
pub use http_client::PublicHttps;
#[cfg(feature = "relay")]
pub use relay::{EventBridge, Ses};
#[cfg(feature = "identity")]
pub use start::serve_with_identity;
pub use start::{Error, Process, choose_cryptography, serve, serve_without_keys};
pub use telemetry::Telemetry;
