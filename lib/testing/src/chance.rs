use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tenantry_domain::{Clock, Entropy, Timestamp};

/// A clock that stands at 2026-01-15T09:30:00Z until it is moved.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl Default for TestClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_768_469_400_000))
    }
}

impl TestClock {
    /// Moves on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves on by whole minutes.
    pub fn advance_minutes(&self, minutes: i64) {
        self.advance_ms(minutes * 60_000);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The same unpredictable-looking bytes in every run.
#[derive(Debug, Default)]
pub struct SeededEntropy(AtomicU64);

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let drawn = self.0.fetch_add(1, Ordering::SeqCst);
            let hash = Sha256::digest(drawn.to_be_bytes());
            chunk.copy_from_slice(&hash[..chunk.len()]);
        }
    }
}
