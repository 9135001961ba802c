//! Load: closed (each client asks again when it was answered) and open (requests
//! come when they come, however the server does).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::company::Company;
use crate::usage::{Cpu, Processes};
use crate::work::{Doer, Work};

/// Latencies, in microseconds, sorted when they are asked.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<u32>);

impl Times {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// Those of others.
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// In milliseconds: what so many of a hundred did not exceed.
    pub fn percentile(&self, of_hundred: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * of_hundred / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }
}

/// What came of a measurement.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Requests that were answered 2xx in the window.
    pub count: u64,
    /// Others.
    pub failed: u64,
    /// What the first of those was answered.
    pub failure: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Latencies of those that succeeded.
    pub times: Times,
    /// CPU in that time.
    pub cpu: Cpu,
}

impl Measured {
    /// Several windows as one.
    pub fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
        self.seconds += other.seconds;
        self.times.append(other.times);
        self.cpu.server += other.cpu.server;
        self.cpu.postgres += other.cpu.postgres;
        self.cpu.redis += other.cpu.redis;
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// Milliseconds of CPU a request: of the server, and of all three.
    pub fn server_ms(&self) -> f64 {
        self.cpu.server / self.count as f64
    }

    /// Of PostgreSQL.
    pub fn postgres_ms(&self) -> f64 {
        self.cpu.postgres / self.count as f64
    }

    /// Of Redis.
    pub fn redis_ms(&self) -> f64 {
        self.cpu.redis / self.count as f64
    }

    /// Of all of them.
    pub fn total_ms(&self) -> f64 {
        self.server_ms() + self.postgres_ms() + self.redis_ms()
    }
}

const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const ENDED: u8 = 2;

/// Whom to load.
#[derive(Clone, Debug)]
pub struct Aim {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it is.
    pub processes: Processes,
    /// Who is there, with tokens of this server.
    pub company: Arc<Company>,
}

/// How long.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Not counted.
    pub warm_up: Duration,
    /// Counted.
    pub measured: Duration,
}

/// Closed: so many clients, each with a connection of its own.
pub async fn closed(aim: &Aim, work: Work, clients: usize, window: Window) -> Result<Measured> {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let mut doers = JoinSet::new();
    for number in 0..clients {
        let (aim, phase) = (aim.clone(), phase.clone());
        doers.spawn(async move { one(&aim, work, number, &phase).await });
    }
    tokio::time::sleep(window.warm_up).await;
    let (cpu, started) = (aim.processes.cpu()?, Instant::now());
    phase.store(MEASURING, Ordering::Relaxed);
    tokio::time::sleep(window.measured).await;
    phase.store(ENDED, Ordering::Relaxed);
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), aim.processes.cpu()?.since(cpu));
    let mut measured = Measured::default();
    while let Some(done) = doers.join_next().await {
        measured.merge(done.context("a client ended early")??);
    }
    (measured.seconds, measured.cpu) = (seconds, cpu);
    ensure!(measured.count > 0, "{}: nothing was answered: {:?}", work.name(), measured.failure);
    Ok(measured)
}

async fn one(aim: &Aim, work: Work, number: usize, phase: &AtomicU8) -> Result<Measured> {
    let mut doer = Doer::new(&aim.company, number);
    let mut client = Client::connect(aim.address, Some(aim.company.token(number))).await?;
    let mut measured = Measured::default();
    loop {
        let ask = doer.next(work);
        let answer = client.ask(&ask).await;
        if let Ok(answer) = &answer {
            doer.learn(answer);
        }
        match phase.load(Ordering::Relaxed) {
            WARMING => continue,
            ENDED => return Ok(measured),
            _ => {}
        }
        match answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                measured.count += 1;
                measured.times.add(answer.took);
            }
            Ok(answer) => {
                measured.failed += 1;
                measured.failure.get_or_insert_with(|| {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    format!("{} {} {}: {body}", ask.method, ask.path, answer.status)
                });
            }
            Err(error) => {
                measured.failed += 1;
                measured.failure.get_or_insert_with(|| format!("{}: {error:#}", ask.path));
            }
        }
    }
}
