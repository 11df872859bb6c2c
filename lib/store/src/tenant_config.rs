use tenantry_domain::{ConfigName, Conflict, Error as DomainError, Id, TenantConfig, TenantScope};

use crate::entity::{Entity, Versioned, number_of, text_of};
use crate::key::{self, CONFIG_PREFIX, Keys};
use crate::page::List;
use crate::{Error, Page, PageRequest, Store, Trail, Transaction, Unique};

impl Entity for TenantConfig {
    const TYPE: &'static str = "tenant_config";

    fn keys(&self) -> Keys {
        Keys::only(key::tenant_config(self.tenant_id, self.id))
    }
}

impl Versioned for TenantConfig {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Adds a setting, if the tenant has none under its key.
    pub fn create_tenant_config(&mut self, scope: &TenantScope, config: &TenantConfig) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), config.tenant_id, "a setting of another tenant");
        let conflict = Conflict::TenantConfigExists(config.config_key.to_string());
        self.reserve(&marker(config), &config.id.to_string(), conflict)
            .add(config)
            .count(&key::config_count(config.tenant_id), 1)
    }

    /// Puts the next version of a setting over the one it was made from.
    pub fn replace_tenant_config(
        &mut self,
        scope: &TenantScope,
        config: &TenantConfig,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), config.tenant_id, "a setting of another tenant");
        self.replace(config, conflict)
    }

    /// Deletes the version of a setting that was read, and frees its key.
    pub fn delete_tenant_config(
        &mut self,
        scope: &TenantScope,
        config: &TenantConfig,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), config.tenant_id, "a setting of another tenant");
        let item = key::tenant_config(config.tenant_id, config.id);
        self.delete_version(&item, config.version, conflict)
            .release(&marker(config), &config.id.to_string())
            .count(&key::config_count(config.tenant_id), -1)
    }
}

fn marker(config: &TenantConfig) -> Unique<'_> {
    Unique::TenantConfig(config.tenant_id, &config.config_key)
}

impl Store {
    /// Finds a setting of the tenant.
    pub async fn find_tenant_config(
        &self,
        scope: &TenantScope,
        id: Id<TenantConfig>,
    ) -> Result<Option<TenantConfig>, Error> {
        self.get(&key::tenant_config(scope.tenant_id(), id)).await
    }

    /// Finds a setting and where the tenant's audit trail stands, in one call.
    pub async fn find_tenant_config_to_change(
        &self,
        scope: &TenantScope,
        id: Id<TenantConfig>,
    ) -> Result<Option<(TenantConfig, Trail)>, Error> {
        let tenant_id = scope.tenant_id();
        self.get_with_trail(scope, &key::tenant_config(tenant_id, id))
            .await
    }

    /// Finds what the tenant has set under a key: the marker, then the setting.
    pub async fn find_tenant_config_of_key(
        &self,
        scope: &TenantScope,
        key: &ConfigName,
    ) -> Result<Option<TenantConfig>, Error> {
        let marker = key::unique(&Unique::TenantConfig(scope.tenant_id(), key));
        let marker = self.get_item(&marker).await?;
        match marker.and_then(|marker| Id::parse(text_of(&marker, "owner")?).ok()) {
            Some(id) => self.find_tenant_config(scope, id).await,
            None => Ok(None),
        }
    }

    /// Finds what the tenant has set under a key and where its audit trail stands: the marker and the trail in one call, and
    /// the setting, if there is one, in a second.
    pub async fn find_tenant_config_of_key_to_change(
        &self,
        scope: &TenantScope,
        key: &ConfigName,
    ) -> Result<(Option<TenantConfig>, Trail), Error> {
        let tenant_id = scope.tenant_id();
        let marker = key::unique(&Unique::TenantConfig(tenant_id, key));
        let keys = vec![marker.to_item(), key::trail(tenant_id).to_item()];
        let (mut id, mut trail) = (None, Trail::begin(tenant_id));
        for item in self.get_items(keys, None).await? {
            if text_of(&item, "type") == Some(Trail::TYPE) {
                trail = Trail::from_item(item)?;
            } else {
                id = text_of(&item, "owner").and_then(|id| Id::parse(id).ok());
            }
        }
        let config = match id {
            Some(id) => self.find_tenant_config(scope, id).await?,
            None => None,
        };
        Ok((config, trail))
    }

    /// Lists the settings of the tenant by the time they were made.
    pub async fn list_tenant_configs(
        &self,
        scope: &TenantScope,
        key: Option<&ConfigName>,
        request: &PageRequest,
    ) -> Result<Page<TenantConfig>, Error> {
        let Some(key) = key else {
            let list = List::of_partition(key::tenant(scope.tenant_id()).pk, CONFIG_PREFIX);
            return self.page(&list, request).await;
        };
        // One at most: such a list has no second page, and so gives out no cursor.
        if request.cursor.is_some() {
            return Err(Error::InvalidCursor);
        }
        let found = self.find_tenant_config_of_key(scope, key).await?;
        Ok(Page {
            items: Vec::from_iter(found),
            next_cursor: None,
        })
    }

    /// How many settings the tenant has; `None` if it never had one.
    pub async fn count_tenant_configs(&self, scope: &TenantScope) -> Result<Option<u64>, Error> {
        let count = self.get_item(&key::config_count(scope.tenant_id())).await?;
        let n = count.map(|count| number_of(&count, "n").unwrap_or_default());
        Ok(n.map(|n| u64::try_from(n).unwrap_or_default()))
    }
}
