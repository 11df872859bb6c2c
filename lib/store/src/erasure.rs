use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Update};
use serde::{Deserialize, Serialize};
use tenantry_domain::{
    Actor, Conflict, Error as DomainError, Id, Kind, Lead, Membership, Tally, Tenant, TenantKey, TenantScope,
    Timestamp,
};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, COUNT_SHARDS, Key, Keys, LAST, ROLE_COUNT_PREFIX, TENANT_PREFIX};
use crate::table::GSI2;
use crate::{Error, Order, Store, Trail, Transaction};

/// So many items are deleted in one transaction; what else belongs to it finds room beside them.
const AT_ONCE: usize = 80;

/// What is kept of a tenant that was erased, beside its key and its audit trail. It names nobody of the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    /// The tenant that was.
    pub tenant_id: Id<Tenant>,
    /// Its key, which stays reserved.
    pub key: TenantKey,
    /// Who erased it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// The request in which it was asked for.
    pub request_id: String,
    /// How many items are gone, by their type.
    pub erased: BTreeMap<String, u64>,
    /// When nothing was left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finished_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub version: u64,
}

/// What a role is called in the record of an erasure.
const ROLE: &str = "role";

/// An item that is to go.
#[derive(Clone, Debug)]
pub struct Remains {
    key: Key,
    kind: String,
}

impl Erasure {
    /// The record when these items are gone as well.
    #[must_use]
    pub fn without(mut self, remains: &[Remains]) -> Self {
        for item in remains {
            *self.erased.entry(item.kind.clone()).or_default() += 1;
        }
        self
    }
}

impl Entity for Erasure {
    const TYPE: &'static str = "erasure";

    fn keys(&self) -> Keys {
        let gsi2 = self
            .finished_at
            .is_none()
            .then(|| key::open_erasures(self.tenant_id, self.at));
        Keys {
            gsi2,
            ..Keys::only(key::erasure(self.tenant_id))
        }
    }
}

impl Versioned for Erasure {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Transaction {
    /// Takes the tenant away with what remains of it that is known yet, and leaves the record of its erasure. The lead that it
    /// was is let go, or it would go on writing into the tenant's partition.
    pub fn begin_erasure(
        &mut self,
        tenant: &Tenant,
        erasure: &Erasure,
        remains: &[Remains],
        conflict: DomainError,
    ) -> &mut Self {
        self.delete_version(&key::tenant(tenant.id), tenant.version, conflict)
            .add(erasure)
            .count_tenant(tenant.id, tenant.status, -1);
        if let Some(lead) = tenant.lead_id {
            self.let_lead_go(lead);
        }
        if let Some(identity) = tenant.identity.as_ref().filter(|identity| identity.is_own) {
            self.delete_issuer(&identity.issuer);
        }
        for item in remains {
            self.delete_any(&item.key);
        }
        self
    }

    /// Takes more away, unless another run did so first.
    pub fn continue_erasure(&mut self, erasure: &Erasure, remains: &[Remains]) -> &mut Self {
        let conflict = Conflict::ModifiedConcurrently {
            kind: Kind::Tenant,
            id: erasure.tenant_id.to_string(),
        };
        self.replace(erasure, conflict.into());
        if erasure.finished_at.is_some() {
            // Its members and roles left without a word: no event was sent for each of them.
            let gone = |kind: &str| {
                let number = erasure.erased.get(kind).copied().unwrap_or_default();
                -i64::try_from(number).unwrap_or(i64::MAX)
            };
            let tally = Tally::from_iter([
                (Tally::MEMBERS.to_owned(), gone(Membership::TYPE)),
                (Tally::ROLES.to_owned(), gone(ROLE)),
            ]);
            self.book(erasure.tenant_id.shard(COUNT_SHARDS), &tally);
        }
        for item in remains {
            self.delete_any(&item.key);
        }
        self
    }

    fn let_lead_go(&mut self, lead: Id<Lead>) -> &mut Self {
        let update = Update::builder()
            .set_key(Some(key::lead(lead).to_item()))
            .update_expression("SET version = version + :one REMOVE tenantId")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let conflict = Conflict::ModifiedConcurrently {
            kind: Kind::Lead,
            id: lead.to_string(),
        };
        self.update(update, DomainError::from(conflict))
    }
}

impl Store {
    /// Finds the tenant, where its audit trail stands, and the first of its other items, in one call.
    pub async fn find_tenant_to_erase(
        &self,
        scope: &TenantScope,
    ) -> Result<Option<(Tenant, Trail, Vec<Remains>)>, Error> {
        let tenant_id = scope.tenant_id();
        // From the tenant on: what stands before it is left to those who go on.
        let range = (TENANT_PREFIX.to_owned(), LAST.to_owned());
        let items = self
            .query(
                None,
                &key::tenant(tenant_id).pk,
                &range,
                None,
                Order::Ascending,
                Some(AT_ONCE),
                true,
            )
            .await?;
        let (mut tenant, mut trail, mut remains) = (None, Trail::begin(tenant_id), Vec::new());
        for item in items {
            match text_of(&item, "type") {
                Some(Tenant::TYPE) => tenant = Some(Tenant::from_item(item)?),
                Some(Trail::TYPE) => trail = Trail::from_item(item)?,
                _ => remains.extend(Remains::of(&item)),
            }
        }
        let tenant = tenant.filter(|tenant| scope.covers(tenant));
        Ok(tenant.map(|tenant| (tenant, trail, remains)))
    }

    /// What is kept of an erased tenant.
    pub async fn find_erasure(&self, scope: &TenantScope) -> Result<Option<Erasure>, Error> {
        self.get(&key::erasure(scope.tenant_id())).await
    }

    /// What is still left of a tenant that is being erased, as much as goes at once.
    pub async fn find_remains(&self, scope: &TenantScope) -> Result<Vec<Remains>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let items = self
            .query(
                None,
                &key::tenant(scope.tenant_id()).pk,
                &all,
                None,
                Order::Ascending,
                Some(AT_ONCE),
                true,
            )
            .await?;
        let goes =
            |item: &&crate::call::Item| !matches!(text_of(item, "type"), Some(Erasure::TYPE | Trail::TYPE));
        Ok(items.iter().filter(goes).filter_map(Remains::of).collect())
    }

    /// The tenants whose erasure is not finished, the longest ago first.
    pub async fn find_open_erasures(&self, limit: usize) -> Result<Vec<Id<Tenant>>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let items = self
            .query(
                Some(GSI2),
                key::OPEN_ERASURES,
                &all,
                None,
                Order::Ascending,
                Some(limit),
                false,
            )
            .await?;
        let tenant = |item| Id::parse(text_of(item, "tenantId")?).ok();
        Ok(items.iter().filter_map(tenant).collect())
    }
}

impl Remains {
    fn of(item: &crate::call::Item) -> Option<Self> {
        let (pk, sk) = (text_of(item, "pk")?.to_owned(), text_of(item, "sk")?.to_owned());
        let kind = match text_of(item, "type") {
            Some(kind) => kind,
            // The roles of a tenant are one item, and each has a counter of its own.
            None if sk.starts_with(ROLE_COUNT_PREFIX) => ROLE,
            None => "counter",
        };
        let kind = kind.to_owned();
        Some(Self {
            key: Key { pk, sk },
            kind,
        })
    }
}
