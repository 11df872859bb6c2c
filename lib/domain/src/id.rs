use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Entropy, Rule, Timestamp};

/// The id of a `T`: a UUIDv7 (RFC 9562), so ids sort by the time they were made. What follows from other ids, as a membership
/// from tenant and user, has a UUIDv8 made from them.
pub struct Id<T> {
    uuid: Uuid,
    of: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// Makes a new id for this instant.
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut random = [0; 10];
        entropy.fill(&mut random);
        let ms = u64::try_from(now.as_millis()).unwrap_or_default();
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }

    /// The one id that follows from others: a UUIDv8 (RFC 9562 section 5.8) from a hash over them.
    pub(crate) fn following(kind: &str, parts: &[&Uuid]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(kind.as_bytes());
        for part in parts {
            hasher.update(part.as_bytes());
        }
        let hash = hasher.finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }

    /// From sixteen bytes, as `as_bytes` gives them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_uuid(Uuid::from_bytes(bytes))
    }

    pub(crate) fn as_uuid(&self) -> &Uuid {
        &self.uuid
    }

    /// Reads the text form; any letter case, hyphens required.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        // `Uuid` also reads the braced, URN and bare forms; ids have one spelling, so that keys have one.
        if text.len() != 36 {
            return Err(Rule::new("invalid_id", "must be a UUID with hyphens"));
        }
        Uuid::parse_str(text)
            .map(Self::from_uuid)
            .map_err(|_| Rule::new("invalid_id", "must be a UUID with hyphens"))
    }

    /// The instant that is part of an id with a time, which is when it was made.
    pub fn made_at(self) -> Timestamp {
        let bytes = self.uuid.as_bytes();
        let ms = bytes[..6]
            .iter()
            .fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
        Timestamp::from_millis(ms)
    }

    /// A number below `shards` that depends only on the id, for spreading hot partitions.
    pub fn shard(self, shards: u8) -> u8 {
        self.uuid.as_bytes()[15] % shards.max(1)
    }

    const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            of: PhantomData,
        }
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.hyphenated().fmt(f)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
        write!(f, "{kind} {self}")
    }
}

impl<T> FromStr for Id<T> {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::parse(text)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::Tenant;
    use crate::examples::{Constant, Counter, id, now};
    use crate::time::LAST_MS;

    #[test]
    fn an_id_is_a_uuid_of_version_seven() {
        let text = id::<Tenant>(0xff).to_string();

        assert_eq!(text[14..], *"7fff-bfff-ffffffffffff");
        assert_eq!(
            i64::from_str_radix(&text[..13].replace('-', ""), 16),
            Ok(now().as_millis())
        );
    }

    #[test]
    fn any_letter_case_is_the_same_id() {
        let id = id::<Tenant>(0xab);

        assert_eq!(Id::parse(&id.to_string().to_uppercase()), Ok(id));
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = id::<Tenant>(0xab).to_string();
        let hostile = [
            String::new(),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
            text.replace('-', ""),
            format!(" {text}"),
            format!("{text}\n"),
            text.replace('-', "_"),
            text.replacen('0', "O", 1),
            text.replacen('0', "g", 1),
            format!("{}-", text.replacen('-', "", 1)),
            text[..35].to_owned(),
            format!("{text}0"),
            "#".repeat(36),
            "0".repeat(36),
            format!("{}ä", "0".repeat(34)),
        ];

        for text in hostile {
            assert_eq!(
                Id::<Tenant>::parse(&text).map_err(|rule| rule.code),
                Err("invalid_id"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_time_in_an_id_of_anybodys_making_can_be_printed() {
        let greatest = Id::<Tenant>::parse("ffffffff-ffff-7fff-bfff-ffffffffffff").expect("it is a UUID");

        assert!(greatest.made_at().to_string().starts_with("9999-12-"));
    }

    #[test]
    fn a_printed_id_names_its_kind_for_debugging() {
        assert!(format!("{:?}", id::<Tenant>(1)).starts_with("Tenant 019b"));
    }

    #[test]
    fn ids_of_one_millisecond_differ() {
        let entropy = Counter::default();

        let ids: BTreeSet<Id<Tenant>> = (0..1000).map(|_| Id::new(now(), &entropy)).collect();

        assert_eq!(ids.len(), 1000);
    }

    proptest! {
        #[test]
        fn an_id_that_was_printed_is_the_same_id(ms in 0..=LAST_MS, byte in any::<u8>()) {
            let id = Id::<Tenant>::new(Timestamp::from_millis(ms), &Constant(byte));
            let json = serde_json::to_string(&id).expect("an id is a text");

            prop_assert_eq!(Id::parse(&id.to_string()), Ok(id));
            prop_assert_eq!(serde_json::from_str::<Id<Tenant>>(&json).expect("what was written can be read"), id);
        }

        #[test]
        fn an_id_knows_when_it_was_made(ms in 0..=LAST_MS, byte in any::<u8>()) {
            let at = Timestamp::from_millis(ms);

            prop_assert_eq!(Id::<Tenant>::new(at, &Constant(byte)).made_at(), at);
        }

        #[test]
        fn ids_and_their_texts_sort_by_time(a in 0..=LAST_MS, b in 0..=LAST_MS, x in any::<u8>(), y in any::<u8>()) {
            prop_assume!(a != b);
            let first = Id::<Tenant>::new(Timestamp::from_millis(a), &Constant(x));
            let second = Id::<Tenant>::new(Timestamp::from_millis(b), &Constant(y));

            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            prop_assert_eq!(first.to_string().cmp(&second.to_string()), a.cmp(&b));
        }

        #[test]
        fn a_shard_is_one_of_those_there_are(byte in any::<u8>(), shards in any::<u8>()) {
            prop_assert!(id::<Tenant>(byte).shard(shards) < shards.max(1));
        }

        #[test]
        fn no_text_is_read_as_an_id_with_another_spelling(text in "[0-9a-fA-F{}:#-]{34,38}") {
            if let Ok(id) = Id::<Tenant>::parse(&text) {
                prop_assert_eq!(id.to_string(), text.to_ascii_lowercase());
            }
        }
    }
}
