use std::sync::Arc;
use std::time::Duration;

use aws_types::SdkConfig;
use secrecy::SecretString;
use tenantry_app::{
    Config, ConfigError, IdentityProvider, IdentityProviders, IdentitySecrets, OsEntropy, SystemClock,
};
use tenantry_identity::{Auth0, HttpClient, Keycloak};

use crate::start::{Error, setting};
use crate::{Cognito, PublicHttps};

/// How long one operation of a provider may take. Setting up an identity is two, and the table's share beside them: together
/// within the 29 seconds that the API waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// The providers that the deployment has settings for.
pub(crate) async fn providers(sdk: &SdkConfig, config: &Config) -> Result<IdentityProviders, Error> {
    let settings = &config.identity;
    let secrets = secrets(sdk).await?;
    let http: Arc<dyn HttpClient> = Arc::new(PublicHttps::new()?);
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let mut providers: Vec<Arc<dyn IdentityProvider>> = Vec::new();
    if let Some(cognito) = &settings.cognito {
        providers.push(Arc::new(Cognito::new(
            sdk,
            cognito.clone(),
            entropy.clone(),
            PATIENCE,
        )));
    }
    if let Some(keycloak) = &settings.keycloak {
        providers.push(Arc::new(Keycloak::new(
            keycloak.clone(),
            known(secrets.keycloak, "keycloak")?,
            secrets.keycloak_smtp,
            Arc::clone(&http),
            clock.clone(),
            entropy.clone(),
            PATIENCE,
        )));
    }
    if let Some(auth0) = &settings.auth0 {
        let secret = known(secrets.auth0, "auth0")?;
        providers.push(Arc::new(Auth0::new(
            auth0.clone(),
            secret,
            http,
            clock,
            entropy,
            PATIENCE,
        )));
    }
    Ok(IdentityProviders::new(providers))
}

/// From Secrets Manager; or from `IDENTITY_SECRETS`, for runs outside AWS.
async fn secrets(sdk: &SdkConfig) -> Result<IdentitySecrets, Error> {
    let text = match (setting("IDENTITY_SECRETS"), setting("IDENTITY_SECRETS_ARN")) {
        (Some(text), _) => text,
        (None, Some(arn)) => {
            let client = aws_sdk_secretsmanager::Client::new(sdk);
            let secret = client.get_secret_value().secret_id(arn).send().await?;
            secret.secret_string.unwrap_or_default()
        }
        (None, None) => return Ok(IdentitySecrets::default()),
    };
    // What is wrong with it may stand in the parser's message, secret and all.
    let rule = r#"must be {"keycloak":"…","auth0":"…","keycloakSmtp":"…"}"#;
    Ok(serde_json::from_str(&text).map_err(|_| ConfigError::new("IDENTITY_SECRETS", rule))?)
}

fn known(secret: Option<SecretString>, name: &'static str) -> Result<SecretString, ConfigError> {
    secret.ok_or_else(|| ConfigError::new("IDENTITY_SECRETS", format!("{name} is not set")))
}
