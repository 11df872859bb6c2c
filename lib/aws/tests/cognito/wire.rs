//! Puts something between the SDK and the network.

use std::fmt::Debug;
use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

/// What happens to a request on its way.
pub(crate) trait Wire: Debug + Send + Sync + 'static {
    fn carry(self: Arc<Self>, request: HttpRequest) -> HttpConnectorFuture;
}

/// An HTTP client that sends over this wire.
#[derive(Debug)]
pub(crate) struct Over<W>(pub(crate) Arc<W>);

impl<W> Clone for Over<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Wire> HttpClient for Over<W> {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl<W: Wire> HttpConnector for Over<W> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        Arc::clone(&self.0).carry(request)
    }
}

/// Which operation of Cognito's a request asks for.
pub(crate) fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let (_, operation) = target.rsplit_once('.').unwrap_or_default();
    operation.to_owned()
}
