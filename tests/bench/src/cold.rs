use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Error;
use crate::cloud::Cloud;
use crate::figures::{median, quantile, spread, table};
use crate::function::{Function, Supply};
use crate::installation::Installation;
use crate::runtime_api::{Poll, RuntimeApi};
use crate::watched::Watched;

/// What is measured, and how often.
pub(crate) struct Options {
    pub(crate) functions: Vec<Function>,
    /// Where the binaries are.
    pub(crate) bin_dir: PathBuf,
    /// How they were built.
    pub(crate) built: String,
    pub(crate) runs: usize,
    /// Requests after the first one of each run.
    pub(crate) warm: usize,
    pub(crate) counts_instructions: bool,
    pub(crate) is_json: bool,
}

/// What one start of a function cost. Times in milliseconds.
#[derive(Default)]
struct Run {
    init_cpu: f64,
    init_wall: f64,
    first_cpu: f64,
    first_wall: f64,
    warm_cpu: Vec<f64>,
    warm_wall: Vec<f64>,
    first_memory_mb: f64,
    memory_mb: f64,
}

/// The figures of a function over all its runs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    function: &'static str,
    request: &'static str,
    binary_bytes: u64,
    zip_bytes: u64,
    init_cpu_ms: Vec<f64>,
    init_wall_ms: Vec<f64>,
    first_cpu_ms: Vec<f64>,
    first_wall_ms: Vec<f64>,
    warm_wall_p50_ms: f64,
    warm_wall_p99_ms: f64,
    warm_cpu_ms: f64,
    first_memory_mb: Vec<f64>,
    peak_memory_mb: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<Instructions>,
}

/// Instructions that were carried out, counted by valgrind.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Instructions {
    init: u64,
    first: u64,
}

/// A function's process, ended when it is dropped.
struct Started {
    child: Child,
    api: RuntimeApi,
    at: Instant,
    log: PathBuf,
}

/// A function that is silent for so long will not answer any more; under valgrind everything takes fifty times as long.
const PATIENCE: Duration = Duration::from_mins(1);
/// After an answer a function finishes its span and asks for the next event. What it did until then belongs to the answer.
const SETTLE: Duration = Duration::from_millis(2);

pub(crate) async fn measure(options: &Options) -> Result<(), Error> {
    let folder = TempDir::new()?;
    let installation = Installation::start().await?;
    let cloud = Cloud::start(&installation.product.table.endpoint).await?;
    let roots = Roots::write(folder.path(), &cloud)?;
    let has_valgrind = options.counts_instructions && find_valgrind().await;
    let mut all = Vec::new();
    for &function in &options.functions {
        let binary = options.bin_dir.join(function.name());
        let valgrind_runs = if has_valgrind { 2 } else { 0 };
        let count = options.runs * (1 + options.warm) + valgrind_runs;
        let mut bench = Bench {
            function,
            binary: &binary,
            supply: function.supply(count, &installation, &cloud).await?,
            cloud: &cloud,
            roots: &roots,
            folder: folder.path(),
        };
        let mut runs = Vec::new();
        for _ in 0..options.runs {
            runs.push(bench.run(options.warm).await?);
        }
        let instructions = if has_valgrind {
            Some(bench.count_instructions().await?)
        } else {
            None
        };
        all.push(Measured::of(function, &binary, &runs, instructions)?);
    }
    let text = if options.is_json {
        let document = serde_json::json!({ "built": options.built, "functions": all });
        serde_json::to_string_pretty(&document)?
    } else {
        report(options, &all, has_valgrind)
    };
    crate::print(&text);
    Ok(())
}

/// The files that tell a function which certificates to trust.
struct Roots {
    /// The bench's root alone, for `AWS_CA_BUNDLE`.
    own: PathBuf,
    /// The platform's roots and the bench's: what a function reads that looks at the platform's store.
    platform: PathBuf,
}

impl Roots {
    fn write(folder: &Path, cloud: &Cloud) -> Result<Self, Error> {
        let (own, platform) = (folder.join("root.pem"), folder.join("platform.pem"));
        fs::write(&own, &cloud.root_pem)?;
        // Debian's, then that of Fedora and Amazon Linux.
        let stores = [
            "/etc/ssl/certs/ca-certificates.crt",
            "/etc/pki/tls/certs/ca-bundle.crt",
        ];
        let store = stores.iter().find_map(|path| fs::read_to_string(path).ok());
        fs::write(&platform, store.unwrap_or_default() + &cloud.root_pem)?;
        Ok(Self { own, platform })
    }
}

struct Bench<'a> {
    function: Function,
    binary: &'a Path,
    supply: Supply,
    cloud: &'a Cloud,
    roots: &'a Roots,
    folder: &'a Path,
}

impl Bench<'_> {
    /// One cold start, the first event, and the warm ones.
    async fn run(&mut self, warm: usize) -> Result<Run, Error> {
        let mut started = self.start(&[]).await?;
        let watched = started.watched()?;
        let poll = started.ready().await?;
        let mut run = Run {
            init_wall: ms(poll.at - started.at),
            ..Run::default()
        };
        sleep(SETTLE).await;
        run.init_cpu = watched.cpu_ms()?;
        let (mut poll, cpu, wall) = self.invoke(&mut started, watched, poll).await?;
        (run.first_cpu, run.first_wall) = (cpu, wall);
        run.first_memory_mb = megabytes(watched.peak_memory_bytes()?);
        for _ in 0..warm {
            let (next, cpu, wall) = self.invoke(&mut started, watched, poll).await?;
            run.warm_cpu.push(cpu);
            run.warm_wall.push(wall);
            poll = next;
        }
        run.memory_mb = megabytes(watched.peak_memory_bytes()?);
        Ok(run)
    }

    /// Hands out one event. Returns the function's next wish, and what the event cost in CPU and time.
    async fn invoke(
        &mut self,
        started: &mut Started,
        watched: Watched,
        poll: Poll,
    ) -> Result<(Poll, f64, f64), Error> {
        let event = self.supply.next()?;
        let before = watched.cpu_ms()?;
        let handed_out = poll.hand_out(&event);
        let answered = started.answered(self.function).await?;
        let next = started.ready().await?;
        sleep(SETTLE).await;
        Ok((next, watched.cpu_ms()? - before, ms(answered - handed_out)))
    }

    /// The same start twice under valgrind, once without and once with the first event.
    async fn count_instructions(&mut self) -> Result<Instructions, Error> {
        let init = self.count(false).await?;
        let both = self.count(true).await?;
        Ok(Instructions {
            init,
            first: both.saturating_sub(init),
        })
    }

    async fn count(&mut self, with_first: bool) -> Result<u64, Error> {
        let counts = self.folder.join("cachegrind.out");
        let mut out = OsString::from("--cachegrind-out-file=");
        out.push(&counts);
        let mut started = self
            .start(&[
                "--quiet".into(),
                "--tool=cachegrind".into(),
                "--cache-sim=no".into(),
                out,
            ])
            .await?;
        let watched = started.watched()?;
        let mut poll = started.ready().await?;
        if with_first {
            let event = self.supply.next()?;
            poll.hand_out(&event);
            started.answered(self.function).await?;
            poll = started.ready().await?;
        }
        watched.terminate()?;
        let _: ExitStatus = timeout(PATIENCE, started.child.wait()).await??;
        drop(poll);
        let counts = fs::read_to_string(&counts)?;
        let total = counts.lines().find_map(|line| line.strip_prefix("summary:"));
        let total = total.ok_or("valgrind wrote no summary")?;
        Ok(total.trim().parse()?)
    }

    /// Starts the function as Lambda does: nothing in its environment but what Lambda and the template put there.
    async fn start(&self, valgrind: &[OsString]) -> Result<Started, Error> {
        let api = RuntimeApi::start().await?;
        let log = self.folder.join("log");
        let (out, err) = (File::create(&log)?, File::options().append(true).open(&log)?);
        let mut command = if valgrind.is_empty() {
            Command::new(self.binary)
        } else {
            let mut command = Command::new("valgrind");
            command.args(valgrind).arg(self.binary);
            command
        };
        command
            .env_clear()
            .envs(self.function.environment(self.cloud))
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", api.address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", self.function.name()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/bench"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "bench"),
                ("AWS_REGION", "eu-central-1"),
                ("AWS_DEFAULT_REGION", "eu-central-1"),
                ("AWS_ACCESS_KEY_ID", "AKIDBENCH"),
                ("AWS_SECRET_ACCESS_KEY", "bench"),
                ("AWS_SESSION_TOKEN", "bench"),
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ])
            .env("AWS_CA_BUNDLE", &self.roots.own)
            .env("SSL_CERT_FILE", &self.roots.platform)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .kill_on_drop(true);
        let at = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", self.binary.display()))?;
        Ok(Started { child, api, at, log })
    }
}

impl Started {
    fn watched(&self) -> Result<Watched, Error> {
        Watched::new(self.child.id().ok_or("the function ended at once")?)
    }

    async fn ready(&mut self) -> Result<Poll, Error> {
        let poll = tokio::select! {
            poll = timeout(PATIENCE, self.api.ready()) => poll.ok().flatten(),
            _ = self.child.wait() => None,
        };
        poll.ok_or_else(|| self.complaint("it ended, or did not ask for an event"))
    }

    async fn answered(&mut self, function: Function) -> Result<Instant, Error> {
        let answer = tokio::select! {
            answer = timeout(PATIENCE, self.api.answer()) => answer.ok().flatten(),
            _ = self.child.wait() => None,
        };
        let answer = answer.ok_or_else(|| self.complaint("it ended, or gave no answer"))?;
        let right = answer
            .outcome
            .map_err(Error::from)
            .and_then(|outcome| function.check(&outcome));
        match right {
            Ok(()) => Ok(answer.at),
            Err(error) => Err(self.complaint(&error.to_string())),
        }
    }

    fn complaint(&self, what: &str) -> Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        format!("{what}; its log:\n{log}").into()
    }
}

impl Measured {
    fn of(
        function: Function,
        binary: &Path,
        runs: &[Run],
        instructions: Option<Instructions>,
    ) -> Result<Self, Error> {
        let of_each = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<_>>();
        let of_all =
            |figure: fn(&Run) -> &Vec<f64>| runs.iter().flat_map(figure).copied().collect::<Vec<_>>();
        let warm_wall = of_all(|run| &run.warm_wall);
        Ok(Self {
            function: function.name(),
            request: function.request(),
            binary_bytes: fs::metadata(binary)?.len(),
            zip_bytes: zip_bytes(binary)?,
            init_cpu_ms: of_each(|run| run.init_cpu),
            init_wall_ms: of_each(|run| run.init_wall),
            first_cpu_ms: of_each(|run| run.first_cpu),
            first_wall_ms: of_each(|run| run.first_wall),
            warm_wall_p50_ms: median(&warm_wall),
            warm_wall_p99_ms: quantile(&warm_wall, 0.99),
            warm_cpu_ms: median(&of_all(|run| &run.warm_cpu)),
            first_memory_mb: of_each(|run| run.first_memory_mb),
            peak_memory_mb: of_each(|run| run.memory_mb),
            instructions,
        })
    }

    fn row(&self) -> Vec<String> {
        let sums = self.init_cpu_ms.iter().zip(&self.first_cpu_ms);
        let sums: Vec<f64> = sums.map(|(init, first)| init + first).collect();
        let millions = |figure: fn(Instructions) -> u64| {
            #[expect(clippy::cast_precision_loss, reason = "shown in millions")]
            self.instructions.map_or_else(
                || "-".to_owned(),
                |counted| format!("{:.1}", figure(counted) as f64 / 1e6),
            )
        };
        vec![
            self.function.to_owned(),
            format!("{:.2}", megabytes(self.binary_bytes)),
            format!("{:.2}", megabytes(self.zip_bytes)),
            spread(&self.init_cpu_ms),
            spread(&self.first_cpu_ms),
            spread(&sums),
            format!("{:.1}", median(&self.init_wall_ms)),
            format!("{:.1}", median(&self.first_wall_ms)),
            format!("{:.2}", self.warm_cpu_ms),
            format!("{:.2}", self.warm_wall_p50_ms),
            format!("{:.2}", self.warm_wall_p99_ms),
            format!("{:.1}", median(&self.first_memory_mb)),
            format!("{:.1}", median(&self.peak_memory_mb)),
            millions(|counted| counted.init),
            millions(|counted| counted.first),
        ]
    }
}

fn report(options: &Options, all: &[Measured], has_valgrind: bool) -> String {
    let head = [
        "function",
        "binary MB",
        "zip MB",
        "init CPU ms",
        "first CPU ms",
        "sum CPU ms",
        "init ms",
        "first ms",
        "warm CPU ms",
        "warm p50 ms",
        "warm p99 ms",
        "first RSS MB",
        "peak RSS MB",
        "init Minstr",
        "first Minstr",
    ];
    let rows: Vec<Vec<String>> = all.iter().map(Measured::row).collect();
    let requests: Vec<String> = all
        .iter()
        .map(|measured| format!("{} {}", measured.function, measured.request))
        .collect();
    let mut text = format!(
        "Built as: {}\nEach function started {} times, {} warm requests each. CPU: median (least-most), user and system. MB: \
         millions of bytes.\nInit: until it asks for the first event. Requests: {}.\n\n{}",
        options.built,
        options.runs,
        options.warm,
        requests.join(", "),
        table(&head, &rows)
    );
    if options.counts_instructions && !has_valgrind {
        text.push_str(
            "\nInstructions are not counted: there is no valgrind here (`apt-get install valgrind`).\n",
        );
    }
    text
}

async fn find_valgrind() -> bool {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.await.is_ok_and(|status| status.success())
}

/// What `cargo lambda build --output-format zip` makes of it: one file, deflated at the usual level.
fn zip_bytes(binary: &Path) -> Result<u64, Error> {
    /// Local header, directory entry, their names (`bootstrap`), and the end record.
    const FRAME: u64 = 30 + 46 + 2 * 9 + 22;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&fs::read(binary)?)?;
    Ok(u64::try_from(encoder.finish()?.len())? + FRAME)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
