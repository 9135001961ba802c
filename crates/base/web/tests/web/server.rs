//! The server over real TCP: cutting, draining, limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::routing::{get, post};
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use sayso_web::{Connection, ServerLimits, Stop, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A bound for what must happen soon; on a busy machine soon is relative.
const SOON: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    stop: Stop,
    task: JoinHandle<()>,
    /// Connections that sent a request to a handler that notes them.
    seen: mpsc::UnboundedReceiver<Connection>,
    /// How the upgraded streams ended.
    ended: mpsc::UnboundedReceiver<std::io::ErrorKind>,
    release: Arc<tokio::sync::Notify>,
}

async fn start(limits: ServerLimits) -> Running {
    let (seen_in, seen) = mpsc::unbounded_channel();
    let (ended_in, ended) = mpsc::unbounded_channel();
    let release = Arc::new(tokio::sync::Notify::new());
    let (noted, waiting) = (seen_in.clone(), Arc::clone(&release));
    let wait = async move |Extension(connection): Extension<Connection>| {
        noted.send(connection).expect("the test listens");
        waiting.notified().await;
        "done"
    };
    let upgrade = async move |Extension(connection): Extension<Connection>, request: Request| {
        seen_in.send(connection).expect("the test listens");
        tokio::spawn(echo(request, ended_in));
        (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, "x")])
    };
    let app = Router::new()
        .route("/", get(async || "hello"))
        .route("/wait", get(wait))
        .route("/refuse", post(async || StatusCode::UNAUTHORIZED))
        .route("/upgrade", get(upgrade));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = Stop::default();
    let task = tokio::spawn(serve(listener, app, limits, stop.clone()));
    Running { address, stop, task, seen, ended, release }
}

/// Gives back what it reads, until the stream fails.
async fn echo(request: Request, ended: mpsc::UnboundedSender<std::io::ErrorKind>) {
    let upgraded = hyper::upgrade::on(request).await.expect("an upgrade");
    let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
    let end = match tokio::io::copy(&mut read, &mut write).await {
        Ok(_) => std::io::ErrorKind::UnexpectedEof,
        Err(error) => error.kind(),
    };
    ended.send(end).expect("the test listens");
}

async fn ask(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the request is sent");
    stream
}

/// Reads until the text has come.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let mut chunk = [0; 1024];
        let count = soon(stream.read(&mut chunk)).await.expect("the stream is well");
        assert!(count > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    text
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it happens soon")
}

/// Waits until the other end is gone, however it says so.
async fn gone(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _reset_or_end = soon(stream.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn cutting_a_connection_ends_a_request_under_way() {
    let mut server = start(ServerLimits::default()).await;
    let mut stream = ask(server.address, "/wait").await;
    let connection = soon(server.seen.recv()).await.expect("the request arrived");
    assert_eq!(connection.peer, stream.local_addr().expect("an address"));

    connection.cut.cancel();

    gone(&mut stream).await;
}

#[tokio::test]
async fn cutting_a_connection_ends_it_after_an_upgrade_too_and_no_other() {
    let mut server = start(ServerLimits::default()).await;
    let mut stream = ask(server.address, "/upgrade").await;
    read_until(&mut stream, "\r\n\r\n").await;
    let connection = soon(server.seen.recv()).await.expect("the request arrived");
    let mut other = ask(server.address, "/upgrade").await;
    read_until(&mut other, "\r\n\r\n").await;
    stream.write_all(b"ping").await.expect("it is open");
    assert_eq!(read_until(&mut stream, "ping").await, "ping");

    connection.cut.cancel();

    gone(&mut stream).await;
    assert_eq!(soon(server.ended.recv()).await, Some(std::io::ErrorKind::ConnectionAborted));
    other.write_all(b"pong").await.expect("it is open");
    assert_eq!(read_until(&mut other, "pong").await, "pong");
}

#[tokio::test]
async fn a_stop_lets_requests_in_flight_end_and_takes_no_more() {
    let mut server = start(ServerLimits::default()).await;
    let mut stream = ask(server.address, "/wait").await;
    soon(server.seen.recv()).await.expect("the request arrived");

    server.stop.now.cancel();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.task.is_finished(), "it waits for the request");
    server.release.notify_one();

    read_until(&mut stream, "done").await;
    drop(stream);
    soon(server.task).await.expect("it ended");
}

#[tokio::test]
async fn a_stop_cuts_what_does_not_end_in_time() {
    let limits = ServerLimits { drain: Duration::from_millis(50), ..ServerLimits::default() };
    let mut server = start(limits).await;
    let mut waiting = ask(server.address, "/wait").await;
    soon(server.seen.recv()).await.expect("the request arrived");
    let mut upgraded = ask(server.address, "/upgrade").await;
    read_until(&mut upgraded, "\r\n\r\n").await;

    server.stop.now.cancel();

    soon(server.task).await.expect("it ended");
    gone(&mut waiting).await;
    gone(&mut upgraded).await;
}

#[tokio::test]
async fn before_a_stop_each_answer_is_the_last_of_its_connection_but_an_upgrade_is_none() {
    let mut server = start(ServerLimits::default()).await;
    let hello = async |stream: &mut TcpStream| {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n").await.expect("it is open");
        read_until(stream, "hello").await
    };
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    assert!(!hello(&mut stream).await.contains("connection: close"));

    server.stop.soon.cancel();

    assert!(hello(&mut stream).await.contains("connection: close"));
    gone(&mut stream).await;
    let mut another = TcpStream::connect(server.address).await.expect("it serves on");
    assert!(hello(&mut another).await.contains("connection: close"));
    let mut upgraded = ask(server.address, "/upgrade").await;
    assert!(!read_until(&mut upgraded, "\r\n\r\n").await.contains("close"));
    soon(server.seen.recv()).await.expect("the request arrived");
    upgraded.write_all(b"ping").await.expect("it is open");
    assert_eq!(read_until(&mut upgraded, "ping").await, "ping");
}

/// On one thread, so that the server takes nobody in before it is told to stop.
#[tokio::test]
async fn whoever_stood_at_the_door_when_it_closed_is_answered() {
    let server = start(ServerLimits::default()).await;
    let head = b"GET / HTTP/1.1\r\nhost: t\r\n\r\n";
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(server.address).expect("a connection");
            std::io::Write::write_all(&mut stream, head).expect("the request is sent");
            stream.set_nonblocking(true).expect("a socket");
            TcpStream::from_std(stream).expect("a socket")
        })
        .collect();

    server.stop.now.cancel();

    for mut stream in waiting {
        assert!(read_until(&mut stream, "hello").await.contains("connection: close"));
    }
    soon(server.task).await.expect("it ended");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_head_is_let_go() {
    let limits =
        ServerLimits { header_read_timeout: Duration::from_millis(100), ..ServerLimits::default() };
    let server = start(limits).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.expect("it is sent");

    gone(&mut stream).await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_until_a_socket_ends() {
    let limits = ServerLimits { connections_max: 1, ..ServerLimits::default() };
    let mut server = start(limits).await;
    let mut first = ask(server.address, "/upgrade").await;
    read_until(&mut first, "\r\n\r\n").await;
    let connection = soon(server.seen.recv()).await.expect("the request arrived");
    let mut second = ask(server.address, "/").await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
    assert!(early.is_err(), "nobody answers it yet");

    connection.cut.cancel();

    read_until(&mut second, "hello").await;
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = start(ServerLimits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let size = 4 * 1024 * 1024;
    let head = format!("POST /refuse HTTP/1.1\r\nhost: t\r\ncontent-length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("the head is sent");
    let (mut read, mut write) = stream.split();

    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..size / chunk.len() {
        soon(write.write_all(&chunk)).await.expect("it is read or thrown away, not reset");
    }
    let mut answer = Vec::new();
    soon(read.read_to_end(&mut answer)).await.expect("the answer arrives whole");

    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 401"));
}

/// A second filter that matches no test: it tells the process that a test
/// starts for itself that it is the one with few descriptors.
const FEW_DESCRIPTORS: &str = "few-descriptors";

/// The limit is one of the whole process, so the test runs in another.
#[test]
fn accepting_goes_on_after_descriptors_ran_out() {
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"])
        .arg(std::env::current_exe().expect("this test has a path"))
        .args(["--exact", "server::within_few_descriptors", FEW_DESCRIPTORS])
        .output()
        .expect("there is a shell");

    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}

/// Nothing by itself: the body of the test above.
#[tokio::test]
async fn within_few_descriptors() {
    if std::env::args().all(|argument| argument != FEW_DESCRIPTORS) {
        return;
    }
    let server = start(ServerLimits::default()).await;
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    // One for the client; the server then has none to accept it with.
    held.pop();
    let mut stream = ask(server.address, "/").await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await;
    assert!(early.is_err(), "nobody could accept it");

    drop(held);

    read_until(&mut stream, "hello").await;
}
