use tenantry_app::BusEntry;

/// `PutEvents` takes no more entries at once.
const MAX_ENTRIES: usize = 10;
/// `PutEvents` takes no more bytes at once: 256 KiB over all entries.
const MAX_BYTES: usize = 256 * 1024;

/// What an entry counts for: the EventBridge user guide's "Calculating PutEvents event entry size".
fn size_of(entry: &BusEntry) -> usize {
    const TIME: usize = 14;
    const RESOURCE: usize = "tenantry:event/".len() + 36;
    TIME + RESOURCE + entry.source.len() + entry.detail_type.len() + entry.detail.len()
}

/// Splits entries, in their order, into calls that the bus takes. An entry that is too large by itself goes alone, and is refused alone.
pub(crate) fn batches(entries: Vec<BusEntry>) -> Vec<Vec<BusEntry>> {
    let mut batches: Vec<Vec<BusEntry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = size_of(&entry);
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes + size <= MAX_BYTES => {
                bytes += size;
                batch.push(entry);
            }
            _ => {
                bytes = size;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use tenantry_domain::{Entropy, Id, Timestamp};

    use super::*;

    struct Zeroes;

    impl Entropy for Zeroes {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn entry(detail_bytes: usize) -> BusEntry {
        let time = Timestamp::from_millis(0);
        let (source, detail_type) = ("tenantry".to_owned(), "tenant.created.v1".to_owned());
        BusEntry {
            id: Id::new(time, &Zeroes),
            bus: None,
            source,
            detail_type,
            detail: "x".repeat(detail_bytes),
            time,
        }
    }

    fn sizes(batches: &[Vec<BusEntry>]) -> Vec<usize> {
        batches.iter().map(Vec::len).collect()
    }

    #[test]
    fn no_batch_has_more_than_ten_entries() {
        assert_eq!(sizes(&batches(vec![entry(10); 23])), [10, 10, 3]);
    }

    #[test]
    fn no_batch_of_several_has_more_than_256_kib() {
        let result = batches(vec![entry(100_000); 5]);

        assert_eq!(sizes(&result), [2, 2, 1]);
        assert!(
            result
                .iter()
                .all(|batch| batch.iter().map(size_of).sum::<usize>() <= MAX_BYTES)
        );
    }

    #[test]
    fn an_entry_that_is_too_large_goes_alone() {
        assert_eq!(
            sizes(&batches(vec![entry(10), entry(300_000), entry(10)])),
            [1, 1, 1]
        );
    }

    #[test]
    fn no_entries_make_no_batch() {
        assert!(batches(Vec::new()).is_empty());
    }
}
