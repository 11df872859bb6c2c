use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, ReturnValuesOnConditionCheckFailure};
use futures_util::future::try_join_all;
use tenantry_domain::{
    Conflict, Contact, Error as DomainError, Id, Job, Kind, Lead, Resource, Tenant, TenantKey, TenantScope,
    TenantStatus, Timestamp,
};

use crate::call::Item;
use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, Key, Keys, LAST, LIST_SHARDS, RESOURCE_PREFIX, TENANT_PREFIX, Unique};
use crate::lead::{LeadOfTenant, time_range};
use crate::page::List;
use crate::table::{GSI1, GSI2};
use crate::transaction::Refusal;
use crate::{CallbackKey, Error, Order, Page, PageRequest, Store, Trail, Transaction};

/// Which tenants are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantFilter {
    /// In this status only.
    pub status: Option<TenantStatus>,
    /// With this key only.
    pub key: Option<TenantKey>,
    /// Made at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Made before this instant.
    pub created_before: Option<Timestamp>,
}

/// A tenant with what lies around it in its partition.
#[derive(Clone, Debug)]
pub struct TenantParts {
    /// The tenant.
    pub tenant: Tenant,
    /// The lead that it was, unless the lead was erased.
    pub lead: Option<Lead>,
    /// Its contacts, oldest first.
    pub contacts: Vec<Contact>,
    /// What provisioning made for it.
    pub resources: Vec<Resource>,
    /// Where its audit trail stands.
    pub trail: Trail,
    /// Its jobs, oldest first.
    pub jobs: Vec<Job>,
    /// The keys with which reports on its jobs are signed.
    pub callback_keys: Vec<CallbackKey>,
}

impl Entity for Tenant {
    const TYPE: &'static str = "tenant";

    fn keys(&self) -> Keys {
        let (shard, sk) = (self.id.shard(LIST_SHARDS), key::by_time(self.created_at, self.id));
        let gsi1 = Key {
            pk: key::tenants_in(self.status, shard),
            sk: sk.clone(),
        };
        let gsi2 = Key {
            pk: key::tenants(shard),
            sk,
        };
        Keys {
            gsi1: Some(gsi1),
            gsi2: Some(gsi2),
            ..Keys::only(key::tenant(self.id))
        }
    }
}

impl Versioned for Tenant {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for Resource {
    const TYPE: &'static str = "resource";

    fn keys(&self) -> Keys {
        Keys::only(key::resource(
            self.tenant_id,
            &self.kind,
            &self.external_identifier,
        ))
    }
}

impl Transaction {
    /// Adds a tenant with its first contact; its key must be free.
    pub fn create_tenant(&mut self, tenant: &Tenant, contact: &Contact) -> &mut Self {
        let taken = Conflict::TenantKeyTaken(tenant.key.to_string());
        self.reserve(&Unique::TenantKey(&tenant.key), &tenant.id.to_string(), taken)
            .create(tenant, modified(tenant.id))
            .add_first_contact(contact)
            .begin_roles(tenant.id, tenant.created_at)
            .count_tenant(tenant.id, tenant.status, 1)
    }

    /// Puts the next version of a tenant over the one it was made from, if who acts may; `conflict` says what it means when
    /// that is gone.
    pub fn replace_tenant(
        &mut self,
        scope: &TenantScope,
        before: &Tenant,
        after: &Tenant,
        conflict: DomainError,
    ) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), after.id, "another tenant");
        self.acting(scope).replace(after, conflict);
        if before.status != after.status {
            self.move_tenant(after.id, before.status, after.status);
        }
        self
    }

    /// Goes on only while who acts is an active member of the tenant, if it acts as one, and while the tenant exists, is
    /// within the scope, and may be written to by who acts: first of all steps, so that it speaks first. A transaction that
    /// changes the tenant itself states its own condition instead.
    pub fn in_tenant(&mut self, scope: &TenantScope) -> &mut Self {
        self.acting(scope).in_tenant_as_self(scope)
    }

    /// The same without a look at the acting member, for a transaction that changes that very member, from a version that
    /// was active.
    pub fn in_tenant_as_self(&mut self, scope: &TenantScope) -> &mut Self {
        let mut condition = "attribute_exists(pk)".to_owned();
        let mut check = ConditionCheck::builder()
            .set_key(Some(key::tenant(scope.tenant_id()).to_item()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if scope.is_bound() {
            condition.push_str(" AND NOT #status IN (:suspended, :inactive)");
            let text = |status: TenantStatus| AttributeValue::S(status.name().to_owned());
            check = check
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":suspended", text(TenantStatus::Suspended))
                .expression_attribute_values(":inactive", text(TenantStatus::Inactive));
        }
        if let Some(lead) = scope.lead_id() {
            condition.push_str(" AND leadId = :lead");
            check = check.expression_attribute_values(":lead", AttributeValue::S(lead.to_string()));
        }
        let scope = scope.clone();
        let refusal = Refusal::Told(Arc::new(move |item| why_not_in(&scope, item)));
        self.check(check.condition_expression(condition), refusal)
    }

    /// Puts a resource of the tenant, over an earlier report of the same one.
    pub fn put_resource(&mut self, scope: &TenantScope, resource: &Resource) -> &mut Self {
        debug_assert_eq!(
            scope.tenant_id(),
            resource.tenant_id,
            "a resource of another tenant"
        );
        self.add(resource)
    }
}

/// Why the tenant that is there, if one is, may not be written to within the scope.
fn why_not_in(scope: &TenantScope, item: Option<&Item>) -> DomainError {
    let id = scope.tenant_id();
    let lead = item.and_then(|item| text_of(item, "leadId"));
    let is_covered = scope.lead_id().is_none_or(|own| lead == Some(&*own.to_string()));
    let status = item.and_then(|item| text_of(item, "status"));
    match status.and_then(|name| TenantStatus::parse(name).ok()) {
        Some(TenantStatus::Suspended) if is_covered => Conflict::TenantSuspended(id.to_string()).into(),
        Some(from) if is_covered => Conflict::InvalidTransition {
            from,
            command: "changed",
        }
        .into(),
        _ => DomainError::not_found(Kind::Tenant, id),
    }
}

fn modified(id: Id<Tenant>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind: Kind::Tenant,
        id: id.to_string(),
    }
    .into()
}

impl Store {
    /// Finds the tenant.
    pub async fn find_tenant(&self, scope: &TenantScope) -> Result<Option<Tenant>, Error> {
        let found: Option<Tenant> = self.get(&key::tenant(scope.tenant_id())).await?;
        Ok(found.filter(|tenant| scope.covers(tenant)))
    }

    /// Finds the tenant with its lead, contacts and resources, in one call.
    pub async fn find_tenant_with_relations(
        &self,
        scope: &TenantScope,
    ) -> Result<Option<TenantParts>, Error> {
        self.find_parts(scope, &format!("{TENANT_PREFIX}#{LAST}")).await
    }

    /// Finds the tenant with its contacts, in one call.
    pub async fn find_tenant_with_contacts(&self, scope: &TenantScope) -> Result<Option<TenantParts>, Error> {
        self.find_parts(scope, &format!("{}{LAST}", key::CONTACT_PREFIX))
            .await
    }

    /// Finds the tenant with its contacts, jobs and callback keys, in one call.
    pub async fn find_tenant_with_jobs(&self, scope: &TenantScope) -> Result<Option<TenantParts>, Error> {
        self.find_parts(scope, &format!("{}{LAST}", key::JOB_PREFIX))
            .await
    }

    async fn find_parts(&self, scope: &TenantScope, last: &str) -> Result<Option<TenantParts>, Error> {
        let partition = key::tenant(scope.tenant_id()).pk;
        let range = (TENANT_PREFIX.to_owned(), last.to_owned());
        let items = self
            .query(None, &partition, &range, None, Order::Ascending, None, true)
            .await?;
        let (mut tenant, mut trail) = (None, Trail::begin(scope.tenant_id()));
        let (mut lead, mut contacts, mut resources) = (None, Vec::new(), Vec::new());
        let (mut jobs, mut callback_keys) = (Vec::new(), Vec::new());
        for item in items {
            match text_of(&item, "type") {
                Some(Tenant::TYPE) => tenant = Some(Tenant::from_item(item)?),
                Some(Trail::TYPE) => trail = Trail::from_item(item)?,
                Some(LeadOfTenant::TYPE) => lead = Some(LeadOfTenant::from_item(item)?.lead),
                Some(Contact::TYPE) => contacts.push(Contact::from_item(item)?),
                Some(Resource::TYPE) => resources.push(Resource::from_item(item)?),
                Some(Job::TYPE) => jobs.push(Job::from_item(item)?),
                Some(CallbackKey::TYPE) => callback_keys.push(CallbackKey::from_item(item)?),
                _ => {}
            }
        }
        let tenant = tenant.filter(|tenant| scope.covers(tenant));
        Ok(tenant.map(|tenant| TenantParts {
            tenant,
            lead,
            contacts,
            resources,
            trail,
            jobs,
            callback_keys,
        }))
    }

    /// Reads the relations of several tenants: one call a tenant, side by side.
    pub async fn find_relations(&self, scopes: &[TenantScope]) -> Result<Vec<TenantParts>, Error> {
        let found = try_join_all(scopes.iter().map(|scope| self.find_tenant_with_relations(scope))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Lists tenants by the time they were made.
    pub async fn list_tenants(
        &self,
        filter: &TenantFilter,
        request: &PageRequest,
    ) -> Result<Page<Tenant>, Error> {
        if let Some(key) = &filter.key {
            // One tenant at most: such a list has no second page, and so gives out no cursor.
            return if request.cursor.is_none() {
                self.list_tenant_with_key(key, filter).await
            } else {
                Err(Error::InvalidCursor)
            };
        }
        let shards = 0..LIST_SHARDS;
        let (index, partitions) = match filter.status {
            Some(status) => (GSI1, shards.map(|shard| key::tenants_in(status, shard)).collect()),
            None => (GSI2, shards.map(key::tenants).collect()),
        };
        let range = time_range(filter.created_from, filter.created_before);
        let list = List {
            index: Some(index),
            partitions,
            range,
            is_consistent: false,
        };
        self.page(&list, request).await
    }

    /// A key names one tenant: it is found through its marker.
    async fn list_tenant_with_key(
        &self,
        key: &TenantKey,
        filter: &TenantFilter,
    ) -> Result<Page<Tenant>, Error> {
        let mut items = Vec::new();
        if let Some(id) = self.find_owner_of_key(key).await? {
            let found: Option<Tenant> = self.get(&key::tenant(id)).await?;
            items.extend(found.filter(|tenant| filter.admits(tenant)));
        }
        Ok(Page {
            items,
            next_cursor: None,
        })
    }

    /// Finds the tenant that has the key, or keeps it reserved.
    pub async fn find_owner_of_key(&self, key: &TenantKey) -> Result<Option<Id<Tenant>>, Error> {
        let marker = self.get_item(&key::unique(&Unique::TenantKey(key))).await?;
        Ok(marker.and_then(|marker| Id::parse(text_of(&marker, "owner")?).ok()))
    }

    /// Lists what provisioning made for the tenant.
    pub async fn list_resources(
        &self,
        scope: &TenantScope,
        request: &PageRequest,
    ) -> Result<Page<Resource>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, RESOURCE_PREFIX);
        self.page(&list, request).await
    }
}

impl TenantFilter {
    fn admits(&self, tenant: &Tenant) -> bool {
        self.status.is_none_or(|status| tenant.status == status)
            && self.created_from.is_none_or(|from| tenant.created_at >= from)
            && self
                .created_before
                .is_none_or(|before| tenant.created_at < before)
    }
}
