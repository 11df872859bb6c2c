//! Keeps people's logins at identity providers in step with what they are in tenants: who joins can sign in, who leaves, is
//! deactivated or gets another role is signed out, who is erased has no login any more.
//!
//! The events of members come through a queue, at least once and in any order. So each is taken as a reason to look, and what
//! the table says now is what counts; only what may succeed later comes again.

mod handle;

pub use handle::{Logins, Task};

/// What the rule lets through: events of members and persons that mean something to a provider.
pub const EVENTS: [&str; 7] = [
    "member.created.v1",
    "member.joined.v1",
    "member.activated.v1",
    "member.updated.v1",
    "member.deactivated.v1",
    "member.removed.v1",
    "user.erased.v1",
];

#[cfg(test)]
mod login_tests;
