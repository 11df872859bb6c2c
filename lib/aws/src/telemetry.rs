use std::io::Write as _;

use http::{HeaderMap, StatusCode};
use metrics_cloudwatch_embedded::{Builder, Collector};
use tenantry_app::{TraceContext, metric};
use tracing::Span;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::Error;
use crate::otlp::Otlp;
use crate::start::setting;

/// What this process tells of itself: log lines, metrics, and spans where a collector wants them.
#[derive(Clone)]
pub struct Telemetry {
    /// CloudWatch reads metrics out of the log, so a flush costs a line and no call.
    metrics: &'static Collector,
    spans: Option<Otlp>,
}

/// What an invocation is about, as a span says it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work<'a> {
    /// A request, by its route.
    Request(&'a str),
    /// A batch of a queue or stream.
    #[cfg(feature = "consumer")]
    Batch,
}

impl Telemetry {
    /// Takes the process's log, metrics and spans.
    pub(crate) fn start(ca_bundle: Option<&str>) -> Result<Self, Error> {
        let spans = Otlp::new(setting, ca_bundle)?;
        init_logs(spans.as_ref());
        let metrics = Builder::new()
            .cloudwatch_namespace(metric::NAMESPACE)
            .with_dimension("Stage", setting("STAGE").unwrap_or_else(|| "none".to_owned()))
            .init()?;
        metric::describe();
        Ok(Self { metrics, spans })
    }

    /// Begins the span of an invocation, below that of its caller, if spans are wanted.
    pub(crate) fn begin(&self, work: Work<'_>, headers: &HeaderMap) -> (Span, Option<TraceContext>) {
        match &self.spans {
            Some(_) => Otlp::begin(work, headers),
            None => (Span::none(), None),
        }
    }

    /// Writes and sends what there is to tell about an invocation. Lambda may stop the process for good between two of them,
    /// so this happens before the answer leaves.
    pub(crate) async fn end(&self, span: Span, status: StatusCode, request_id: &str) {
        self.write_metrics(request_id);
        if let Some(spans) = &self.spans {
            Otlp::end(&span, status);
            drop(span);
            spans.flush().await;
        }
    }

    fn write_metrics(&self, request_id: &str) {
        let mut lines = Vec::new();
        let written = self
            .metrics
            .set_property("request.id", request_id)
            .flush(&mut lines)
            // In one piece, so that no other line gets in between.
            .and_then(|()| std::io::stdout().write_all(&lines));
        if let Err(error) = written {
            tracing::warn!(error = %error, "the metrics could not be written");
        }
    }
}

fn init_logs(spans: Option<&Otlp>) {
    // A level and not a filter by module: those are regular expressions, and the engine for them is linked and started.
    let level = setting("LOG_LEVEL").and_then(|level| level.parse().ok());
    // CloudWatch adds the time.
    let lines = fmt::layer()
        .json()
        .flatten_event(true)
        .with_target(false)
        .without_time()
        .with_filter(level.unwrap_or(LevelFilter::INFO));
    let spans = spans.map(|spans| spans.layer().with_filter(filter_fn(Otlp::takes)));
    tracing_subscriber::registry().with(spans).with(lines).init();
}
