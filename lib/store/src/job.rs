use serde::{Deserialize, Serialize};
use tenantry_domain::{Conflict, Error as DomainError, Id, Job, Kind, Tenant, TenantScope, Timestamp};

use crate::entity::{Entity, Versioned, text_of};
use crate::key::{self, JOB_PREFIX, Keys, LAST, LIST_SHARDS};
use crate::page::List;
use crate::table::{GSI1, GSI2};
use crate::{Error, Order, Page, PageRequest, Store, Transaction};

/// A job whose deadline has passed, as the index has it: it may be closed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverdueJob {
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// The job.
    pub job_id: Id<Job>,
}

/// The key with which the application plane signs its report on one job. It is an item of its own, so that it can
/// expire while the job stays.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackKey {
    /// Whose it is.
    pub tenant_id: Id<Tenant>,
    /// The job that it reports on.
    pub job_id: Id<Job>,
    /// The sealed secret.
    pub sealed_secret: String,
    /// Part of the signed text.
    pub context: String,
    /// The first instant at which it proves nothing.
    pub expires_at: Timestamp,
    /// The request that asked for the job.
    #[serde(default)]
    pub correlation_id: String,
    /// When it was used up: from then on it can only repeat the report that was made with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spent_at: Option<Timestamp>,
}

impl std::fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallbackKey")
            .field("job_id", &self.job_id)
            .field("spent_at", &self.spent_at)
            .finish_non_exhaustive()
    }
}

impl Entity for Job {
    const TYPE: &'static str = "job";

    fn keys(&self) -> Keys {
        let gsi2 = self.is_open().then(|| key::open_jobs(self.id, self.deadline));
        Keys {
            gsi1: Some(key::tenant_of_job(self.id, self.tenant_id)),
            gsi2,
            ..Keys::only(key::job(self.tenant_id, self.id))
        }
    }
}

impl Versioned for Job {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Entity for CallbackKey {
    const TYPE: &'static str = "callback_key";

    fn keys(&self) -> Keys {
        Keys {
            ttl: Some(self.expires_at),
            ..Keys::only(key::callback_key(self.tenant_id, self.job_id))
        }
    }
}

impl Transaction {
    /// Adds a job and the key that its report is signed with.
    pub fn create_job(&mut self, scope: &TenantScope, job: &Job, callback: &CallbackKey) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), job.tenant_id, "a job of another tenant");
        self.create(job, modified(job.id)).add(callback)
    }

    /// Puts the next version of a job over the one it was made from.
    pub fn replace_job(&mut self, scope: &TenantScope, job: &Job) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), job.tenant_id, "a job of another tenant");
        self.replace(job, modified(job.id))
    }

    /// Puts a spent key over the unspent one.
    pub fn put_callback_key(&mut self, scope: &TenantScope, callback: &CallbackKey) -> &mut Self {
        debug_assert_eq!(scope.tenant_id(), callback.tenant_id, "a key of another tenant");
        self.add(callback)
    }
}

fn modified(id: Id<Job>) -> DomainError {
    Conflict::ModifiedConcurrently {
        kind: Kind::Job,
        id: id.to_string(),
    }
    .into()
}

impl Store {
    /// Finds a job of the tenant.
    pub async fn find_job(&self, scope: &TenantScope, id: Id<Job>) -> Result<Option<Job>, Error> {
        self.get(&key::job(scope.tenant_id(), id)).await
    }

    /// Finds whose job this is. The index lags: a job of this very moment may not be found yet.
    pub async fn find_tenant_of_job(&self, id: Id<Job>) -> Result<Option<Id<Tenant>>, Error> {
        let all = (" ".to_owned(), LAST.to_owned());
        let found = self
            .query(
                Some(GSI1),
                &key::jobs_with(id),
                &all,
                None,
                Order::Ascending,
                Some(1),
                false,
            )
            .await?;
        Ok(found.first().and_then(|item| id_of(item, "tenantId")))
    }

    /// The open jobs of one shard whose deadline has passed, the longest overdue first: at most `limit`, behind `position`.
    /// Answers where to go on.
    pub async fn find_overdue_jobs(
        &self,
        shard: u8,
        now: Timestamp,
        limit: usize,
        position: Option<&str>,
    ) -> Result<(Vec<OverdueJob>, Option<String>), Error> {
        // The deadline is the first instant at which an answer is overdue.
        let until = (" ".to_owned(), format!("{now}{LAST}"));
        let partition = key::open_jobs_of(shard);
        let items = self
            .query(
                Some(GSI2),
                &partition,
                &until,
                position,
                Order::Ascending,
                Some(limit),
                false,
            )
            .await?;
        let next = items.last().filter(|_| items.len() == limit);
        let next = next.and_then(|item| text_of(item, "gsi2sk")).map(str::to_owned);
        // Read by its ids alone: a job that cannot be read must not hide the others.
        let overdue = |item| {
            Some(OverdueJob {
                tenant_id: id_of(item, "tenantId")?,
                job_id: id_of(item, "id")?,
            })
        };
        Ok((items.iter().filter_map(overdue).collect(), next))
    }

    /// The shards that open jobs are spread over.
    pub fn job_shards() -> std::ops::Range<u8> {
        0..LIST_SHARDS
    }

    /// Lists the tenant's jobs by the time they were started.
    pub async fn list_jobs(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Job>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, JOB_PREFIX);
        self.page(&list, request).await
    }
}

fn id_of<T>(item: &crate::call::Item, name: &str) -> Option<Id<T>> {
    Id::parse(text_of(item, name)?).ok()
}
