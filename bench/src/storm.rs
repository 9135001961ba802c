//! Sockets that were away and come back all at once, as after a break of the
//! line. Sayso replays what they missed; the peer keeps nothing to replay, so
//! there they only connect.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hyper::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::client::Ask;
use crate::live;
use crate::load::Times;
use crate::server::Running;
use crate::socket::{Place, Socket, event};
use crate::usage::Cpu;

/// What they missed.
const MISSED: usize = 20;
/// Until the server has seen them go.
const AWAY: Duration = Duration::from_secs(1);
/// A replay takes no longer.
const REPLAYED_WITHIN: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Stormed {
    /// Sockets that came back.
    pub back: usize,
    /// Those that were refused or cut.
    pub lost: usize,
    /// Events that were replayed.
    pub replayed: usize,
    /// Until the last was there.
    pub seconds: f64,
    /// Until each was there.
    pub times: Times,
    /// CPU meanwhile.
    pub cpu: Cpu,
    /// Statements meanwhile, whoever asked them, where the server counts them.
    pub statements: Option<f64>,
}

/// So many.
pub async fn measure(server: &Running, sockets: usize, replays: bool) -> Result<Stormed> {
    let mut places = Vec::new();
    for socket in live::connect(server, sockets).await? {
        places.push(if replays { Some(socket.place()?) } else { None });
        socket.close().await;
    }
    miss(server).await?;
    tokio::time::sleep(AWAY).await;
    let asked_before = statements(server).await?;
    let before = server.aim.processes.cpu()?;
    let started = Instant::now();
    let mut coming = JoinSet::new();
    for (number, place) in places.into_iter().enumerate() {
        let (address, token) = (server.aim.address, server.company().token(number).to_owned());
        coming.spawn(async move {
            let back = come_back(address, &token, place.as_ref()).await;
            (back, started.elapsed())
        });
    }
    let mut stormed = Stormed::default();
    let mut there = Vec::new();
    while let Some(one) = coming.join_next().await {
        let (back, took) = one.context("a socket ended")?;
        match back {
            Ok((socket, replayed)) => {
                stormed.back += 1;
                stormed.replayed += replayed;
                stormed.times.add(took);
                there.push(socket);
            }
            Err(error) => {
                if stormed.lost == 0 {
                    eprintln!("{}: a socket does not come back: {error:#}", server.name);
                }
                stormed.lost += 1;
            }
        }
    }
    stormed.seconds = started.elapsed().as_secs_f64();
    stormed.cpu = server.aim.processes.cpu()?.since(before);
    let asked = statements(server).await?;
    stormed.statements = asked.zip(asked_before).map(|(after, before)| after - before);
    for socket in there {
        socket.close().await;
    }
    eprintln!(
        "{:<6} storm: {} back in {:.2} s, {} lost, {} replayed, server {:.0} ms, {:?} statements",
        server.name,
        stormed.back,
        stormed.seconds,
        stormed.lost,
        stormed.replayed,
        stormed.cpu.server,
        stormed.statements
    );
    Ok(stormed)
}

/// Statements that a server has asked so far; `None` where it does not count
/// them.
async fn statements(server: &Running) -> Result<Option<f64>> {
    let answer = server.client(0).await?.ask(&Ask::get("/metrics")).await?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let counts = text.lines().filter(|line| line.starts_with("sayso_db_statement_seconds_count"));
    let counts: Vec<f64> =
        counts.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
    Ok((!counts.is_empty()).then(|| counts.iter().sum()))
}

async fn miss(server: &Running) -> Result<()> {
    let mut client = server.client(0).await?;
    let path = format!("/api/channels/{}/messages", server.company().hall);
    for number in 0..MISSED {
        let body = json!({ "content": format!("Said while they were away, {number}") });
        client.ask(&Ask::send(Method::POST, path.clone(), body)).await?.json()?;
    }
    Ok(())
}

async fn come_back(
    address: std::net::SocketAddr,
    token: &str,
    place: Option<&Place>,
) -> Result<(Socket, usize)> {
    let mut socket = Socket::connect(address, token, place).await?;
    if place.is_none() || socket.ready["recovered"] != Value::Bool(true) {
        return Ok((socket, 0));
    }
    let replayed = tokio::time::timeout(REPLAYED_WITHIN, replay(&mut socket));
    let replayed = replayed.await.context("a replay does not end")??;
    Ok((socket, replayed))
}

async fn replay(socket: &mut Socket) -> Result<usize> {
    let mut replayed = 0;
    loop {
        let packet = socket.text().await?;
        let Some(argument) = event(&packet, "replay") else { continue };
        let told: Value = serde_json::from_str(argument)?;
        replayed += told["events"].as_array().map_or(0, Vec::len);
        if told["more"] != Value::Bool(true) {
            return Ok(replayed);
        }
    }
}
