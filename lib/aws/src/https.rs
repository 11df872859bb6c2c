//! The one HTTP client of a function: under the SDKs, and for issuers' key sets.
//!
//! Made by hand because the SDK's own brings HTTP/2, proxies and a pool of its own, none of which a function uses, and reads
//! the machine's whole list of trust roots at start.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use crate::Error;

/// Sends requests over HTTP/1.1, and TLS where the address says so.
#[derive(Clone, Debug)]
pub(crate) struct Https(Client<HttpsConnector<TcpConnector>, SdkBody>);

/// A host that takes longer to be reached is down.
const CONNECT_PATIENCE: Duration = Duration::from_millis(1_500);

impl Https {
    /// A client that trusts these roots and no others.
    pub(crate) fn trusting(roots: RootCertStore) -> Result<Self, Error> {
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            // Plain HTTP is what emulators speak; addresses come from the deployment, never from a caller.
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends one request.
    pub(crate) async fn send(
        &self,
        request: Request<SdkBody>,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        self.0.request(request).await
    }
}

impl HttpClient for Https {
    // The settings are timeouts. Connecting has ours, and each attempt has one around all of it.
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let response = client
                .send(request)
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The roots that AWS's endpoints stand under, or those of the file that `AWS_CA_BUNDLE` names.
pub(crate) fn aws_roots(bundle: Option<&str>) -> Result<RootCertStore, Error> {
    match bundle {
        None => Ok(amazon_roots().collect()),
        Some(bundle) => read_bundle(bundle),
    }
}

/// The roots that browsers trust, and those of `AWS_CA_BUNDLE`: who deploys behind a proxy that opens TLS says so there.
pub(crate) fn public_roots(bundle: Option<&str>) -> Result<RootCertStore, Error> {
    let mut roots = bundle.map_or_else(|| Ok(RootCertStore::empty()), read_bundle)?;
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Ok(roots)
}

/// The five roots of Amazon Trust Services: <https://www.amazontrust.com/repository/> names them and says that all should be
/// trusted.
fn amazon_roots() -> impl Iterator<Item = TrustAnchor<'static>> {
    let is_amazons = |root: &&TrustAnchor<'_>| {
        AMAZON_NAMES.iter().any(|name| {
            root.subject
                .windows(name.len())
                .any(|part| part == name.as_bytes())
        })
    };
    webpki_roots::TLS_SERVER_ROOTS.iter().filter(is_amazons).cloned()
}

const AMAZON_NAMES: [&str; 2] = [
    "Amazon Root CA ",
    "Starfield Services Root Certificate Authority - G2",
];

fn read_bundle(path: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let unusable = |error: &dyn std::fmt::Display| format!("AWS_CA_BUNDLE: {path} is unusable: {error}");
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))? {
        // Old roots that a stricter parser refuses stand in many bundles; the others still count.
        let (_, _) = roots.add_parsable_certificates([certificate.map_err(|error| unusable(&error))?]);
    }
    if roots.is_empty() {
        return Err(unusable(&"it holds no certificate").into());
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::*;

    /// The SHA-256 hash of a root's public key, as DER; an anchor has it without the outer SEQUENCE.
    fn key_hash(root: &TrustAnchor<'_>) -> String {
        let key = &root.subject_public_key_info;
        let der_length = match key.len() {
            length @ 0..128 => vec![u8::try_from(length).expect("below 128")],
            length @ 128..256 => vec![0x81, u8::try_from(length).expect("below 256")],
            length => [
                &[0x82][..],
                &u16::try_from(length).expect("keys are short").to_be_bytes(),
            ]
            .concat(),
        };
        let der = [&[0x30][..], &der_length, key.as_ref()].concat();
        hex::encode(digest(&SHA256, &der))
    }

    #[test]
    fn aws_is_trusted_under_the_five_roots_that_amazon_publishes() {
        let mut hashes: Vec<String> = amazon_roots().map(|root| key_hash(&root)).collect();
        hashes.sort();

        // "SHA-256 Hash of Subject Public Key Information" on https://www.amazontrust.com/repository/.
        let mut published = [
            "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
            "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
            "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
            "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
            "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92",
        ];
        published.sort_unstable();
        assert_eq!(hashes, published);
    }

    #[test]
    fn a_bundle_takes_the_place_of_amazons_roots_and_joins_the_public_ones() {
        let folder = std::env::temp_dir().join(format!("tenantry-bundle-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let (good, bad) = (folder.join("good.pem"), folder.join("bad.pem"));
        std::fs::write(&good, include_str!("test_root.pem")).expect("a file can be written");
        std::fs::write(&bad, "no certificate").expect("a file can be written");
        let (good, bad) = (good.to_str().expect("UTF-8"), bad.to_str().expect("UTF-8"));

        assert_eq!(aws_roots(Some(good)).expect("it holds one root").len(), 1);
        assert_eq!(
            public_roots(Some(good)).expect("it holds one root").len(),
            public_roots(None).expect("they are compiled in").len() + 1
        );
        for unusable in [bad, "/no/such/file.pem"] {
            assert!(aws_roots(Some(unusable)).is_err(), "{unusable}");
            assert!(public_roots(Some(unusable)).is_err(), "{unusable}");
        }
        std::fs::remove_dir_all(folder).expect("the folder can go");
    }
}
