//! Requests taken apart and answers put together, for the contract servers.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

/// A request as a server reads it.
pub struct Asked {
    pub method: String,
    pub segments: Vec<String>,
    pub query: BTreeMap<String, String>,
    pub content_type: Option<String>,
    pub bearer: Option<String>,
    pub bytes: Bytes,
}

/// What a server answers.
pub struct Reply {
    pub status: u16,
    pub location: Option<String>,
    pub body: Option<Value>,
}

/// An answer that ends the handling.
pub type Handled = Result<Reply, Reply>;

impl Asked {
    pub fn read(request: &Request<Bytes>) -> Self {
        let header = |name: &str| {
            request
                .headers()
                .get(name)
                .map(|value| value.to_str().expect("the test is sound").to_owned())
        };
        assert_eq!(header("accept").as_deref(), Some("application/json"));
        let path = request.uri().path();
        assert!(
            path.is_ascii() && !path.contains("/../") && !path.contains("/./"),
            "{path}"
        );
        let query = request.uri().query().unwrap_or_default();
        Self {
            method: request.method().to_string(),
            segments: path.split('/').skip(1).map(decode).collect(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            content_type: header("content-type"),
            bearer: header("authorization").map(|value| {
                value
                    .strip_prefix("Bearer ")
                    .expect("the test is sound")
                    .to_owned()
            }),
            bytes: request.body().clone(),
        }
    }

    pub fn route(&self) -> (&str, Vec<&str>) {
        (&self.method, self.segments.iter().map(String::as_str).collect())
    }

    pub fn json(&self) -> Option<Value> {
        let is_json = self.content_type.as_deref() == Some("application/json");
        is_json
            .then(|| serde_json::from_slice(&self.bytes).ok())
            .flatten()
    }

    pub fn form(&self) -> Option<BTreeMap<String, String>> {
        let is_form = self.content_type.as_deref() == Some("application/x-www-form-urlencoded");
        is_form.then(|| form_urlencoded::parse(&self.bytes).into_owned().collect())
    }
}

impl Reply {
    pub fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            location: None,
            body: Some(body),
        }
    }

    pub fn empty(status: u16) -> Self {
        Self {
            status,
            location: None,
            body: None,
        }
    }

    pub fn made(location: String) -> Self {
        Self {
            status: 201,
            location: Some(location),
            body: None,
        }
    }

    pub fn send(self) -> Response<Bytes> {
        let mut response = Response::builder().status(self.status);
        if let Some(location) = self.location {
            response = response.header("location", location);
        }
        let body = self.body.map(|body| body.to_string().into()).unwrap_or_default();
        response.body(body).expect("the test is sound")
    }
}

/// The members of an object that are not among those that are known.
pub fn unknown<'a>(body: &'a Value, known: &[&str]) -> Option<&'a str> {
    let members = body.as_object()?.keys();
    members.map(String::as_str).find(|member| !known.contains(member))
}

pub fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let hex = std::str::from_utf8(&tail[..2]).expect("the test is sound");
            bytes.push(u8::from_str_radix(hex, 16).expect("the test is sound"));
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).expect("the test is sound")
}
