use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{Entropy, Rule, Timestamp};

/// A person who can sign in; known here by id only until members exist.
#[derive(Debug)]
pub enum User {}

/// One user in one tenant; known here by id only until members exist.
#[derive(Debug)]
pub enum Membership {}

/// The id of a `T`: a UUIDv7 (RFC 9562), so ids sort by the time they were made.
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

    /// Reads the text form; any letter case, hyphens required.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        // `Uuid` also reads the braced, URN and bare forms; ids have one spelling, so that keys have one.
        if text.len() != 36 {
            return Err(Rule::new("invalid_id", "must be a UUID with hyphens"));
        }
        Uuid::parse_str(text).map(Self::from_uuid).map_err(|_| Rule::new("invalid_id", "must be a UUID with hyphens"))
    }

    /// The instant that is part of the id, which is when it was made.
    pub fn made_at(self) -> Timestamp {
        let bytes = self.uuid.as_bytes();
        let ms = bytes[..6].iter().fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
        Timestamp::from_millis(ms)
    }

    /// A number below `shards` that depends only on the id, for spreading hot partitions.
    pub fn shard(self, shards: u8) -> u8 {
        self.uuid.as_bytes()[15] % shards.max(1)
    }

    const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
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
