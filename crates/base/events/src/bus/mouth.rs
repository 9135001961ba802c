//! What this node says to others.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sayso_redis::cmd;
use tokio::sync::{mpsc, watch};

use super::Shared;
use super::word::{Spoken, Whispered, Word};
use crate::presence;

/// How long the last word may take.
const LAST_WORD: Duration = Duration::from_millis(200);

/// Says one word, if there is anybody to take it.
pub(super) async fn say(shared: &Shared, word: Word) {
    let spoken = Spoken { node: shared.node, word };
    let text = serde_json::to_vec(&spoken).expect("a word is plain JSON");
    let mut publish = cmd("PUBLISH");
    publish.arg(shared.channel()).arg(text);
    if shared.redis.command::<i64>("publish", &publish).await.is_err() {
        metrics::counter!("sayso_bus_words_lost_total").increment(1);
    }
}

/// Says what waits, one after the other.
pub(super) async fn run(shared: &Shared, mut words: mpsc::Receiver<Word>) {
    while let Some(word) = words.recv().await {
        say(shared, word).await;
    }
}

pub(super) async fn tell_presence(shared: &Shared) {
    let mut words = shared.presence.outgoing();
    while let Some(word) = words.recv().await {
        say(shared, Word::Presence(word)).await;
    }
}

pub(super) async fn tell_whispers(shared: &Shared) {
    let mut lots = shared.volatile.outgoing();
    while let Some(lot) = lots.recv().await {
        say(shared, Word::Whispers(lot.iter().map(Whispered::from).collect())).await;
    }
}

/// While another node leads, it is told of what is committed here: many
/// commits in one word, if they come while the one before is being said.
pub(super) async fn wake_the_leader(shared: &Shared, mut leading: watch::Receiver<bool>) {
    loop {
        let is_leading = *leading.borrow_and_update();
        shared.is_leading.store(is_leading, Ordering::Release);
        tokio::select! {
            () = shared.db.wake().notified(), if !is_leading => say(shared, Word::Wake).await,
            changed = leading.changed() => if changed.is_err() {
                // There is no sequencer here: others number.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// The last word of a node: nobody has to wait until it is missed.
pub(super) async fn farewell(shared: &Shared) {
    let farewell = say(shared, Word::Presence(presence::Word::Farewell));
    let _in_vain = tokio::time::timeout(LAST_WORD, farewell).await;
}
