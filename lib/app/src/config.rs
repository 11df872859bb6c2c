use std::fmt;

use serde::Deserialize;
use tenantry_domain::{Id, Party, Tenant, Tiers, Wire, WireChanges};
use thiserror::Error;

use crate::IdentitySettings;

/// Who may issue tokens, and how its keys are found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issuer {
    /// The `iss` claim, exactly.
    pub issuer: String,
    /// `aud` or, as in Cognito's access tokens, `client_id` must be one of these.
    pub audiences: Vec<String>,
    /// Where its keys are published (RFC 7517).
    pub jwks_uri: String,
    /// Whether it may issue operators' tokens.
    #[serde(default = "yes")]
    pub is_platform: bool,
    /// The scope that makes a token an operator's.
    #[serde(default = "platform")]
    pub platform_scope: String,
    /// What its tokens call what we look for.
    #[serde(default)]
    pub claims: ClaimNames,
    /// Whether what members may do is looked up at each request, because its tokens do not say.
    #[serde(default)]
    pub resolve_permissions: bool,
    /// The one tenant that its tokens may speak of: of a pool or realm that is this tenant's own.
    #[serde(skip)]
    pub tenant_id: Option<Id<Tenant>>,
}

/// What the tokens of an issuer call what we look for: a claim's name, or a JSON pointer (RFC 6901) to a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClaimNames {
    /// The tenant.
    pub tenant_id: String,
    /// The membership. It follows from tenant and person, so one of the two is enough.
    pub user_tenant_id: String,
    /// The person, as we know it.
    pub user_id: String,
    /// Names of permissions: an array, or one text with spaces between them.
    pub permissions: String,
    /// Stands there if permissions are to be looked up.
    pub permissions_ref: String,
    /// Scopes with spaces between them.
    pub scope: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            tenant_id: "tenantId".to_owned(),
            user_tenant_id: "userTenantId".to_owned(),
            user_id: "userId".to_owned(),
            permissions: "permissions".to_owned(),
            permissions_ref: "permissionsRef".to_owned(),
            scope: "scope".to_owned(),
        }
    }
}

impl Issuer {
    /// One whose tokens call things as we do.
    pub fn new(issuer: String, audiences: Vec<String>, jwks_uri: String, is_platform: bool) -> Self {
        Self {
            issuer,
            audiences,
            jwks_uri,
            is_platform,
            platform_scope: platform(),
            claims: ClaimNames::default(),
            resolve_permissions: false,
            tenant_id: None,
        }
    }
}

fn yes() -> bool {
    true
}

fn platform() -> String {
    "platform".to_owned()
}

/// Nobody may be kept from being erased for longer.
pub const MAX_GRACE_DAYS: u16 = 365;

/// How one deployment is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where this API is reached, without a slash at the end; goes into events as the callback's base.
    pub api_url: String,
    /// The front end's verification page; lead and code are added to it.
    pub frontend_url: String,
    /// The front end's page for invitations; the code is added to it.
    pub invitation_url: String,
    /// For how many days an invitation can be accepted.
    pub invitation_days: i64,
    /// The `source` of events.
    pub event_source: String,
    /// The event bus.
    pub event_bus: String,
    /// The sender of mails.
    pub mail_from: String,
    /// The tiers that are sold.
    pub tiers: Tiers,
    /// How the application plane is spoken to, unless a plan says otherwise.
    pub application_plane: Wire,
    /// For how many days an offboarded tenant cannot be erased, if nobody says otherwise.
    pub offboard_grace_days: u16,
    /// Who sends invoices.
    pub invoice_seller: Party,
    /// How many days an invoice may be paid in time.
    pub invoice_due_days: i64,
    /// How many days an overdue invoice, or the end of a subscription, is borne before the tenant is suspended.
    pub billing_grace_days: i64,
    /// Requests a minute that public routes take of one client address, and about one e-mail address.
    pub public_rate_per_minute: u32,
    /// Browser origins that may call the API.
    pub cors_origins: Vec<String>,
    /// Who may issue tokens.
    pub issuers: Vec<Issuer>,
    /// Which identity providers tenants may have.
    pub identity: IdentitySettings,
    /// SHA-256 of the token that opens `/metrics`, in lower-case hex; without it the route does not exist.
    pub metrics_token_sha256: Option<String>,
}

/// A setting that is missing or unusable.
#[derive(Debug, Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: String,
}

impl ConfigError {
    /// A setting and what is wrong with it.
    pub fn new(name: &'static str, problem: impl fmt::Display) -> Self {
        Self {
            name,
            problem: problem.to_string(),
        }
    }
}

impl Config {
    /// Reads the settings through `lookup`, by the names of environment variables. What a function does not need may be absent.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let text = |name: &str, default: &str| {
            lookup(name)
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| default.to_owned())
        };
        let mut issuers = issuers("ISSUERS", &text("ISSUERS", "[]"))?;
        // Those that the deployment makes itself stand apart, because nobody writes two texts into one JSON array.
        issuers.extend(self::issuers("POOL_ISSUERS", &text("POOL_ISSUERS", "[]"))?);
        let minutes = number(
            "JOB_DEADLINE_MINUTES",
            &text("JOB_DEADLINE_MINUTES", "0"),
            0,
            7 * 24 * 60,
        )?;
        let application_plane = application_plane(&lookup, minutes)?;
        let grace_days = number(
            "OFFBOARD_GRACE_DAYS",
            &text("OFFBOARD_GRACE_DAYS", "30"),
            0,
            i64::from(MAX_GRACE_DAYS),
        )?;
        let rate = number(
            "PUBLIC_RATE_PER_MINUTE",
            &text("PUBLIC_RATE_PER_MINUTE", "10"),
            1,
            1_000_000,
        )?;
        Ok(Self {
            api_url: url("API_URL", text("API_URL", "http://localhost:3000"))?,
            frontend_url: url(
                "FRONTEND_URL",
                text("FRONTEND_URL", "http://localhost:3000/verify"),
            )?,
            invitation_url: url(
                "INVITATION_URL",
                text("INVITATION_URL", "http://localhost:3000/invitation"),
            )?,
            invitation_days: number("INVITATION_DAYS", &text("INVITATION_DAYS", "7"), 1, 90)?,
            event_source: text("EVENT_SOURCE", "tenantry"),
            event_bus: text("EVENT_BUS_NAME", "default"),
            mail_from: text("MAIL_FROM", "no-reply@example.com"),
            tiers: Tiers::new(text("TIERS", "BASIC,STANDARD,PREMIUM").split(',')),
            application_plane,
            offboard_grace_days: u16::try_from(grace_days).unwrap_or(MAX_GRACE_DAYS),
            invoice_seller: seller(&text("INVOICE_SELLER", r#"{"name":"Tenantry"}"#))?,
            invoice_due_days: number("INVOICE_DUE_DAYS", &text("INVOICE_DUE_DAYS", "14"), 0, 365)?,
            billing_grace_days: number("BILLING_GRACE_DAYS", &text("BILLING_GRACE_DAYS", "14"), 0, 365)?,
            public_rate_per_minute: u32::try_from(rate).unwrap_or(u32::MAX),
            cors_origins: cors_origins(&text("CORS_ORIGINS", ""))?,
            issuers,
            identity: IdentitySettings::parse(&text("IDENTITY_PROVIDERS", "{}"))?,
            metrics_token_sha256: sha256("METRICS_TOKEN_SHA256", text("METRICS_TOKEN_SHA256", ""))?,
        })
    }
}

fn issuers(name: &'static str, text: &str) -> Result<Vec<Issuer>, ConfigError> {
    serde_json::from_str(text).map_err(|error| ConfigError::new(name, error))
}

/// The dialect's preset, and what is said of it. Bus, source and deadline have settings of their own beside it, which the
/// template's rules and permissions repeat.
fn application_plane(
    lookup: impl Fn(&str) -> Option<String>,
    deadline_minutes: i64,
) -> Result<Wire, ConfigError> {
    let error = |problem: &dyn fmt::Display| ConfigError::new("APPLICATION_PLANE", problem);
    let given = |name: &str| lookup(name).filter(|text| !text.is_empty());
    let text = given("APPLICATION_PLANE").unwrap_or_else(|| "{}".to_owned());
    let value = serde_json::from_str(&text).map_err(|problem| error(&problem))?;
    let said = WireChanges::parse(value).map_err(|problem| error(&problem))?;
    let seconds = u32::try_from(deadline_minutes * 60).unwrap_or(u32::MAX);
    let changes = WireChanges {
        bus: said.bus.or_else(|| given("APPLICATION_PLANE_BUS")),
        answers_from: said
            .answers_from
            .or_else(|| given("APPLICATION_PLANE_SOURCE").map(|source| vec![source])),
        deadline_seconds: said.deadline_seconds.or((seconds > 0).then_some(seconds)),
        ..said
    };
    Wire::try_from(changes).map_err(|problem| error(&problem))
}

fn seller(text: &str) -> Result<Party, ConfigError> {
    let seller: Party =
        serde_json::from_str(text).map_err(|error| ConfigError::new("INVOICE_SELLER", error))?;
    if seller.name.trim().is_empty() || seller.address.len() > 6 {
        return Err(ConfigError::new(
            "INVOICE_SELLER",
            "must have a name, and at most 6 lines of address",
        ));
    }
    Ok(seller)
}

fn url(name: &'static str, text: String) -> Result<String, ConfigError> {
    if text.starts_with("https://") || text.starts_with("http://") {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(ConfigError::new(name, "must begin with https:// or http://"))
    }
}

fn sha256(name: &'static str, text: String) -> Result<Option<String>, ConfigError> {
    let is_hex = text.len() == 64
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match (text.is_empty(), is_hex) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(text)),
        (false, false) => Err(ConfigError::new(
            name,
            "must be a SHA-256 in lower-case hex, 64 digits",
        )),
    }
}

fn cors_origins(text: &str) -> Result<Vec<String>, ConfigError> {
    let origins: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|o| !o.is_empty())
        .map(str::to_owned)
        .collect();
    let is_origin = |origin: &String| {
        let host = origin
            .strip_prefix("https://")
            .or_else(|| origin.strip_prefix("http://"))
            .unwrap_or_default();
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b))
    };
    if origins.iter().all(is_origin) {
        Ok(origins)
    } else {
        Err(ConfigError::new(
            "CORS_ORIGINS",
            "must be origins such as https://app.example.com with commas between them",
        ))
    }
}

fn number(name: &'static str, text: &str, least: i64, most: i64) -> Result<i64, ConfigError> {
    let rule = || ConfigError::new(name, format!("must be a number from {least} to {most}"));
    let number: i64 = text.trim().parse().map_err(|_| rule())?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(rule())
    }
}

#[cfg(test)]
mod tests {
    use tenantry_domain::Dialect;

    use super::*;

    #[test]
    fn nothing_set_gives_the_documented_defaults() {
        let config = Config::read(|_| None).expect("defaults are valid");

        assert_eq!(config.event_source, "tenantry");
        assert_eq!(config.application_plane, Wire::default());
        assert_eq!(config.application_plane.life_ms(), 60 * 60_000);
        assert_eq!(config.offboard_grace_days, 30);
        assert_eq!(config.invitation_days, 7);
        assert_eq!((config.invoice_due_days, config.billing_grace_days), (14, 14));
        assert_eq!(config.public_rate_per_minute, 10);
        assert_eq!(config.tiers.find("premium").as_deref(), Ok("PREMIUM"));
        assert!(config.cors_origins.is_empty());
    }

    #[test]
    fn the_deadline_is_that_of_the_plane_the_setting_or_the_preset() {
        let arc = r#"{"dialect":"arc"}"#;
        let cases = [
            (arc, "", 70 * 60_000),
            (arc, "5", 5 * 60_000),
            (r#"{"dialect":"arc","deadlineSeconds":9}"#, "5", 9000),
        ];

        for (plane, minutes, expected) in cases {
            let config = Config::read(|name| match name {
                "APPLICATION_PLANE" => Some(plane.to_owned()),
                "JOB_DEADLINE_MINUTES" => Some(minutes.to_owned()),
                _ => None,
            });

            let wire = config.expect("the settings are sound").application_plane;
            assert_eq!(
                (wire.dialect, wire.life_ms()),
                (Dialect::Arc, expected),
                "{plane} {minutes}"
            );
        }
    }

    #[test]
    fn an_unusable_setting_is_named() {
        let cases = [
            ("ISSUERS", "{", "ISSUERS"),
            (
                "ISSUERS",
                r#"[{"issuer":"https://a","audiences":[],"jwksUri":"https://a/k","isplatform":true}]"#,
                "isplatform",
            ),
            ("JOB_DEADLINE_MINUTES", "-1", "JOB_DEADLINE_MINUTES"),
            ("APPLICATION_PLANE", "{", "APPLICATION_PLANE"),
            ("APPLICATION_PLANE", r#"{"dialect":"sbt"}"#, "sbt-0.5.8"),
            ("APPLICATION_PLANE", r#"{"bus":"a b"}"#, "/bus"),
            ("APPLICATION_PLANE_BUS", "a b", "/bus"),
            ("APPLICATION_PLANE_SOURCE", "aws.s3", "/answersFrom"),
            ("OFFBOARD_GRACE_DAYS", "366", "OFFBOARD_GRACE_DAYS"),
            ("INVOICE_SELLER", "{", "INVOICE_SELLER"),
            ("INVOICE_SELLER", r#"{"name":" "}"#, "INVOICE_SELLER"),
            ("INVOICE_SELLER", r#"{"name":"A","vat":"1"}"#, "vat"),
            ("INVOICE_DUE_DAYS", "-1", "INVOICE_DUE_DAYS"),
            ("BILLING_GRACE_DAYS", "366", "BILLING_GRACE_DAYS"),
            ("PUBLIC_RATE_PER_MINUTE", "ten", "PUBLIC_RATE_PER_MINUTE"),
            ("API_URL", "ftp://x", "API_URL"),
            ("INVITATION_URL", "/invitation", "INVITATION_URL"),
            ("INVITATION_DAYS", "0", "INVITATION_DAYS"),
            ("METRICS_TOKEN_SHA256", "secret", "METRICS_TOKEN_SHA256"),
            ("CORS_ORIGINS", "*", "CORS_ORIGINS"),
            (
                "CORS_ORIGINS",
                "https://app.example.com/, https://b",
                "CORS_ORIGINS",
            ),
            ("CORS_ORIGINS", "app.example.com", "CORS_ORIGINS"),
        ];

        for (name, value, named) in cases {
            let error = Config::read(|asked| (asked == name).then(|| value.to_owned())).expect_err(value);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
