//! The accept loop: hyper over TCP, with limits that have names.
//!
//! Ours instead of `axum::serve`, because a connection must be cut from
//! outside, must be counted until its WebSocket ends, and must not wait for
//! ever for its first header.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
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

/// Serves until `shutdown`; then accepts no more, lets requests in flight and
/// sockets end within [`ServerLimits::drain`], and cuts the rest.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    limits: ServerLimits,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let cut_all = CancellationToken::new();
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_read_timeout)
        .max_headers(limits.headers_max)
        .max_buf_size(BUFFER_MAX);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let connection = Connection { peer, cut: cut_all.child_token() };
        let stream = Cuttable::new(stream, &connection.cut, place);
        let (protocol, app, shutdown) = (protocol.clone(), app.clone(), shutdown.clone());
        tokio::spawn(attend(protocol, stream, connection, app, shutdown));
    }
    drop(listener);
    drain(&places, &limits).await;
    cut_all.cancel();
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
            tokio::time::sleep(ACCEPT_PAUSE).await;
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
    shutdown: CancellationToken,
) {
    let peer = connection.peer;
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(connection.clone());
        answer(app.clone(), request)
    });
    let serving = protocol.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

fn answer(
    mut app: Router,
    request: Request<Body>,
) -> impl Future<Output = Result<http::Response<Body>, Infallible>> {
    app.call(request)
}
