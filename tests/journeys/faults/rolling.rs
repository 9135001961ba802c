//! Two nodes behind a balancer are restarted in turn while everybody works:
//! nothing is missing, nothing comes twice, and no request fails for good.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sayso_kernel::Random;
use sayso_testkit::{Balancer, Client, ProcessSetup, Sockets};
use tokio::time::sleep;

use super::crash::is_full;
use super::judge::{Verdict, judge};
use super::mutants::without_replay;
use super::storm::{Channels, KINDS, collect, connect, longest_absence};
use super::writer::{Memory, Writer};
use crate::cluster::Cluster;
use crate::presence::assert_presence;
use crate::truth::Truth;

/// Between two restarts.
const BETWEEN: Duration = Duration::from_millis(1_500);
/// Everybody is back by then.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// What was seen of nodes that were restarted in turn.
struct Seen {
    verdict: Verdict,
    /// Requests that failed for good.
    failed: usize,
    longest_absence: Duration,
}

/// So many clients, and so often both nodes of this build.
async fn restarted(
    (count, rounds): (usize, usize),
    build: impl Fn(ProcessSetup) -> ProcessSetup,
) -> Seen {
    let linger = |setup: ProcessSetup| build(setup).env("SAYSO_HTTP__DRAIN_MS", "500");
    let mut cluster = Cluster::with(linger, |setup, _| setup).await;
    let channels = Channels::open(&cluster.company).await;
    let config = cluster.database.app_config();
    let truth = Truth::of(&config).await;
    truth.settle().await;
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

    let random = Random::seeded(13);
    let (stop, _) = tokio::sync::watch::channel(Instant::now() + Duration::from_secs(3600));
    let writers: Vec<_> = (0..4)
        .map(|turn| {
            let how = (&people[turn].1, &channels);
            // No write may fail for good here, so each may be sent again.
            let writer = Writer::new(turn, how, (true, Duration::from_millis(40)), &random);
            tokio::spawn(writer.run_until(stop.subscribe()))
        })
        .collect();
    for _ in 0..rounds {
        for node in [&mut cluster.company.server, &mut cluster.second] {
            sleep(BETWEEN).await;
            let status = node.stop().await;
            assert!(status.success(), "{status}");
            node.restart().await;
        }
    }
    sleep(BETWEEN).await;
    stop.send_replace(Instant::now());
    let mut memory = Memory::default();
    for writer in writers {
        memory.add(writer.await.unwrap());
    }

    let (patience, slowest) = (memory.patience, memory.slowest);
    let names: Vec<String> = subscribers.iter().map(|one| one.name.clone()).collect();
    let evidence = collect(&config, &sockets, subscribers, memory, rounds * 2).await;
    let longest_absence = names.iter().map(|name| longest_absence(&sockets, name)).max().unwrap();
    let verdict = judge(&evidence);
    let failed = evidence.unanswered.len() + evidence.wrong_answers.len();
    evidence.wrong_answers.iter().for_each(|answer| eprintln!("{answer:?}"));
    eprintln!(
        "{count} clients, {} restarts: {} acked, {failed} failed ({patience} repeated), {} \
         received, {} lost, {} doubled or disordered, {} reconnects, slowest write {slowest:?}, \
         longest absence {longest_absence:?}",
        verdict.faults,
        verdict.acked,
        verdict.received,
        verdict.lost_writes + verdict.lost_events,
        verdict.doubled_writes + verdict.doubled_events + verdict.disordered,
        verdict.reconnects,
    );
    let ceo = &cluster.company.ceo;
    let lookers = [ceo.clone(), cluster.there(ceo)];
    assert_presence(&cluster.company, &lookers, &sockets, &names).await;
    Seen { verdict, failed, longest_absence }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_restarted_in_turn_and_nobody_misses_anything() {
    let (count, rounds) = if is_full() { (200, 4) } else { (24, 1) };

    let Seen { verdict, failed, longest_absence } = restarted((count, rounds), |setup| setup).await;

    assert!(verdict.is_clean(), "{verdict:#?}");
    assert_eq!(failed, 0);
    assert!(verdict.reconnects >= count, "{} of {count} came back", verdict.reconnects);
    assert!(longest_absence < BACK_WITHIN, "a client was away for {longest_absence:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_replay_are_convicted_when_they_are_restarted_in_turn() {
    let Seen { verdict, .. } = restarted((8, 1), without_replay).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}
