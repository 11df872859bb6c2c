use serde_json::{Value, json};

use crate::Error;
use crate::cloud::Cloud;
use crate::installation::{Installation, RATE_PER_MINUTE, Report, new_lead};
use crate::token::{AUDIENCE, ISSUER};

/// A function that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Site,
    Leads,
    Tenants,
    Accounts,
    Callbacks,
    Relay,
}

/// The events of one function, as many as were prepared.
pub(crate) enum Supply {
    Site,
    Leads { sent: usize },
    Tenants { tenant_id: String, token: String },
    Accounts { tenant_id: String, token: String },
    Callbacks(Vec<Report>),
    Relay(Vec<Value>),
}

impl Function {
    pub(crate) const ALL: [Self; 6] = [
        Self::Site,
        Self::Leads,
        Self::Tenants,
        Self::Accounts,
        Self::Callbacks,
        Self::Relay,
    ];

    /// The name of its binary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Leads => "leads",
            Self::Tenants => "tenants",
            Self::Accounts => "accounts",
            Self::Callbacks => "callbacks",
            Self::Relay => "relay",
        }
    }

    /// What every one of its events asks.
    pub(crate) fn request(self) -> &'static str {
        match self {
            Self::Site => "GET /health",
            Self::Leads => "POST /leads",
            Self::Tenants => "GET /tenants/{id}",
            Self::Accounts => "GET /contacts",
            Self::Callbacks => "POST /webhook",
            Self::Relay => "an event and a mail",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// What `template.yaml` gives it, with the endpoints of the cloud on loopback.
    pub(crate) fn environment(self, cloud: &Cloud) -> Vec<(&'static str, String)> {
        let issuers = json!([{
            "issuer": ISSUER, "audiences": [AUDIENCE], "jwksUri": format!("{}/jwks.json", cloud.endpoint),
        }]);
        let issuers = ("ISSUERS", issuers.to_string());
        let mut environment = vec![
            ("TABLE_NAME", tenantry_local::TABLE.to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", cloud.endpoint.clone()),
            ("LOG_LEVEL", "INFO".to_owned()),
        ];
        if self != Self::Site {
            let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:master-key";
            environment.push(("MASTER_KEY_SECRET_ARN", arn.to_owned()));
            environment.push(("AWS_ENDPOINT_URL_SECRETS_MANAGER", cloud.endpoint.clone()));
        }
        match self {
            Self::Site | Self::Callbacks => {}
            Self::Accounts => environment.push(issuers),
            Self::Leads => environment.extend([
                issuers,
                ("FRONTEND_URL", "https://app.example.com/verify".to_owned()),
                ("PUBLIC_RATE_PER_MINUTE", RATE_PER_MINUTE.to_string()),
            ]),
            Self::Tenants => environment.extend([
                issuers,
                ("API_URL", "https://api.example.com".to_owned()),
                ("TIERS", "BASIC,STANDARD,PREMIUM".to_owned()),
                ("JOB_DEADLINE_MINUTES", "60".to_owned()),
            ]),
            Self::Relay => environment.extend([
                ("EVENT_BUS_NAME", "tenantry".to_owned()),
                ("MAIL_FROM", "no-reply@example.com".to_owned()),
                ("AWS_ENDPOINT_URL_EVENTBRIDGE", cloud.endpoint.clone()),
                ("AWS_ENDPOINT_URL_SESV2", cloud.endpoint.clone()),
            ]),
        }
        environment
    }

    /// Fills the table with what this many events need.
    pub(crate) async fn supply(
        self,
        count: usize,
        installation: &Installation,
        cloud: &Cloud,
    ) -> Result<Supply, Error> {
        match self {
            Self::Site => Ok(Supply::Site),
            Self::Leads => Ok(Supply::Leads { sent: 0 }),
            Self::Tenants => Ok(Supply::Tenants {
                tenant_id: installation.create_tenant("measured").await?,
                token: cloud.token_key.operator_token(),
            }),
            Self::Accounts => Ok(Supply::Accounts {
                tenant_id: installation.create_tenant("measured").await?,
                token: cloud.token_key.operator_token(),
            }),
            Self::Callbacks => reports(count, installation).await.map(Supply::Callbacks),
            Self::Relay => batches(count, installation).await.map(Supply::Relay),
        }
    }

    /// Whether the event was answered as it should be: what fails early is fast.
    pub(crate) fn check(self, answer: &Value) -> Result<(), Error> {
        let is_right = match self {
            Self::Site | Self::Tenants | Self::Accounts => answer["statusCode"] == 200,
            Self::Leads => answer["statusCode"] == 201,
            Self::Callbacks => answer["statusCode"] == 204,
            Self::Relay => *answer == json!({ "batchItemFailures": [] }),
        };
        if is_right {
            return Ok(());
        }
        Err(format!("{} was answered {answer}", self.request()).into())
    }
}

impl Supply {
    /// The next event.
    pub(crate) fn next(&mut self) -> Result<Value, Error> {
        match self {
            Self::Site => Ok(http_event("GET", "/health", "/health", &[], "")),
            Self::Leads { sent } => {
                *sent += 1;
                let body = new_lead(&format!("ada.{sent}@acme.example")).to_string();
                Ok(http_event("POST", "/leads", "/leads", &[], &body))
            }
            Self::Tenants { tenant_id, token } => {
                let authorization = format!("Bearer {token}");
                let headers = [("authorization", authorization.as_str())];
                let path = format!("/tenants/{tenant_id}");
                Ok(http_event("GET", "/tenants/{id}", &path, &headers, ""))
            }
            Self::Accounts { tenant_id, token } => {
                let authorization = format!("Bearer {token}");
                let headers = [("authorization", authorization.as_str())];
                let mut event = http_event("GET", "/contacts", "/contacts", &headers, "");
                event["rawQueryString"] = format!("tenantId={tenant_id}").into();
                Ok(event)
            }
            Self::Callbacks(reports) => {
                let report = reports.pop().ok_or("no job is left to report on")?;
                let (body, [timestamp, signature]) = report.signed();
                let headers = [
                    ("x-timestamp", timestamp.as_str()),
                    ("x-signature", signature.as_str()),
                ];
                Ok(http_event("POST", "/webhook", "/webhook", &headers, &body))
            }
            Self::Relay(batches) => Ok(batches.pop().ok_or("no message is left to deliver")?),
        }
    }
}

/// As `infra/samples/*.json`: API Gateway's HTTP API, payload format 2.0.
fn http_event(method: &str, route: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let mut all = json!({
        "accept": "*/*",
        "content-length": body.len().to_string(),
        "host": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
        "user-agent": "curl/8.9.1",
        "x-amzn-trace-id": "Root=1-68c1e2f0-5a1b2c3d4e5f60718293a4b5",
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    });
    for (name, value) in headers {
        all[name] = (*value).into();
    }
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {route}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": all,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.9.1",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("{method} {route}"),
            "stage": "$default",
            "time": "10/Sep/2026:12:00:00 +0000",
            "timeEpoch": 1_789_041_600_000_i64,
        },
        "isBase64Encoded": false,
    });
    if !body.is_empty() {
        event["headers"]["content-type"] = "application/json".into();
        event["body"] = body.into();
    }
    event
}

/// The bus keeps its last thousand events.
const JOBS_AT_ONCE: usize = 200;

async fn reports(count: usize, installation: &Installation) -> Result<Vec<Report>, Error> {
    let mut reports = Vec::new();
    while reports.len() < count {
        let mut tenants = Vec::new();
        for number in reports.len()..count.min(reports.len() + JOBS_AT_ONCE) {
            let tenant_id = installation.create_tenant(&format!("r{number}")).await?;
            installation.provision(&tenant_id).await?;
            tenants.push(tenant_id);
        }
        reports.extend(installation.reports(&tenants).await?);
    }
    Ok(reports)
}

/// What the stream brings of sign-ups, filtered as in `template.yaml`: of each an event and a mail.
async fn batches(count: usize, installation: &Installation) -> Result<Vec<Value>, Error> {
    for number in 0..count {
        let lead = new_lead(&format!("relayed.{number}@acme.example"));
        installation.create("/leads", &lead).await?;
    }
    let mut stream = installation.product.table.stream();
    let mut messages = Vec::new();
    loop {
        let batch = serde_json::to_value(stream.next_batch()?)?;
        let records = batch["Records"].as_array().cloned().unwrap_or_default();
        if records.is_empty() {
            break;
        }
        let is_message = |record: &Value| {
            let pk = record["dynamodb"]["Keys"]["pk"]["S"].as_str();
            record["eventName"] == "INSERT" && pk.is_some_and(|pk| pk.starts_with("OUTBOX#"))
        };
        messages.extend(records.into_iter().filter(is_message));
    }
    // The sign-ups came last.
    let messages = messages.split_off(messages.len().saturating_sub(2 * count));
    let batches: Vec<Value> = messages
        .chunks(2)
        .map(|messages| json!({ "Records": messages }))
        .collect();
    Ok(batches)
}
