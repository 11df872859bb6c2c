use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use thiserror::Error;

/// What sends requests to providers: the HTTP client that the process has anyway.
pub trait HttpClient: Send + Sync {
    /// Sends a request with an absolute address and reads the answer to its end. Redirects are answers, not followed.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, HttpFailure>>;
}

/// There was no answer. Fixed words only: a client's own text may repeat the address, and a query may hold a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct HttpFailure(pub &'static str);
