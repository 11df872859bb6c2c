use secrecy::ExposeSecret;
use tenantry_app::mail::{Content, Mail};
use tenantry_app::{Context, new_code, sha256_hex};
use tenantry_domain::{CODE_LIFE_MS, Lead, LeadCode};
use tenantry_store::OutboxMessage;

/// A new code, and the mail that carries it. Only its hash is stored; the mail waits sealed in the outbox.
pub(crate) fn new_verification(context: &Context, lead: &Lead) -> (LeadCode, OutboxMessage) {
    let secret = new_code(&*context.app.entropy);
    let code = LeadCode {
        lead_id: lead.id,
        hash: sha256_hex(secret.expose_secret()),
        expires_at: context.now.plus_ms(CODE_LIFE_MS),
    };
    // Behind `#` the code stays in the browser: it reaches no server's log and no referrer.
    let link = format!(
        "{}#lead={}&code={}",
        context.app.config.frontend_url,
        lead.id,
        secret.expose_secret()
    );
    let content = Content::VerifyLead {
        first_name: lead.first_name.to_string(),
        company_name: lead.company_name.to_string(),
        link,
        code: secret.expose_secret().to_owned(),
        expires_minutes: CODE_LIFE_MS / 60_000,
    };
    (
        code,
        context.mail(&Mail {
            to: lead.email.clone(),
            content,
        }),
    )
}
