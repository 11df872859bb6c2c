use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Rule;

/// Tells the time; the only way to learn it.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// An instant in UTC with millisecond precision; on the wire RFC 3339 with three decimals, so text order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

/// The last instant of the year 9999, the end of RFC 3339's calendar.
const LAST_MS: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since 1970; values outside the years 1970 to 9999 are brought to the nearest end.
    pub fn from_millis(ms: i64) -> Self {
        Self(ms.clamp(0, LAST_MS))
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as JWTs and DynamoDB's TTL want them.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by so many milliseconds.
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// `2026-11`: the calendar month in UTC.
    pub fn month(self) -> String {
        self.to_string().chars().take(7).collect()
    }

    /// Reads an RFC 3339 instant with any offset.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let rule = || Rule::new("invalid_timestamp", "must be an RFC 3339 date-time such as 2026-01-31T09:30:00Z");
        let instant: jiff::Timestamp = text.parse().map_err(|_| rule())?;
        let ms = instant.as_millisecond();
        if (0..=LAST_MS).contains(&ms) { Ok(Self(ms)) } else { Err(rule()) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
