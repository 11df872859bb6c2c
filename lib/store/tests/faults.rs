//! What the table does on a bad day. The embedded engine never throttles and never meets another transaction, so the HTTP
//! client below answers in its place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use tenantry_domain::{Clock as _, Email, Error as DomainError, Id, Lead, NewLead, PersonName};
use tenantry_local::TABLE;
use tenantry_store::{AuditKeys, CursorKey, Error, LeadState, Rate, Settings, Store, Transaction};
use tenantry_testing::TestApp;

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The table answers this error and does nothing.
    Answer(u16, &'static str),
    /// The table does it, and the answer is lost.
    LoseAnswer,
    /// Nobody is there.
    Refuse,
}

const CONFLICT: Fault = Fault::Answer(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled","CancellationReasons":[{"Code":"None"},{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"}]}"#,
);
const CONFLICT_AND_CONDITION: Fault = Fault::Answer(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"cancelled","CancellationReasons":[{"Code":"ConditionalCheckFailed"},{"Code":"TransactionConflict"}]}"#,
);
const THROTTLED: Fault = Fault::Answer(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate exceeded"}"#,
);
const THROUGHPUT: Fault = Fault::Answer(
    400,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#,
);
const BROKEN: Fault = Fault::Answer(
    500,
    r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oops"}"#,
);
const INVALID: Fault = Fault::Answer(
    400,
    r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no such attribute"}"#,
);

#[derive(Clone, Debug)]
struct Faulty {
    inner: SharedHttpClient,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

#[derive(Clone, Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    faults: Arc<Mutex<VecDeque<Fault>>>,
}

impl HttpClient for Faulty {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector {
            inner,
            faults: Arc::clone(&self.faults),
        })
    }
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fault = self
            .faults
            .lock()
            .expect("no test panics while it holds the lock")
            .pop_front();
        match fault {
            None => self.inner.call(request),
            Some(Fault::Answer(status, body)) => {
                let status = status.try_into().expect("a valid status");
                HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body))))
            }
            Some(Fault::LoseAnswer) => {
                let sent = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    sent.await?;
                    Err(ConnectorError::timeout("the answer was lost".into()))
                })
            }
            Some(Fault::Refuse) => {
                HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into())))
            }
        }
    }
}

/// A store that meets these faults, on the table of the app.
fn store_with(app: &TestApp, faults: impl IntoIterator<Item = Fault>, patience: Duration) -> Store {
    let inner = app
        .product
        .table
        .client
        .config()
        .http_client()
        .expect("the local client has one");
    let faulty = Faulty {
        inner,
        faults: Arc::new(Mutex::new(faults.into_iter().collect())),
    };
    let config = app
        .product
        .table
        .client
        .config()
        .to_builder()
        .http_client(faulty)
        .build();
    let settings = Settings {
        table: TABLE.to_owned(),
        cursor_key: CursorKey::new([7; 32]),
        audit_keys: AuditKeys::new("k1".to_owned(), [("k1".to_owned(), [7; 32])].into()),
        entropy: Arc::clone(&app.entropy) as _,
        patience,
    };
    Store::new(&Client::from_conf(config), settings)
}

const PATIENT: Duration = Duration::from_secs(10);
const IMPATIENT: Duration = Duration::from_millis(120);

fn lead(app: &TestApp) -> Lead {
    let name = |text| PersonName::parse(text).expect("a valid name");
    let new = NewLead {
        first_name: name("Ada"),
        last_name: name("Lovelace"),
        company_name: name("Acme"),
        email: Email::parse("ada@acme.com").expect("a valid address"),
        address: None,
    };
    Lead::sign_up(new, app.clock.now(), &*app.entropy)
}

async fn count_leads(store: &Store) -> u64 {
    let counts = store.count_leads().await.expect("the table answers");
    counts.iter().map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_transaction_that_met_another_one_is_made_again() {
    let app = TestApp::start().await;
    let store = store_with(&app, [CONFLICT, CONFLICT, THROTTLED], PATIENT);
    let lead = lead(&app);
    let mut transaction = Transaction::new();
    transaction.create_lead(&lead);

    store
        .commit(transaction)
        .await
        .expect("it goes through in the end");

    let usage = store.meter().reading();
    assert_eq!((usage.calls, usage.attempts), (1, 4));
    assert_eq!(
        store.find_lead(lead.id).await.expect("the table answers"),
        Some(lead)
    );
}

#[tokio::test]
async fn a_transaction_whose_answer_was_lost_is_not_made_twice() {
    let app = TestApp::start().await;
    let store = store_with(&app, [Fault::LoseAnswer, Fault::LoseAnswer], PATIENT);
    let lead = lead(&app);
    let mut transaction = Transaction::new();
    transaction.create_lead(&lead);

    store.commit(transaction).await.expect("the third answer arrives");

    assert_eq!(store.meter().reading().attempts, 3);
    assert_eq!(count_leads(&store).await, 1);
}

#[tokio::test]
async fn every_passing_error_of_a_read_is_tried_again() {
    for fault in [THROTTLED, THROUGHPUT, BROKEN, Fault::Refuse, Fault::LoseAnswer] {
        let app = TestApp::start().await;
        let store = store_with(&app, [fault, fault], PATIENT);

        let found = store.find_lead(Id::new(app.clock.now(), &*app.entropy)).await;

        assert!(matches!(found, Ok(None)), "{fault:?}: {found:?}");
        assert_eq!(store.meter().reading().attempts, 3, "{fault:?}");
    }
}

#[tokio::test]
async fn a_table_that_stays_busy_is_given_up_within_the_requests_patience() {
    for fault in [THROTTLED, BROKEN, Fault::Refuse] {
        let app = TestApp::start().await;
        let store = store_with(&app, std::iter::repeat_n(fault, 1000), IMPATIENT).for_request();

        let found = store.find_lead(Id::new(app.clock.now(), &*app.entropy)).await;

        assert!(
            matches!(found, Err(Error::Unavailable(_))),
            "{fault:?}: {found:?}"
        );
        assert!(store.meter().reading().attempts > 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_conflict_that_does_not_pass_is_unavailable_and_changes_nothing() {
    let app = TestApp::start().await;
    let store = store_with(&app, std::iter::repeat_n(CONFLICT, 1000), IMPATIENT).for_request();
    let mut transaction = Transaction::new();
    transaction.create_lead(&lead(&app));

    let refused = store.commit(transaction).await;

    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(app.items().await.is_empty());
}

#[tokio::test]
async fn the_calls_of_one_request_share_its_patience() {
    let app = TestApp::start().await;
    let store = store_with(&app, std::iter::repeat_n(THROTTLED, 1000), IMPATIENT).for_request();
    let id = Id::new(app.clock.now(), &*app.entropy);
    store.find_lead(id).await.expect_err("the table is busy");
    let before = store.meter().reading().attempts;
    // The first call gave up a little before the deadline, when no pause fitted any more.
    tokio::time::sleep(IMPATIENT).await;

    store.find_lead(id).await.expect_err("no time is left");

    assert!(store.meter().reading().attempts - before <= 1);
}

#[tokio::test]
async fn a_condition_that_failed_is_not_tried_again() {
    let app = TestApp::start().await;
    let store = store_with(&app, [], PATIENT);
    let lead = lead(&app);
    for expected in [true, false] {
        let before = store.meter().reading().attempts;
        let mut transaction = Transaction::new();
        transaction.create_lead(&lead);

        let result = store.commit(transaction).await;

        assert_eq!(result.is_ok(), expected, "{result:?}");
        assert_eq!(store.meter().reading().attempts - before, 1);
    }
    assert_eq!(count_leads(&store).await, 1);
}

#[tokio::test]
async fn a_condition_that_failed_beside_a_conflict_is_the_answer() {
    let app = TestApp::start().await;
    let store = store_with(&app, [CONFLICT_AND_CONDITION], PATIENT);
    let mut transaction = Transaction::new();
    transaction.create_lead(&lead(&app));

    let refused = store.commit(transaction).await;

    assert!(
        matches!(refused, Err(Error::Refused(DomainError::Conflict(_)))),
        "{refused:?}"
    );
    assert_eq!(store.meter().reading().attempts, 1);
}

#[tokio::test]
async fn a_mistake_of_ours_is_not_tried_again() {
    let app = TestApp::start().await;
    let store = store_with(&app, [INVALID], PATIENT);

    let found = store.find_lead(Id::new(app.clock.now(), &*app.entropy)).await;

    assert!(matches!(found, Err(Error::Internal(_))), "{found:?}");
    assert_eq!(store.meter().reading().attempts, 1);
}

#[tokio::test]
async fn fifty_charges_at_once_let_exactly_the_limit_through() {
    let app = TestApp::start().await;
    let store = store_with(&app, [], PATIENT);
    let rate = Rate::Client {
        address: "203.0.113.7",
        limit: 10,
    };

    let charges = (0..50).map(|_| store.charge(&rate, app.clock.now()));
    let results = futures_util::future::join_all(charges).await;

    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    let is_limited = |error: &Error| {
        matches!(
            error,
            Error::Refused(DomainError::RateLimited { retry_after_s: 60 })
        )
    };
    assert!(
        results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .all(is_limited),
        "{results:?}"
    );
}

#[tokio::test]
async fn the_first_step_that_refuses_speaks() {
    let app = TestApp::start().await;
    let store = store_with(&app, [], PATIENT);
    let lead = lead(&app);
    let rate = Rate::Client {
        address: "203.0.113.7",
        limit: 1,
    };
    let transaction = || {
        let mut transaction = Transaction::new();
        transaction.charge(&rate, app.clock.now()).create_lead(&lead);
        transaction
    };
    store
        .commit(transaction())
        .await
        .expect("the first one goes through");

    let refused = store.commit(transaction()).await;

    assert!(
        matches!(refused, Err(Error::Refused(DomainError::RateLimited { .. }))),
        "{refused:?}"
    );
    let counts = store.count_leads().await.expect("the table answers");
    assert!(counts.contains(&(LeadState::Unverified, 1)));
}

#[tokio::test]
async fn what_a_call_costs_is_added_up() {
    let app = TestApp::start().await;
    let store = store_with(&app, [], PATIENT);
    let mut transaction = Transaction::new();
    transaction.create_lead(&lead(&app));

    store.commit(transaction).await.expect("it goes through");
    let written = store.meter().reading();
    count_leads(&store).await;
    let read = store.meter().reading().since(written);

    // The lead and a counter, each twice as a transaction costs, and the lead in two indexes.
    assert_eq!(
        (written.calls, written.read_units, written.write_units),
        (1, 0.0, 6.0)
    );
    assert_eq!((read.calls, read.write_units), (1, 0.0));
    assert!(read.read_units >= 1.0, "{read:?}");
}
