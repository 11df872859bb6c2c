use std::fmt::Write as _;

use http::Response;
use http::header::LOCATION;
use serde_json::Value;

use crate::call::Call;

/// An expected answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    location: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn new(response: &Response<bytes::Bytes>, body: Value) -> Self {
        let location = response.headers().get(LOCATION);
        Self {
            status: response.status().as_u16(),
            location: location.and_then(|value| value.to_str().ok()).map(str::to_owned),
            body,
        }
    }

    /// The id of what was made: the last segment of its address.
    pub(crate) fn made_id(&self) -> Option<String> {
        let path = self.location.as_deref()?.split(['?', '#']).next()?;
        let id = path.rsplit('/').next()?;
        (!id.is_empty()).then(|| id.to_owned())
    }

    pub(crate) fn items(&self) -> &[Value] {
        self.body.as_array().map_or(&[], Vec::as_slice)
    }
}

/// A member of an object, when it is a text.
pub(crate) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

/// A call and its status for the log, with the codes that the body has. Its sentences stay out: they repeat addresses and names.
pub(crate) fn said(call: &Call, status: u16, body: &Value) -> String {
    let mut line = format!("{call} -> {status}");
    // Beside an `errorCode`, Auth0's `error` is the status in words.
    let kind = if body.get("errorCode").is_some() {
        "errorCode"
    } else {
        "error"
    };
    for member in [kind, "errorMessage", "field"] {
        if let Some(code) = text(body, member).filter(|code| is_code(code)) {
            write!(line, " {code}").expect("a string takes everything");
        }
    }
    line
}

fn is_code(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=60).contains(&text.len()) && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_are_said_and_sentences_are_not() {
        let cases = [
            (
                json!({ "errorCode": "insufficient_scope", "error": "Forbidden" }),
                " insufficient_scope",
            ),
            (
                json!({ "error": "invalid_client", "error_description": "for ada" }),
                " invalid_client",
            ),
            (
                json!({ "errorMessage": "error-invalid-email", "field": "email", "params": ["ada@acme.com"] }),
                " error-invalid-email email",
            ),
            (json!({ "errorMessage": "User ada exists" }), ""),
            (json!({ "errorMessage": "ada@acme.com" }), ""),
            (json!({ "error": 7 }), ""),
            (json!("no"), ""),
            (Value::Null, ""),
        ];

        for (body, codes) in cases {
            let call = Call::get("/users/{id}", &["ada"]);
            assert_eq!(
                said(&call, 400, &body),
                format!("GET /users/{{id}} -> 400{codes}")
            );
        }
    }

    #[test]
    fn what_was_made_is_named_by_its_address() {
        let cases = [
            (Some("https://id.example/admin/realms/a/users/7"), Some("7")),
            (Some("/users/7?x=1"), Some("7")),
            (Some("https://id.example/"), None),
            (None, None),
        ];

        for (location, id) in cases {
            let mut response = Response::builder().status(201);
            if let Some(location) = location {
                response = response.header(LOCATION, location);
            }
            let response = response.body(bytes::Bytes::new()).expect("it is an answer");
            assert_eq!(Answer::new(&response, Value::Null).made_id().as_deref(), id);
        }
    }
}
