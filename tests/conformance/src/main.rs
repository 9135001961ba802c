//! The same Socket.IO stack as Sayso's, with the settings, namespaces and
//! events that the public suites of the Socket.IO and Engine.IO protocols ask
//! for. A program of the tests: it is part of no release.
//!
//! ```text
//! conformance [127.0.0.1:3000]     prints the address it listens on
//! ```

mod arguments;
mod echo;

use std::future::ready;
use std::io::Write;
use std::time::Duration;

use axum::Router;
use engineioxide::config::EngineIoConfig;
use engineioxide::service::EngineIoService;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef, TryData};

use crate::arguments::Arguments;
use crate::echo::Echo;

/// What the suites ask for.
const PING_INTERVAL: Duration = Duration::from_millis(300);
const PING_TIMEOUT: Duration = Duration::from_millis(200);
const PAYLOAD_MAX: u64 = 1_000_000;
/// A client that opens a transport and says nothing is closed after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    axum::serve(listener, router()).await
}

fn router() -> Router {
    let (sockets, io) = SocketIo::builder()
        .req_path("/socket.io")
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_payload(PAYLOAD_MAX)
        .connect_timeout(CONNECT_TIMEOUT)
        .build_svc();
    io.ns("/", connected);
    io.ns("/custom", connected);
    let bare = EngineIoConfig::builder()
        .req_path("/engine.io")
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .max_payload(PAYLOAD_MAX)
        .build();
    let bare = EngineIoService::with_config(std::sync::Arc::new(Echo), bare);
    Router::new().route_service("/socket.io/", sockets).route_service("/engine.io/", bare)
}

/// Tells a client what it came with, and gives back whatever it says.
async fn connected(socket: SocketRef, auth: TryData<rmpv::Value>) {
    // Nothing, where the client came with nothing.
    let auth = auth.0.ok().filter(|auth| !auth.is_nil());
    let auth = auth.unwrap_or_else(|| rmpv::Value::Map(Vec::new()));
    let _may_be_gone = socket.emit("auth", &auth);
    // Answered before the future begins: futures are spawned, and would change
    // the order.
    socket.on("message", |socket: SocketRef, Data::<Arguments>(said)| {
        let _may_be_gone = socket.emit("message-back", &said);
        ready(())
    });
    socket.on("message-with-ack", |Data::<Arguments>(said), line: AckSender| {
        let _may_be_gone = line.send(&said);
        ready(())
    });
}
