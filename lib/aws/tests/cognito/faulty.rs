//! A network that gives out at one point.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_cognitoidentityprovider::error::ConnectorError;
use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Mutex, Notify};

use crate::wire::{Wire, operation};

/// What happens at that point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process ends before the step.
    EndBefore,
    /// The process ends when the step is done, before it hears of it.
    EndAfter,
    /// The answer is lost, and the process goes on.
    LoseAnswer,
}

/// Carries requests, and stops at one step. Steps are requests, and what `step` is called for besides.
#[derive(Debug)]
pub(crate) struct Faulty {
    client: Client<TcpConnector, SdkBody>,
    at: Option<(u32, Fault)>,
    steps: AtomicU32,
    is_over: Notify,
    turn: Mutex<()>,
}

/// What is made one at a time. The emulator has a thread for each request: in one it finds a name free that another is about to
/// take, and it dates what it makes before anybody can see it.
const ONE_AT_A_TIME: [&str; 4] = [
    "AdminCreateUser",
    "CreateGroup",
    "CreateUserPool",
    "CreateUserPoolClient",
];

impl Faulty {
    /// Gives out at the step with this number, counted from 1.
    pub(crate) fn at(step: u32, fault: Fault) -> Arc<Self> {
        Self::with(Some((step, fault)))
    }

    pub(crate) fn never() -> Arc<Self> {
        Self::with(None)
    }

    fn with(at: Option<(u32, Fault)>) -> Arc<Self> {
        Arc::new(Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            at,
            steps: AtomicU32::new(0),
            is_over: Notify::new(),
            turn: Mutex::default(),
        })
    }

    /// Whether there were so many steps that it gave out.
    pub(crate) fn gave_out(&self) -> bool {
        self.at
            .is_some_and(|(at, _)| self.steps.load(Ordering::SeqCst) >= at)
    }

    /// Works until it is done, or the process ends.
    pub(crate) async fn until_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.is_over.notified() => None,
            done = work => Some(done),
        }
    }

    /// One step; the answer is lost where there is none.
    pub(crate) async fn step<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let number = self.steps.fetch_add(1, Ordering::SeqCst) + 1;
        let fault = self.at.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        if fault == Some(Fault::EndBefore) {
            self.end().await;
        }
        let done = work.await;
        if fault == Some(Fault::EndAfter) {
            self.end().await;
        }
        (fault != Some(Fault::LoseAnswer)).then_some(done)
    }

    async fn end(&self) {
        self.is_over.notify_one();
        pending::<()>().await;
    }

    /// The whole answer.
    pub(crate) async fn send(&self, request: http::Request<SdkBody>) -> http::Response<Bytes> {
        let response = self.client.request(request).await;
        let (head, body) = response.expect("the emulator is there").into_parts();
        let body = body.collect().await.expect("it answers to the end");
        http::Response::from_parts(head, body.to_bytes())
    }
}

impl Wire for Faulty {
    fn carry(self: Arc<Self>, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            let mut turn = None;
            if ONE_AT_A_TIME.contains(&operation(&request).as_str()) {
                turn = Some(self.turn.lock().await);
            }
            let request = request.try_into_http1x().expect("the SDK makes good requests");
            let Some(response) = self.step(self.send(request)).await else {
                return Err(ConnectorError::timeout("the answer was lost".into()));
            };
            drop(turn);
            let response = HttpResponse::try_from(response.map(SdkBody::from));
            Ok(response.expect("it is an answer"))
        })
    }
}
