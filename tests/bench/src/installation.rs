use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tenantry_api::ClientAddress;
use tenantry_app::{Config, OsEntropy, SystemClock};
use tenantry_domain::{Clock as _, Entropy, Permission};
use tenantry_local::{Ingredients, Product, Subject};
use tower::ServiceExt as _;

use crate::Error;

/// The master key of a measured deployment. Not a secret: it guards what lives as long as a measurement.
pub(crate) const MASTER: [u8; 32] = *b"a bench's key guards nothing ...";

/// Public routes are not what is limited here.
pub(crate) const RATE_PER_MINUTE: u32 = 1_000_000;

/// The product in this process, to fill the table that the measured processes work on.
pub(crate) struct Installation {
    pub(crate) product: Product,
}

/// The first bytes drawn are the product's master key: the functions must have the same one.
struct KnownMaster(AtomicBool);

impl Entropy for KnownMaster {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() == MASTER.len() && !self.0.swap(true, Ordering::SeqCst) {
            bytes.copy_from_slice(&MASTER);
        } else {
            OsEntropy.fill(bytes);
        }
    }
}

impl Installation {
    pub(crate) async fn start() -> Result<Self, Error> {
        let mut config = Config::read(|_| None)?;
        config.public_rate_per_minute = RATE_PER_MINUTE;
        let ingredients = Ingredients {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(KnownMaster(AtomicBool::new(false))),
            config,
            data: None,
            patience: Duration::from_secs(10),
        };
        let product = Product::start(ingredients).await?;
        Ok(Self { product })
    }

    /// A request of an operator who may do everything.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Error> {
        let subject = Subject::Operator {
            permissions: every_permission(),
        };
        let token = self.product.issuer.token(&subject, SystemClock.now())?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let mut request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?;
        request
            .extensions_mut()
            .insert(ClientAddress("203.0.113.7".to_owned()));
        let response = self.product.router.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            let text = String::from_utf8_lossy(&bytes);
            return Err(format!("{method} {path}: {status} {text}").into());
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub(crate) async fn create_tenant(&self, key: &str) -> Result<String, Error> {
        let tenant = self.call("POST", "/tenants", Some(&new_tenant(key))).await?;
        id_of(&tenant)
    }

    pub(crate) async fn provision(&self, tenant_id: &str) -> Result<(), Error> {
        let subscription = json!({ "id": "sub_1", "plan": { "tier": "BASIC" } });
        let path = format!("/tenants/{tenant_id}/provision");
        self.call("POST", &path, Some(&subscription)).await.map(|_| ())
    }
}

pub(crate) fn id_of(entity: &Value) -> Result<String, Error> {
    let id = entity["id"].as_str().ok_or("the answer has no id")?;
    Ok(id.to_owned())
}

pub(crate) fn every_permission() -> Vec<String> {
    Permission::all()
        .map(|permission| permission.name().to_owned())
        .collect()
}

pub(crate) fn new_tenant(key: &str) -> Value {
    json!({
        "name": "Acme",
        "key": key,
        "domains": ["acme.com"],
        "contact": { "firstName": "Ada", "lastName": "Lovelace", "email": "ada@acme.com" },
    })
}

pub(crate) fn new_lead(email: &str) -> Value {
    json!({ "firstName": "Ada", "lastName": "Lovelace", "companyName": "Acme", "email": email })
}
