use axum::extract::FromRequestParts;
use http::request::Parts;
use tenantry_app::Context;
use tenantry_domain::{Caller, Error as DomainError, Id, Kind, Membership, Permissions, TenantScope};
use tenantry_store::Transaction;

use crate::reply::etag;
use crate::{Access, ClientAddress, Edge, Problem, Reply};

/// One request that was let through: what it works with and who sent it. The guard makes it.
#[derive(Clone)]
pub struct Operation {
    /// Store, time, chance and configuration for this request.
    pub context: Context,
    /// Who sent it.
    pub caller: Caller,
    /// From which address, as the edge saw it.
    pub client: ClientAddress,
    pub(crate) access: Access,
    pub(crate) scope: Option<TenantScope>,
    pub(crate) if_match: Option<String>,
}

impl Operation {
    /// Commits and replies; the reply is remembered under the request's idempotency key, if it has one.
    pub async fn finish<R: Reply>(&self, transaction: Transaction, reply: R) -> Result<R, Problem> {
        self.context.commit(transaction, || reply.stored()).await?;
        Ok(reply)
    }

    /// Tells an empty list from the list of a tenant that does not exist. Only an empty one costs a look at the tenant.
    pub async fn check_known<T>(&self, scope: &TenantScope, items: &[T]) -> Result<(), Problem> {
        if items.is_empty() && self.context.store.find_tenant(scope).await?.is_none() {
            return Err(DomainError::not_found(Kind::Tenant, scope.tenant_id()).into());
        }
        Ok(())
    }

    /// What the caller holds: nobody gives away more.
    pub fn held(&self) -> Permissions {
        self.caller.permissions()
    }

    /// The membership that the caller acts as, if it acts as one.
    pub fn membership_id(&self) -> Option<Id<Membership>> {
        match &self.caller {
            Caller::Member(member) => Some(member.membership_id),
            Caller::Operator(_) | Caller::Person(_) | Caller::Lead(_) | Caller::Anonymous => None,
        }
    }

    /// Whether `If-Match`, if it is there, names this version (RFC 9110 section 13.1.1).
    pub fn names_version(&self, version: u64) -> bool {
        let present = etag(version);
        self.if_match.as_ref().is_none_or(|wanted| {
            wanted
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag == present)
        })
    }

    /// Refuses when `If-Match` names another version.
    pub fn check_version(&self, kind: Kind, id: impl std::fmt::Display, version: u64) -> Result<(), Problem> {
        Ok(self.require_version(kind, id, version)?)
    }

    /// The same, for operations that look more than once.
    pub fn require_version(
        &self,
        kind: Kind,
        id: impl std::fmt::Display,
        version: u64,
    ) -> Result<(), DomainError> {
        if self.names_version(version) {
            return Ok(());
        }
        Err(DomainError::PreconditionFailed {
            kind,
            id: id.to_string(),
        })
    }

    /// The refusal of a write that lost a race, as the client understands it: 412 if it named a version, 409 if not.
    pub fn lost_race(&self, kind: Kind, id: impl std::fmt::Display) -> DomainError {
        let id = id.to_string();
        if self.if_match.is_some() {
            DomainError::PreconditionFailed { kind, id }
        } else {
            tenantry_domain::Conflict::ModifiedConcurrently { kind, id }.into()
        }
    }
}

impl FromRequestParts<Edge> for Operation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        let operation = parts.extensions.get::<Self>().cloned();
        Ok(operation.expect("every route stands behind the guard, which makes the operation"))
    }
}

/// Proof that the caller may act in the tenant that the path or the query names; the guard makes it.
impl FromRequestParts<Edge> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Edge) -> Result<Self, Problem> {
        let scope = parts
            .extensions
            .get::<Operation>()
            .and_then(|operation| operation.scope.clone());
        Ok(Self(scope.expect(
            "a handler that takes a scope stands behind tenant access",
        )))
    }
}

/// The extractor of a `TenantScope`.
#[derive(Clone, Debug)]
pub struct Scope(pub TenantScope);
