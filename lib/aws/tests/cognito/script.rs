//! Answers in Cognito's place, in an order that is given.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_cognitoidentityprovider::error::ConnectorError;
use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tenantry_aws::Cognito;

use crate::wire::{Over, Wire, operation};
use crate::world::{PATIENCE, cognito, sdk, settings};

pub(crate) const SHARED: &str = "eu-central-1_shared";

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It is done.
    Done(Value),
    /// It is refused, in words that name somebody.
    Error(u16, &'static str),
    /// Something between us and Cognito answers.
    Page(u16),
    /// Nobody is there.
    Nobody,
    /// The answer does not arrive.
    Lost,
}

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// Expects these calls one after another, and answers them so; the last one as often as it is made.
#[derive(Debug)]
pub(crate) struct Script {
    lines: Mutex<VecDeque<(&'static str, Reply)>>,
    is_endless: bool,
    sent: Mutex<Vec<Sent>>,
}

impl Script {
    pub(crate) fn new(lines: impl IntoIterator<Item = (&'static str, Reply)>) -> Arc<Self> {
        Self::with(lines, false)
    }

    /// The last line is repeated.
    pub(crate) fn endless(lines: impl IntoIterator<Item = (&'static str, Reply)>) -> Arc<Self> {
        Self::with(lines, true)
    }

    fn with(lines: impl IntoIterator<Item = (&'static str, Reply)>, is_endless: bool) -> Arc<Self> {
        Arc::new(Self {
            lines: Mutex::new(lines.into_iter().collect()),
            is_endless,
            sent: Mutex::default(),
        })
    }

    pub(crate) fn cognito(self: &Arc<Self>) -> Cognito {
        let sdk = sdk("http://cognito.test", Over(Arc::clone(self)));
        cognito(&sdk, settings(SHARED, "shared-client"), PATIENCE)
    }

    /// What was sent, once nothing more is expected.
    pub(crate) fn played(&self) -> Vec<Sent> {
        let left = self.lines.lock().expect("nobody panics in between");
        assert!(self.is_endless || left.is_empty(), "never asked for: {left:?}");
        self.sent.lock().expect("nobody panics in between").clone()
    }

    /// The one call of this operation, or the last of several.
    pub(crate) fn body(&self, operation: &str) -> Value {
        let sent = self.played();
        let last = sent.into_iter().rev().find(|sent| sent.operation == operation);
        last.expect("it was called").body
    }
}

impl Wire for Script {
    fn carry(self: Arc<Self>, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation(&request);
        let body = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let mut lines = self.lines.lock().expect("nobody panics in between");
        let line = if self.is_endless && lines.len() == 1 {
            lines.front().cloned()
        } else {
            lines.pop_front()
        };
        let (expected, reply) =
            line.unwrap_or_else(|| panic!("nothing more was expected, but {operation}: {body}"));
        assert_eq!(operation, expected, "{body}");
        let mut sent = self.sent.lock().expect("nobody panics in between");
        sent.push(Sent { operation, body });
        HttpConnectorFuture::ready(match reply {
            Reply::Done(body) => Ok(response(200, body.to_string())),
            Reply::Error(status, code) => {
                let message = "the account of ada@acme.com is the trouble";
                Ok(response(
                    status,
                    json!({ "__type": code, "message": message }).to_string(),
                ))
            }
            Reply::Page(status) => Ok(response(status, "<html>ada@acme.com</html>".to_owned())),
            Reply::Nobody => Err(ConnectorError::io("connection refused".into())),
            Reply::Lost => Err(ConnectorError::timeout("the answer was lost".into())),
        })
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    let status = status.try_into().expect("it is a status");
    HttpResponse::new(status, SdkBody::from(body))
}
