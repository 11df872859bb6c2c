use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Adds up what the store's calls cost.
#[derive(Debug, Default)]
pub struct Meter {
    calls: AtomicU64,
    attempts: AtomicU64,
    read_milliunits: AtomicU64,
    write_milliunits: AtomicU64,
}

/// What was spent up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Calls to `DynamoDB`, each counted once however often it was retried.
    pub calls: u64,
    /// Calls and retries.
    pub attempts: u64,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units, those of indexes included.
    pub write_units: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Meter {
    /// Everything spent so far.
    pub fn reading(&self) -> Usage {
        let units = |milliunits: &AtomicU64| {
            f64::from(u32::try_from(milliunits.load(Ordering::Relaxed)).unwrap_or(u32::MAX)) / 1000.0
        };
        Usage {
            calls: self.calls.load(Ordering::Relaxed),
            attempts: self.attempts.load(Ordering::Relaxed),
            read_units: units(&self.read_milliunits),
            write_units: units(&self.write_milliunits),
        }
    }

    pub(crate) fn call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn spent<'a>(&self, side: Side, capacities: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let units: f64 = capacities
            .into_iter()
            .filter_map(ConsumedCapacity::capacity_units)
            .sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "capacity units are small and positive"
        )]
        let milliunits = (units * 1000.0).round() as u64;
        let counter = if side == Side::Read {
            &self.read_milliunits
        } else {
            &self.write_milliunits
        };
        counter.fetch_add(milliunits, Ordering::Relaxed);
    }
}

impl Usage {
    /// What was spent since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            calls: self.calls - earlier.calls,
            attempts: self.attempts - earlier.attempts,
            read_units: self.read_units - earlier.read_units,
            write_units: self.write_units - earlier.write_units,
        }
    }
}
