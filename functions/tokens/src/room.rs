//! How long an access token becomes before we put anything into it.
//!
//! A token is `base64(header).base64(claims).base64(signature)`, without padding, so of `TOKEN_MAX_BYTES`
//!
//! ```text
//! 2 dots + 342 of the signature (RS256: 256 bytes) + HEADER_CHARS
//! ```
//!
//! are gone, and three quarters of the rest are the bytes of all claims as JSON. Those that Cognito writes itself are made up
//! here from the event: `sub`, `cognito:groups`, `iss`, `version`, `client_id`, `origin_jti`, `event_id`, `token_use`, `scope`,
//! `auth_time`, `exp`, `iat`, `jti` and `username`; `device_key` and whatever may come to be are in `SPARE_BYTES`. What is left
//! is ours. Every part is rounded up, so a token comes out shorter than the setting, by about a hundred bytes where nobody
//! remembers a device.

use serde_json::{Value, json};

use crate::Event;

const SIGNATURE_CHARS: usize = 342;
/// `{"kid":"…44 characters…","alg":"RS256"}` takes 91, with `typ` 111; slashes in the key's id are written as two characters.
const HEADER_CHARS: usize = 128;
/// A `device_key` takes 70.
const SPARE_BYTES: usize = 128;
/// As long as the ids that Cognito makes.
const UUID: &str = "00000000-0000-0000-0000-000000000000";
/// As long as the seconds of an instant are until 2286.
const INSTANT: u64 = 9_999_999_999;

/// So many bytes are left for our claims, as JSON, in an access token with these scopes.
pub(crate) fn left_for_claims(event: &Event<'_>, scopes: &[&str], token_max_bytes: usize) -> usize {
    let chars = token_max_bytes.saturating_sub(2 + SIGNATURE_CHARS + HEADER_CHARS);
    let claims = json!({
        "sub": event.sub,
        "cognito:groups": event.groups,
        // The longest of the partitions' domains.
        "iss": format!("https://cognito-idp.{}.amazonaws.com.cn/{}", event.region, event.pool),
        "version": 2,
        "client_id": event.client_id,
        "origin_jti": UUID,
        "event_id": UUID,
        "token_use": "access",
        "scope": scopes.join(" "),
        "auth_time": INSTANT,
        "exp": INSTANT,
        "iat": INSTANT,
        "jti": UUID,
        "username": event.user_name,
    });
    (chars * 3 / 4).saturating_sub(written_bytes(&claims) + SPARE_BYTES)
}

/// How many bytes Cognito may need for some JSON: it writes slashes with a backslash, and we do not know that it writes other
/// alphabets as they are.
pub(crate) fn written_bytes(json: &Value) -> usize {
    let of = |c: char| match c {
        '/' => 2,
        c if c.is_ascii() => 1,
        c => "\\u0000".len() * c.len_utf16(),
    };
    json.to_string().chars().map(of).sum()
}

/// How many bytes more that is than ours.
pub(crate) fn surplus_bytes(json: &Value) -> usize {
    written_bytes(json).saturating_sub(json.to_string().len())
}
