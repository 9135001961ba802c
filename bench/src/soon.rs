//! How soon a message is heard: while nobody else writes, and while many do.
//!
//! Nobody outside sees the moment of the commit. It lies between sending the
//! request and its answer, so the time from commit to hearing lies between the
//! two that are measured here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::Ask;
use crate::live;
use crate::load::Times;
use crate::server::Running;
use crate::socket::{Socket, event};
use crate::usage::Cpu;

/// Sockets that hear it.
const SOCKETS: usize = 20;
/// Messages whose way is measured, and how far apart they are.
const MESSAGES: usize = 200;
const EVERY: Duration = Duration::from_millis(40);
/// People who write besides, and how often each: 500 a second together.
const WRITERS: usize = 40;
const EACH_EVERY: Duration = Duration::from_millis(80);
/// What was sent last may take so long.
const LAST_WITHIN: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Soon {
    /// Writes a second besides.
    pub writes: f64,
    /// From sending the request to hearing the event.
    pub since_sent: Times,
    /// From its answer on: nothing where the event came first.
    pub since_answered: Times,
    /// Deliveries that did not come.
    pub missing: usize,
    /// CPU a second.
    pub cpu: Cpu,
}

/// When nobody else writes, and among 500 writes a second.
pub async fn measure(server: &Running) -> Result<[Soon; 2]> {
    let quiet = heard(server, 0).await?;
    let busy = heard(server, WRITERS).await?;
    for one in [&quiet, &busy] {
        eprintln!(
            "heard among {:.0} writes a second: p50 {:.1} to {:.1} ms, p99 {:.1} to {:.1} ms, {} missing",
            one.writes,
            one.since_answered.percentile(50),
            one.since_sent.percentile(50),
            one.since_answered.percentile(99),
            one.since_sent.percentile(99),
            one.missing
        );
    }
    Ok([quiet, busy])
}

async fn heard(server: &Running, writers: usize) -> Result<Soon> {
    let (stop, stopped) = watch::channel(false);
    let count = Arc::new(AtomicUsize::new(0));
    let mut listeners = JoinSet::new();
    for socket in live::connect(server, SOCKETS).await? {
        listeners.spawn(listen(socket, count.clone(), stopped.clone()));
    }
    let written = Arc::new(AtomicUsize::new(0));
    let mut others = JoinSet::new();
    for number in 1..=writers {
        others.spawn(write(
            server.client(number).await?,
            path(server, number),
            written.clone(),
            stopped.clone(),
        ));
    }
    let (started, before) = (Instant::now(), server.aim.processes.cpu()?);
    let sent = send(server).await?;
    let deadline = Instant::now() + LAST_WITHIN;
    while count.load(Ordering::Relaxed) < MESSAGES * SOCKETS && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = server.aim.processes.cpu()?.since(before);
    stop.send(true)?;
    let mut soon = Soon {
        writes: written.load(Ordering::Relaxed) as f64 / seconds,
        cpu: Cpu {
            server: cpu.server / seconds,
            postgres: cpu.postgres / seconds,
            redis: cpu.redis / seconds,
        },
        ..Soon::default()
    };
    while let Some(one) = listeners.join_next().await {
        for (number, at) in one.context("a listener ended")?? {
            let Some((begun, answered)) = sent.get(number) else { continue };
            soon.since_sent.add(at.duration_since(*begun));
            soon.since_answered.add(at.saturating_duration_since(*answered));
        }
    }
    soon.missing = (MESSAGES * SOCKETS).saturating_sub(soon.since_sent.len());
    others.join_all().await.into_iter().collect::<Result<Vec<()>>>()?;
    Ok(soon)
}

/// Where the person with a number writes, when it is not what is measured.
fn path(server: &Running, number: usize) -> String {
    format!("/api/channels/{}/messages", server.company().person(number).channel)
}

/// When each message was sent, and when it was answered.
async fn send(server: &Running) -> Result<Vec<(Instant, Instant)>> {
    let mut client = server.client(0).await?;
    let path = format!("/api/channels/{}/messages", server.company().hall);
    let mut pace = tokio::time::interval(EVERY);
    let mut sent = Vec::with_capacity(MESSAGES);
    for number in 0..MESSAGES {
        pace.tick().await;
        let content = format!("The letter from Graz has come, it says soon-{number}.");
        let begun = Instant::now();
        client
            .ask(&Ask::send(Method::POST, path.clone(), json!({ "content": content })))
            .await?
            .json()?;
        sent.push((begun, Instant::now()));
    }
    Ok(sent)
}

async fn write(
    mut client: crate::client::Client,
    path: String,
    written: Arc<AtomicUsize>,
    stopped: watch::Receiver<bool>,
) -> Result<()> {
    let mut pace = tokio::time::interval(EACH_EVERY);
    while !*stopped.borrow() {
        pace.tick().await;
        let body = json!({ "content": "The minutes of the meeting are in the folder." });
        client.ask(&Ask::send(Method::POST, path.clone(), body)).await?.json()?;
        written.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn listen(
    mut socket: Socket,
    count: Arc<AtomicUsize>,
    mut stopped: watch::Receiver<bool>,
) -> Result<Vec<(usize, Instant)>> {
    let mut heard = Vec::new();
    loop {
        let packet = tokio::select! {
            packet = socket.text() => packet?,
            _ = stopped.changed() => break,
        };
        let at = Instant::now();
        if let Some(number) = event(&packet, "message.sent").and_then(number) {
            heard.push((number, at));
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
    socket.close().await;
    Ok(heard)
}

/// Which message of ours it is.
fn number(event: &str) -> Option<usize> {
    let (_, rest) = event.split_once("soon-")?;
    rest.split('.').next()?.parse().ok()
}
