//! What more than one entry point shares: operations, the ports to the outside, secrets and configuration.
//!
//! It must not know HTTP, Lambda, or how the table is laid out.

mod billing;
mod chance;
mod config;
mod config_secrets;
mod context;
mod dialect;
mod erasure;
mod first_key;
mod identity_port;
mod identity_providers;
mod identity_settings;
mod identity_setup;
mod invitation;
mod job_report;
mod job_request;
mod keyring;
pub mod lead_token;
pub mod mail;
mod message;
pub mod metric;
mod onboarding;
mod password;
mod patience;
mod port;
mod secret;
mod sign_in;
pub mod signature;
mod start_job;
mod sweep;
mod tenant_status;
mod trace;
mod watchdog;
mod web_address;

pub use billing::{
    HandInvoice, InvoiceCommand, NewSubscription, cancel_subscription, change_plan, close_invoice,
    issue_invoice, subscribe,
};
pub use chance::{OsEntropy, SystemClock};
pub use config::{ClaimNames, Config, ConfigError, Issuer, MAX_GRACE_DAYS};
pub use config_secrets::ConfigSecrets;
pub use context::{App, Context, Error, Idempotency, look_again};
pub use dialect::{About, Answer, BusEvent, Ignored, JobRequest, Notice, Verdict};
pub use erasure::{Erased, continue_erasures, erase_tenant};
pub use identity_port::{
    Admitted, Candidate, FirstKey, IdentityProvider, IdentityWish, Progress, ProviderError,
};
pub use identity_providers::IdentityProviders;
pub use identity_settings::{
    Auth0Settings, CognitoSettings, IdentitySecrets, IdentitySettings, KeycloakSettings,
};
pub use identity_setup::{NamedAdministrator, name_administrator, set_up_identity};
pub use invitation::InvitationCode;
pub use job_report::{Report, cancel_job, close_job, take_report};
pub use keyring::{KeyError, Keyring};
pub use message::{Body, Envelope, Posted, open_message};
pub use onboarding::{Onboarded, found_tenant};
pub use password::new_password;
pub use patience::{Patience, Tried};
pub use port::{BusEntry, EventBus, MailPort, Undelivered};
pub use secret::{new_code, new_webhook_secret, sha256_hex};
pub use sign_in::{PERMISSIONS_REF, SignIn, TenantClaims, TokenClaims};
pub use start_job::{JobWish, start_job};
pub use sweep::{Swept, sweep_billing};
pub use tenant_status::{reactivate_tenant, suspend_tenant};
pub use trace::TraceContext;
pub use watchdog::{Watched, fail_overdue_jobs};
pub use web_address::web_address;
