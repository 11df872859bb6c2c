use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::Error;
use crate::figures::{median, quantile, table};
use crate::installation::{Installation, id_of, new_lead, new_tenant};
use crate::token::{AUDIENCE, ISSUER, TokenKey};
use crate::watched::Watched;

/// What is measured, and how much of it.
pub(crate) struct Options {
    /// The API's binary.
    pub(crate) api: PathBuf,
    /// How it was built.
    pub(crate) built: String,
    pub(crate) connections: Vec<usize>,
    /// How many requests of each kind, at each number of connections.
    pub(crate) requests: usize,
    pub(crate) is_json: bool,
}

/// A request that is repeated.
struct Endpoint {
    name: &'static str,
    method: Method,
    path: fn(&World, usize) -> String,
    body: fn(usize) -> Option<Value>,
}

/// What the requests are about.
struct World {
    token: String,
    /// Has everything that a tenant can have.
    tenant_id: String,
    /// More than there are connections, so that no two requests at once change the same one.
    others: Vec<String>,
}

const ENDPOINTS: [Endpoint; 6] = [
    Endpoint {
        name: "GET /tenants/{id}",
        method: Method::GET,
        path: |world, _| format!("/tenants/{}", world.tenant_id),
        body: |_| None,
    },
    Endpoint {
        name: "GET /tenants/{id} with relations",
        method: Method::GET,
        path: |world, _| format!("/tenants/{}?include=contacts,resources,lead", world.tenant_id),
        body: |_| None,
    },
    Endpoint {
        name: "GET /tenants?limit=20",
        method: Method::GET,
        path: |_, _| "/tenants?limit=20".to_owned(),
        body: |_| None,
    },
    Endpoint {
        name: "POST /leads",
        method: Method::POST,
        path: |_, _| "/leads".to_owned(),
        body: |number| Some(new_lead(&format!("ada.{number}@acme.example"))),
    },
    Endpoint {
        name: "POST /tenants",
        method: Method::POST,
        path: |_, _| "/tenants".to_owned(),
        body: |number| Some(new_tenant(&format!("l{number}"))),
    },
    Endpoint {
        name: "PATCH /tenants/{id}",
        method: Method::PATCH,
        path: |world, number| format!("/tenants/{}", world.others[number % world.others.len()]),
        body: |number| Some(json!({ "name": format!("Acme {number}") })),
    },
];

/// Tenants to list and to change.
const OTHERS: usize = 200;
/// Until a process that was started says where it is.
const START: Duration = Duration::from_secs(30);
/// Until an answer has come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of ours, ended when it is dropped.
struct Started {
    _child: Child,
    watched: Watched,
    lines: Vec<String>,
}

/// The processes that are watched.
#[derive(Clone, Copy)]
struct Pair {
    api: Watched,
    engine: Watched,
}

/// What requests of one kind cost, each.
struct Cost {
    api_us: f64,
    engine_us: f64,
    per_second: f64,
    latencies_ms: Vec<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    endpoint: &'static str,
    connections: usize,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    api_cpu_us: f64,
    engine_cpu_us: f64,
    /// Of the API's: what an axum route costs that answers the same number of bytes.
    http_cpu_us: f64,
    /// Of the API's: what the same calls cost through the bare SDK.
    sdk_cpu_us: f64,
    /// Of the API's: the rest.
    own_cpu_us: f64,
}

pub(crate) async fn measure(options: &Options) -> Result<(), Error> {
    let key = TokenKey::make()?;
    let log = tempfile::NamedTempFile::new()?;
    let mut command = Command::new(std::env::current_exe()?);
    let engine = Started::new(command.arg("engine").stderr(Stdio::inherit()), 2).await?;
    let mut command = Command::new(&options.api);
    command
        .args(["--table", tenantry_local::TABLE, "--endpoint", &engine.lines[0]])
        .args(["--issuer", ISSUER, "--audience", AUDIENCE])
        .args(["--key-set", &key.key_set().to_string()])
        .stderr(log.reopen()?);
    let api = Started::new(&mut command, 2).await?;
    let pair = Pair {
        api: api.watched,
        engine: engine.watched,
    };
    let (product, control) = (&*api.lines[0], &*api.lines[1]);
    let mut world = World {
        token: key.operator_token(),
        tenant_id: engine.lines[1].clone(),
        others: Vec::new(),
    };
    fill(product, &mut world).await?;
    let world = Arc::new(world);
    let measured = measure_all(options, pair, product, control, world).await;
    let all = measured.map_err(|error| format!("{error}\n{}", errors(log.path())))?;
    let text = if options.is_json {
        serde_json::to_string_pretty(&json!({ "built": options.built, "endpoints": all }))?
    } else {
        report(options, &all)
    };
    crate::print(&text);
    Ok(())
}

/// What the API said about its failures.
fn errors(log: &Path) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let errors = log.lines().filter(|line| line.contains("\"ERROR\""));
    errors.collect::<Vec<_>>().join("\n")
}

async fn measure_all(
    options: &Options,
    pair: Pair,
    product: &str,
    control: &str,
    world: Arc<World>,
) -> Result<Vec<Measured>, Error> {
    let numbers = Arc::new(AtomicUsize::new(0));
    let mut all = Vec::new();
    for endpoint in &ENDPOINTS {
        // What it calls, and how long its answer is.
        let mut sender = connect(control).await?;
        ask(&mut sender, Method::POST, "/bench/record", &world, 0, None).await?;
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let body = (endpoint.body)(number);
        let path = (endpoint.path)(&world, number);
        let answer = ask(
            &mut sender,
            endpoint.method.clone(),
            &path,
            &world,
            number,
            body.as_ref(),
        )
        .await?;
        ask(&mut sender, Method::POST, "/bench/record", &world, 0, None).await?;
        let constant = format!("/bench/constant/{}", answer.len());
        for &connections in &options.connections {
            let load = Load {
                requests: options.requests,
                connections,
                pair,
                world: Arc::clone(&world),
                numbers: Arc::clone(&numbers),
            };
            let whole = load.put_on(product, endpoint, None).await?;
            let prepare = format!("/bench/prepare/{}", options.requests + connections);
            ask(&mut sender, Method::POST, &prepare, &world, 0, None).await?;
            let sdk = load.put_on(control, endpoint, Some("/bench/replay")).await?;
            let http = load.put_on(control, endpoint, Some(&constant)).await?;
            all.push(Measured {
                endpoint: endpoint.name,
                connections,
                per_second: whole.per_second,
                p50_ms: median(&whole.latencies_ms),
                p99_ms: quantile(&whole.latencies_ms, 0.99),
                api_cpu_us: whole.api_us,
                engine_cpu_us: whole.engine_us,
                http_cpu_us: http.api_us,
                sdk_cpu_us: sdk.api_us - http.api_us,
                own_cpu_us: whole.api_us - sdk.api_us,
            });
        }
    }
    Ok(all)
}

/// The engine's process: the embedded DynamoDB with one complete tenant, until it is ended.
pub(crate) async fn serve_engine() -> Result<(), Error> {
    let installation = Installation::start().await?;
    let (_, tenant_id) = installation
        .complete_tenant("complete", "complete@acme.com")
        .await?;
    crate::print(&installation.product.table.endpoint);
    crate::print(&tenant_id);
    std::future::pending().await
}

async fn fill(product: &str, world: &mut World) -> Result<(), Error> {
    let mut sender = connect(product).await?;
    for number in 0..OTHERS {
        let tenant = new_tenant(&format!("o{number}"));
        let answer = ask(&mut sender, Method::POST, "/tenants", world, 0, Some(&tenant)).await?;
        world.others.push(id_of(&serde_json::from_slice(&answer)?)?);
    }
    Ok(())
}

/// A number of requests over a number of connections, each connection with the next request when it has its answer.
struct Load {
    requests: usize,
    connections: usize,
    pair: Pair,
    world: Arc<World>,
    numbers: Arc<AtomicUsize>,
}

impl Load {
    /// Sends the endpoint's requests, to its own path or to another one.
    async fn put_on(&self, address: &str, endpoint: &Endpoint, instead: Option<&str>) -> Result<Cost, Error> {
        let (path, body, method) = (endpoint.path, endpoint.body, endpoint.method.clone());
        let instead = instead.map(str::to_owned);
        let path_of = move |world: &World, number| instead.clone().unwrap_or_else(|| path(world, number));
        let mut senders = Vec::new();
        for _ in 0..self.connections {
            let mut sender = connect(address).await?;
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let path = path_of(&self.world, number);
            ask(
                &mut sender,
                method.clone(),
                &path,
                &self.world,
                number,
                body(number).as_ref(),
            )
            .await?;
            senders.push(sender);
        }
        let left = Arc::new(AtomicUsize::new(self.requests));
        let mut tasks = JoinSet::new();
        let (started, api, engine) = (
            Instant::now(),
            self.pair.api.cpu_ms()?,
            self.pair.engine.cpu_ms()?,
        );
        for mut sender in senders {
            let (left, numbers, world) = (
                Arc::clone(&left),
                Arc::clone(&self.numbers),
                Arc::clone(&self.world),
            );
            let (path_of, method) = (path_of.clone(), method.clone());
            tasks.spawn(async move {
                let mut latencies = Vec::new();
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let (path, body) = (path_of(&world, number), body(number));
                    let asked = Instant::now();
                    ask(&mut sender, method.clone(), &path, &world, number, body.as_ref()).await?;
                    latencies.push(asked.elapsed().as_secs_f64() * 1_000.0);
                }
                Ok::<_, Error>(latencies)
            });
        }
        let mut latencies_ms = Vec::new();
        while let Some(finished) = tasks.join_next().await {
            latencies_ms.extend(finished??);
        }
        let seconds = started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "thousands of requests")]
        let requests = self.requests as f64;
        Ok(Cost {
            api_us: (self.pair.api.cpu_ms()? - api) * 1_000.0 / requests,
            engine_us: (self.pair.engine.cpu_ms()? - engine) * 1_000.0 / requests,
            per_second: requests / seconds,
            latencies_ms,
        })
    }
}

async fn connect(address: &str) -> Result<SendRequest<Full<Bytes>>, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a request as an operator and reads its answer, which must be a success.
async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    method: Method,
    path: &str,
    world: &World,
    number: usize,
    body: Option<&Value>,
) -> Result<Bytes, Error> {
    // Every lead comes from an address of its own, as far as the documentation's addresses go.
    let client = format!("198.18.{}.{}", number / 250 % 250, number % 250);
    let request = Request::builder()
        .method(&method)
        .uri(path)
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", world.token))
        .header("x-bench-client", client)
        .header("content-type", "application/json");
    let request = request.body(Full::from(body.map(Value::to_string).unwrap_or_default()))?;
    // The connection is free a moment after the last answer was read.
    sender.ready().await?;
    let response = timeout(PATIENCE, sender.send_request(request)).await??;
    let status = response.status();
    let bytes = response.into_body().collect().await?.to_bytes();
    if status == StatusCode::OK || status == StatusCode::CREATED {
        Ok(bytes)
    } else {
        Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes)).into())
    }
}

impl Started {
    /// Starts a process and waits until it has said as many lines.
    async fn new(command: &mut Command, lines: usize) -> Result<Self, Error> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{command:?} does not start: {error}"))?;
        let out = child.stdout.take().ok_or("the process has no output")?;
        let lines = timeout(START, read_lines(out, lines)).await??;
        Ok(Self {
            watched: Watched::new(child.id().ok_or("the process ended at once")?)?,
            _child: child,
            lines,
        })
    }
}

async fn read_lines(out: ChildStdout, count: usize) -> Result<Vec<String>, Error> {
    let (mut reader, mut lines) = (BufReader::new(out).lines(), Vec::new());
    while lines.len() < count {
        lines.push(
            reader
                .next_line()
                .await?
                .ok_or("the process ended before it was ready")?,
        );
    }
    Ok(lines)
}

fn report(options: &Options, all: &[Measured]) -> String {
    let head = [
        "endpoint",
        "connections",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "engine CPU us",
        "API CPU us",
        "of it HTTP",
        "of it SDK",
        "of it own",
    ];
    let row = |measured: &Measured| {
        vec![
            measured.endpoint.to_owned(),
            measured.connections.to_string(),
            format!("{:.0}", measured.per_second),
            format!("{:.2}", measured.p50_ms),
            format!("{:.2}", measured.p99_ms),
            format!("{:.0}", measured.engine_cpu_us),
            format!("{:.0}", measured.api_cpu_us),
            format!("{:.0}", measured.http_cpu_us),
            format!("{:.0}", measured.sdk_cpu_us),
            format!("{:.0}", measured.own_cpu_us),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    format!(
        "API built as: {}\n{} requests each. CPU per request, user and system, of each process. HTTP: an axum route that answers \
         as many bytes;\nSDK: the same calls to the table through the bare SDK behind such a route, less HTTP; own: the \
         rest.\n\n{}",
        options.built,
        options.requests,
        table(&head, &rows)
    )
}
