//! From the log to the sockets: one task, one event after the other.

use std::sync::Arc;
use std::time::Instant;

use sayso_db::Effect;
use sayso_events::{Event, Message, QUARANTINED};
use tokio::sync::mpsc;

use crate::limits::{DISPATCH_BURST, LOG_MAX};
use crate::node::Node;
use crate::protocol::Closing;
use crate::{spans, whispers};

/// The event with which typing ends.
const SENT: &str = "message.sent";

/// Hands out whatever the hub hears, until there is no hub any more.
pub(crate) async fn run(node: &Arc<Node>, heard: &mut mpsc::Receiver<Message>) {
    let mut handed_out = 0;
    while let Some(message) = heard.recv().await {
        match message {
            Message::Events(events) => {
                for event in events.iter() {
                    hand_out(node, event);
                    handed_out += 1;
                    if handed_out % DISPATCH_BURST == 0 {
                        // The tasks that write to the sockets want to run too.
                        tokio::task::yield_now().await;
                    }
                }
            }
            Message::Reset => resync(node),
            Message::Ahead(effects) => ahead(node, effects),
        }
    }
}

/// Offers one event to whoever may have to hear it.
pub(crate) fn hand_out(node: &Node, event: &Arc<Event>) {
    if event.kind == QUARANTINED {
        // Whatever it would have begun or ended is read anew by everybody.
        resync(node);
    }
    if event.kind == SENT
        && let Some(sender) = event.actor_id
        && let Some(placed) = event.streams.first()
    {
        // Whoever has said it no longer types it, whichever door it came by.
        whispers::stop_typing(node, sender, &placed.stream);
    }
    let traced = event.trace.as_ref().map(|trace| (trace, Instant::now()));
    let candidates = node.board.candidates(event);
    metrics::counter!("sayso_realtime_offered_total").increment(candidates.len() as u64);
    for session in &candidates {
        let moved = session.offer(event);
        if !moved.joined.is_empty() || !moved.left.is_empty() {
            node.board.moved(session, &moved);
            node.presence.moved(session.actor.user_id);
        }
    }
    if let Some((trace, started)) = traced.filter(|_| !candidates.is_empty()) {
        spans::dispatched(trace, event, candidates.len(), started);
    }
}

/// Sessions have ended or rights have changed, and the log does not say so yet.
/// It will in a moment, in its place; where it does not, because nobody writes
/// it just now, their sockets go without it. Whoever has come back by then, as
/// who they are now, is not sent away by the log once more.
fn ahead(node: &Arc<Node>, effects: Arc<[Effect]>) {
    let heard_at = node.board.foretell(&effects);
    let node = Arc::clone(node);
    tokio::spawn(async move {
        tokio::time::sleep(LOG_MAX).await;
        for effect in effects.iter() {
            let (sockets, closing) = match effect {
                Effect::EndSession { session, code } => {
                    (node.board.of_login(*session), Closing::stay_away(code))
                }
                Effect::Reconnect { user, code } => {
                    let closing = Closing::come_back(code, node.retry_after_ms());
                    (node.board.of_person(*user, heard_at), closing)
                }
                _ => continue,
            };
            for socket in sockets {
                metrics::counter!("sayso_realtime_closed_ahead_total").increment(1);
                socket.close(&closing);
            }
        }
    });
}

/// What was heard does not lead to what comes: all sockets begin anew.
fn resync(node: &Node) {
    for session in node.board.all() {
        session.close(&Closing::come_back("session.resync", node.retry_after_ms()));
    }
}
