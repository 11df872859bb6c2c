//! The signature of an application plane's report: reference A section 7.4, over the raw bytes first.

use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::Sha256;
use tenantry_domain::Timestamp;

/// How far the sender's clock may be off: 20 seconds either way.
pub const TOLERANCE_MS: i64 = 20_000;

/// Lower-case hex HMAC-SHA256 of body, context and timestamp, one behind the other.
pub fn sign(secret: &SecretString, body: &[u8], context: &str, timestamp_ms: i64) -> String {
    hex::encode(mac(secret, body, context, timestamp_ms).finalize().into_bytes())
}

/// Whether the signature is one of this secret, compared in constant time: over the body as it came or, for senders that
/// sign before their HTTP client writes the JSON again, over its compact form with the members in the order they came.
pub fn is_valid(
    secret: &SecretString,
    body: &[u8],
    context: &str,
    timestamp_ms: i64,
    signature: &str,
) -> bool {
    let Ok(signature) = hex::decode(signature) else {
        return false;
    };
    let is_raw = mac(secret, body, context, timestamp_ms)
        .verify_slice(&signature)
        .is_ok();
    if is_raw {
        return true;
    }
    let compact = serde_json::from_slice::<Value>(body)
        .ok()
        .and_then(|body| serde_json::to_vec(&body).ok());
    compact.is_some_and(|body| {
        mac(secret, &body, context, timestamp_ms)
            .verify_slice(&signature)
            .is_ok()
    })
}

/// Whether the timestamp is near enough to now.
pub fn is_timely(timestamp_ms: i64, now: Timestamp) -> bool {
    now.as_millis().abs_diff(timestamp_ms) < TOLERANCE_MS.unsigned_abs()
}

fn mac(secret: &SecretString, body: &[u8], context: &str, timestamp_ms: i64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .expect("HMAC takes keys of any length");
    mac.update(body);
    mac.update(context.as_bytes());
    mac.update(timestamp_ms.to_string().as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"initiatorId":"11111111-1111-1111-1111-111111111111","type":0,"data":{"status":1,"resources":[],"appPlaneUrl":"https://acme.example.com"}}"#;
    const CONTEXT: &str = "22222222-2222-2222-2222-222222222222";
    const TIMESTAMP: i64 = 1_700_000_000_000;
    const SIGNATURE: &str = "a3e66c38a7d97011dc97448ab9740f194730461fec3dc362295b5f319888f3bb";

    fn secret() -> SecretString {
        "0123456789abcdef0123456789abcdef".to_owned().into()
    }

    #[test]
    fn the_references_test_vector_holds() {
        assert_eq!(sign(&secret(), BODY.as_bytes(), CONTEXT, TIMESTAMP), SIGNATURE);
        assert!(is_valid(
            &secret(),
            BODY.as_bytes(),
            CONTEXT,
            TIMESTAMP,
            SIGNATURE
        ));
    }

    #[test]
    fn white_space_added_after_signing_is_forgiven() {
        let spaced = BODY.replace(':', ": ").replace("https: ", "https:");

        assert!(is_valid(
            &secret(),
            spaced.as_bytes(),
            CONTEXT,
            TIMESTAMP,
            SIGNATURE
        ));
    }

    #[test]
    fn anything_else_that_differs_is_refused() {
        let other: SecretString = "0123456789abcdef0123456789abcdee".to_owned().into();
        let body = BODY.as_bytes();

        assert!(!is_valid(&other, body, CONTEXT, TIMESTAMP, SIGNATURE));
        assert!(!is_valid(&secret(), body, "x", TIMESTAMP, SIGNATURE));
        assert!(!is_valid(&secret(), body, CONTEXT, TIMESTAMP + 1, SIGNATURE));
        assert!(!is_valid(
            &secret(),
            &BODY.replace(r#""status":1"#, r#""status":0"#).into_bytes(),
            CONTEXT,
            TIMESTAMP,
            SIGNATURE
        ));
        for signature in ["", "zz", &SIGNATURE[..62], &format!("{SIGNATURE}00")] {
            assert!(
                !is_valid(&secret(), body, CONTEXT, TIMESTAMP, signature),
                "{signature}"
            );
        }
    }

    #[test]
    fn a_timestamp_counts_for_less_than_twenty_seconds_either_way() {
        let now = Timestamp::from_millis(TIMESTAMP);

        for (offset, expected) in [
            (0, true),
            (19_999, true),
            (20_000, false),
            (-19_999, true),
            (-20_000, false),
        ] {
            assert_eq!(is_timely(TIMESTAMP + offset, now), expected, "{offset}");
        }
        assert!(!is_timely(i64::MIN, now));
        assert!(!is_timely(i64::MAX, now));
    }
}
