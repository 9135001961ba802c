//! Whether those who are connected may still be, and as whom: asked of whoever
//! let them in, where the log has not said it.

use std::collections::HashSet;
use std::sync::Arc;

use sayso_access::{Actor, SessionId};
use sayso_db::Effect;
use sayso_kernel::{Fault, Kind};

use crate::node::{Node, Standing};
use crate::protocol::Closing;
use crate::session::Session;

/// Why whoever has other rights than before comes back: as the log says it.
const ACCESS_CHANGED: &str = "access.changed";

/// Who acts when this socket asks for something now: neither what was so when
/// it came, nor what the log is yet to say.
///
/// # Errors
/// What whoever let it in says of a session that has ended, or lacks what its
/// role asks for; 503 when that cannot be known.
pub(crate) async fn actor(session: &Session) -> Result<Actor, Fault> {
    let (node, id) = (&session.node, session.actor.session_id);
    let asked = tokio::time::timeout(node.limits.connect_timeout, (node.standings)(vec![id]));
    let mut found = asked.await.map_err(Fault::unavailable)??;
    let standing = found.remove(&id).ok_or_else(|| Fault::internal("each is answered for"))?;
    standing.map_err(Fault::new)
}

/// Asks after these sockets, all in one question: whoever may no longer be
/// there goes, and whoever has other rights by now comes back. While nobody
/// can be asked, nobody is closed, and the answer is `false`.
pub(crate) async fn look(node: &Node, sockets: Vec<Arc<Session>>) -> bool {
    if sockets.is_empty() {
        return true;
    }
    let ids: HashSet<SessionId> = sockets.iter().map(|socket| socket.actor.session_id).collect();
    let asked = (node.standings)(ids.into_iter().collect());
    let asked = tokio::time::timeout(node.limits.connect_timeout, asked).await;
    let found = match asked.map_err(Fault::unavailable).flatten() {
        Ok(found) => found,
        Err(fault) => {
            tracing::warn!(%fault, "sockets cannot be looked at now");
            return false;
        }
    };
    for socket in sockets {
        let standing = found.get(&socket.actor.session_id);
        if let Some(closing) = standing.and_then(|now| closing(node, &socket, now)) {
            metrics::counter!("sayso_realtime_closed_unsaid_total").increment(1);
            if closing.reconnect {
                // The log is not to send whoever comes back away once more.
                let (user, code) = (socket.actor.user_id, closing.code.clone());
                node.board.foretell(&[Effect::Reconnect { user, code }]);
            }
            socket.close(&closing);
        }
    }
    true
}

fn closing(node: &Node, socket: &Session, standing: &Standing) -> Option<Closing> {
    match standing {
        Ok(actor) if actor.has_rights_of(&socket.actor, node.clock.now()) => None,
        Err(code) if code.kind == Kind::Unauthenticated => Some(Closing::stay_away(code.name)),
        Ok(_) | Err(_) => Some(Closing::come_back(ACCESS_CHANGED, node.retry_after_ms())),
    }
}
