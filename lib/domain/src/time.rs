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

/// The end of time: 9999-12-30T21:59:59.999Z, which is in the year 9999 at any offset; `jiff` prints nothing later.
pub(crate) const LAST_MS: i64 = 253_402_207_199_999;

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
        let rule = || {
            Rule::new(
                "invalid_timestamp",
                "must be an RFC 3339 date-time such as 2026-01-31T09:30:00Z",
            )
        };
        // The library also reads a space for the `T`, missing seconds and zone names; RFC 3339 knows none of them.
        let is_plain = text.as_bytes().get(10).is_some_and(|t| b"Tt".contains(t))
            && text.as_bytes().get(16) == Some(&b':');
        if !is_plain || text.contains('[') {
            return Err(rule());
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| rule())?;
        let ms = instant.as_millisecond();
        if (0..=LAST_MS).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(rule())
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_instant_is_printed_in_utc_with_three_decimals() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (1, "1970-01-01T00:00:00.001Z"),
            (1_768_469_400_000, "2026-01-15T09:30:00.000Z"),
            (951_782_400_999, "2000-02-29T00:00:00.999Z"),
        ];

        for (ms, text) in cases {
            assert_eq!(Timestamp::from_millis(ms).to_string(), text);
        }
    }

    #[test]
    fn offsets_are_brought_to_utc() {
        let utc = Timestamp::parse("2026-01-15T09:30:00Z").expect("it is an instant");
        let same = [
            "2026-01-15T10:30:00+01:00",
            "2026-01-15T04:30:00-05:00",
            "2026-01-15T15:15:00+05:45",
            "2026-01-14T19:30:00-14:00",
            "2026-01-15T09:30:00.000000000Z",
            "2026-01-15t09:30:00z",
            "2026-01-15T09:30:00-00:00",
        ];

        for text in same {
            assert_eq!(Timestamp::parse(text), Ok(utc), "{text}");
        }
    }

    #[test]
    fn more_than_milliseconds_is_cut_off() {
        let parsed = Timestamp::parse("2026-01-15T09:30:00.1239999Z").expect("it is an instant");

        assert_eq!(parsed.to_string(), "2026-01-15T09:30:00.123Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        let hostile = [
            "",
            " ",
            "now",
            "2026",
            "2026-01-15",
            "2026-01-15T09:30:00",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-15T25:00:00Z",
            "2026-01-15T09:61:00Z",
            "1768469400000",
            "2026-01-15T09:30:00Z#x",
            "2026-01-15T09:30:00Z\n",
            "1969-12-31T23:59:59Z",
            "0001-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-23:59",
        ];

        for text in hostile {
            assert_eq!(
                Timestamp::parse(text).map_err(|rule| rule.code),
                Err("invalid_timestamp"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn instants_stay_within_what_can_be_printed() {
        for ms in [
            i64::MIN,
            -1,
            LAST_MS,
            i64::MAX,
            281_474_976_710_655,
            253_402_300_799_999,
        ] {
            let at = Timestamp::from_millis(ms);

            assert_eq!(Timestamp::parse(&at.to_string()), Ok(at), "{ms}");
        }
        assert_eq!(Timestamp::from_millis(-1), Timestamp::from_millis(0));
        assert_eq!(
            Timestamp::from_millis(0).plus_ms(i64::MAX),
            Timestamp::from_millis(i64::MAX)
        );
        assert_eq!(
            Timestamp::from_millis(5).plus_ms(i64::MIN),
            Timestamp::from_millis(0)
        );
    }

    #[test]
    fn a_month_is_the_beginning_of_the_text() {
        assert_eq!(Timestamp::from_millis(1_768_469_400_000).month(), "2026-01");
    }

    #[test]
    fn seconds_are_whole() {
        assert_eq!(Timestamp::from_millis(1999).as_seconds(), 1);
    }

    proptest! {
        #[test]
        fn an_instant_that_was_printed_is_the_same_instant(ms in 0..=LAST_MS) {
            let at = Timestamp::from_millis(ms);
            let json = serde_json::to_string(&at).expect("an instant is a text");

            prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
            prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).expect("what was written can be read"), at);
        }

        #[test]
        fn texts_sort_as_instants_do(a in 0..=LAST_MS, b in 0..=LAST_MS, close in -2000..2000_i64) {
            let at = Timestamp::from_millis(a);

            for other in [Timestamp::from_millis(b), at.plus_ms(close)] {
                prop_assert_eq!(at.to_string().cmp(&other.to_string()), at.cmp(&other));
            }
        }

        #[test]
        fn no_text_makes_the_check_panic(text in any::<String>()) {
            if let Ok(at) = Timestamp::parse(&text) {
                prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
            }
        }
    }
}
