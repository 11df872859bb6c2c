use serde::{Deserialize, Serialize};
use tenantry_domain::{Conflict, Error as DomainError, Id, Job, Kind, TenantScope, Timestamp};

use crate::entity::{Entity, Versioned};
use crate::key::{self, JOB_PREFIX, Keys};
use crate::page::List;
use crate::{Error, Page, PageRequest, Store, Transaction};

/// The key with which the application plane signs its report on one job. It is an item of its own, so that it can
/// expire while the job stays.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackKey {
    /// Whose it is.
    pub tenant_id: Id<tenantry_domain::Tenant>,
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

    /// Lists the tenant's jobs by the time they were started.
    pub async fn list_jobs(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Job>, Error> {
        let list = List::of_partition(key::tenant(scope.tenant_id()).pk, JOB_PREFIX);
        self.page(&list, request).await
    }
}
