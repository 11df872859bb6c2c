use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tenantry_domain::{Actor, AuditEntry, Error as DomainError, Id, Lead, TenantScope, Timestamp, User};
use tokio::time::sleep;

use crate::audit::AuditLine;
use crate::call::{FIRST_PAUSE_MS, Failure, Item, LONGEST_PAUSE_MS, Retryable};
use crate::entity::{Entity, Versioned};
use crate::idempotency::IdempotencyRecord;
use crate::key::{self, Key};
use crate::meter::Side;
use crate::{AuditKeys, Error, OutboxMessage, Rate, Store, Trail, Unique};

/// `DynamoDB` takes no more actions in one transaction.
pub(crate) const MAX_STEPS: usize = 100;

/// Changes that are made together or not at all. Each step says what it means when its condition does not hold;
/// when several do not hold, the step that was added first speaks.
#[derive(Default)]
pub struct Transaction {
    steps: Vec<Step>,
    failure: Option<Error>,
    chains: Vec<Chain>,
}

/// Audit entries that are chained when the transaction is committed.
struct Chain {
    trail: Trail,
    entries: Vec<AuditEntry>,
}

#[derive(Clone)]
struct Step {
    action: TransactWriteItem,
    refusal: Refusal,
}

#[derive(Clone)]
pub(crate) enum Refusal {
    /// The condition means this.
    Means(DomainError),
    /// The item that is there, if one is, says what the condition means.
    Told(Reading),
    /// The condition means that the request was carried out before.
    Repeated { fingerprint: String },
    /// The condition means that somebody else has made the change first.
    Overtaken,
    /// The condition means that the audit trail has grown since it was read: the entries are chained to its new end.
    TrailMoved,
    /// The condition means that the audit trail is not what its head says.
    TrailBroken,
    /// There is no condition that can fail.
    Never,
}

/// What an item in the way says.
pub(crate) type Reading = Arc<dyn Fn(Option<&Item>) -> DomainError + Send + Sync>;

impl From<DomainError> for Refusal {
    fn from(error: DomainError) -> Self {
        Self::Means(error)
    }
}

impl Transaction {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        let chained = self.chains.iter().map(|chain| 1 + chain.entries.len());
        self.steps.len() + chained.sum::<usize>()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.chains.is_empty()
    }

    /// Adds the steps of another one behind its own.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.steps.extend(other.steps);
        self.chains.extend(other.chains);
        self.failure = self.failure.take().or(other.failure);
        self
    }

    /// Puts what is not there yet.
    pub(crate) fn create<E: Entity>(&mut self, entity: &E, refusal: impl Into<Refusal>) -> &mut Self {
        self.put(entity, Some(("attribute_not_exists(pk)", None)), refusal.into())
    }

    /// Puts what has a fresh random id: nothing can be there.
    pub(crate) fn add<E: Entity>(&mut self, entity: &E) -> &mut Self {
        self.put(entity, None, Refusal::Never)
    }

    /// Puts the next version over the one it was made from.
    pub(crate) fn replace<E: Versioned>(&mut self, entity: &E, conflict: DomainError) -> &mut Self {
        let before = AttributeValue::N((entity.version() - 1).to_string());
        self.put(
            entity,
            Some(("version = :before", Some(before))),
            Refusal::Means(conflict),
        )
    }

    /// Deletes the version that was read.
    pub(crate) fn delete_version(&mut self, key: &Key, version: u64, conflict: DomainError) -> &mut Self {
        let delete = Delete::builder()
            .set_key(Some(key.to_item()))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", AttributeValue::N(version.to_string()));
        self.delete(delete, Refusal::Means(conflict))
    }

    /// Goes on only while the item has this version.
    pub(crate) fn expect_version(&mut self, key: &Key, version: u64, conflict: DomainError) -> &mut Self {
        let check = ConditionCheck::builder()
            .set_key(Some(key.to_item()))
            .condition_expression("version = :before")
            .expression_attribute_values(":before", AttributeValue::N(version.to_string()));
        self.check(check, Refusal::Means(conflict))
    }

    /// Deletes whatever is there, if anything is.
    pub(crate) fn delete_any(&mut self, key: &Key) -> &mut Self {
        self.delete(Delete::builder().set_key(Some(key.to_item())), Refusal::Never)
    }

    /// Deletes an item if an attribute has this value.
    pub(crate) fn delete_if(
        &mut self,
        key: &Key,
        attribute: &str,
        value: &str,
        refusal: DomainError,
    ) -> &mut Self {
        let delete = Delete::builder()
            .set_key(Some(key.to_item()))
            .condition_expression("#attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", AttributeValue::S(value.to_owned()));
        self.delete(delete, Refusal::Means(refusal))
    }

    /// Makes a value the owner's, unless it is somebody else's.
    pub fn reserve(
        &mut self,
        unique: &Unique<'_>,
        owner: &str,
        conflict: impl Into<DomainError>,
    ) -> &mut Self {
        let put = Put::builder()
            .set_item(Some(key::unique(unique).to_item()))
            .item("owner", AttributeValue::S(owner.to_owned()))
            .item("type", AttributeValue::S("unique".to_owned()))
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()));
        self.push_put(put, Refusal::Means(conflict.into()))
    }

    /// Gives the owner's value back; somebody else's stays.
    pub fn release(&mut self, unique: &Unique<'_>, owner: &str) -> &mut Self {
        let delete = Delete::builder()
            .set_key(Some(key::unique(unique).to_item()))
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()));
        self.delete(delete, Refusal::Never)
    }

    /// Goes on only while nobody but the owner has the value.
    pub fn check_free(
        &mut self,
        unique: &Unique<'_>,
        owner: &str,
        conflict: impl Into<DomainError>,
    ) -> &mut Self {
        let check = ConditionCheck::builder()
            .set_key(Some(key::unique(unique).to_item()))
            .condition_expression("attribute_not_exists(pk) OR #owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_owned()));
        self.check(check, Refusal::Means(conflict.into()))
    }

    /// Counts the request against a limit for the current minute.
    pub fn charge(&mut self, rate: &Rate<'_>, now: Timestamp) -> &mut Self {
        let charge = rate.charge(now);
        let update = Update::builder()
            .set_key(Some(charge.key.to_item()))
            .update_expression(charge.update)
            .condition_expression(charge.condition)
            .set_expression_attribute_names(Some(charge.names))
            .set_expression_attribute_values(Some(charge.values));
        self.update(update, Refusal::Means(charge.refusal))
    }

    /// Chains an entry to the audit trail of a tenant. If the trail has grown since it was read, the commit looks again and
    /// chains the entry to its new end; whether the change itself is still right is for the other steps' conditions to say.
    pub fn audit(&mut self, trail: &Trail, entry: &AuditEntry) -> &mut Self {
        match self
            .chains
            .iter_mut()
            .find(|chain| chain.trail.tenant_id == trail.tenant_id)
        {
            Some(chain) => chain.entries.push(entry.clone()),
            None => self.chains.push(Chain {
                trail: trail.clone(),
                entries: vec![entry.clone()],
            }),
        }
        self
    }

    /// Writes a line about a lead.
    pub fn audit_lead(&mut self, lead: Id<Lead>, entry: &AuditEntry) -> &mut Self {
        self.audit_alone(lead.to_string(), entry)
    }

    /// Writes a line about a person, in whatever tenants it is.
    pub fn audit_user(&mut self, user: Id<User>, entry: &AuditEntry) -> &mut Self {
        self.audit_alone(user.to_string(), entry)
    }

    fn audit_alone(&mut self, subject: String, entry: &AuditEntry) -> &mut Self {
        self.add(&AuditLine {
            subject,
            entry: entry.clone(),
            sequence: None,
            seal: None,
        })
    }

    /// Chains the entries to where the trail stands: the head first, so that it speaks for all of them when it has moved.
    fn chain(&mut self, chain: &Chain, keys: &AuditKeys) -> Result<(), Error> {
        let mut after = chain.trail.clone();
        let mut lines = Vec::new();
        for entry in &chain.entries {
            let (line, next) = after.append(keys, entry)?;
            lines.push(line);
            after = next;
        }
        let condition = if chain.trail.sequence == 0 {
            ("attribute_not_exists(pk)", None)
        } else {
            (
                "seal = :before",
                Some(AttributeValue::S(chain.trail.seal.clone())),
            )
        };
        self.put(&after, Some(condition), Refusal::TrailMoved);
        for line in lines {
            self.put(
                &line,
                Some(("attribute_not_exists(pk)", None)),
                Refusal::TrailBroken,
            );
        }
        Ok(())
    }

    /// Leaves a message for the relay.
    pub fn send(&mut self, message: &OutboxMessage) -> &mut Self {
        self.add(message)
    }

    /// Remembers the answer under the request's idempotency key. A transaction that holds this step comes first:
    /// when it was carried out before, that is what the caller needs to hear.
    pub fn remember(&mut self, record: &IdempotencyRecord) -> &mut Self {
        let refusal = Refusal::Repeated {
            fingerprint: record.fingerprint.clone(),
        };
        // A record that is older than its life is none, swept or not.
        let condition = "attribute_not_exists(pk) OR createdAt <= :before";
        let before = AttributeValue::S(record.forgotten_before().to_string());
        self.put(record, Some((condition, Some(before))), refusal);
        if let Some(step) = self.steps.pop() {
            self.steps.insert(0, step);
        }
        self
    }

    /// Adds to a counter.
    pub(crate) fn count(&mut self, key: &Key, delta: i64) -> &mut Self {
        let update = Update::builder()
            .set_key(Some(key.to_item()))
            .update_expression("ADD #n :delta")
            .expression_attribute_names("#n", "n")
            .expression_attribute_values(":delta", AttributeValue::N(delta.to_string()));
        self.update(update, Refusal::Never)
    }

    fn put<E: Entity>(
        &mut self,
        entity: &E,
        condition: Option<(&str, Option<AttributeValue>)>,
        refusal: Refusal,
    ) -> &mut Self {
        let item = match entity.to_item() {
            Ok(item) => item,
            Err(error) => {
                self.failure.get_or_insert(error);
                return self;
            }
        };
        let mut put = Put::builder()
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some((expression, before)) = condition {
            put = put.condition_expression(expression);
            if let Some(before) = before {
                put = put.expression_attribute_values(":before", before);
            }
        }
        self.push_put(put, refusal)
    }

    pub(crate) fn push_put(
        &mut self,
        put: aws_sdk_dynamodb::types::builders::PutBuilder,
        refusal: Refusal,
    ) -> &mut Self {
        self.push(
            |table| {
                Ok(TransactWriteItem::builder()
                    .put(put.table_name(table).build()?)
                    .build())
            },
            refusal,
        )
    }

    pub(crate) fn check(
        &mut self,
        check: aws_sdk_dynamodb::types::builders::ConditionCheckBuilder,
        refusal: impl Into<Refusal>,
    ) -> &mut Self {
        let refusal = refusal.into();
        self.push(
            |table| {
                Ok(TransactWriteItem::builder()
                    .condition_check(check.table_name(table).build()?)
                    .build())
            },
            refusal,
        )
    }

    pub(crate) fn update(
        &mut self,
        update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
        refusal: impl Into<Refusal>,
    ) -> &mut Self {
        let refusal = refusal.into();
        self.push(
            |table| {
                Ok(TransactWriteItem::builder()
                    .update(update.table_name(table).build()?)
                    .build())
            },
            refusal,
        )
    }

    pub(crate) fn delete(
        &mut self,
        delete: aws_sdk_dynamodb::types::builders::DeleteBuilder,
        refusal: Refusal,
    ) -> &mut Self {
        self.push(
            |table| {
                Ok(TransactWriteItem::builder()
                    .delete(delete.table_name(table).build()?)
                    .build())
            },
            refusal,
        )
    }

    fn push(
        &mut self,
        build: impl FnOnce(&str) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError>,
        refusal: Refusal,
    ) -> &mut Self {
        // The table's name is filled in when the transaction is committed; the builders insist on one.
        match build("") {
            Ok(action) => self.steps.push(Step { action, refusal }),
            Err(error) => {
                self.failure.get_or_insert(Error::internal(error));
            }
        }
        self
    }
}

impl Store {
    /// Makes all the changes, or none and says which step refused.
    pub async fn commit(&self, transaction: Transaction) -> Result<(), Error> {
        let Transaction {
            steps,
            mut failure,
            mut chains,
        } = transaction;
        let mut longest_pause_ms = FIRST_PAUSE_MS;
        loop {
            let mut whole = Transaction {
                steps: steps.clone(),
                failure: failure.take(),
                chains: Vec::new(),
            };
            for chain in &chains {
                whole.chain(chain, &self.shared.settings.audit_keys)?;
            }
            if self.write(whole).await? == Written::Whole {
                return Ok(());
            }
            // Another write of this tenant came first. Of many writers one gets through at a time, so the longer one waits the
            // more there are.
            sleep(Duration::from_millis(self.random_below(longest_pause_ms))).await;
            longest_pause_ms = (longest_pause_ms * 2).min(LONGEST_PAUSE_MS);
            for chain in &mut chains {
                let scope = TenantScope::of_system(chain.trail.tenant_id, Actor::System);
                let trail = self.find_trail(&scope).await?;
                chain.trail = trail.unwrap_or_else(|| Trail::begin(scope.tenant_id()));
            }
        }
    }

    async fn write(&self, transaction: Transaction) -> Result<Written, Error> {
        let Transaction { steps, failure, .. } = transaction;
        if let Some(error) = failure {
            return Err(error);
        }
        debug_assert!(
            steps.len() <= MAX_STEPS,
            "a transaction has {} steps",
            steps.len()
        );
        let (mut actions, refusals): (Vec<_>, Vec<_>) =
            steps.into_iter().map(|step| (step.action, step.refusal)).unzip();
        for action in &mut actions {
            name_table(action, self.table());
        }
        // The same token on every attempt: one that went through without our hearing of it is not made twice.
        let token = self.request_token();
        let result = self
            .call(|| {
                self.client()
                    .transact_write_items()
                    .set_transact_items(Some(actions.clone()))
                    .client_request_token(&token)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
            })
            .await;
        match result {
            Ok(output) => {
                self.meter().spent(Side::Write, output.consumed_capacity());
                Ok(Written::Whole)
            }
            Err(Failure::Final(error)) => match refusal_of(&error, refusals) {
                Some((_, Refusal::TrailMoved)) => Ok(Written::TrailMoved),
                Some((reason, refusal)) => {
                    Err(refused(reason, refusal).unwrap_or_else(|| Error::internal(error)))
                }
                None => Err(Error::internal(error)),
            },
            Err(failure @ Failure::OutOfTime(_)) => Err(failure.into_error()),
        }
    }

    fn request_token(&self) -> String {
        let mut bytes = [0; 16];
        self.shared.settings.entropy.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

fn name_table(action: &mut TransactWriteItem, table: &str) {
    if let Some(put) = &mut action.put {
        table.clone_into(&mut put.table_name);
    }
    if let Some(update) = &mut action.update {
        table.clone_into(&mut update.table_name);
    }
    if let Some(delete) = &mut action.delete {
        table.clone_into(&mut delete.table_name);
    }
    if let Some(check) = &mut action.condition_check {
        table.clone_into(&mut check.table_name);
    }
}

/// How a write ended that nothing refused.
#[derive(PartialEq, Eq)]
enum Written {
    /// All of it stands.
    Whole,
    /// Nothing stands: an audit entry was chained to what is not the end any more.
    TrailMoved,
}

/// The first step whose condition failed.
fn refusal_of(
    error: &SdkError<TransactWriteItemsError, HttpResponse>,
    refusals: Vec<Refusal>,
) -> Option<(&CancellationReason, Refusal)> {
    let reasons = reasons_of(error.as_service_error()?);
    reasons
        .iter()
        .zip(refusals)
        .find(|(reason, _)| reason.code() == Some(CONDITION))
}

/// What the step says that means.
fn refused(reason: &CancellationReason, refusal: Refusal) -> Option<Error> {
    match refusal {
        Refusal::Means(error) => Some(Error::Refused(error)),
        Refusal::Told(read) => Some(Error::Refused(read(
            reason.item().filter(|item| !item.is_empty()),
        ))),
        Refusal::Repeated { fingerprint } => Some(repeated(reason.item(), &fingerprint)),
        Refusal::Overtaken => Some(Error::Overtaken),
        Refusal::TrailBroken => Some(Error::internal("the audit trail has entries behind its head")),
        Refusal::TrailMoved | Refusal::Never => None,
    }
}

fn repeated(item: Option<&Item>, fingerprint: &str) -> Error {
    let Some(item) = item else {
        return Error::internal("a cancelled transaction did not return the item that was in its way");
    };
    match IdempotencyRecord::from_item(item.clone()) {
        Ok(record) if record.fingerprint == fingerprint => Error::Repeated(Box::new(record.reply)),
        Ok(_) => Error::Refused(DomainError::IdempotencyKeyReused),
        Err(error) => error,
    }
}

const CONDITION: &str = "ConditionalCheckFailed";

fn reasons_of(error: &TransactWriteItemsError) -> &[CancellationReason] {
    match error {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => cancelled.cancellation_reasons(),
        // Every other kind, and whatever the SDK adds later, has no reasons.
        _ => &[],
    }
}

impl Retryable for TransactWriteItemsError {
    /// A transaction that met another one, or a throttled partition, may go through next time, unless a condition failed as well.
    fn may_pass(&self) -> bool {
        let has = |codes: &[&str]| {
            reasons_of(self)
                .iter()
                .any(|reason| reason.code().is_some_and(|code| codes.contains(&code)))
        };
        has(&[
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
        ]) && !has(&[CONDITION])
    }
}
