use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use tenantry_app::SystemClock;
use tenantry_domain::Clock as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Error;

/// Lambda's runtime API for one function: hands out events when told to, and says when something arrived.
pub(crate) struct RuntimeApi {
    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) address: String,
    polls: mpsc::UnboundedReceiver<Poll>,
    answers: mpsc::UnboundedReceiver<Answer>,
    server: JoinHandle<()>,
}

/// The function asks for an event.
pub(crate) struct Poll {
    pub(crate) at: Instant,
    event: oneshot::Sender<String>,
}

/// The function answered an event.
pub(crate) struct Answer {
    pub(crate) at: Instant,
    /// What it answered, or the error that it reported.
    pub(crate) outcome: Result<Value, String>,
}

#[derive(Clone)]
struct Desk {
    polls: mpsc::UnboundedSender<Poll>,
    answers: mpsc::UnboundedSender<Answer>,
}

/// How long an event may take, in milliseconds.
const DEADLINE_MS: i64 = 30_000;

impl RuntimeApi {
    pub(crate) async fn start() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (polls_in, polls) = mpsc::unbounded_channel();
        let (answers_in, answers) = mpsc::unbounded_channel();
        let desk = Desk {
            polls: polls_in,
            answers: answers_in,
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route(
                "/2018-06-01/runtime/invocation/{id}/response",
                post(take_response),
            )
            .route("/2018-06-01/runtime/invocation/{id}/error", post(take_error))
            .route("/2018-06-01/runtime/init/error", post(take_error))
            .with_state(desk);
        let server = tokio::spawn(async move {
            let served = axum::serve(
                axum::serve::ListenerExt::tap_io(listener, |stream| {
                    let _ = stream.set_nodelay(true);
                }),
                router,
            );
            if let Err(error) = served.await {
                crate::complain(&format!("the runtime API stopped: {error}"));
            }
        });
        Ok(Self {
            address,
            polls,
            answers,
            server,
        })
    }

    /// Waits until the function is ready for an event.
    pub(crate) async fn ready(&mut self) -> Option<Poll> {
        self.polls.recv().await
    }

    /// Waits for the answer to the event that was handed out.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        self.answers.recv().await
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Poll {
    /// Hands out the event; returns when that was.
    pub(crate) fn hand_out(self, event: &Value) -> Instant {
        let event = event.to_string();
        let at = Instant::now();
        let _ = self.event.send(event);
        at
    }
}

async fn next(State(desk): State<Desk>) -> Response {
    let (event, handed_out) = oneshot::channel();
    let _ = desk.polls.send(Poll {
        at: Instant::now(),
        event,
    });
    let Ok(event) = handed_out.await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let deadline = SystemClock.now().plus_ms(DEADLINE_MS).as_millis().to_string();
    let headers = [
        ("content-type", "application/json"),
        (
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        ),
        ("lambda-runtime-deadline-ms", &deadline),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:bench",
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-68c1e2f0-5a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=0",
        ),
    ];
    (headers, event).into_response()
}

async fn take_response(State(desk): State<Desk>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let at = Instant::now();
    let outcome = serde_json::from_slice(&body).map_err(|error| format!("the answer is not JSON: {error}"));
    let _ = desk.answers.send(Answer { at, outcome });
    StatusCode::ACCEPTED
}

async fn take_error(State(desk): State<Desk>, body: Bytes) -> StatusCode {
    let outcome = Err(String::from_utf8_lossy(&body).into_owned());
    let _ = desk.answers.send(Answer {
        at: Instant::now(),
        outcome,
    });
    StatusCode::ACCEPTED
}
