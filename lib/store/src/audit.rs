use serde::{Deserialize, Serialize};
use tenantry_domain::{AuditEntry, TenantScope};

use crate::entity::Entity;
use crate::key::{self, Keys};
use crate::page::List;
use crate::{Error, Page, PageRequest, Store};

/// An audit entry with what it is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLine {
    pub(crate) subject: String,
    #[serde(flatten)]
    pub(crate) entry: AuditEntry,
}

impl Entity for AuditLine {
    const TYPE: &'static str = "audit";

    fn keys(&self) -> Keys {
        Keys::only(key::audit(&self.subject, self.entry.at, self.entry.id))
    }
}

impl Store {
    /// Lists what was done to a tenant, by time.
    pub async fn list_audit(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<AuditEntry>, Error> {
        let list = List {
            index: None,
            partitions: vec![key::audit_of(&scope.tenant_id().to_string())],
            range: (" ".to_owned(), key::LAST.to_owned()),
            is_consistent: true,
        };
        Ok(self
            .page::<AuditLine>(&list, request)
            .await?
            .map(|line| line.entry))
    }
}
