use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tenantry_api::{KeyFetch, KeySource};

use crate::https::{Https, public_roots};

/// Fetches issuers' key sets over HTTPS. Its client is made with the first fetch: an environment that only ever sees leads
/// needs none.
pub(crate) struct HttpKeys {
    bundle: Option<String>,
    client: OnceLock<Https>,
}

/// A key set that is longer is not one.
const MAX_BYTES: usize = 256 * 1024;
/// An issuer that takes longer is down.
const PATIENCE: Duration = Duration::from_secs(3);

impl HttpKeys {
    /// Trusts public roots and those of this bundle.
    pub(crate) fn new(bundle: Option<String>) -> Self {
        Self {
            bundle,
            client: OnceLock::new(),
        }
    }

    async fn get(&self, uri: &str) -> KeyFetch {
        let request = Request::get(uri).body(SdkBody::empty())?;
        let response = self.client()?.send(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the key set's address answered {}", response.status()).into());
        }
        let body = Limited::new(response.into_body(), MAX_BYTES)
            .collect()
            .await?
            .to_bytes();
        Ok(String::from_utf8(body.to_vec())?)
    }

    fn client(&self) -> Result<&Https, crate::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Https::trusting(public_roots(self.bundle.as_deref())?)?;
        Ok(self.client.get_or_init(|| client))
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
