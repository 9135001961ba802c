//! Who acts in sessions that are open: what sockets ask, which live longer
//! than the request that they came with.

use std::collections::HashMap;

use sayso_access::{Actor, Givens, Role, SessionId, UserId};
use sayso_kernel::{Code, Fault};

use crate::error::{SESSION_REVOKED, TOTP_REQUIRED};
use crate::{AuthState, repo};

/// What a socket hangs on: its session, or the API token that stands in its
/// place. When that expires, is asked elsewhere.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its person.
    pub user_id: UserId,
    /// The person's role now.
    pub role: Role,
    /// IANA name of the person's time zone.
    pub time_zone: String,
    /// Whether the person may come in.
    pub may_enter: bool,
    /// Whether the session has ended.
    pub is_ended: bool,
    /// Whether it was opened with no less than a role may ask for: the person
    /// has a second factor, or a program acts, which has none.
    pub is_strong: bool,
    /// What the person was granted or denied beside the role.
    pub givens: Givens,
}

/// Who acts in each of these sessions now, or by which code nobody does any
/// more: as it is remembered while this node's view of the log is fresh, the
/// others as the database has them, all in one statement.
///
/// # Errors
/// 503 when the database cannot be asked.
pub async fn of(
    auth: &AuthState,
    sessions: &[SessionId],
) -> Result<HashMap<SessionId, Result<Actor, &'static Code>>, Fault> {
    let mut found = HashMap::with_capacity(sessions.len());
    if auth.app.hub.is_fresh() {
        let kept = sessions.iter().filter_map(|id| Some((*id, auth.memory.standing(*id)?)));
        found.extend(kept);
    }
    let unknown: Vec<_> = sessions.iter().copied().filter(|id| !found.contains_key(id)).collect();
    if !unknown.is_empty() {
        let mark = auth.memory.mark();
        let now = auth.app.clock.now();
        for (id, standing) in repo::standing::of(&mut auth.app.db.read(), &unknown, now).await? {
            auth.memory.keep_standing(mark, id, standing.clone());
            found.insert(id, standing);
        }
    }
    let answer = |id: &SessionId| {
        let standing = found.get(id).cloned().ok_or(&SESSION_REVOKED);
        (*id, standing.and_then(|standing| standing.admit(auth, *id)))
    };
    Ok(sessions.iter().map(answer).collect())
}

impl Standing {
    fn admit(self, auth: &AuthState, session_id: SessionId) -> Result<Actor, &'static Code> {
        let Self { user_id, role, time_zone, givens, .. } = self;
        if self.is_ended || !self.may_enter {
            return Err(&SESSION_REVOKED);
        }
        if auth.rules.asks_second_factor(role) && !self.is_strong {
            return Err(&TOTP_REQUIRED);
        }
        Ok(Actor { user_id, session_id, role, time_zone, givens })
    }
}
