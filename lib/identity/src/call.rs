use std::fmt;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// One call to a provider. It is printed with its path's pattern: paths and queries hold addresses of people.
pub(crate) struct Call {
    method: Method,
    pattern: &'static str,
    target: String,
    content_type: Option<&'static str>,
    body: Bytes,
    expected: &'static [u16],
}

impl Call {
    /// Puts the parts in the place of the pattern's braces, each encoded as one segment.
    pub(crate) fn new(method: Method, pattern: &'static str, parts: &[&str]) -> Self {
        let mut target = String::new();
        let mut parts = parts.iter();
        for (i, segment) in pattern.split('/').enumerate() {
            if i > 0 {
                target.push('/');
            }
            if segment.starts_with('{') {
                push_segment(&mut target, parts.next().expect("a part for every brace"));
            } else {
                target.push_str(segment);
            }
        }
        Self {
            method,
            pattern,
            target,
            content_type: None,
            body: Bytes::new(),
            expected: &[200],
        }
    }

    pub(crate) fn get(pattern: &'static str, parts: &[&str]) -> Self {
        Self::new(Method::GET, pattern, parts)
    }

    pub(crate) fn post(pattern: &'static str, parts: &[&str]) -> Self {
        Self::new(Method::POST, pattern, parts)
    }

    pub(crate) fn put(pattern: &'static str, parts: &[&str]) -> Self {
        Self::new(Method::PUT, pattern, parts)
    }

    pub(crate) fn delete(pattern: &'static str, parts: &[&str]) -> Self {
        Self::new(Method::DELETE, pattern, parts)
    }

    pub(crate) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.target.push('?');
        self.target.push_str(&query);
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.content_type = Some("application/json");
        self.body = body.to_string().into();
        self
    }

    /// A text without the quotes that JSON has around it.
    pub(crate) fn bare_json(mut self, body: &str) -> Self {
        self.content_type = Some("application/json");
        self.body = body.to_owned().into();
        self
    }

    pub(crate) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        self.content_type = Some("application/x-www-form-urlencoded");
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.body = form.into();
        self
    }

    /// Which statuses are answers; the others are refusals or troubles. Without it, 200.
    pub(crate) fn expecting(mut self, statuses: &'static [u16]) -> Self {
        self.expected = statuses;
        self
    }

    pub(crate) fn expects(&self, status: u16) -> bool {
        self.expected.contains(&status)
    }

    pub(crate) fn request(
        &self,
        base: &str,
        token: Option<&SecretString>,
    ) -> Result<Request<Bytes>, http::Error> {
        let mut request = Request::builder()
            .method(&self.method)
            .uri(format!("{base}{}", self.target))
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, "tenantry");
        if let Some(content_type) = self.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(token) = token {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        request.body(self.body.clone())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.pattern)
    }
}

/// Everything but RFC 3986's unreserved characters is escaped. A segment of dots is escaped twice, which makes it a name that
/// nothing has: `%2E%2E` is still `..` to many a proxy.
pub(crate) fn push_segment(target: &mut String, segment: &str) {
    let is_dots = segment.bytes().all(|b| b == b'.');
    for byte in segment.bytes() {
        match byte {
            b'.' if is_dots => target.push_str("%252E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                target.push(char::from(byte));
            }
            _ => write!(target, "%{byte:02X}").expect("a string takes everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_one_segment_whatever_it_holds() {
        let cases = [
            ("acme", "/r/acme/users"),
            ("auth0|6a", "/r/auth0%7C6a/users"),
            ("../master", "/r/..%2Fmaster/users"),
            ("..", "/r/%252E%252E/users"),
            (".", "/r/%252E/users"),
            ("a?b=c#d", "/r/a%3Fb%3Dc%23d/users"),
            ("%2e", "/r/%252e/users"),
            ("é \r\n", "/r/%C3%A9%20%0D%0A/users"),
            ("{realm}", "/r/%7Brealm%7D/users"),
        ];

        for (part, target) in cases {
            let call = Call::get("/r/{realm}/users", &[part]);

            assert_eq!(call.target, target);
            assert_eq!(call.to_string(), "GET /r/{realm}/users");
        }
    }

    #[test]
    fn a_query_is_no_place_for_another_parameter() {
        let call = Call::get("/users", &[]).query(&[("email", "a+b&exact=false#@x.de"), ("q", "k:v w")]);

        assert_eq!(
            call.target,
            "/users?email=a%2Bb%26exact%3Dfalse%23%40x.de&q=k%3Av+w"
        );
    }

    #[test]
    fn a_token_is_not_printed_with_the_request() {
        let token = SecretString::from("s3cret");
        let request = Call::get("/users", &[]).request("https://id.example", Some(&token));

        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
