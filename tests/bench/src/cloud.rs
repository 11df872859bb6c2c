use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Error;
use crate::certificates::Certificates;
use crate::installation::MASTER;
use crate::token::TokenKey;

/// The AWS that the functions see, over TLS on loopback: the embedded DynamoDB, Secrets Manager with the master key,
/// EventBridge and SES that take everything, and an issuer's key set.
pub(crate) struct Cloud {
    /// Where all of it is reached.
    pub(crate) endpoint: String,
    /// What a function has to trust.
    pub(crate) root_pem: String,
    /// The issuer's key.
    pub(crate) token_key: TokenKey,
}

#[derive(Clone)]
struct Services {
    table: Uri,
    client: Client<HttpConnector, Full<bytes::Bytes>>,
    key_set: String,
}

impl Cloud {
    /// In front of the DynamoDB at this address.
    pub(crate) async fn start(table_endpoint: &str) -> Result<Self, Error> {
        let token_key = TokenKey::make()?;
        let Certificates { acceptor, root_pem } = Certificates::make(&token_key)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let services = Services {
            table: table_endpoint.parse()?,
            client: Client::builder(TokioExecutor::new()).build(connector),
            key_set: token_key.key_set().to_string(),
        };
        tokio::spawn(accept(listener, acceptor, router(services)));
        Ok(Self {
            endpoint,
            root_pem,
            token_key,
        })
    }
}

fn router(services: Services) -> Router {
    Router::new()
        .route(
            "/jwks.json",
            get(|State(services): State<Services>| async { services.key_set }),
        )
        .fallback(answer)
        .with_state(services)
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match acceptor.accept(stream).await {
                // A function that is ended leaves its connections open; that is no error of anybody.
                Ok(stream) => drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                ),
                Err(error) => crate::complain(&format!("a function refused our certificate: {error}")),
            }
        });
    }
}

/// Tells the services apart as AWS does: by `X-Amz-Target`, or by the path of a REST service.
async fn answer(State(services): State<Services>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let Ok(body) = body.collect().await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let body = body.to_bytes();
    match (target.as_str(), parts.uri.path()) {
        (target, _) if target.starts_with("DynamoDB_") => services.forward(parts.headers, body).await,
        ("secretsmanager.GetSecretValue", _) => amz_json(&json!({
            "ARN": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:master-key",
            "Name": "master-key",
            "VersionId": "01991c3e-8a80-7cc1-b3a5-2f4d6e8091a2",
            "SecretString": json!({ "current": "k1", "keys": { "k1": STANDARD.encode(MASTER) } }).to_string(),
            "CreatedDate": 1_789_041_600,
        })),
        ("AWSEvents.PutEvents", _) => amz_json(&accepted(&body)),
        (_, "/v2/email/outbound-emails") => amz_json(&json!({ "MessageId": "bench" })),
        (target, path) => {
            crate::complain(&format!("nobody answers {target} {path}"));
            StatusCode::NOT_FOUND.into_response()
        }
    }
}

fn accepted(body: &[u8]) -> Value {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let count = request["Entries"].as_array().map_or(0, Vec::len);
    let entries = vec![json!({ "EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860" }); count];
    json!({ "FailedEntryCount": 0, "Entries": entries })
}

fn amz_json(value: &Value) -> Response {
    (
        [("content-type", "application/x-amz-json-1.1")],
        value.to_string(),
    )
        .into_response()
}

impl Services {
    async fn forward(&self, mut headers: HeaderMap, body: bytes::Bytes) -> Response {
        headers.remove(http::header::HOST);
        let mut request = http::Request::post(self.table.clone());
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        let Ok(request) = request.body(Full::new(body)) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        match self.client.request(request).await {
            Ok(response) => response.map(Body::new),
            Err(error) => {
                crate::complain(&format!("the embedded table did not answer: {error}"));
                StatusCode::BAD_GATEWAY.into_response()
            }
        }
    }
}
