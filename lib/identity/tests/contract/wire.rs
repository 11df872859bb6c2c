//! Between a provider and its contract server: writes down what is asked, and lets go wrong what a test wants to go wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tenantry_identity::{HttpClient, HttpFailure};
use tokio::sync::Notify;

/// A contract server.
pub trait Server: Send + Sync {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes>;
}

/// What goes wrong with one call or with some.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The process ends before the call.
    CutBefore,
    /// The process ends after the server has done it.
    CutAfter,
    /// The answer is lost, and the process hears of that.
    LoseAnswer,
    /// No connection.
    NoConnection,
    /// Nothing happens for an hour.
    Silence,
    /// The server, or something before it, says this instead of doing anything; with a header.
    Say(u16, &'static str, Option<(&'static str, &'static str)>),
}

/// Which calls a fault meets: so many are let through, then it meets so many.
#[derive(Clone, Copy, Debug)]
struct Plan {
    fault: Fault,
    spared: usize,
    met: usize,
}

pub struct Wire {
    server: Arc<dyn Server>,
    asked: Mutex<Vec<String>>,
    plan: Mutex<Option<Plan>>,
    pauses: AtomicU64,
    pub cut: Notify,
}

impl Wire {
    pub fn new(server: Arc<dyn Server>) -> Self {
        Self {
            server,
            asked: Mutex::default(),
            plan: Mutex::default(),
            pauses: AtomicU64::new(0),
            cut: Notify::new(),
        }
    }

    /// Lets `met` calls go wrong after `spared` ones have not.
    pub fn plan(&self, fault: Fault, spared: usize, met: usize) {
        *self.plan.lock().expect("no test panics with it") = Some(Plan { fault, spared, met });
    }

    /// Nothing goes wrong any more; whether something did.
    pub fn heal(&self) -> bool {
        let plan = self.plan.lock().expect("no test panics with it").take();
        plan.is_some_and(|plan| plan.spared == 0)
    }

    /// Lets the calls of tasks overtake each other, in an order that the seed decides.
    pub fn shuffle(&self, seed: u64) {
        self.pauses
            .store(seed.wrapping_mul(2).wrapping_add(1), Ordering::SeqCst);
    }

    /// What was asked since this was called last, with bodies.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no test panics with it"))
    }

    fn next_fault(&self) -> Option<Fault> {
        let mut plan = self.plan.lock().expect("no test panics with it");
        let plan = plan.as_mut()?;
        if plan.spared > 0 {
            plan.spared -= 1;
            return None;
        }
        plan.met = plan.met.checked_sub(1)?;
        Some(plan.fault)
    }

    async fn pause(&self) {
        let seed = self.pauses.load(Ordering::SeqCst);
        if seed == 0 {
            return;
        }
        let next = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.pauses.store(next | 1, Ordering::SeqCst);
        for _ in 0..(next >> 61) {
            tokio::task::yield_now().await;
        }
    }

    fn note(&self, request: &Request<Bytes>) {
        let target = request.uri().path_and_query().expect("the test is sound");
        let body = String::from_utf8_lossy(request.body());
        let line = format!("{} {target} {body}", request.method());
        self.asked
            .lock()
            .expect("no test panics with it")
            .push(line.trim_end().to_owned());
    }
}

impl HttpClient for Wire {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, HttpFailure>> {
        Box::pin(async move {
            self.pause().await;
            let fault = self.next_fault();
            match fault {
                Some(Fault::CutBefore) => {
                    self.cut.notify_one();
                    std::future::pending::<()>().await;
                }
                Some(Fault::NoConnection) => return Err(HttpFailure("no connection")),
                Some(Fault::Silence) => tokio::time::sleep(Duration::from_hours(1)).await,
                Some(Fault::Say(status, body, header)) => {
                    self.note(&request);
                    let mut response = Response::builder().status(status);
                    if let Some((name, value)) = header {
                        response = response.header(name, value);
                    }
                    return Ok(response
                        .body(Bytes::from_static(body.as_bytes()))
                        .expect("the test is sound"));
                }
                Some(Fault::CutAfter | Fault::LoseAnswer) | None => {}
            }
            self.note(&request);
            let response = self.server.answer(&request);
            match fault {
                Some(Fault::CutAfter) => {
                    self.cut.notify_one();
                    std::future::pending::<()>().await;
                }
                Some(Fault::LoseAnswer) => return Err(HttpFailure("the connection was closed")),
                _ => {}
            }
            self.pause().await;
            Ok(response)
        })
    }
}
