//! A collector of traces: takes what a server sends by OTLP, and keeps it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Status;
use parking_lot::Mutex;
use prost::Message;
use sayso_kernel::hex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One span, as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectedSpan {
    /// What it is.
    pub name: String,
    /// `Server`, `Client`, ….
    pub kind: SpanKind,
    /// In hexadecimal digits, like the other ids.
    pub trace_id: String,
    /// Its id.
    pub id: String,
    /// That of its parent; empty where it has none.
    pub parent: String,
    /// What is said of it; numbers as they are written.
    pub attributes: HashMap<String, String>,
    /// Whether it is an error.
    pub is_error: bool,
    /// Which process sent it.
    pub instance: String,
}

/// The collector; it ends with its value.
#[derive(Debug)]
pub struct Collector {
    url: String,
    taken: Arc<Taken>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Taken {
    connections: AtomicUsize,
    headers: Mutex<Vec<HeaderMap>>,
    bodies: Mutex<Vec<Bytes>>,
}

impl Collector {
    /// Listens on a port of its own.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let taken = Arc::<Taken>::default();
        let task = tokio::spawn(listen(listener, Arc::clone(&taken)));
        Self { url, taken, task }
    }

    /// Where it is: the endpoint of a server's settings.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How often somebody connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.taken.connections.load(Ordering::SeqCst)
    }

    /// The headers of every request.
    #[must_use]
    pub fn headers(&self) -> Vec<HeaderMap> {
        self.taken.headers.lock().clone()
    }

    /// Every byte that was sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.taken.bodies.lock().concat()
    }

    /// Every span so far.
    ///
    /// # Panics
    /// When something else than spans was sent.
    #[must_use]
    pub fn spans(&self) -> Vec<CollectedSpan> {
        self.taken.bodies.lock().iter().flat_map(|body| read(body.clone())).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, taken: Arc<Taken>) {
    while let Ok((stream, _)) = listener.accept().await {
        taken.connections.fetch_add(1, Ordering::SeqCst);
        let taken = Arc::clone(&taken);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let taken = Arc::clone(&taken);
                async move { Ok::<_, Infallible>(take(&taken, request).await) }
            });
            let protocol = hyper::server::conn::http1::Builder::new();
            // Whoever sends hangs up when it has its answer.
            let _ended = protocol.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn take(taken: &Taken, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let is_traces = request.uri().path() == "/v1/traces";
    let headers = request.headers().clone();
    let body = request.into_body().collect().await;
    let mut answer = Response::new(Full::default());
    match body {
        Ok(body) if is_traces => {
            taken.headers.lock().push(headers);
            taken.bodies.lock().push(body.to_bytes());
        }
        _ => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    answer
}

fn read(body: Bytes) -> Vec<CollectedSpan> {
    let sent = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
    let mut spans = Vec::new();
    for process in sent.resource_spans {
        let about = attributes(process.resource.unwrap_or_default().attributes);
        let instance = about.get("service.instance.id").cloned().unwrap_or_default();
        let sent = process.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(sent.map(|span| collected(span, instance.clone())));
    }
    spans
}

fn collected(span: Span, instance: String) -> CollectedSpan {
    CollectedSpan {
        kind: span.kind(),
        name: span.name,
        trace_id: hex::encode(&span.trace_id),
        id: hex::encode(&span.span_id),
        parent: hex::encode(&span.parent_span_id),
        attributes: attributes(span.attributes),
        is_error: span.status.is_some_and(|status| status.code() == Status::Error),
        instance,
    }
}

fn attributes(sent: Vec<KeyValue>) -> HashMap<String, String> {
    let text = |value: Option<any_value::Value>| match value {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let one = |entry: KeyValue| (entry.key, text(entry.value.and_then(|value| value.value)));
    sent.into_iter().map(one).collect()
}
