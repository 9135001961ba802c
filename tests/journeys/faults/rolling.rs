//! Two nodes behind a balancer are restarted in turn while everybody works:
//! nothing is missing, nothing comes twice, and no request fails for good.
//!
//! What makes a run valid are the nodes that ended as they were asked to, and
//! whoever had to come back for it: nobody leaves by themselves here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_kernel::{Clock, Random};
use sayso_testkit::{Balancer, Client, ProcessSetup, Sockets};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::crash::is_full;
use super::judge::{Verdict, judge};
use super::mutants::without_replay;
use super::reader::{Reader, Reads};
use super::report::Row;
use super::storm::{Channels, KINDS, collect, connect, longest_absence};
use super::writer::{Memory, Writer};
use crate::cluster::Cluster;
use crate::presence::assert_presence;
use crate::truth::Truth;

/// Between two restarts.
const BETWEEN: Duration = Duration::from_millis(1_500);
/// Everybody is back by then.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Between two requests of one writer or reader.
const PAUSE: Duration = Duration::from_millis(40);
/// Four of them write, with a twin now and then. With so many readers it is
/// about 200 requests a second,
const WRITERS: usize = 4;
const READERS: usize = 6;
/// and a full form in which it was less than this has shown nothing.
const LOAD_MIN: f64 = 150.0;
/// A node that goes sends its sockets away one by one, over a time to which each
/// adds so many milliseconds,
const EACH: i64 = 10;
/// up to so many.
const SPREAD_MAX: i64 = 2_000;
/// Fewer sockets may be close together by chance.
const MANY: usize = 20;

/// What was seen of nodes that were restarted in turn.
struct Seen {
    verdict: Verdict,
    length: Duration,
    /// Requests that failed for good.
    failed: usize,
    /// Requests that were answered, in a second.
    load: f64,
    longest_absence: Duration,
    /// When the sockets of each node that went were told to come back elsewhere,
    /// in milliseconds.
    farewells: Vec<Vec<i64>>,
}

/// Whoever writes and reads.
struct Crowd {
    stop: watch::Sender<Instant>,
    writers: Vec<JoinHandle<Memory>>,
    readers: Vec<JoinHandle<Reads>>,
}

impl Crowd {
    fn begin(people: &[(String, Client)], channels: &Channels, readers: usize) -> Self {
        let random = Random::seeded(13);
        let (stop, _) = watch::channel(Instant::now() + Duration::from_secs(3600));
        let who = |turn: usize| (&people[turn % people.len()].1, channels);
        // No write may fail for good here, so each may be sent again.
        let writer = |turn: usize| Writer::new(turn, who(turn), (true, PAUSE), &random);
        let writers =
            (0..WRITERS).map(|turn| tokio::spawn(writer(turn).run_until(stop.subscribe())));
        let writers = writers.collect();
        let reader = |turn: usize| Reader::new(who(turn), PAUSE);
        let readers =
            (0..readers).map(|turn| tokio::spawn(reader(turn).run_until(stop.subscribe())));
        let readers = readers.collect();
        Self { stop, writers, readers }
    }

    async fn end(self) -> (Memory, Reads) {
        self.stop.send_replace(Instant::now());
        let (mut memory, mut reads) = (Memory::default(), Reads::default());
        for writer in self.writers {
            memory.add(writer.await.unwrap());
        }
        for reader in self.readers {
            reads.add(reader.await.unwrap());
        }
        (memory, reads)
    }
}

/// Restarts both nodes in turn, so often; answers when each was asked to end.
async fn restart(cluster: &mut Cluster, rounds: usize) -> Vec<i64> {
    let mut asked = Vec::new();
    for _ in 0..rounds {
        for node in [&mut cluster.company.server, &mut cluster.second] {
            sleep(BETWEEN).await;
            asked.push(Clock::System.now().as_millisecond());
            let status = node.stop().await;
            assert!(status.success(), "{status}");
            node.restart().await;
        }
    }
    sleep(BETWEEN).await;
    asked
}

/// When the sockets of each of these nodes were sent away.
fn farewells(sockets: &Sockets, names: &[String], asked: &[i64]) -> Vec<Vec<i64>> {
    let mut farewells = vec![Vec::new(); asked.len()];
    for heard in names.iter().flat_map(|name| sockets.heard(name)) {
        let is_farewell = heard.event == "session.closed";
        if is_farewell && heard.payload["code"] == "server.restarting" {
            let of = asked.partition_point(|at| *at <= heard.at);
            farewells[of.checked_sub(1).expect("a node was asked to end")].push(heard.at);
        }
    }
    farewells
}

/// Whether the sockets of a node were sent away over at least half of the time
/// that is theirs, and not all at once.
fn are_spread(times: &[i64]) -> bool {
    let (first, last) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    let theirs = (EACH * i64::try_from(times.len()).unwrap()).min(SPREAD_MAX);
    last - first >= theirs / 2
}

/// So many clients, so often both nodes of this build, and so many who read.
async fn restarted(
    (count, rounds, readers): (usize, usize, usize),
    build: impl Fn(ProcessSetup) -> ProcessSetup,
) -> Seen {
    let linger = |setup: ProcessSetup| build(setup).env("SAYSO_HTTP__DRAIN_MS", "500");
    let mut cluster = Cluster::with(linger, |setup, _| setup).await;
    let channels = Channels::open(&cluster.company).await;
    let config = cluster.database.app_config();
    Truth::of(&config).await.settle().await;
    let urls = [cluster.company.server.url(), cluster.second.url()];
    let balancer = Balancer::before(&urls).await;
    let people: Vec<(String, Client)> = cluster
        .company
        .everybody()
        .into_iter()
        .map(|(name, person)| (name.to_owned(), person.through(balancer.url())))
        .collect();
    let sockets = Arc::new(Sockets::brief());
    let subscribers = connect(&people, &sockets, &KINDS, count).await;

    let started = Instant::now();
    let crowd = Crowd::begin(&people, &channels, readers);
    let asked = restart(&mut cluster, rounds).await;
    let length = started.elapsed();
    let (memory, reads) = crowd.end().await;

    let (repeated, slowest) = (memory.patience + reads.repeated, memory.slowest);
    let requests = u32::try_from(memory.acked.len() + reads.answered).unwrap();
    let load = f64::from(requests) / length.as_secs_f64();
    let names: Vec<String> = subscribers.iter().map(|one| one.name.clone()).collect();
    let evidence = collect(&config, &sockets, subscribers, memory, asked.len()).await;
    let longest_absence = names.iter().map(|name| longest_absence(&sockets, name)).max().unwrap();
    let verdict = judge(&evidence);
    let failed = evidence.unanswered.len() + evidence.wrong_answers.len() + reads.failed.len();
    evidence.wrong_answers.iter().chain(&reads.failed).for_each(|answer| eprintln!("{answer}"));
    eprintln!(
        "{count} clients, {} acked and {} read, {load:.0} requests a second, {failed} failed \
         ({repeated} repeated), slowest write {slowest:?}",
        verdict.acked, reads.answered,
    );
    let farewells = farewells(&sockets, &names, &asked);
    let ceo = &cluster.company.ceo;
    let lookers = [ceo.clone(), cluster.there(ceo)];
    assert_presence(&cluster.company, &lookers, &sockets, &names).await;
    Seen { verdict, length, failed, load, longest_absence, farewells }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_restarted_in_turn_and_nobody_misses_anything() {
    let (count, rounds, readers) = if is_full() { (200, 4, READERS) } else { (24, 1, 1) };

    let seen = restarted((count, rounds, readers), |setup| setup).await;

    let row = Row {
        unanswered: Some(seen.failed),
        longest_absence: Some(seen.longest_absence),
        ..Row::of(&seen.verdict, seen.length)
    };
    row.write(&format!("nodes restarted in turn, {:.0} requests a second", seen.load));
    let verdict = &seen.verdict;
    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(seen.failed, 0);
    assert!(verdict.reconnects >= count, "{} of {count} came back", verdict.reconnects);
    let away = seen.longest_absence;
    assert!(away < BACK_WITHIN, "a client was away for {away:?}");
    assert!(!is_full() || seen.load > LOAD_MIN, "{} requests a second", seen.load);
    let many: Vec<_> = seen.farewells.iter().filter(|times| times.len() >= MANY).collect();
    assert!(!many.is_empty(), "no node had many sockets: {:?}", seen.farewells);
    for times in many {
        assert!(are_spread(times), "sent away all at once: {times:?}");
    }
}

#[test]
fn sockets_that_are_sent_away_at_once_or_nearly_so_are_found() {
    let over = |millis: i64| (0..24).map(|n| 1_000 + n * millis / 23).collect::<Vec<i64>>();

    assert!(are_spread(&over(240)));
    assert!(are_spread(&over(120)));
    assert!(!are_spread(&over(119)));
    assert!(!are_spread(&over(0)));
    // However many they are, they are gone after two seconds.
    let crowd = |millis: i64| (0..1_000).map(|n| n * millis / 999).collect::<Vec<i64>>();
    assert!(are_spread(&crowd(2_000)));
    assert!(!are_spread(&crowd(900)));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_replay_are_convicted_when_they_are_restarted_in_turn() {
    let Seen { verdict, .. } = restarted((8, 1, 1), without_replay).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}
