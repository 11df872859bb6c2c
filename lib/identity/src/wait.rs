use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::fmt::rfc2822::DateTimeParser;
use tenantry_domain::Timestamp;

/// In which header a provider says when it has time again, in seconds since 1970.
pub(crate) type ResetHeader = Option<&'static str>;

/// When the provider wants to be asked again, if it says so: `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3),
/// or its own header. No time at all is no wish: it would make us ask without a pause.
pub(crate) fn wanted(headers: &HeaderMap, now: Timestamp, reset: ResetHeader) -> Option<Duration> {
    let until = |ms: i64| {
        u64::try_from(ms - now.as_millis())
            .ok()
            .map(Duration::from_millis)
    };
    let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wish = match retry_after {
        Some(text) => match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => DateTimeParser::new()
                .parse_timestamp(text)
                .ok()
                .and_then(|at| until(at.as_millisecond())),
        },
        None => reset
            .and_then(|name| headers.get(name)?.to_str().ok()?.parse::<i64>().ok())
            .and_then(|at| until(at.saturating_mul(1000))),
    };
    wish.filter(|wish| !wish.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_read_in_every_form() {
        let now = Timestamp::parse("2026-01-15T09:30:00Z").expect("it is an instant");
        let cases = [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", "Thu, 15 Jan 2026 09:30:09 GMT", Some(9_000)),
            ("retry-after", "Thu, 15 Jan 2026 09:29:59 GMT", None),
            ("retry-after", "0", None),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
            ("x-ratelimit-reset", "1768469404", Some(4_000)),
            ("x-ratelimit-reset", "1768469400", None),
            ("x-ratelimit-reset", "60", None),
            (
                "x-ratelimit-reset",
                "9223372036854775807",
                Some(9_223_370_268_385_375_807),
            ),
        ];

        for (name, value, ms) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("it is a header"));

            let wish = wanted(&headers, now, Some("x-ratelimit-reset"));

            assert_eq!(wish, ms.map(Duration::from_millis), "{name}: {value}");
        }
    }

    #[test]
    fn a_header_that_the_provider_does_not_have_says_nothing() {
        let now = Timestamp::from_millis(0);
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-reset", 60.into());

        assert_eq!(wanted(&headers, now, None), None);
        assert_eq!(
            wanted(&headers, now, Some("x-ratelimit-reset")),
            Some(Duration::from_mins(1))
        );
    }
}
