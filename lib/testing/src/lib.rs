//! The whole product in a test: every group in one process on an embedded table, a clock that stands until it is moved,
//! and seeded chance. Nothing is mocked; the ports are the local product's own.

mod answer;
mod app;
mod billing;
mod chance;
mod people;
mod scenes;

pub use answer::{Answer, Call};
pub use app::TestApp;
pub use chance::{SeededEntropy, TestClock};
pub use people::Person;
pub use scenes::{Provisioning, SignedUp, VerifiedLead};
