//! The whole product in a test: every group in one process on an embedded table, a clock that stands until it is moved,
//! and seeded chance. Nothing is mocked; the ports are the local product's own.

mod answer;
mod app;
mod asking;
mod billing;
mod chance;
mod cut_off;
mod directory;
mod people;
mod scenes;

pub use answer::{Answer, Call};
pub use app::TestApp;
pub use asking::{find, of_members, order, paged, send, told, won};
pub use chance::{SeededEntropy, TestClock};
pub use cut_off::cut_off;
pub use directory::{Directory, Trouble};
pub use people::Person;
pub use scenes::{Provisioning, SignedUp, VerifiedLead};
