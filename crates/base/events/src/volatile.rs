//! What is heard now or never: who is there, who is typing.
//!
//! Such news stands in no log, has no place in any stream and is never told
//! again. It is published on this bus by whichever node learns of it, and
//! handed by every node to those of its sockets that follow one of the streams
//! named. The bus connects the parts of one node; where nodes have a line
//! between them, it carries there what is published here, and here what is
//! published there.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use sayso_access::UserId;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

/// Lots that may wait for a listener; beyond that they are lost to it.
const WAITING_MAX: usize = 256;

/// One piece of such news.
#[derive(Clone, Debug)]
pub struct Whisper {
    /// The event's name.
    pub kind: Cow<'static, str>,
    /// Whoever follows one of these hears it, once.
    pub streams: Vec<String>,
    /// Whom it need not be told.
    pub but: Option<UserId>,
    /// What it says, encoded once for all.
    pub body: Arc<RawValue>,
}

/// What was learned in one moment.
pub type Lot = Arc<[Whisper]>;

/// The bus. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Volatile(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    here: Mutex<Vec<mpsc::Sender<Lot>>>,
    /// The line to other nodes.
    beyond: OnceLock<mpsc::Sender<Lot>>,
}

impl Volatile {
    /// Tells everybody who listens, here and on other nodes. Never waits:
    /// whoever is too far behind misses it.
    pub fn publish(&self, whispers: Vec<Whisper>) {
        if whispers.is_empty() {
            return;
        }
        let lot = Lot::from(whispers);
        if let Some(beyond) = self.0.beyond.get()
            && beyond.try_send(Arc::clone(&lot)).is_err()
        {
            metrics::counter!("sayso_volatile_lost_total", "where" => "line").increment(1);
        }
        self.hand_out(&lot);
    }

    /// Tells those who listen here: what every node learns by itself.
    pub fn publish_here(&self, whispers: Vec<Whisper>) {
        if !whispers.is_empty() {
            self.hand_out(&Lot::from(whispers));
        }
    }

    fn hand_out(&self, lot: &Lot) {
        self.0.here.lock().retain(|listener| match listener.try_send(Arc::clone(lot)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("sayso_volatile_lost_total", "where" => "bus").increment(1);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> mpsc::Receiver<Lot> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        self.0.here.lock().push(sender);
        receiver
    }

    /// What is published here from now on, for the line to other nodes; the
    /// first who asks gets it.
    pub(crate) fn outgoing(&self) -> mpsc::Receiver<Lot> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let _first_stays = self.0.beyond.set(sender);
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whisper() -> Whisper {
        let body = serde_json::value::to_raw_value(&1).expect("a number is JSON");
        Whisper { kind: "it.stirs".into(), streams: Vec::new(), but: None, body: body.into() }
    }

    #[test]
    fn everybody_who_listens_hears_and_whoever_does_not_read_holds_up_nobody() {
        let bus = Volatile::default();
        let (mut quick, mut slow) = (bus.listen(), bus.listen());

        let heard = (0..2 * WAITING_MAX).filter(|_| {
            bus.publish(vec![whisper()]);
            quick.try_recv().is_ok()
        });

        assert_eq!(heard.count(), 2 * WAITING_MAX);
        assert_eq!(std::iter::from_fn(|| slow.try_recv().ok()).count(), WAITING_MAX);
    }
}
