use serde::{Deserialize, Serialize};
use tenantry_domain::{AuditEntry, TenantScope};

use crate::entity::Entity;
use crate::key::{self, Keys};
use crate::page::List;
use crate::{ChainedEntry, Error, Page, PageRequest, Store};

/// An audit entry with what it is about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLine {
    pub(crate) subject: String,
    #[serde(flatten)]
    pub(crate) entry: AuditEntry,
    /// Its number in a tenant's chain; what was done to a lead is not chained.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sequence: Option<u64>,
    /// Its seal in a tenant's chain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) seal: Option<String>,
}

impl AuditLine {
    pub(crate) fn chained(self) -> Option<ChainedEntry> {
        let Self {
            entry,
            sequence,
            seal,
            ..
        } = self;
        Some(ChainedEntry {
            entry,
            sequence: sequence?,
            seal: seal?,
        })
    }
}

impl Entity for AuditLine {
    const TYPE: &'static str = "audit";

    fn keys(&self) -> Keys {
        Keys::only(match self.sequence {
            Some(sequence) => key::chained_audit(&self.subject, sequence),
            None => key::audit(&self.subject, self.entry.at, self.entry.id),
        })
    }
}

impl Store {
    /// Lists what was done to a tenant, in the order in which it was done.
    pub async fn list_audit(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<ChainedEntry>, Error> {
        let list = List {
            index: None,
            partitions: vec![key::audit_of(&scope.tenant_id().to_string())],
            range: (" ".to_owned(), key::LAST.to_owned()),
            is_consistent: true,
        };
        let page = self.page::<AuditLine>(&list, request).await?;
        Ok(Page {
            items: page.items.into_iter().filter_map(AuditLine::chained).collect(),
            next_cursor: page.next_cursor,
        })
    }
}
