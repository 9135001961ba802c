//! The way to the collector: OTLP over HTTP, as protobuf.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use sayso_config::Traces as Settings;
use tokio::net::TcpStream;

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
/// Where a collector takes traces.
const PATH: &str = "/v1/traces";
/// The port of OTLP over HTTP.
const PORT: u16 = 4318;
/// An answer is a few bytes; one that is longer is none.
const ANSWER_MAX: usize = 64 * 1024;

/// Why a collector cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The URL leads nowhere.
    #[error("traces.endpoint is not the http:// URL of a collector")]
    Endpoint,
    /// A header is none. Its value is not told: it may be a secret.
    #[error("traces.headers: {0:?} cannot be sent as a header")]
    Header(String),
}

/// A collector. Each batch goes over a connection of its own: they are seconds
/// apart, and a collector that was restarted meanwhile is no fault.
pub(super) struct Collector {
    /// Where to connect to.
    address: String,
    path: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

impl Collector {
    /// The one of the settings, if there is one.
    pub(super) fn of(settings: &Settings) -> Result<Option<Self>, CollectorError> {
        let Some(endpoint) = &settings.endpoint else { return Ok(None) };
        let base: Uri = endpoint.parse().map_err(|_| CollectorError::Endpoint)?;
        let host = base.host().filter(|host| !host.is_empty()).ok_or(CollectorError::Endpoint)?;
        let path = format!("{}{PATH}", base.path().trim_end_matches('/'));
        let path = path.parse().map_err(|_| CollectorError::Endpoint)?;
        let address = format!("{host}:{}", base.port_u16().unwrap_or(PORT));
        let own = HeaderValue::try_from(&address).map_err(|_| CollectorError::Endpoint)?;
        let mut headers = HeaderMap::new();
        for entry in settings.headers.expose() {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            let wrong = || CollectorError::Header(name.to_owned());
            let mut secret = HeaderValue::try_from(value.trim()).map_err(|_| wrong())?;
            secret.set_sensitive(true);
            headers.append(HeaderName::try_from(name.trim()).map_err(|_| wrong())?, secret);
        }
        let agent = HeaderValue::from_static(concat!("sayso/", env!("CARGO_PKG_VERSION")));
        headers.extend([(HOST, own), (CONTENT_TYPE, PROTOBUF), (USER_AGENT, agent)]);
        let timeout = Duration::from_millis(settings.timeout_ms);
        Ok(Some(Self { address, path, headers, timeout }))
    }

    /// Sends a batch. Answers how many of it the collector refused.
    pub(super) async fn send(
        &self,
        spans: Vec<SpanData>,
        resource: &ResourceAttributesWithSchema,
    ) -> Result<i64, String> {
        let resource_spans = group_spans_by_resource_and_scope(spans, resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        match tokio::time::timeout(self.timeout, self.post(body.into())).await {
            Ok(answered) => answered.map_err(|error| error.to_string()),
            Err(_) => Err("it did not answer in time".to_owned()),
        }
    }

    async fn post(&self, body: Bytes) -> Result<i64, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.address).await?;
        let (mut line, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = self.headers.clone();
        let answered = async {
            let answer = line.send_request(request).await?;
            let status = answer.status();
            if !status.is_success() {
                return Err(format!("it answered {status}").into());
            }
            let told = Limited::new(answer.into_body(), ANSWER_MAX).collect().await?;
            Ok(refused(told.to_bytes()))
        };
        // The connection does its part while the answer is waited for, and ends
        // with it.
        tokio::select! {
            answered = answered => answered,
            ended = connection => Err(match ended {
                Ok(()) => "it hung up".into(),
                Err(error) => error.into(),
            }),
        }
    }
}

/// How many spans a collector that took a batch did not take. One that says it
/// in another way took them all.
fn refused(answer: Bytes) -> i64 {
    let read = ExportTraceServiceResponse::decode(answer).ok();
    read.and_then(|read| read.partial_success).map_or(0, |partial| partial.rejected_spans)
}

#[cfg(test)]
mod tests {
    use sayso_kernel::secret::Secret;

    use super::*;

    fn of(endpoint: &str, headers: &[&str]) -> Result<Option<Collector>, CollectorError> {
        let headers = headers.iter().map(|&header| header.to_owned()).collect();
        let (endpoint, headers) = (Some(endpoint.to_owned()), Secret::new(headers));
        Collector::of(&Settings { endpoint, headers, ..Settings::default() })
    }

    #[test]
    fn the_path_is_added_and_the_port_is_that_of_otlp_unless_it_is_said() {
        for (endpoint, address, path) in [
            ("http://collector", "collector:4318", "/v1/traces"),
            ("http://127.0.0.1:9/", "127.0.0.1:9", "/v1/traces"),
            ("http://[::1]:9/otlp/", "[::1]:9", "/otlp/v1/traces"),
        ] {
            let collector = of(endpoint, &[]).expect("a URL").expect("it is set");
            assert_eq!(
                (collector.address.as_str(), collector.path.to_string().as_str()),
                (address, path)
            );
        }
        assert!(matches!(of("http://", &[]), Err(CollectorError::Endpoint)));
        assert!(Collector::of(&Settings::default()).expect("the defaults hold").is_none());
    }

    #[test]
    fn headers_are_sent_and_one_that_is_none_is_named_without_its_value() {
        let sent = of("http://c", &["authorization=Bearer a=b"]).expect("a header");
        let wrong = of("http://c", &["a b=hunter2"]).err().expect("no header").to_string();

        let headers = sent.expect("it is set").headers;
        assert_eq!(headers["authorization"], "Bearer a=b");
        assert!(wrong.contains("a b") && !wrong.contains("hunter2"), "{wrong}");
    }
}
