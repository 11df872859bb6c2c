use secrecy::ExposeSecret as _;
use tenantry_domain::{Email, PersonName, Tenant};
use tenantry_store::OutboxMessage;

use crate::mail::{Content, Mail};
use crate::{Context, FirstKey};

impl Context {
    /// What a person has to be told to sign in for the first time, if the provider has not told it. The mail is the only place
    /// where the link or the password stands.
    pub fn first_key_mail(
        &self,
        (to, first_name): (&Email, &PersonName),
        tenant: &Tenant,
        key: &FirstKey,
    ) -> Option<OutboxMessage> {
        let (link, password) = match key {
            FirstKey::Known | FirstKey::MailedByProvider => return None,
            FirstKey::Link(link) => (Some(link.expose_secret().to_owned()), None),
            FirstKey::Password(password) => (None, Some(password.expose_secret().to_owned())),
        };
        let content = Content::FirstKey {
            first_name: first_name.to_string(),
            tenant_name: tenant.name.to_string(),
            email: to.as_str().to_owned(),
            link,
            password,
        };
        Some(self.mail(&Mail {
            to: to.clone(),
            content,
        }))
    }
}
