use std::fmt;

use jiff::civil::Date;
use jiff::{Span, SpanRelativeTo, ToSpan as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Rule, Timestamp};

/// A calendar day in UTC, from 1970 to 9998; on the wire the full-date of RFC 3339, so text order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// How often is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BillingInterval {
    /// Every month.
    Month,
    /// Every three months.
    Quarter,
    /// Every year.
    Year,
}

/// Some days one behind the other: the first one, and the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// The first day.
    pub from: Day,
    /// The first day that is no longer in it.
    pub until: Day,
}

/// The last day that anything here can be about: far enough from the end of what can be printed for any sum of periods.
const LAST_YEAR: i16 = 9998;

impl Day {
    /// Reads an RFC 3339 full-date.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let rule = || Rule::new("invalid_date", "must be an RFC 3339 full-date such as 2026-01-31");
        // The library also reads other forms of ISO 8601.
        let is_plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let date: Date = text.parse().ok().filter(|_| is_plain).ok_or_else(rule)?;
        if (1970..=LAST_YEAR).contains(&date.year()) {
            Ok(Self(date))
        } else {
            Err(rule())
        }
    }

    /// The day in which the instant lies.
    pub fn of(at: Timestamp) -> Self {
        let instant = jiff::Timestamp::from_millisecond(at.as_millis())
            .expect("our instants lie within those of the library");
        Self(jiff::tz::Offset::UTC.to_datetime(instant).date())
    }

    /// Its first instant.
    pub fn start(self) -> Timestamp {
        let instant = jiff::tz::Offset::UTC.to_timestamp(self.0.at(0, 0, 0, 0));
        Timestamp::from_millis(instant.map_or(i64::MAX, jiff::Timestamp::as_millisecond))
    }

    /// The day so many days later, or earlier.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(
            self.0
                .saturating_add(Span::new().try_days(days).unwrap_or_else(|_| 0.days())),
        )
    }

    /// The same day of the month so many months later, or the month's last one when it has no such day.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        Self(
            self.0
                .saturating_add(Span::new().try_months(months).unwrap_or_else(|_| 0.months())),
        )
    }

    /// How many days later `other` is.
    pub fn days_until(self, other: Self) -> i64 {
        let span = self
            .0
            .until(other.0)
            .and_then(|span| span.total((jiff::Unit::Day, SpanRelativeTo::days_are_24_hours())));
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole days between two dates of four-digit years"
        )]
        span.map_or(0, |days| days as i64)
    }
}

impl BillingInterval {
    /// Every interval.
    pub const ALL: [Self; 3] = [Self::Month, Self::Quarter, Self::Year];

    /// How many months it has.
    pub fn months(self) -> i64 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Month => "MONTH",
            Self::Quarter => "QUARTER",
            Self::Year => "YEAR",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let names = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|interval| interval.name() == text);
        found.ok_or_else(|| Rule::new("unknown_interval", format!("must be one of {}", names())))
    }

    /// The period with this number, from 0, of what began on `anchor`. It is always counted from there, so that 31 January leads
    /// to 28 February and from there to 31 March.
    pub fn period(self, anchor: Day, number: u32) -> Period {
        let border = |number: u32| anchor.plus_months(i64::from(number) * self.months());
        Period {
            from: border(number),
            until: border(number.saturating_add(1)),
        }
    }
}

impl Period {
    /// How many days it has.
    pub fn days(self) -> i64 {
        self.from.days_until(self.until)
    }

    /// Its last day.
    pub fn last(self) -> Day {
        self.until.plus_days(-1)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).expect("the example is a day")
    }

    fn borders(interval: BillingInterval, anchor: &str, count: u32) -> Vec<String> {
        (0..=count)
            .map(|number| interval.period(day(anchor), number).from.to_string())
            .collect()
    }

    #[test]
    fn a_year_of_months_from_the_31st_does_not_drift() {
        assert_eq!(
            borders(BillingInterval::Month, "2026-01-31", 12),
            [
                "2026-01-31",
                "2026-02-28",
                "2026-03-31",
                "2026-04-30",
                "2026-05-31",
                "2026-06-30",
                "2026-07-31",
                "2026-08-31",
                "2026-09-30",
                "2026-10-31",
                "2026-11-30",
                "2026-12-31",
                "2027-01-31",
            ]
        );
    }

    #[test]
    fn leap_days_are_met_where_there_are_some() {
        assert_eq!(
            borders(BillingInterval::Month, "2027-12-31", 3),
            ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]
        );
        assert_eq!(
            borders(BillingInterval::Year, "2024-02-29", 4),
            [
                "2024-02-29",
                "2025-02-28",
                "2026-02-28",
                "2027-02-28",
                "2028-02-29"
            ]
        );
        assert_eq!(
            borders(BillingInterval::Quarter, "2026-08-31", 4),
            [
                "2026-08-31",
                "2026-11-30",
                "2027-02-28",
                "2027-05-31",
                "2027-08-31"
            ]
        );
    }

    #[test]
    fn what_is_no_day_is_refused() {
        let hostile = [
            "",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "20260131",
            "2026-01-31T00:00:00Z",
            "1969-12-31",
            "9999-01-01",
            "-002026-01-01",
            " 2026-01-31",
            "2026-1-31",
            "2026-W05-6",
            "tomorrow",
        ];

        for text in hostile {
            assert_eq!(
                Day::parse(text).map_err(|rule| rule.code),
                Err("invalid_date"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let at = |text: &str| Timestamp::parse(text).expect("the example is an instant");

        assert_eq!(day("2026-01-31").start(), at("2026-01-31T00:00:00Z"));
        assert_eq!(Day::of(at("2026-01-31T23:59:59.999Z")), day("2026-01-31"));
        assert_eq!(Day::of(at("2026-02-01T00:00:00Z")), day("2026-02-01"));
    }

    #[test]
    fn days_are_counted_across_leap_days() {
        assert_eq!(day("2028-02-28").days_until(day("2028-03-01")), 2);
        assert_eq!(day("2026-02-28").days_until(day("2026-03-01")), 1);
        assert_eq!(day("2026-03-01").days_until(day("2026-02-28")), -1);
        assert_eq!(day("2026-12-31").plus_days(1), day("2027-01-01"));
    }

    proptest! {
        #[test]
        fn periods_follow_each_other_without_gap_or_overlap(
            start in 0..20_000_i64, number in 0..600_u32, interval in prop::sample::select(BillingInterval::ALL.to_vec()),
        ) {
            let anchor = day("1970-01-01").plus_days(start);
            let (period, next) = (interval.period(anchor, number), interval.period(anchor, number + 1));

            prop_assert_eq!(period.until, next.from);
            prop_assert!(period.days() >= 28);
            prop_assert_eq!(period.from.plus_days(period.days()), period.until);
        }

        #[test]
        fn a_day_that_was_printed_is_the_same_day(days in 0..2_000_000_i64, ms in 0..86_400_000_i64) {
            let day = day("1970-01-01").plus_days(days);

            prop_assert_eq!(Day::parse(&day.to_string()), Ok(day));
            prop_assert_eq!(Day::of(day.start().plus_ms(ms)), day);
        }

        #[test]
        fn no_text_makes_the_check_panic(text in "\\PC*|[0-9-]{10}") {
            if let Ok(day) = Day::parse(&text) {
                prop_assert_eq!(day.to_string(), text);
            }
        }
    }
}
