use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde_json::Value;
use tenantry_api::{Edge, FromMembers, Members, NoContent, Operation, Problem, RawBody};
use tenantry_app::{Context, Report, close_job, signature};
use tenantry_domain::{Actor, Error as DomainError, Id, Outcome, Reason, Resource, Rule, Tenant, TenantScope, Text};
use tenantry_store::{CallbackKey, TenantParts};
use utoipa::ToSchema;

/// The report of an application plane.
#[derive(Debug, ToSchema)]
#[schema(as = WebhookReport, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReportDoc {
    /// The tenant's id.
    #[schema(format = "uuid")]
    initiator_id: String,
    /// 0: provisioned.
    #[schema(value_type = i32, example = 0)]
    r#type: i32,
    /// What became of it.
    data: ReportDataDoc,
}

/// What became of a job.
#[derive(Debug, ToSchema)]
#[schema(as = WebhookReportData, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReportDataDoc {
    /// 1 or `"success"`, 0 or `"failure"`.
    #[schema(value_type = Object, example = 1)]
    status: Value,
    /// What was made, at most 90; all of it is kept.
    resources: Option<Vec<ReportedResourceDoc>>,
    /// Where the tenant finds its application.
    #[schema(example = "https://acme.example.com")]
    app_plane_url: Option<String>,
    /// Why it failed.
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Something that was made.
#[derive(Debug, ToSchema)]
#[schema(as = WebhookReportedResource, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body in the API document")]
pub(crate) struct ReportedResourceDoc {
    /// What it is.
    #[schema(max_length = 100, example = "bucket")]
    r#type: String,
    /// How the application plane calls it.
    #[schema(max_length = 200, example = "acme-data")]
    external_identifier: String,
    /// Whatever else there is to say.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// The signature headers, as far as they make sense.
pub(crate) struct Signed {
    signature: String,
    timestamp_ms: i64,
}

impl FromRequestParts<Edge> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        let header = |name: &str| {
            let mut values = parts.headers.get_all(name).iter();
            let (value, None) = (values.next()?, values.next()) else { return None };
            value.to_str().ok().map(str::to_owned)
        };
        let timestamp_ms = header("x-timestamp").and_then(|text| text.parse().ok());
        match (header("x-signature"), timestamp_ms) {
            (Some(signature), Some(timestamp_ms)) => Ok(Self { signature, timestamp_ms }),
            _ => Err(refused()),
        }
    }
}

/// One answer for everything that does not prove itself: the sender learns nothing about what was wrong.
fn refused() -> Problem {
    let detail = "the signature does not prove a report on an open job of this tenant";
    Problem::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail)
}

/// Report on a provisioning job.
///
/// Signed with the secret of the job's event: header `x-timestamp` is now in milliseconds since 1970, within 20 seconds of
/// our clock; `x-signature` is the lower-case hex HMAC-SHA256 of body, the event's `callback.context` and the timestamp, one
/// behind the other. A repeated report changes nothing and is answered as before, for a day.
#[utoipa::path(
    post,
    path = "/webhook",
    request_body = ReportDoc,
    params(
        ("x-signature" = String, Header, description = "Lower-case hex HMAC-SHA256."),
        ("x-timestamp" = String, Header, description = "Milliseconds since 1970.")
    )
)]
pub(crate) async fn receive_webhook(operation: Operation, signed: Signed, RawBody(body): RawBody) -> Result<NoContent, Problem> {
    let context = &operation.context;
    if !signature::is_timely(signed.timestamp_ms, context.now) {
        return Err(refused());
    }
    let value: Value = serde_json::from_slice(&body).map_err(|_| refused())?;
    let tenant_id = initiator(&value).ok_or_else(refused)?;
    operation.about_tenant(tenant_id);
    // Two reports may meet: the one that loses looks again, and is then a repetition or a contradiction.
    for _ in 0..2 {
        let (parts, callback_key) = verify(context, tenant_id, &signed, &body).await?;
        let report: ReportBody = Members::read(value.clone(), &context.app.config).map_err(DomainError::Invalid)?;
        match close_job(context, &parts, report.into_report(callback_key, context)).await {
            Ok(()) => return Ok(NoContent),
            Err(tenantry_app::Error::Refused(DomainError::Conflict(tenantry_domain::Conflict::ModifiedConcurrently { .. }))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let conflict = tenantry_domain::Conflict::ModifiedConcurrently { kind: tenantry_domain::Kind::Tenant, id: tenant_id.to_string() };
    Err(conflict.into())
}

fn initiator(body: &Value) -> Option<Id<Tenant>> {
    Id::parse(body.get("initiatorId")?.as_str()?).ok()
}

/// Finds the key of this tenant that the report was signed with.
async fn verify(
    context: &Context,
    tenant_id: Id<Tenant>,
    signed: &Signed,
    body: &[u8],
) -> Result<(TenantParts, CallbackKey), Problem> {
    // Not proved yet: nothing of the tenant is used but the keys, until one of them fits.
    let scope = TenantScope::of_system(tenant_id, Actor::ApplicationPlane);
    let parts = context.store.find_tenant_with_jobs(&scope).await?.ok_or_else(refused)?;
    for key in parts.callback_keys.iter().filter(|key| context.now < key.expires_at) {
        let secret = context.app.keyring.open(&format!("callback/{}", key.job_id), &key.sealed_secret);
        let secret = secret.map_err(|error| Problem::internal(&error))?;
        if signature::is_valid(&secret, body, &key.context, signed.timestamp_ms, &signed.signature) {
            let key = key.clone();
            return Ok((parts, key));
        }
    }
    Err(refused())
}

/// The report as it was read.
struct ReportBody {
    outcome: Outcome,
    resources: Vec<ReportedResource>,
}

struct ReportedResource {
    kind: Text<100>,
    external_identifier: Text<200>,
    metadata: Option<Value>,
}

impl ReportBody {
    fn into_report(self, callback_key: CallbackKey, context: &Context) -> Report {
        let tenant_id = callback_key.tenant_id;
        let resources = self.resources.into_iter().map(|resource| {
            let ReportedResource { kind, external_identifier, metadata } = resource;
            Resource { tenant_id, kind, external_identifier, metadata, reported_at: context.now }
        });
        Report { outcome: self.outcome, resources: resources.collect(), callback_key }
    }
}

impl FromMembers for ReportBody {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let initiator = members.text("initiatorId", Id::<Tenant>::parse);
        let kind = match members.optional_number("type") {
            Some(Some(0)) => Some(()),
            Some(_) => members.note("type", Rule::new("unknown_type", "must be 0 (provisioned)")),
            None => None,
        };
        let data = members.object::<ReportData>("data");
        initiator?;
        kind?;
        let ReportData { outcome, resources } = data?;
        Some(Self { outcome, resources })
    }
}

struct ReportData {
    outcome: Outcome,
    resources: Vec<ReportedResource>,
}

impl FromMembers for ReportData {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let is_success = match members.optional_value("status") {
            Some(Value::Number(number)) if number.as_i64() == Some(1) => Some(true),
            Some(Value::Number(number)) if number.as_i64() == Some(0) => Some(false),
            Some(Value::String(text)) if text == "success" => Some(true),
            Some(Value::String(text)) if text == "failure" => Some(false),
            _ => members.note("status", Rule::new("unknown_status", "must be 1 or \"success\", 0 or \"failure\"")),
        };
        let resources = members.optional_objects("resources", Report::MAX_RESOURCES);
        let app_plane_url = members.optional_text("appPlaneUrl", web_address);
        // Foreign text: what is too long or not one line is cut, not refused, so that no reason is lost to its form.
        let reason = members.optional_text("reason", |text| Ok(Reason::abridge(text, "no reason given")));
        // Whatever else an application plane says belongs to it.
        members.rest();
        let (resources, app_plane_url, reason) = (resources?, app_plane_url?, reason?);
        Some(if is_success? {
            Self { outcome: Outcome::Success { app_plane_url: app_plane_url.flatten() }, resources }
        } else {
            Self { outcome: Outcome::Failure { reason }, resources: Vec::new() }
        })
    }
}

impl FromMembers for ReportedResource {
    fn from_members(members: &mut Members<'_>) -> Option<Self> {
        let kind = members.text("type", Text::parse);
        let external_identifier = members.text("externalIdentifier", Text::parse);
        let metadata = members.optional_value("metadata");
        members.rest();
        Some(Self { kind: kind?, external_identifier: external_identifier?, metadata })
    }
}

/// Goes into a mail as a link: `https:` and `http:` only. An empty one is none.
fn web_address(text: &str) -> Result<Option<String>, Rule> {
    let text = text.trim();
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let is_plain = text.len() <= 500 && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b));
    match (text.is_empty(), is_web && is_plain) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(text.to_owned())),
        (false, false) => Err(Rule::new("invalid_url", "must be an http or https address of at most 500 characters")),
    }
}
