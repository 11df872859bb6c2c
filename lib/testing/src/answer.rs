use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tenantry_api::ClientAddress;
use tenantry_store::Usage;
use tower::ServiceExt as _;

use crate::TestApp;

/// A request that is being put together.
#[must_use = "a call does nothing until it is sent"]
pub struct Call<'a> {
    app: &'a TestApp,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
    address: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as text.
    pub text: String,
    /// What the request cost at the table; right while no other request runs.
    pub usage: Usage,
}

impl<'a> Call<'a> {
    pub(crate) fn new(app: &'a TestApp, method: Method, path: &str) -> Self {
        let (headers, address) = (HeaderMap::new(), "203.0.113.7".to_owned());
        Self {
            app,
            method,
            path: path.to_owned(),
            headers,
            body: Vec::new(),
            address,
        }
    }

    /// Sends a bearer token along.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a header along.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("tests name valid headers");
        self.headers.append(
            name,
            HeaderValue::from_bytes(value.as_bytes()).expect("tests send valid header values"),
        );
        self
    }

    /// Sends a JSON body along.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// Sends a body along as it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Comes from this client address.
    pub fn from(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let before = self.app.product.edge.app.store.meter().reading();
        let mut request = Request::builder().method(self.method).uri(&self.path);
        if let Some(headers) = request.headers_mut() {
            *headers = self.headers;
        }
        let mut request = request
            .body(Body::from(self.body))
            .expect("tests call valid paths");
        request.extensions_mut().insert(ClientAddress(self.address));
        let response = self
            .app
            .product
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router answers everything");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("bodies are complete").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap_or_default();
        let usage = self.app.product.edge.app.store.meter().reading().since(before);
        Answer {
            status: parts.status,
            headers: parts.headers,
            text,
            usage,
        }
    }
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A member of the body, as text.
    pub fn text_at(&self, pointer: &str) -> String {
        let json = self.json();
        let value = json
            .pointer(pointer)
            .unwrap_or_else(|| panic!("no {pointer} in {json}"));
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The answer, if it has this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The answer, if it is a problem with this status and code.
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.text_at("/code"), code);
        assert_eq!(
            answer.text_at("/instance"),
            answer.header("x-request-id").unwrap_or_default()
        );
        answer
    }

    /// The pointers and codes of every rule that the body broke.
    pub fn violations(&self) -> Vec<(String, String)> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        errors
            .iter()
            .map(|error| (text(&error["pointer"]), text(&error["code"])))
            .collect()
    }
}
