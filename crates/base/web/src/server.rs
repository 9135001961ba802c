//! The accept loop: hyper over TCP, with limits that have names.
//!
//! Ours instead of `axum::serve`, because a connection must be cut from
//! outside, must be counted until its WebSocket ends, and must not wait for
//! ever for its first header.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::stream::Cuttable;

/// Pause after an accept that failed for want of descriptors or memory: time
/// for others to be given back, instead of a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that may wait to be accepted, as far as the system allows
/// (`net.core.somaxconn`). Where everybody comes back at once, whoever does not
/// fit in is not told so: their system asks again after one, three, seven
/// seconds.
const BACKLOG: u32 = 4096;
/// How long connections that wait for a question are kept when the server goes:
/// what has reached this machine is still read and answered.
const LAST_CALL: Duration = Duration::from_millis(50);
/// Bytes of a request's head, and of what is read ahead, at the most.
const BUFFER_MAX: usize = 64 * 1024;

/// What a server allows.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// How long a client may take for the head of a request, and how long a
    /// connection may stay idle between two.
    pub header_read_timeout: Duration,
    /// Headers of a request at the most.
    pub headers_max: usize,
    /// Connections at the most, WebSockets included; more wait to be accepted.
    pub connections_max: usize,
    /// How long requests in flight and sockets may go on after the server was
    /// told to stop.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_read_timeout: Duration::from_secs(10),
            headers_max: 100,
            connections_max: 20_000,
            drain: Duration::from_secs(10),
        }
    }
}

/// The connection that a request came on; in the extensions of every request.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The address at its other end.
    pub peer: SocketAddr,
    /// Cancel it, and the connection is gone at once, a WebSocket too.
    pub cut: CancellationToken,
    /// Bytes that the system has taken from us for the other end so far.
    pub written: Arc<AtomicU64>,
}

impl Connection {
    /// One on which nothing was written yet.
    #[must_use]
    pub fn new(peer: SocketAddr, cut: CancellationToken) -> Self {
        Self { peer, cut, written: Arc::default() }
    }
}

/// How a server is told to go.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// It will: it serves on, and each answer is the last of its connection, so
    /// that whoever asks next comes anew, and may come to another node.
    pub soon: CancellationToken,
    /// It goes: nobody who comes from now on is let in.
    pub now: CancellationToken,
}

/// Listens at an address, with room for many who come at once.
///
/// # Errors
/// When the address is taken or is none of this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A server that is started again takes its address back at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until it is told to stop; then accepts no more, lets requests in
/// flight and sockets end within [`ServerLimits::drain`], and cuts the rest.
pub async fn serve(listener: TcpListener, app: Router, limits: ServerLimits, stop: Stop) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let cut_all = CancellationToken::new();
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_headers(limits.headers_max)
        .max_buf_size(BUFFER_MAX);
    let let_in = |(stream, peer, place): Accepted| {
        let connection = Connection::new(peer, cut_all.child_token());
        let stream = Cuttable::new(stream, &connection, place);
        let (protocol, app, stop) = (protocol.clone(), app.clone(), stop.clone());
        tokio::spawn(attend(protocol, stream, connection, app, stop));
    };
    loop {
        tokio::select! {
            biased;
            () = stop.now.cancelled() => break,
            accepted = accept(&listener, &places) => accepted.map_or_else(|| (), &let_in),
        }
    }
    let waiting = still_waiting(listener, &places);
    stop.soon.cancel();
    waiting.into_iter().for_each(let_in);
    drain(&places, &limits).await;
    cut_all.cancel();
}

/// Whoever has been let in by the system and not by us, as far as there are
/// places. To close the door before them would throw away what they asked.
fn still_waiting(listener: TcpListener, places: &Arc<Semaphore>) -> Vec<Accepted> {
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    std::iter::from_fn(|| {
        let place = Arc::clone(places).try_acquire_owned().ok()?;
        let (stream, peer) = listener.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer, place))
    })
    .collect()
}

/// Waits until every place is free again, within bounds. Sockets are closed by
/// whoever serves them; those that are not in time are cut.
async fn drain(places: &Semaphore, limits: &ServerLimits) {
    let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    if tokio::time::timeout(limits.drain, places.acquire_many(all)).await.is_err() {
        let left = limits.connections_max - places.available_permits();
        tracing::warn!(left, "connections did not end in time and are cut");
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

/// Waits for a place, then for a connection. `None` when there was none.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting for more would only delay them.
            let _still_works = stream.set_nodelay(true);
            Some((stream, peer, place))
        }
        Err(error) if is_of_one_connection(&error) => None,
        Err(error) => {
            tracing::warn!(%error, "cannot accept connections");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// The connection died before it was accepted; the next may be well.
fn is_of_one_connection(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

async fn attend(
    protocol: http1::Builder,
    stream: Cuttable,
    connection: Connection,
    app: Router,
    stop: Stop,
) {
    let peer = connection.peer;
    let soon = stop.soon;
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        answer(app.clone(), request, soon.clone())
    });
    let serving = protocol.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = last_call(&stop.now) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// Until a while after the server was told to go.
async fn last_call(now: &CancellationToken) {
    now.cancelled().await;
    sleep(LAST_CALL).await;
}

async fn answer(
    mut app: Router,
    request: Request<Body>,
    soon: CancellationToken,
) -> Result<http::Response<Body>, Infallible> {
    let mut response = app.call(request).await?;
    if soon.is_cancelled() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
