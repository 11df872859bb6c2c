use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde_json::{Value, json};
use tenantry_api::ClientAddress;
use tenantry_app::{Config, OsEntropy, SystemClock, sha256_hex, signature};
use tenantry_domain::{Clock as _, Entropy};
use tenantry_local::{Ingredients, Product, Subject};
use tower::ServiceExt as _;

use crate::Error;
use crate::token::every_permission;

/// The master key of a measured deployment. Not a secret: it guards what lives as long as a measurement.
pub(crate) const MASTER: [u8; 32] = *b"a bench's key guards nothing ...";

/// Opens `/metrics`.
pub(crate) const SCRAPE_TOKEN: &str = "scrape";

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
        config.metrics_token_sha256 = Some(sha256_hex(SCRAPE_TOKEN));
        let ingredients = Ingredients {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(KnownMaster(AtomicBool::new(false))),
            config,
            data: None,
            patience: Duration::from_secs(10),
            identity: None,
        };
        let product = Product::start(ingredients).await?;
        Ok(Self { product })
    }

    /// Sends a request through the product, and expects it to be carried out.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Value, Error> {
        let mut request = request;
        request
            .extensions_mut()
            .insert(ClientAddress("203.0.113.7".to_owned()));
        let asked = format!("{} {}", request.method(), request.uri());
        let response = self.product.router.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if !status.is_success() && !status.is_redirection() {
            return Err(format!("{asked}: {status} {}", String::from_utf8_lossy(&bytes)).into());
        }
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A request with this bearer token.
    pub(crate) fn request(
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<Request<Body>, Error> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        Ok(request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))?)
    }

    /// The token of an operator who may do everything.
    pub(crate) fn operator(&self) -> Result<String, Error> {
        let subject = Subject::Operator {
            permissions: every_permission(),
        };
        Ok(self.product.issuer.token(&subject, SystemClock.now())?)
    }

    /// Creates or triggers something as an operator.
    pub(crate) async fn create(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let request = Self::request("POST", path, &self.operator()?, Some(body))?;
        self.send(request).await
    }

    pub(crate) async fn create_tenant(&self, key: &str) -> Result<String, Error> {
        id_of(&self.create("/tenants", &new_tenant(key)).await?)
    }

    /// Starts the tenant's provisioning.
    pub(crate) async fn provision(&self, tenant_id: &str) -> Result<(), Error> {
        let subscription = json!({ "id": "sub_1", "plan": { "tier": "BASIC" } });
        self.create(&format!("/tenants/{tenant_id}/provision"), &subscription)
            .await
            .map(|_| ())
    }

    /// What the application plane can report about these tenants, whose provisioning was started a moment ago.
    pub(crate) async fn reports(&self, tenant_ids: &[String]) -> Result<Vec<Report>, Error> {
        self.product.relay_once().await?;
        let mut reports = Vec::new();
        for event in self.product.bus.entries() {
            let data = &event["detail"]["data"];
            let text = |value: &Value| value.as_str().map(str::to_owned);
            let callback = &data["callback"];
            let (Some(secret), Some(context)) = (text(&callback["secret"]), text(&callback["context"]))
            else {
                continue;
            };
            let tenant_id = id_of(&data["tenant"])?;
            if tenant_ids.contains(&tenant_id) {
                let secret = secret.into();
                reports.push(Report {
                    tenant_id,
                    secret,
                    context,
                });
            }
        }
        if reports.len() == tenant_ids.len() {
            Ok(reports)
        } else {
            Err("not every job was announced".into())
        }
    }

    /// Signs a lead up. Returns its id and the code that it was mailed.
    pub(crate) async fn signed_up_lead(&self, email: &str) -> Result<(String, String), Error> {
        let id = id_of(&self.create("/leads", &new_lead(email)).await?)?;
        self.product.relay_once().await?;
        let mails = self.product.mailbox.mails();
        let mail = mails
            .iter()
            .rfind(|mail| mail.to == email)
            .ok_or("no mail came")?;
        let start = mail.text.find("tlc_").ok_or("the mail has no code")?;
        let is_code = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
        Ok((id, mail.text[start..].chars().take_while(is_code).collect()))
    }

    /// Signs a lead up and proves its address. Returns its id and its token.
    pub(crate) async fn verified_lead(&self, email: &str) -> Result<(String, String), Error> {
        let (id, code) = self.signed_up_lead(email).await?;
        let verify = Self::request("POST", &format!("/leads/{id}/verify"), &code, None)?;
        let verified = self.send(verify).await?;
        let token = verified["token"].as_str().ok_or("the answer has no token")?;
        Ok((id, token.to_owned()))
    }

    /// A tenant in use that was a lead, with all that can belong to it. Returns the ids of lead and tenant.
    pub(crate) async fn complete_tenant(&self, key: &str, email: &str) -> Result<(String, String), Error> {
        let (lead_id, token) = self.verified_lead(email).await?;
        let wish = json!({ "key": key, "domains": ["acme.com"] });
        let become_tenant = Self::request("POST", &format!("/leads/{lead_id}/tenants"), &token, Some(&wish))?;
        let tenant_id = id_of(&self.send(become_tenant).await?)?;
        self.provision(&tenant_id).await?;
        for report in self.reports(std::slice::from_ref(&tenant_id)).await? {
            self.send(report.request()?).await?;
        }
        self.product.relay_once().await?;
        Ok((lead_id, tenant_id))
    }
}

/// A report that the application plane is waited for.
pub(crate) struct Report {
    tenant_id: String,
    secret: SecretString,
    context: String,
}

impl Report {
    /// That the tenant was provisioned, signed now: the body, and the values of `x-timestamp` and `x-signature`.
    pub(crate) fn signed(&self) -> (String, [String; 2]) {
        let report = json!({
            "initiatorId": self.tenant_id,
            "type": 0,
            "data": {
                "status": 1,
                "resources": [
                    { "type": "bucket", "externalIdentifier": "acme-files", "metadata": { "bucket": "acme-files" } },
                    { "type": "database", "externalIdentifier": "acme-db" },
                ],
                "appPlaneUrl": "https://acme.app.example.com",
            },
        });
        let (body, now) = (report.to_string(), SystemClock.now().as_millis());
        let signature = signature::sign(&self.secret, body.as_bytes(), &self.context, now);
        (body, [now.to_string(), signature])
    }

    /// The report as a request.
    pub(crate) fn request(&self) -> Result<Request<Body>, Error> {
        let (body, [timestamp, signature]) = self.signed();
        let request = Request::post("/webhook")
            .header("content-type", "application/json")
            .header("x-timestamp", timestamp)
            .header("x-signature", signature);
        Ok(request.body(Body::from(body))?)
    }
}

pub(crate) fn id_of(entity: &Value) -> Result<String, Error> {
    let id = entity["id"].as_str().ok_or("the answer has no id")?;
    Ok(id.to_owned())
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
