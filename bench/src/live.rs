//! Sockets that hear messages: what a delivery costs, how soon it comes, what a
//! silent socket holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::iter;
use hyper::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Ask;
use crate::load::Times;
use crate::server::Running;
use crate::socket::{Socket, event};
use crate::usage::Cpu;

/// How long messages are sent.
const SENDING: Duration = Duration::from_secs(4);
/// Deliveries a second that are aimed at, which a single core can do.
const DELIVERIES: usize = 10_000;
/// Messages a second, at the least and at the most.
const RATES: (usize, usize) = (5, 50);
/// Until a server has come to rest after all have connected.
const REST: Duration = Duration::from_secs(2);
/// What was sent last may take so long.
const LAST_WITHIN: Duration = Duration::from_secs(5);
/// Handshakes under way at once.
const AT_ONCE: usize = 50;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    /// Sockets that heard.
    pub sockets: usize,
    /// Messages that were sent.
    pub messages: usize,
    /// Deliveries.
    pub heard: usize,
    /// CPU meanwhile.
    pub cpu: Cpu,
    /// CPU of the server a delivery beyond the first of each message, in µs.
    pub micros_a_delivery: f64,
    /// From sending a message (before the server has it) to hearing it.
    pub times: Times,
    /// Memory of the server a socket, in KiB.
    pub kib_a_socket: f64,
}

/// So many sockets, and before them a single one, at the same pace: the
/// difference is what the others cost.
pub async fn measure(server: &Running, sockets: usize) -> Result<Delivered> {
    let rate = (DELIVERIES / sockets).clamp(RATES.0, RATES.1);
    let alone = heard_by(server, 1, rate).await?;
    let mut all = heard_by(server, sockets, rate).await?;
    let more = all.cpu.server - alone.cpu.server * all.messages as f64 / alone.messages as f64;
    all.micros_a_delivery = more * 1_000.0 / (all.heard.saturating_sub(all.messages)) as f64;
    eprintln!(
        "{:<6} {sockets} sockets, {} messages: {} heard, {:.1} µs each, p50 {:.1} ms, p99 {:.1} ms, {:.1} KiB a socket",
        server.name,
        all.messages,
        all.heard,
        all.micros_a_delivery,
        all.times.percentile(50),
        all.times.percentile(99),
        all.kib_a_socket
    );
    Ok(all)
}

/// Connects sockets, a few at a time, of all people in turn.
pub async fn connect(server: &Running, count: usize) -> Result<Vec<Socket>> {
    let address = server.aim.address;
    let connecting = (0..count).map(|number| {
        let token = server.company().token(number).to_owned();
        async move { Socket::connect(address, &token, None).await }
    });
    let connected: Vec<Result<Socket>> = iter(connecting).buffer_unordered(AT_ONCE).collect().await;
    connected.into_iter().collect()
}

/// When each message was sent.
type Sent = Arc<Vec<OnceLock<Instant>>>;

async fn heard_by(server: &Running, sockets: usize, rate: usize) -> Result<Delivered> {
    let processes = server.aim.processes;
    let empty = processes.resident()?;
    let connected = connect(server, sockets).await?;
    tokio::time::sleep(REST).await;
    let kib_a_socket = processes.resident()?.saturating_sub(empty) as f64 / sockets as f64;
    let messages = rate * SENDING.as_secs() as usize;
    let sent: Sent = Arc::new((0..messages).map(|_| OnceLock::new()).collect());
    let (stop, stopped) = watch::channel(false);
    let heard = Arc::new(AtomicUsize::new(0));
    let mut listeners = JoinSet::new();
    for socket in connected {
        listeners.spawn(listen(socket, sent.clone(), heard.clone(), stopped.clone()));
    }
    let before = processes.cpu()?;
    send(server, &sent, rate).await?;
    let deadline = Instant::now() + LAST_WITHIN;
    while heard.load(Ordering::Relaxed) < messages * sockets && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cpu = processes.cpu()?.since(before);
    stop.send(true)?;
    let mut times = Times::default();
    while let Some(one) = listeners.join_next().await {
        times.append(one.context("a listener ended")??);
    }
    tokio::time::sleep(REST).await;
    let heard = heard.load(Ordering::Relaxed);
    let micros_a_delivery = 0.0;
    Ok(Delivered { sockets, messages, heard, cpu, micros_a_delivery, times, kib_a_socket })
}

async fn send(server: &Running, sent: &Sent, rate: usize) -> Result<()> {
    let mut client = server.client(0).await?;
    let path = format!("/api/channels/{}/messages", server.company().hall);
    let mut pace = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate)?);
    for (number, at) in sent.iter().enumerate() {
        pace.tick().await;
        let content = format!("Please read the letter from Graz, it says live-{number}.");
        let ask = Ask::send(Method::POST, path.clone(), json!({ "content": content }));
        let _ = at.set(Instant::now());
        client.ask(&ask).await?.json().context("a message is sent")?;
    }
    Ok(())
}

async fn listen(
    mut socket: Socket,
    sent: Sent,
    heard: Arc<AtomicUsize>,
    mut stopped: watch::Receiver<bool>,
) -> Result<Times> {
    let mut times = Times::default();
    loop {
        let packet = tokio::select! {
            packet = socket.text() => packet?,
            _ = stopped.changed() => break,
        };
        let number = event(&packet, "message.sent").and_then(number);
        let at = number.and_then(|number| sent.get(number)).and_then(OnceLock::get);
        if let Some(at) = at {
            times.add(at.elapsed());
            heard.fetch_add(1, Ordering::Relaxed);
        }
    }
    socket.close().await;
    Ok(times)
}

/// Which message of ours it is.
fn number(event: &str) -> Option<usize> {
    let (_, rest) = event.split_once("live-")?;
    rest.split('.').next()?.parse().ok()
}
