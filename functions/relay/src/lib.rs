//! The relay: takes new outbox messages from the table's stream and delivers them.
//!
//! At least once: a message is marked after it went out, so a crash between the two sends it again, with the same id.
//! What was marked is not sent again, however often the stream brings it.

mod batch;
mod handle;

pub use handle::Relay;
