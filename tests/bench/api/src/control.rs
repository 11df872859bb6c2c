use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::{any, post};
use futures_util::future::try_join_all;
use http::StatusCode;

use crate::replay::{Call, Recorder};

/// What the product is compared with.
#[derive(Clone)]
struct Control {
    recorder: Recorder,
    client: Client,
    prepared: Arc<Mutex<Prepared>>,
}

/// Calls that wait to be made. Made before the measurement, so that copying them is no part of it.
#[derive(Default)]
struct Prepared {
    recorded: Vec<Call>,
    renewed: usize,
    waiting: Vec<Vec<Call>>,
}

/// `POST /bench/record` keeps what the requests to the product on this port have called since,
/// `POST /bench/prepare/{count}` makes that many copies, `/bench/replay` makes the calls of one, and
/// `/bench/constant/{size}` answers without any work. Everything else is the product, recorded.
pub(crate) fn router(recorder: Recorder, client: &Client, recorded: Router) -> Router {
    // As in the store.
    let config = client.config().to_builder().retry_config(RetryConfig::disabled());
    let control = Control {
        recorder,
        client: Client::from_conf(config.build()),
        prepared: Arc::default(),
    };
    Router::new()
        .route("/bench/record", post(record))
        .route("/bench/prepare/{count}", post(prepare))
        .route("/bench/replay", any(replay))
        .route("/bench/constant/{size}", any(constant))
        .with_state(control)
        .fallback_service(recorded)
}

async fn record(State(control): State<Control>) -> String {
    let recorded = control.recorder.take();
    let count = recorded.len().to_string();
    control.prepared().recorded = recorded;
    count
}

async fn prepare(State(control): State<Control>, Path(count): Path<usize>) {
    let mut prepared = control.prepared();
    let first = prepared.renewed;
    prepared.renewed += count;
    let renew = |number| {
        prepared
            .recorded
            .iter()
            .map(|call| call.renewed(number))
            .collect()
    };
    let waiting = (first..first + count).map(renew).collect();
    prepared.waiting = waiting;
}

async fn replay(State(control): State<Control>, _: Bytes) -> Result<StatusCode, (StatusCode, String)> {
    let calls = control.prepared().waiting.pop();
    let Some(calls) = calls else {
        return Err((StatusCode::GONE, "nothing is prepared".to_owned()));
    };
    let made = try_join_all(calls.into_iter().map(|call| call.make(&control.client)));
    match made.await {
        Ok(_) => Ok(StatusCode::OK),
        Err(error) => Err((StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))),
    }
}

async fn constant(Path(size): Path<usize>, _: Bytes) -> Vec<u8> {
    vec![b' '; size]
}

impl Control {
    fn prepared(&self) -> std::sync::MutexGuard<'_, Prepared> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
