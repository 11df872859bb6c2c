//! Which identity providers a deployment has, and how it speaks to them.

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};
use tenantry_domain::ProviderName;

use crate::ConfigError;

/// The identity providers of a deployment: the setting `IDENTITY_PROVIDERS`, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentitySettings {
    /// Which one a tenant has whose plan names none; the only one, if there is only one.
    #[serde(default)]
    pub default: Option<ProviderName>,
    /// The tiers whose tenants share with no others, unless their plan says `deployment`.
    #[serde(default = "premium")]
    pub silo_tiers: Vec<String>,
    /// Amazon Cognito.
    #[serde(default)]
    pub cognito: Option<CognitoSettings>,
    /// Keycloak.
    #[serde(default)]
    pub keycloak: Option<KeycloakSettings>,
    /// Auth0.
    #[serde(default)]
    pub auth0: Option<Auth0Settings>,
}

/// How this deployment uses Cognito.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CognitoSettings {
    /// The pool that tenants share.
    pub user_pool_id: String,
    /// Its app client, with which people sign in.
    pub client_id: String,
    /// What begins the `iss` of its pools' tokens: `https://cognito-idp.REGION.amazonaws.com` on AWS.
    pub issuer_base: String,
    /// The function that puts tenant and permissions into tokens; pools of single tenants call it, too.
    #[serde(default)]
    pub token_trigger_arn: Option<String>,
    /// Where people may come back to after signing in to a pool of a single tenant; `{key}` stands for the tenant's.
    #[serde(default)]
    pub callback_urls: Vec<String>,
}

/// How this deployment uses Keycloak.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeycloakSettings {
    /// Where it is, without a slash at the end.
    pub url: String,
    /// The realm of the service account. In the shared realm it needs `manage-realm`, `manage-users` and `manage-clients` of
    /// `realm-management`. If tenants have realms of their own it must be `master`, for Keycloak lets nobody else into other
    /// realms: there it needs `create-realm`, and those three of the shared realm's client `REALM-realm`.
    pub service_realm: String,
    /// The service account's client.
    pub service_client_id: String,
    /// The realm that tenants share.
    pub shared_realm: String,
    /// Where people may come back to after signing in; `{key}` stands for the tenant's.
    pub redirect_uris: Vec<String>,
    /// What a new realm mails with, as Keycloak's `smtpServer` has it, without the password. Without it a first password goes
    /// out with our own mail. A realm that is there keeps what it has.
    #[serde(default)]
    pub smtp: Option<Map<String, Value>>,
    /// Whether the shared realm can mail.
    #[serde(default)]
    pub shared_realm_mails: bool,
}

/// How this deployment uses Auth0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Auth0Settings {
    /// The Auth0 tenant's address, `https://example.eu.auth0.com` for example.
    pub url: String,
    /// The machine-to-machine application that may call the Management API.
    pub management_client_id: String,
    /// The application with which people sign in.
    pub client_id: String,
    /// The database connection that keeps logins.
    pub connection: String,
    /// The role that the administrators of an organization get.
    #[serde(default)]
    pub administrator_role_id: Option<String>,
}

/// The providers' secrets: the setting `IDENTITY_SECRETS`, or the secret that `IDENTITY_SECRETS_ARN` names, as JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentitySecrets {
    /// Of Keycloak's service account.
    #[serde(default)]
    pub keycloak: Option<SecretString>,
    /// The password with which new realms send mail.
    #[serde(default)]
    pub keycloak_smtp: Option<SecretString>,
    /// Of Auth0's machine-to-machine application.
    #[serde(default)]
    pub auth0: Option<SecretString>,
}

fn premium() -> Vec<String> {
    vec!["PREMIUM".to_owned()]
}

impl IdentitySettings {
    /// Reads and checks the setting.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let error = |problem: &dyn std::fmt::Display| ConfigError::new("IDENTITY_PROVIDERS", problem);
        let mut settings: Self = serde_json::from_str(text).map_err(|problem| error(&problem))?;
        let urls = [
            settings.cognito.as_mut().map(|cognito| &mut cognito.issuer_base),
            settings.keycloak.as_mut().map(|keycloak| &mut keycloak.url),
            settings.auth0.as_mut().map(|auth0| &mut auth0.url),
        ];
        for url in urls.into_iter().flatten() {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                return Err(error(&"addresses must begin with https:// or http://"));
            }
            url.truncate(url.trim_end_matches('/').len());
        }
        let names = settings.names();
        if let Some(default) = settings.default
            && !names.contains(&default)
        {
            return Err(error(&format!("default: {default} has no settings")));
        }
        if let [only] = names[..] {
            settings.default = Some(only);
        }
        Ok(settings)
    }

    /// The providers that have settings.
    pub fn names(&self) -> Vec<ProviderName> {
        let names = [
            self.cognito.as_ref().map(|_| ProviderName::Cognito),
            self.keycloak.as_ref().map(|_| ProviderName::Keycloak),
            self.auth0.as_ref().map(|_| ProviderName::Auth0),
        ];
        names.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COGNITO: &str = r#""cognito":{"userPoolId":"eu-west-1_a","clientId":"c","issuerBase":"https://cognito-idp.eu-west-1.amazonaws.com/"}"#;

    #[test]
    fn the_only_provider_is_the_default() {
        let settings = IdentitySettings::parse(&format!("{{{COGNITO}}}")).expect("the settings are sound");

        assert_eq!(settings.default, Some(ProviderName::Cognito));
        assert_eq!(settings.silo_tiers, ["PREMIUM"]);
        let base = settings.cognito.map(|cognito| cognito.issuer_base);
        assert_eq!(
            base.as_deref(),
            Some("https://cognito-idp.eu-west-1.amazonaws.com")
        );
        assert_eq!(
            IdentitySettings::parse("{}").ok(),
            Some(IdentitySettings {
                silo_tiers: premium(),
                ..IdentitySettings::default()
            })
        );
    }

    #[test]
    fn an_unusable_setting_says_what_is_wrong() {
        let auth0 =
            r#""auth0":{"url":"acme.auth0.com","managementClientId":"m","clientId":"c","connection":"db"}"#;
        let cases = [
            ("{".to_owned(), "IDENTITY_PROVIDERS"),
            (r#"{"okta":{}}"#.to_owned(), "okta"),
            (
                format!(r#"{{"default":"auth0",{COGNITO}}}"#),
                "auth0 has no settings",
            ),
            (format!("{{{auth0}}}"), "https://"),
            (
                r#"{"cognito":{"userPoolId":"a","clientId":"c"}}"#.to_owned(),
                "issuerBase",
            ),
        ];

        for (text, named) in cases {
            let error = IdentitySettings::parse(&text).expect_err(&text);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
