//! What is done for the cache beside the requests: telling L2 and L3. What does
//! not fit in is not done; nothing depends on it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::l2::L2;
use crate::l3::L3;
use crate::shelf::Key;

/// Pieces of work that may wait.
pub(crate) const WAITING_MAX: usize = 1024;
/// How often results that are too old are removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A piece of work.
#[derive(Debug)]
pub(crate) enum Work {
    /// Keep a value in L2.
    Put { name: String, position: i64, kept_for: Duration, value: Vec<u8> },
    /// Bury it.
    Bury { name: String, position: i64, kept_for: Duration },
    /// Keep a result in L3.
    Keep { key: Key, epoch: String, position: i64, kept_for: Duration, value: Vec<u8> },
}

/// Does what comes, until told to stop.
pub(crate) async fn run(
    l2: Option<L2>,
    l3: Option<L3>,
    mut work: mpsc::Receiver<Work>,
    stop: CancellationToken,
) {
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    sweep.tick().await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            next = work.recv() => match next {
                Some(work) => run_one(l2.as_ref(), l3.as_ref(), work).await,
                None => return,
            },
            _ = sweep.tick() => {
                if let Some(l3) = &l3
                    && let Err(fault) = l3.sweep().await
                {
                    tracing::debug!(%fault, "old results could not be removed");
                }
            }
        }
    }
}

async fn run_one(l2: Option<&L2>, l3: Option<&L3>, work: Work) {
    match (work, l2, l3) {
        (Work::Put { name, position, kept_for, value }, Some(l2), _) => {
            // Away or refused: the next who reads it keeps it.
            let _kept = l2.put(&name, position, kept_for, &value).await;
        }
        (Work::Bury { name, position, kept_for }, Some(l2), _) => {
            let _buried = l2.bury(&name, position, kept_for).await;
        }
        (Work::Keep { key, epoch, position, kept_for, value }, _, Some(l3)) => {
            if let Err(fault) = l3.put(key, (epoch, position), kept_for, value).await {
                tracing::debug!(%fault, "a result could not be kept");
            }
        }
        _ => {}
    }
}
