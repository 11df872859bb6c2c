//! Keycloak and Auth0 as identity providers, over HTTP. Cognito's is in `lib/aws`.
//!
//! Everything is found or made, under names that follow from our ids, so being cut off anywhere and asked again leaves one of
//! each. What a run has made itself and cannot complete because it is refused, it removes; what it has found, never.

mod answer;
mod api;
mod auth0;
mod call;
mod conversation;
mod http_client;
mod keycloak;
mod steps;
mod wait;

pub use auth0::Auth0;
pub use http_client::{HttpClient, HttpFailure};
pub use keycloak::Keycloak;
