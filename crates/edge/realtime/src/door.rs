//! HTTP in front of the Socket.IO server: gives every session of it its
//! transport, and counts what polling clients take.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use sayso_web::Connection;
use tower::ServiceExt;

use crate::adapter::{self, Engine};
use crate::node::Node;
use crate::protocol::CROWDED_NODE;
use crate::transport::Transport;

/// A session is being carried over to a WebSocket, or has been, and is to be
/// carried over to another.
const TWO_UPGRADES: &str = "socket.two_upgrades";
/// Separates the packets of one answer to a poll.
const SEPARATOR: u8 = 0x1e;

/// `/socket.io/`.
#[derive(Clone)]
pub(crate) struct Door {
    node: Arc<Node>,
    engine: Engine,
}

/// What a request wants, as far as the door must know.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    /// A new session, by polling.
    OpenPolling,
    /// A new session, by WebSocket.
    OpenWebSocket,
    /// What waits for this session.
    Poll(String),
    /// To carry this session over to a WebSocket.
    Upgrade(String),
    /// Anything else is between the client and the Socket.IO server.
    Other,
}

impl Wish {
    fn of(method: &Method, query: &str) -> Self {
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        if *method != Method::GET {
            return Self::Other;
        }
        match (value("sid"), value("transport")) {
            (None, Some("polling")) => Self::OpenPolling,
            (None, Some("websocket")) => Self::OpenWebSocket,
            (Some(sid), Some("polling")) => Self::Poll(sid.to_owned()),
            (Some(sid), Some("websocket")) => Self::Upgrade(sid.to_owned()),
            _ => Self::Other,
        }
    }
}

impl Door {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let engine = adapter::start(&node);
        let door = Self { node, engine };
        let ends = door.engine.clone();
        let end = move |sid: String| -> futures_util::future::BoxFuture<'static, ()> {
            Box::pin(end_polling(ends.clone(), sid))
        };
        // The only door of this node: nobody has set it before.
        let _is_first = door.node.transports.end_polling.set(Box::new(end));
        door
    }

    pub(crate) async fn answer(&self, request: Request) -> Response {
        let wish = Wish::of(request.method(), request.uri().query().unwrap_or_default());
        match wish {
            Wish::OpenPolling => self.open_polling(request).await,
            Wish::OpenWebSocket => self.open_websocket(request).await,
            Wish::Poll(sid) => self.poll(&sid, request).await,
            Wish::Upgrade(sid) => self.upgrade(&sid, request).await,
            Wish::Other => self.pass(request).await,
        }
    }

    async fn pass(&self, request: Request) -> Response {
        let Ok(response) = self.engine.clone().oneshot(request).await;
        response
    }

    fn admit(&self, request: &mut Request) -> Option<Arc<Transport>> {
        if self.node.is_draining.load(Ordering::SeqCst) {
            return None;
        }
        let Some(transport) = self.node.transports.open(self.node.limits.sockets_max) else {
            metrics::counter!("sayso_realtime_refused_total", "code" => CROWDED_NODE.name)
                .increment(1);
            return None;
        };
        request.extensions_mut().insert(Arc::clone(&transport));
        Some(transport)
    }

    async fn open_polling(&self, mut request: Request) -> Response {
        let Some(transport) = self.admit(&mut request) else { return busy() };
        let (response, body) = read(self.pass(request).await).await;
        if let Some(sid) = sid_of(&body) {
            transport.named(&sid);
        }
        response
    }

    async fn open_websocket(&self, mut request: Request) -> Response {
        let Some(transport) = self.admit(&mut request) else { return busy() };
        if let Some(connection) = request.extensions().get::<Connection>() {
            transport.carried_by(connection);
        }
        self.pass(request).await
    }

    async fn upgrade(&self, sid: &str, request: Request) -> Response {
        let connection = request.extensions().get::<Connection>();
        if let (Some(transport), Some(connection)) = (self.node.transports.find(sid), connection)
            && !transport.carried_by(connection)
        {
            metrics::counter!("sayso_realtime_refused_total", "code" => TWO_UPGRADES).increment(1);
            return busy();
        }
        self.pass(request).await
    }

    async fn poll(&self, sid: &str, request: Request) -> Response {
        let transport = self.node.transports.find(sid);
        let (response, body) = read(self.pass(request).await).await;
        if let Some(transport) = transport {
            transport.taken(counted(&body));
        }
        response
    }
}

/// Ends a polling session the way its client would: with a close packet.
async fn end_polling(engine: Engine, sid: String) {
    let request = Request::post(format!("/socket.io/?EIO=4&transport=polling&sid={sid}"))
        .header(CONTENT_TYPE, "text/plain;charset=UTF-8")
        .body(Body::from("1"));
    let Ok(request) = request else { return };
    let Ok(_unknown_or_done) = engine.oneshot(request).await;
}

/// Clients take any failure to open as a reason to try again.
fn busy() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
    response
}

/// The body is in memory already: the Socket.IO server does not stream.
async fn read(response: Response) -> (Response, Bytes) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map(|all| all.to_bytes()).unwrap_or_default();
    (Response::from_parts(parts, Body::from(bytes.clone())), bytes)
}

/// The id in `0{"sid":"…",…}`.
fn sid_of(body: &[u8]) -> Option<String> {
    let open: serde_json::Value = serde_json::from_slice(body.strip_prefix(b"0")?).ok()?;
    open["sid"].as_str().map(str::to_owned)
}

/// How many of the packets in an answer are events or acknowledgements, which
/// is what we send; the others come from the Socket.IO server itself.
fn counted(body: &[u8]) -> u64 {
    let packets = body.split(|byte| *byte == SEPARATOR);
    packets.filter(|packet| packet.starts_with(b"42") || packet.starts_with(b"43")).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_from_another_by_its_method_and_query() {
        let wish = |query: &str| Wish::of(&Method::GET, query);

        assert_eq!(wish("EIO=4&transport=polling&t=x"), Wish::OpenPolling);
        assert_eq!(wish("EIO=4&transport=websocket"), Wish::OpenWebSocket);
        assert_eq!(wish("EIO=4&transport=polling&sid=a"), Wish::Poll("a".into()));
        assert_eq!(wish("EIO=4&transport=websocket&sid=a"), Wish::Upgrade("a".into()));
        assert_eq!(Wish::of(&Method::POST, "transport=polling&sid=a"), Wish::Other);
        assert_eq!(wish(""), Wish::Other);
    }

    #[test]
    fn only_our_own_packets_are_counted() {
        assert_eq!(counted(b"40{\"sid\":\"x\"}\x1e42[\"ready\",{}]\x1e431[{}]\x1e2"), 2);
        assert_eq!(counted(b""), 0);
        assert_eq!(counted(b"6"), 0);
    }
}
