use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tenantry_domain::Entropy;
use tokio::time::Instant;

use crate::entity::Entity;
use crate::key::Key;
use crate::meter::Side;
use crate::{AuditKeys, CursorKey, Error, Meter};

/// An item as `DynamoDB` has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// What a store needs besides the client.
pub struct Settings {
    /// The table's name.
    pub table: String,
    /// Signs cursors.
    pub cursor_key: CursorKey,
    /// Seal audit entries.
    pub audit_keys: AuditKeys,
    /// For retry jitter and request tokens.
    pub entropy: Arc<dyn Entropy>,
    /// How long the calls of one request may take together, retries included.
    pub patience: Duration,
}

/// The table. Cheap to clone; `for_request` gives a handle whose calls share one deadline.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
    deadline: Option<Instant>,
}

pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) meter: Meter,
}

/// The longest pause before the first retry; it doubles from there.
pub(crate) const FIRST_PAUSE_MS: u64 = 25;
/// No pause is longer.
pub(crate) const LONGEST_PAUSE_MS: u64 = 1_000;

impl Store {
    /// The SDK's own retries are switched off: they know neither the request's deadline nor transaction conflicts.
    pub fn new(client: &Client, settings: Settings) -> Self {
        let config = client
            .config()
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .build();
        let shared = Shared {
            client: Client::from_conf(config),
            settings,
            meter: Meter::default(),
        };
        Self {
            shared: Arc::new(shared),
            deadline: None,
        }
    }

    /// A handle whose calls together, retries included, stay within the configured patience from now on.
    #[must_use]
    pub fn for_request(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            deadline: Some(Instant::now() + self.shared.settings.patience),
        }
    }

    /// What the calls of this store and its clones have cost.
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// One cheap read, so that the connection stands before the first request comes.
    pub async fn warm_up(&self) -> Result<(), Error> {
        let key = Key {
            pk: "WARM".to_owned(),
            sk: "UP".to_owned(),
        };
        self.get_item(&key).await.map(|_| ())
    }

    pub(crate) fn client(&self) -> &Client {
        &self.shared.client
    }

    pub(crate) fn table(&self) -> &str {
        &self.shared.settings.table
    }

    /// Reads one entity, strongly consistent.
    pub(crate) async fn get<E: Entity>(&self, key: &Key) -> Result<Option<E>, Error> {
        self.get_item(key).await?.map(E::from_item).transpose()
    }

    pub(crate) async fn get_item(&self, key: &Key) -> Result<Option<Item>, Error> {
        let output = self
            .call(|| {
                self.client()
                    .get_item()
                    .table_name(self.table())
                    .set_key(Some(key.to_item()))
                    .consistent_read(true)
                    .return_consumed_capacity(ReturnConsumedCapacity::Total)
                    .send()
            })
            .await
            .map_err(Failure::into_error)?;
        self.meter().spent(Side::Read, output.consumed_capacity());
        Ok(output.item)
    }

    /// Reads several items, strongly consistent, in one call while the table answers all of it: whole, or of each only what
    /// `projection` says, with the one name that it stands for.
    pub(crate) async fn get_items(
        &self,
        mut keys: Vec<Item>,
        projection: Option<(&str, (&str, &str))>,
    ) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        while !keys.is_empty() {
            let mut request = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true);
            if let Some((expression, (placeholder, name))) = projection {
                request = request
                    .projection_expression(expression)
                    .expression_attribute_names(placeholder, name);
            }
            let request = request.build().map_err(Error::internal)?;
            let output = self
                .call(|| {
                    self.client()
                        .batch_get_item()
                        .request_items(self.table(), request.clone())
                        .return_consumed_capacity(ReturnConsumedCapacity::Total)
                        .send()
                })
                .await
                .map_err(Failure::into_error)?;
            self.meter().spent(Side::Read, output.consumed_capacity());
            let found = output
                .responses
                .and_then(|mut tables| tables.remove(self.table()));
            items.extend(found.unwrap_or_default());
            let left = output
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(self.table()));
            keys = left.map(|left| left.keys).unwrap_or_default();
        }
        Ok(items)
    }

    /// Makes a call again, with jitter, while the table throttles or does not answer and time is left.
    pub(crate) async fn call<T, E, F>(&self, send: impl Fn() -> F) -> Result<T, Failure<E>>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Retryable + std::error::Error + Send + Sync + 'static,
    {
        self.meter().call();
        let deadline = self
            .deadline
            .unwrap_or_else(|| Instant::now() + self.shared.settings.patience);
        let mut longest_pause_ms = FIRST_PAUSE_MS;
        loop {
            self.meter().attempt();
            let error = match tokio::time::timeout_at(deadline, send()).await {
                Ok(Ok(output)) => return Ok(output),
                Ok(Err(error)) => error,
                Err(elapsed) => return Err(Failure::OutOfTime(Box::new(elapsed))),
            };
            if !may_pass(&error) {
                return Err(Failure::Final(Box::new(error)));
            }
            let pause = Duration::from_millis(self.random_below(longest_pause_ms));
            if Instant::now() + pause >= deadline {
                return Err(Failure::OutOfTime(Box::new(error)));
            }
            tracing::debug!(
                error.code = error.code().unwrap_or("none"),
                "the table is busy; trying again"
            );
            tokio::time::sleep(pause).await;
            longest_pause_ms = (longest_pause_ms * 2).min(LONGEST_PAUSE_MS);
        }
    }

    pub(crate) fn random_below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.shared.settings.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit.max(1)
    }
}

/// How a call ended that did not succeed.
pub(crate) enum Failure<E> {
    /// Trying again would not help.
    Final(Box<SdkError<E, HttpResponse>>),
    /// Trying again might help, but there is no time.
    OutOfTime(Box<dyn std::error::Error + Send + Sync>),
}

impl<E: std::error::Error + Send + Sync + 'static> Failure<E> {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Final(error) => Error::internal(error),
            Self::OutOfTime(error) => Error::Unavailable(error),
        }
    }
}

/// Errors that know whether their own details make a retry worthwhile.
pub(crate) trait Retryable {
    /// Beyond what the error's code says.
    fn may_pass(&self) -> bool {
        false
    }
}

impl Retryable for aws_sdk_dynamodb::operation::get_item::GetItemError {}
impl Retryable for aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemError {}
impl Retryable for aws_sdk_dynamodb::operation::query::QueryError {}
impl Retryable for aws_sdk_dynamodb::operation::update_item::UpdateItemError {}

/// Codes from the Developer Guide's "Error handling with DynamoDB", those with "OK to retry: yes".
const PASSING: [&str; 8] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

fn may_pass<E: ProvideErrorMetadata + Retryable>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => true,
        SdkError::ServiceError(service) => {
            service.err().code().is_some_and(|code| PASSING.contains(&code))
                || service.raw().status().is_server_error()
                || service.err().may_pass()
        }
        // Construction failures, and whatever kinds the SDK adds later.
        _ => false,
    }
}
