//! What cannot be undercut: a route that answers fixed bytes, PostgreSQL asked
//! the same statements by pgbench, and a bare `write()` for each socket.

use std::io::Write;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::args::Args;
use crate::load::{self, Aim, Measured, Window};
use crate::server::{Running, Stock, free_port};
use crate::statements::{self, Asked};
use crate::usage::{Processes, thread_micros};
use crate::work::Work;

/// As large as a task.
const BODY: [u8; 600] = [b'x'; 600];
/// A frame with a message in it.
const FRAME: [u8; 900] = [b'x'; 900];
/// Sockets that are written to, and how often.
const WRITES: (usize, usize) = (500, 40);
/// Between two rounds of writes, so that all can read.
const PAUSE: Duration = Duration::from_millis(20);

/// The floors.
#[derive(Debug, Default)]
pub struct Floors {
    /// The route with fixed bytes.
    pub route: Option<Measured>,
    /// Statements that pgbench asked.
    pub statements: Vec<Asked>,
    /// CPU of a `write()` to a socket that somebody reads, in µs.
    pub write_micros: Option<f64>,
}

/// The process that answers fixed bytes, until it is killed.
pub async fn serve() -> Result<()> {
    let address = std::env::args().nth(2).context("floor takes an address")?;
    let answer = || async { ([(CONTENT_TYPE, "application/json")], &BODY[..]) };
    let routes = Router::new().route("/api/tasks/{id}", get(answer));
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?).await?;
    Ok(axum::serve(listener, routes).await?)
}

/// Measures all of them. Which statements there are is read from the load that
/// `server` had before.
pub async fn measure(args: &Args, stock: &Stock, server: &Running) -> Result<Floors> {
    let floors = Floors {
        route: Some(route(args, server).await?),
        statements: statements::measure(args, stock, server.company()).await?,
        write_micros: Some(writes().await?),
    };
    eprintln!(
        "floors: a route {:.3} ms, a write {:.1} µs, {:?}",
        floors.route.as_ref().map_or(f64::NAN, Measured::server_ms),
        floors.write_micros.unwrap_or(f64::NAN),
        floors.statements
    );
    Ok(floors)
}

async fn route(args: &Args, server: &Running) -> Result<Measured> {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
    // This very program, even when it was built anew meanwhile.
    let mut child = Command::new("/proc/self/exe")
        .args(["floor", &address.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = i32::try_from(child.id().context("it runs")?)?;
    let processes = Processes { server: pid, ..server.aim.processes };
    let aim = Aim { address, processes, company: server.company().clone() };
    while tokio::net::TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let window = Window { warm_up: args.plan.warm_up, measured: args.plan.window };
    let measured = load::closed(&aim, Work::Get, 50, window).await?;
    child.kill().await?;
    Ok(measured)
}

/// A thread writes the same to every socket in turn; tasks read.
async fn writes() -> Result<f64> {
    let listener = Arc::new(StdListener::bind("127.0.0.1:0")?);
    let address = listener.local_addr()?;
    let mut written = Vec::new();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..WRITES.0 {
        let reader = tokio::net::TcpStream::connect(address).await?;
        let (writer, _) = listener.accept()?;
        writer.set_nodelay(true)?;
        written.push(writer);
        readers.spawn(read(reader));
    }
    let micros = tokio::task::spawn_blocking(move || write_all(&mut written)).await??;
    readers.abort_all();
    Ok(micros)
}

async fn read(mut stream: tokio::net::TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

fn write_all(streams: &mut [StdStream]) -> Result<f64> {
    let mut used = 0.0;
    let (pause, resume) = std::sync::mpsc::channel::<()>();
    for _ in 0..WRITES.1 {
        let before = thread_micros()?;
        for stream in &mut *streams {
            stream.write_all(&FRAME)?;
        }
        used += thread_micros()? - before;
        // Nobody sends anything here: this only waits.
        let _ = resume.recv_timeout(PAUSE);
    }
    drop(pause);
    Ok(used / (WRITES.0 * WRITES.1) as f64)
}
