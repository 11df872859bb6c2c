use sha2::{Digest as _, Sha256};

/// Where a request stands in a distributed trace (W3C Trace Context, level 1): the trace, and the span that is the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: String,
    span_id: String,
    flags: u8,
}

impl TraceContext {
    /// Goes on with the caller's trace, or begins one when `traceparent` is absent or not one.
    ///
    /// New ids are made from the request's id, which is unique: who has one of the two finds the other, and no chance is needed.
    pub fn of_request(traceparent: Option<&str>, request_id: &str) -> Self {
        let digest = hex::encode(Sha256::digest(["trace of ", request_id].concat()));
        let (begun, span_id) = (digest[..32].to_owned(), digest[32..48].to_owned());
        match traceparent.and_then(read) {
            Some((trace_id, flags)) => Self {
                trace_id,
                span_id,
                flags,
            },
            // Sampled: "not sampled" would make those behind us, who sample as their parent does, drop their part of the trace.
            None => Self {
                trace_id: begun,
                span_id,
                flags: 1,
            },
        }
    }

    /// A span that a tracing library has begun already.
    pub fn of_span(trace_id: String, span_id: String, is_sampled: bool) -> Self {
        Self {
            trace_id,
            span_id,
            flags: u8::from(is_sampled),
        }
    }

    /// The trace: 32 hex digits.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// As a header, or an attribute of an event, for whoever works on because of this request.
    pub fn traceparent(&self) -> String {
        let Self {
            trace_id,
            span_id,
            flags,
        } = self;
        format!("00-{trace_id}-{span_id}-{flags:02x}")
    }

    /// The trace that a `traceparent` names.
    pub fn trace_of(traceparent: &str) -> Option<String> {
        read(traceparent).map(|(trace_id, _)| trace_id)
    }
}

/// Trace id and flags, if the text is what section 3.2 of the recommendation allows.
fn read(text: &str) -> Option<(String, u8)> {
    let mut parts = text.split('-');
    let (version, trace_id, parent_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str, length| {
        part.len() == length
            && part
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_valid = is_hex(version, 2)
        && is_hex(trace_id, 32)
        && is_hex(parent_id, 16)
        && is_hex(flags, 2)
        // Later versions may say more behind the flags; this one may not, and `ff` is never a version.
        && (version != "00" || parts.next().is_none())
        && version != "ff"
        && trace_id.bytes().any(|b| b != b'0')
        && parent_id.bytes().any(|b| b != b'0');
    // Of the flags only the first is ours to hand on.
    is_valid
        .then(|| Some((trace_id.to_owned(), u8::from_str_radix(flags, 16).ok()? & 1)))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn a_callers_trace_goes_on_with_a_span_of_our_own() {
        let given = format!("00-{TRACE}-b7ad6b7169203331-01");

        let ours = TraceContext::of_request(Some(&given), "r1");

        assert_eq!(ours.trace_id(), TRACE);
        assert_ne!(ours.traceparent(), given);
        assert_eq!(
            TraceContext::of_request(Some(&ours.traceparent()), "r2").trace_id(),
            TRACE
        );
    }

    #[test]
    fn the_callers_decision_on_sampling_is_handed_on() {
        for (flags, handed_on) in [("00", "-00"), ("01", "-01"), ("ff", "-01")] {
            let ours = TraceContext::of_request(Some(&format!("00-{TRACE}-b7ad6b7169203331-{flags}")), "r1");

            assert!(
                ours.traceparent().ends_with(handed_on),
                "{flags}: {}",
                ours.traceparent()
            );
        }
    }

    #[test]
    fn what_is_no_trace_context_begins_a_trace() {
        let zeroes = format!("00-{}-b7ad6b7169203331-01", "0".repeat(32));
        let no_parent = format!("00-{TRACE}-{}-01", "0".repeat(16));
        let invalid = [
            "",
            "00",
            "zz",
            &zeroes,
            &no_parent,
            &format!("ff-{TRACE}-b7ad6b7169203331-01"),
            &format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            &format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            &format!("00-{TRACE}-b7ad6b7169203331-é"),
        ];
        let begun = TraceContext::of_request(None, "r1");

        for given in invalid {
            assert_eq!(TraceContext::of_request(Some(given), "r1"), begun, "{given}");
        }
        assert!(read(&begun.traceparent()).is_some());
        assert_ne!(begun, TraceContext::of_request(None, "r2"));
    }

    #[test]
    fn a_later_version_may_say_more() {
        let given = format!("01-{TRACE}-b7ad6b7169203331-01-more");

        assert_eq!(TraceContext::of_request(Some(&given), "r1").trace_id(), TRACE);
    }
}
