//! People who come and go in a channel that many follow: what each coming and
//! going costs the server, less what it costs where one socket hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper::Method;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::{Ask, Client};
use crate::live;
use crate::server::Running;
use crate::socket::{Socket, event};
use crate::usage::Cpu;

/// Sockets that hear of it.
const SOCKETS: usize = 1_000;
/// Changes that come closer together are told of in one packet.
const EVERY: Duration = Duration::from_millis(300);
/// Until a server has come to rest.
const REST: Duration = Duration::from_secs(3);

/// Until the threads that hashed passwords have ended: what a thread has used
/// is no longer counted then, and would be taken off.
const HASHED: Duration = Duration::from_secs(15);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// Sockets that hear of it.
    pub sockets: usize,
    /// Comings and goings.
    pub changes: usize,
    /// Packets that told of one.
    pub heard: usize,
    /// CPU of the server a change, in ms, beyond that of one that one hears of.
    pub millis_a_change: f64,
    /// CPU of the server a packet, in µs.
    pub micros_a_packet: f64,
}

/// Before a thousand sockets, and before them before one.
pub async fn measure(server: &Running) -> Result<Changed> {
    let tokens = visitors(server).await?;
    tokio::time::sleep(HASHED).await;
    let (alone, _) = before_so_many(server, 1, &tokens).await?;
    let (all, heard) = before_so_many(server, SOCKETS, &tokens).await?;
    let changes = 2 * tokens.len();
    let more = all.server - alone.server;
    let changed = Changed {
        sockets: SOCKETS,
        changes,
        heard,
        millis_a_change: more / changes as f64,
        micros_a_packet: more * 1_000.0 / heard.max(1) as f64,
    };
    eprintln!(
        "presence: {changes} changes heard {heard} times by {SOCKETS} sockets, {:.2} ms a change, {:.1} µs a packet",
        changed.millis_a_change, changed.micros_a_packet
    );
    Ok(changed)
}

/// People who are not there otherwise come in.
async fn visitors(server: &Running) -> Result<Vec<String>> {
    let company = server.company();
    let mut tokens = Vec::new();
    for email in &company.visitors {
        let mut client = Client::connect(server.aim.address, None).await?;
        let body = json!({ "email": email, "password": company.password });
        let told = client.ask(&Ask::send(Method::POST, "/api/auth/login", body)).await?.json()?;
        tokens
            .push(told["accessToken"].as_str().context("a login is answered a token")?.to_owned());
    }
    Ok(tokens)
}

/// CPU while they come and go, less that of the same time in which nobody does,
/// and how many packets told of it.
async fn before_so_many(
    server: &Running,
    sockets: usize,
    tokens: &[String],
) -> Result<(Cpu, usize)> {
    let (stop, stopped) = watch::channel(false);
    let heard = Arc::new(AtomicUsize::new(0));
    let mut listeners = JoinSet::new();
    for socket in live::connect(server, sockets).await? {
        listeners.spawn(listen(socket, heard.clone(), stopped.clone()));
    }
    tokio::time::sleep(REST).await;
    let calm = during(server, async {
        let mut pace = tokio::time::interval(EVERY);
        for _ in 0..2 * tokens.len() {
            pace.tick().await;
        }
        tokio::time::sleep(REST).await;
        Ok(())
    });
    let calm = calm.await?;
    eprintln!(
        "presence: nobody comes before {sockets} sockets: {:.0} ms of the server",
        calm.server
    );
    heard.store(0, Ordering::Relaxed);
    let lively = during(server, async {
        let (mut pace, mut there) = (tokio::time::interval(EVERY), Vec::new());
        for token in tokens {
            pace.tick().await;
            there.push(Socket::connect(server.aim.address, token, None).await?);
        }
        for socket in there {
            pace.tick().await;
            socket.close().await;
        }
        tokio::time::sleep(REST).await;
        Ok(())
    });
    let lively = lively.await?;
    eprintln!("presence: all come and go before {sockets} sockets: {:.0} ms", lively.server);
    stop.send(true)?;
    while let Some(one) = listeners.join_next().await {
        one.context("a listener ended")??;
    }
    let heard = heard.load(Ordering::Relaxed);
    ensure!(heard > 0, "nobody heard who came and went");
    Ok((lively.since(calm), heard))
}

async fn during(server: &Running, work: impl Future<Output = Result<()>>) -> Result<Cpu> {
    let before = server.aim.processes.cpu()?;
    work.await?;
    Ok(server.aim.processes.cpu()?.since(before))
}

async fn listen(
    mut socket: Socket,
    heard: Arc<AtomicUsize>,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    loop {
        let packet = tokio::select! {
            packet = socket.text() => packet?,
            _ = stopped.changed() => break,
        };
        let tells = ["user.connected", "user.disconnected", "presence.changed", "presence.listed"];
        if tells.iter().any(|name| event(&packet, name).is_some()) {
            heard.fetch_add(1, Ordering::Relaxed);
        }
    }
    socket.close().await;
    Ok(())
}
