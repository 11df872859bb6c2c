//! The secrets of tenants' settings: sealed when they are written, opened only for what signs in with them.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use tenantry_domain::{ConfigName, Id, SealedSecrets, Tenant, TenantConfig, TenantScope};

use crate::context::Error;
use crate::{Context, KeyError};

/// The secrets of one setting, in the clear.
pub type ConfigSecrets = BTreeMap<ConfigName, SecretString>;

impl Context {
    /// Seals secrets for one setting of one tenant; `None` if there are none.
    pub fn seal_config_secrets(
        &self,
        tenant_id: Id<Tenant>,
        key: &ConfigName,
        secrets: &ConfigSecrets,
    ) -> Option<SealedSecrets> {
        if secrets.is_empty() {
            return None;
        }
        let plain: BTreeMap<&str, &str> = secrets
            .iter()
            .map(|(name, secret)| (name.as_str(), secret.expose_secret()))
            .collect();
        let plain = serde_json::to_string(&plain).expect("texts are JSON");
        let purpose = purpose(tenant_id, key);
        Some(SealedSecrets {
            names: secrets.keys().cloned().collect(),
            sealed: self.app.keyring.seal(&purpose, &plain, &*self.app.entropy),
        })
    }

    /// Opens the secrets of a setting.
    pub fn open_config_secrets(&self, config: &TenantConfig) -> Result<ConfigSecrets, KeyError> {
        let Some(secrets) = &config.secrets else {
            return Ok(ConfigSecrets::new());
        };
        let purpose = purpose(config.tenant_id, &config.config_key);
        let plain = self.app.keyring.open(&purpose, &secrets.sealed)?;
        let plain: BTreeMap<String, String> =
            serde_json::from_str(plain.expose_secret()).map_err(|_| KeyError::Seal)?;
        let read = |(name, secret): (String, String)| {
            let name = ConfigName::parse(&name).map_err(|_| KeyError::Seal)?;
            Ok((name, SecretString::from(secret)))
        };
        plain.into_iter().map(read).collect()
    }

    /// Finds what a tenant has set under a key, with its secrets: for what sets up identities. No route shows them.
    pub async fn find_config_with_secrets(
        &self,
        scope: &TenantScope,
        key: &ConfigName,
    ) -> Result<Option<(TenantConfig, ConfigSecrets)>, Error> {
        let Some(config) = self.store.find_tenant_config_of_key(scope, key).await? else {
            return Ok(None);
        };
        let secrets = self
            .open_config_secrets(&config)
            .map_err(|error| Error::Internal(error.into()))?;
        Ok(Some((config, secrets)))
    }
}

fn purpose(tenant_id: Id<Tenant>, key: &ConfigName) -> String {
    format!("tenant-config/{tenant_id}/{key}")
}
