use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tenantry_api::{KeyFetch, KeySource};

/// Fetches issuers' key sets over HTTPS.
pub(crate) struct HttpKeys(Client<HttpsConnector<HttpConnector>, Empty<&'static [u8]>>);

/// A key set that is longer is not one.
const MAX_BYTES: usize = 256 * 1024;
/// An issuer that takes longer is down.
const PATIENCE: Duration = Duration::from_secs(3);

impl HttpKeys {
    pub(crate) fn new() -> Result<Self, std::io::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    async fn get(&self, uri: &str) -> KeyFetch {
        let request = Request::get(uri).body(Empty::new())?;
        let response = self.0.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the key set's address answered {}", response.status()).into());
        }
        let body = Limited::new(response.into_body(), MAX_BYTES)
            .collect()
            .await?
            .to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    }
}

impl KeySource for HttpKeys {
    fn fetch<'a>(&'a self, jwks_uri: &'a str) -> BoxFuture<'a, KeyFetch> {
        async move {
            match tokio::time::timeout(PATIENCE, self.get(jwks_uri)).await {
                Ok(fetched) => fetched,
                Err(elapsed) => Err(elapsed.into()),
            }
        }
        .boxed()
    }
}
