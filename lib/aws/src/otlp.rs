//! Export of spans to an OpenTelemetry collector: one for each request, and below it one for each call to AWS.
//!
//! Between two requests Lambda stops the process, so spans are sent before the answer leaves. What that costs is one local
//! call where the collector runs beside the function, as the OpenTelemetry layers for Lambda do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    SdkTracer, SdkTracerProvider, Span as OtelSpan, SpanData, SpanExporter as _, SpanProcessor,
};
use tenantry_app::TraceContext;
use tokio::sync::Mutex as AsyncMutex;
use tracing::Span;
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::Error;
use crate::https::{Https, public_roots};
use crate::telemetry::Work;

/// A collector that takes longer holds up answers.
const PATIENCE: Duration = Duration::from_secs(1);
/// More spans than any request has; what comes beyond is not kept.
const MOST_SPANS: usize = 1_000;

/// The spans of this process and where they go.
#[derive(Clone)]
pub(crate) struct Otlp {
    provider: SdkTracerProvider,
    collected: Collected,
}

/// Keeps ended spans until they are sent.
#[derive(Clone, Debug)]
struct Collected {
    ended: Arc<Mutex<Vec<SpanData>>>,
    exporter: Arc<AsyncMutex<SpanExporter>>,
}

/// Our HTTP client, as the exporter wants it.
#[derive(Debug)]
struct Wire(Https);

impl Otlp {
    /// Where `OTEL_EXPORTER_OTLP_ENDPOINT`, or its variant for traces, names a collector. The exporter itself reads those and the
    /// other variables of the OpenTelemetry specification: headers, service name, resource attributes, sampler.
    pub(crate) fn new(
        setting: impl Fn(&str) -> Option<String>,
        ca_bundle: Option<&str>,
    ) -> Result<Option<Self>, Error> {
        let names = [
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ];
        if names.iter().all(|name| setting(name).is_none()) {
            return Ok(None);
        }
        let client = Wire(Https::trusting(public_roots(ca_bundle)?)?);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .build()?;
        Ok(Some(Self::with(exporter)))
    }

    fn with(exporter: SpanExporter) -> Self {
        let collected = Collected {
            ended: Arc::default(),
            exporter: Arc::new(AsyncMutex::new(exporter)),
        };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(collected.clone())
            .build();
        Self { provider, collected }
    }

    /// What hands this process's spans over: those of requests, and those that the SDKs make of their calls.
    pub(crate) fn layer<S>(&self) -> OpenTelemetryLayer<S, SdkTracer>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("tenantry"))
            .with_location(false)
            .with_threads(false)
    }

    /// Whether a span is worth exporting.
    pub(crate) fn takes(metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_span()
            && (metadata.target() == module_path!() || metadata.target().starts_with("aws_sdk_"))
    }

    /// The span of an invocation, under that of its caller.
    pub(crate) fn begin(work: Work<'_>, headers: &HeaderMap) -> (Span, Option<TraceContext>) {
        let (name, kind) = match work {
            Work::Request(route) => (route, "server"),
            #[cfg(feature = "consumer")]
            Work::Batch => ("batch", "consumer"),
        };
        let span = tracing::info_span!(
            "invocation",
            otel.name = name,
            otel.kind = kind,
            http.response.status_code = tracing::field::Empty,
            otel.status_code = tracing::field::Empty
        );
        let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        // Refused only for a span that no layer of ours has seen; it has no context then, and the request makes its own.
        let _ = span.set_parent(parent);
        let context = span.context();
        let context = context.span().span_context().clone();
        let trace = context.is_valid().then(|| {
            let (trace_id, span_id) = (context.trace_id(), context.span_id());
            TraceContext::of_span(trace_id.to_string(), span_id.to_string(), context.is_sampled())
        });
        (span, trace)
    }

    /// Notes how the request was answered.
    pub(crate) fn end(span: &Span, status: http::StatusCode) {
        span.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
    }

    /// Sends the spans that have ended. What cannot be sent is dropped: a request does not fail for want of its trace.
    pub(crate) async fn flush(&self) {
        let ended = std::mem::take(
            &mut *self
                .collected
                .ended
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if ended.is_empty() {
            return;
        }
        let spans = ended.len();
        let exporter = self.collected.exporter.lock().await;
        match tokio::time::timeout(PATIENCE, exporter.export(ended)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(spans, error = %error, "spans could not be exported"),
            Err(_) => tracing::warn!(spans, "the collector of spans did not answer in time"),
        }
    }
}

impl SpanProcessor for Collected {
    fn on_start(&self, _: &mut OtelSpan, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if span.span_context.is_sampled() && ended.len() < MOST_SPANS {
            ended.push(span);
        }
    }

    /// Sending has to wait for an answer, which only `Otlp::flush` can.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        if let Ok(mut exporter) = self.exporter.try_lock() {
            exporter.set_resource(resource);
        }
    }
}

impl HttpClient for Wire {
    fn send_bytes<'client, 'future>(
        &'client self,
        request: Request<Bytes>,
    ) -> BoxFuture<'future, Result<Response<Bytes>, HttpError>>
    where
        'client: 'future,
        Self: 'future,
    {
        async move {
            let response = self.0.send(request.map(SdkBody::from)).await?;
            let (parts, body) = response.into_parts();
            Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tracing::Instrument as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    /// Takes one request; answers with its head and its body.
    async fn collect(listener: TcpListener) -> (String, Value) {
        let (mut stream, _) = listener.accept().await.expect("the exporter connects");
        let mut text = String::new();
        loop {
            let mut bytes = [0; 8192];
            let count = stream.read(&mut bytes).await.expect("the exporter writes");
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if length == Some(&body.len().to_string()) {
                let body = serde_json::from_str(body).expect("OTLP as JSON");
                let answer =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                stream
                    .write_all(answer.as_bytes())
                    .await
                    .expect("the exporter reads");
                return (head.to_owned(), body);
            }
        }
    }

    fn exporter(port: u16) -> Otlp {
        use opentelemetry_otlp::WithExportConfig as _;
        let roots = public_roots(None).expect("roots are compiled in");
        let client = Wire(Https::trusting(roots).expect("the client can be made"));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("http://127.0.0.1:{port}/v1/traces"))
            .build();
        Otlp::with(exporter.expect("the exporter can be made"))
    }

    fn listen(otlp: &Otlp) -> tracing::subscriber::DefaultGuard {
        let filter = tracing_subscriber::filter::filter_fn(Otlp::takes);
        let layer = tracing_subscriber::Layer::with_filter(otlp.layer(), filter);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    #[tokio::test]
    async fn a_request_and_its_calls_are_exported_below_the_callers_span() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let otlp = exporter(listener.local_addr().expect("it is bound").port());
        let _guard = listen(&otlp);
        let mut headers = HeaderMap::new();
        let callers = format!("00-{TRACE}-b7ad6b7169203331-01");
        headers.insert("traceparent", callers.parse().expect("a header's value"));

        let (span, trace) = Otlp::begin(Work::Request("POST /leads"), &headers);
        async {
            // As the SDK does for each call.
            tracing::debug_span!(target: "aws_sdk_dynamodb::operation::transact_write_items", "DynamoDB.TransactWriteItems")
                .in_scope(|| ());
            tracing::debug_span!(target: "hyper", "not ours").in_scope(|| ());
        }
        .instrument(span.clone())
        .await;
        Otlp::end(&span, http::StatusCode::SERVICE_UNAVAILABLE);
        drop(span);
        let ((), (head, body)) = tokio::join!(otlp.flush(), collect(listener));

        let trace = trace.expect("the layer gives one");
        assert_eq!(trace.trace_id(), TRACE);
        assert!(head.starts_with("POST /v1/traces "), "{head}");
        let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"]
            .as_array()
            .expect("there are spans")
            .clone();
        let named = |name: &str| {
            let found = spans.iter().find(|span| span["name"] == name);
            found.unwrap_or_else(|| panic!("no {name} in {body}"))
        };
        let (request, call) = (named("POST /leads"), named("DynamoDB.TransactWriteItems"));
        assert_eq!(spans.len(), 2, "{body}");
        assert_eq!(request["traceId"], TRACE);
        assert_eq!(request["parentSpanId"], "b7ad6b7169203331");
        assert_eq!(request["status"]["code"], 2, "an answer of 5xx is an error");
        assert_eq!(call["traceId"], TRACE);
        assert_eq!(call["parentSpanId"], request["spanId"]);
        // What the request leads to is below the request.
        let ours = request["spanId"].as_str().expect("a span has an id");
        assert!(trace.traceparent().contains(ours));
    }

    #[tokio::test]
    async fn what_the_caller_does_not_sample_is_not_exported() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let otlp = exporter(listener.local_addr().expect("it is bound").port());
        let _guard = listen(&otlp);
        let mut headers = HeaderMap::new();
        let callers = format!("00-{TRACE}-b7ad6b7169203331-00");
        headers.insert("traceparent", callers.parse().expect("a header's value"));

        let (span, trace) = Otlp::begin(Work::Request("GET /"), &headers);
        drop(span);
        otlp.flush().await;

        assert!(
            listener.accept().now_or_never().is_none(),
            "nobody was connected to"
        );
        assert!(trace.is_some_and(|trace| trace.traceparent().ends_with("-00")));
    }

    #[tokio::test]
    async fn a_collector_that_is_away_costs_its_spans_and_nothing_else() {
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = gone.local_addr().expect("it is bound").port();
        drop(gone);
        let otlp = exporter(port);
        let _guard = listen(&otlp);

        let (span, _) = Otlp::begin(Work::Request("GET /"), &HeaderMap::new());
        drop(span);
        otlp.flush().await;

        assert!(
            otlp.collected
                .ended
                .lock()
                .expect("no test panics here")
                .is_empty()
        );
    }

    #[test]
    fn without_an_endpoint_there_is_no_export() {
        assert!(Otlp::new(|_| None, None).is_ok_and(|otlp| otlp.is_none()));
    }
}
