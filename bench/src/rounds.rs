//! The run: everything is measured in turn (one server, the other, the first
//! again), so that what else the machine does meets all alike.

use std::time::Duration;

use anyhow::Result;

use crate::args::Args;
use crate::floor::{self, Floors};
use crate::growth::{self, Growth};
use crate::live::{self, Delivered};
use crate::load::{self, Measured, Window};
use crate::machine::{self, Machine};
use crate::overload::{self, Overloaded};
use crate::presence::{self, Changed};
use crate::server::{Running, Stock};
use crate::soon::{self, Soon};
use crate::storm::{self, Stormed};
use crate::usage::Cpu;
use crate::work::{self, Work};

/// Clients of a closed loop: the fifty people of the plan.
const CLIENTS: usize = 50;
/// What the servers use when nobody asks is looked at for so long.
const IDLE: Duration = Duration::from_secs(3);

/// One thing measured at both servers.
#[derive(Clone, Debug)]
pub struct Pair<T> {
    /// At Sayso.
    pub sayso: T,
    /// At the peer.
    pub peer: T,
}

/// A workload at both.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Which.
    pub work: Work,
    /// What came of it.
    pub at: Pair<Measured>,
    /// At Sayso without its cache.
    pub uncached: Option<Measured>,
}

/// All that was measured.
#[derive(Debug)]
pub struct Results {
    /// Where.
    pub machine: Machine,
    /// The load of the machine before and after.
    pub load: (f64, f64),
    /// CPU a second when nobody asks.
    pub idle: Pair<Cpu>,
    /// Memory then, in KiB.
    pub resident: Pair<u64>,
    /// Requests.
    pub compared: Vec<Compared>,
    /// What cannot be undercut.
    pub floors: Floors,
    /// Sockets that hear messages.
    pub live: Vec<Pair<Delivered>>,
    /// How soon Sayso's events are heard, without and with others who write.
    pub soon: Option<[Soon; 2]>,
    /// What those cost Sayso who come and go.
    pub presence: Option<Changed>,
    /// Sockets that come back.
    pub storm: Option<Pair<Stormed>>,
    /// More than can be done.
    pub overload: Option<Pair<Overloaded>>,
    /// Other sizes.
    pub growth: Vec<Growth>,
    /// What could not be measured, and why.
    pub failed: Vec<String>,
}

/// Measures all that is wanted.
pub async fn all(args: &Args) -> Result<Results> {
    let (machine, before) = (Machine::look(&args.postgres_bin), machine::load());
    let stock = Stock::make(args, args.plan.tasks).await?;
    let sayso = stock.sayso(&[]).await?;
    let peer = stock.peer().await?;
    eprintln!("both serve");
    let mut results = Results {
        machine,
        load: (before, before),
        idle: Pair { sayso: idle(&sayso).await?, peer: idle(&peer).await? },
        resident: Pair {
            sayso: sayso.aim.processes.resident()?,
            peer: peer.aim.processes.resident()?,
        },
        compared: compare(args, &stock, &sayso, &peer).await?,
        floors: Floors::default(),
        live: Vec::new(),
        soon: None,
        presence: None,
        storm: None,
        overload: None,
        growth: Vec::new(),
        failed: Vec::new(),
    };
    let others = beside(args, &stock, (&sayso, &peer), &mut results).await;
    results.failed.extend(others);
    sayso.stop().await?;
    peer.stop().await?;
    drop(stock);
    if args.wants("growth") {
        for tasks in args.plan.sizes {
            match growth::measure(args, *tasks).await {
                Ok(growth) => results.growth.push(growth),
                Err(error) => results.failed.push(format!("growth, {tasks} tasks: {error:#}")),
            }
        }
    }
    results.load.1 = machine::load();
    Ok(results)
}

/// What is measured in a way of its own. A part that fails is told, and does not
/// take the others with it.
async fn beside(
    args: &Args,
    stock: &Stock,
    (sayso, peer): (&Running, &Running),
    results: &mut Results,
) -> Vec<String> {
    let mut failed = Vec::new();
    let mut tell = |part: &str, error: anyhow::Error| {
        eprintln!("{part}: {error:#}");
        failed.push(format!("{part} could not be measured: {error:#}"));
    };
    if args.wants("floor") {
        match floor::measure(args, stock, sayso).await {
            Ok(floors) => results.floors = floors,
            Err(error) => tell("floors", error),
        }
    }
    let sockets = if args.wants("live") { args.plan.sockets } else { &[] };
    for count in sockets {
        match both(live::measure(sayso, *count), live::measure(peer, *count)).await {
            Ok(live) => results.live.push(live),
            Err(error) => tell("deliveries", error),
        }
    }
    if args.wants("presence") {
        match presence::measure(sayso).await {
            Ok(changed) => results.presence = Some(changed),
            Err(error) => tell("who comes and goes", error),
        }
    }
    if args.wants("soon") {
        match soon::measure(sayso).await {
            Ok(soon) => results.soon = Some(soon),
            Err(error) => tell("how soon events are heard", error),
        }
    }
    if args.wants("storm") {
        let count = args.plan.storm;
        let measured =
            both(storm::measure(sayso, count, true), storm::measure(peer, count, false)).await;
        match measured {
            Ok(storm) => results.storm = Some(storm),
            Err(error) => tell("the storm", error),
        }
    }
    let mixed = results.compared.iter().find(|one| one.work == Work::Mixed);
    if let Some(Pair { sayso: ours, peer: theirs }) = mixed.map(|one| &one.at)
        && args.wants("overload")
    {
        let length = args.plan.overload;
        let sayso = overload::measure(sayso, ours.rate(), length);
        match both(sayso, overload::measure(peer, theirs.rate(), length)).await {
            Ok(overload) => results.overload = Some(overload),
            Err(error) => tell("overload", error),
        }
    }
    failed
}

/// One after the other.
async fn both<T>(
    sayso: impl Future<Output = Result<T>>,
    peer: impl Future<Output = Result<T>>,
) -> Result<Pair<T>> {
    Ok(Pair { sayso: sayso.await?, peer: peer.await? })
}

async fn compare(
    args: &Args,
    stock: &Stock,
    sayso: &Running,
    peer: &Running,
) -> Result<Vec<Compared>> {
    let window = Window { warm_up: args.plan.warm_up, measured: args.plan.window };
    let mut compared = Vec::new();
    for work in work::ALL.into_iter().filter(|work| args.wants(work.name())) {
        let clients = work.clients(CLIENTS);
        let (mut ours, mut theirs) = (Measured::default(), Measured::default());
        for _ in 0..args.plan.rounds {
            ours.merge(load::closed(&sayso.aim, work, clients, window).await?);
            theirs.merge(load::closed(&peer.aim, work, clients, window).await?);
        }
        tell(work, &ours, &theirs);
        compared.push(Compared { work, at: Pair { sayso: ours, peer: theirs }, uncached: None });
    }
    if let Some(setting) = &args.cache_off {
        let uncached = stock.sayso(std::slice::from_ref(setting)).await?;
        let reads = [Work::Get, Work::List, Work::Filtered, Work::Search];
        for one in compared.iter_mut().filter(|one| reads.contains(&one.work)) {
            one.uncached = Some(load::closed(&uncached.aim, one.work, CLIENTS, window).await?);
        }
        uncached.stop().await?;
    }
    Ok(compared)
}

/// A line of progress.
pub fn tell(work: Work, ours: &Measured, theirs: &Measured) {
    let line = |one: &Measured| {
        format!(
            "{:.0}/s, server {:.3} ms, PostgreSQL {:.3} ms, p99 {:.1} ms, {} refused",
            one.rate(),
            one.server_ms(),
            one.postgres_ms(),
            one.times.percentile(99),
            one.failed
        )
    };
    eprintln!("{:<14} Sayso {}\n{:<14} peer  {}", work.name(), line(ours), "", line(theirs));
    for failure in [&ours.failure, &theirs.failure].into_iter().flatten() {
        eprintln!("{:<14} {failure}", "");
    }
}

/// CPU a second while nobody asks.
async fn idle(server: &Running) -> Result<Cpu> {
    let before = server.aim.processes.cpu()?;
    tokio::time::sleep(IDLE).await;
    let used = server.aim.processes.cpu()?.since(before);
    let seconds = IDLE.as_secs_f64();
    Ok(Cpu {
        server: used.server / seconds,
        postgres: used.postgres / seconds,
        redis: used.redis / seconds,
    })
}
