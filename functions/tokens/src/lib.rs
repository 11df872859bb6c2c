//! What Cognito asks before it makes tokens (its pre-token-generation trigger): which tenant they are for, and what their
//! bearer may do there.
//!
//! The tenant is the one that the client names in `clientMetadata.tenantId`, or else the one that the person went to last, or
//! else the person's default. Cognito brings the metadata of `RespondToAuthChallenge`, `AdminRespondToAuthChallenge` and
//! `GetTokensFromRefreshToken`; not that of `InitiateAuth`, and managed login has none. So a person changes the tenant by a
//! refresh that names it, or by asking the API to switch and refreshing then, and stays there by refreshes that name none.
//!
//! Nothing in the event is believed but who the login is: groups named after tenants only say which ones to look at, and who may
//! do what stands in our table. A person who may act nowhere, or whom nobody here knows, gets tokens all the same, without a
//! tenant: the pool may serve other applications. If the table cannot say, there are no tokens.

mod answer;
mod event;
mod handle;
mod room;
mod settings;

#[cfg(test)]
mod choice_tests;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod token_tests;

pub use answer::{Answer, Subject};
pub use event::Event;
pub use handle::{Refusal, Tokens};
pub use settings::{Operators, Settings};
