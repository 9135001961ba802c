//! What this node remembers of tokens and sessions, so that a hot request asks
//! the database nothing.
//!
//! Two things are remembered: that a token's signature was found good, and what
//! the database said of its session. The second decides, so it serves only
//! while the node's view of the log is fresh ([`Hub::is_fresh`]), and is
//! forgotten in three ways:
//!
//! - this node itself ended a session or changed a person: at once, before the
//!   caller is answered ([`Db::tell`]);
//! - another node says so right after its commit, and the log in any case,
//!   wherever it was done: when it is applied;
//! - something happened that this file does not know how to judge: everything.
//!
//! What is read while something is forgotten answers its request and is not
//! kept: it may be from before.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use sayso_access::{SessionId, UserId};
use sayso_db::{Db, Effect, Told};
use sayso_events::{Applied, Event, Hub, QUARANTINED};

use crate::model::{SessionState, TokenState};
use crate::standing::Standing;
use crate::token::Claims;

/// Entries of one kind at the most.
const KEPT_MAX: usize = 20_000;

/// What this node remembers. Cheap to clone; starts empty.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    claims: Mutex<Kept<[u8; 32], Arc<Claims>>>,
    sessions: Mutex<Kept<(SessionId, i32), SessionState>>,
    tokens: Mutex<Kept<[u8; 32], TokenState>>,
    standings: Mutex<Kept<SessionId, Standing>>,
    /// Counts what was forgotten.
    forgotten: AtomicU64,
}

/// A moment before a read: what it finds is kept only if nothing was forgotten
/// since.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

impl Memory {
    /// Learns of everything that ends a session or changes a person: from this
    /// node's own writes, and from the log. `keys_changed` is told when there
    /// are other signing keys.
    pub fn follow(&self, hub: &Hub, db: &Db, keys_changed: impl Fn() + Send + Sync + 'static) {
        let memory = self.clone();
        hub.observe(move |applied| match applied {
            Applied::Events(events) => {
                events.iter().for_each(|event| memory.hear(event));
                if events.iter().any(|event| event.kind == crate::events::KEYS_ROTATED.name) {
                    keys_changed();
                }
            }
            Applied::Reset(_) => {
                memory.forget_all();
                keys_changed();
            }
            Applied::Ahead(effects) => memory.take("", effects, || None),
        });
        let memory = self.clone();
        db.tell(move |facts| facts.iter().for_each(|fact| memory.heed(fact)));
    }

    /// A moment before a read.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.0.forgotten.load(Ordering::Acquire))
    }

    /// What a token says whose signature was found good.
    pub(crate) fn claims(&self, print: &[u8; 32]) -> Option<Arc<Claims>> {
        self.0.claims.lock().get(print)
    }

    pub(crate) fn keep_claims(&self, mark: Mark, print: [u8; 32], claims: Arc<Claims>) {
        self.keep(mark, &self.0.claims, print, claims);
    }

    pub(crate) fn session(&self, session: SessionId, generation: i32) -> Option<SessionState> {
        self.0.sessions.lock().get(&(session, generation))
    }

    pub(crate) fn keep_session(&self, mark: Mark, key: (SessionId, i32), state: SessionState) {
        self.keep(mark, &self.0.sessions, key, state);
    }

    pub(crate) fn token(&self, print: &[u8; 32]) -> Option<TokenState> {
        self.0.tokens.lock().get(print)
    }

    pub(crate) fn keep_token(&self, mark: Mark, print: [u8; 32], state: TokenState) {
        self.keep(mark, &self.0.tokens, print, state);
    }

    pub(crate) fn standing(&self, session: SessionId) -> Option<Standing> {
        self.0.standings.lock().get(&session)
    }

    pub(crate) fn keep_standing(&self, mark: Mark, session: SessionId, standing: Standing) {
        self.keep(mark, &self.0.standings, session, standing);
    }

    /// Under the lock of the map, so that whoever forgets right after this
    /// looked at the count finds the entry and drops it.
    fn keep<K: Eq + Hash, V: Clone>(&self, mark: Mark, map: &Mutex<Kept<K, V>>, key: K, value: V) {
        let mut map = map.lock();
        if self.0.forgotten.load(Ordering::Acquire) == mark.0 {
            map.insert(key, value);
        }
    }

    /// Forgets a session, or the API token that stands in its place.
    pub fn forget_session(&self, session: SessionId) {
        self.forget(
            |claims| claims.sid == session,
            |(id, _), _| *id == session,
            |token| token.id == session,
            |id, _| *id == session,
        );
    }

    /// Forgets all sessions and API tokens of a person.
    pub fn forget_user(&self, user: UserId) {
        self.forget(
            |claims| claims.sub == user,
            |_, state| state.user_id == user,
            |token| token.user_id == user,
            |_, standing| standing.user_id == user,
        );
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.forget(|_| true, |_, _| true, |_| true, |_, _| true);
    }

    fn forget(
        &self,
        claims: impl Fn(&Claims) -> bool,
        session: impl Fn(&(SessionId, i32), &SessionState) -> bool,
        token: impl Fn(&TokenState) -> bool,
        standing: impl Fn(&SessionId, &Standing) -> bool,
    ) {
        self.0.forgotten.fetch_add(1, Ordering::AcqRel);
        self.0.claims.lock().drop_where(|_, kept| claims(kept));
        self.0.sessions.lock().drop_where(session);
        self.0.tokens.lock().drop_where(|_, kept| token(kept));
        self.0.standings.lock().drop_where(standing);
    }

    /// An event of the log.
    fn hear(&self, event: &Event) {
        let whom = || serde_json::from_str::<Whom>(event.data.get()).ok().map(|whom| whom.id);
        self.take(&event.kind, &event.effects, whom);
    }

    /// A fact of this node itself.
    fn heed(&self, fact: &Told) {
        let subject = fact.subject.as_ref().filter(|subject| subject.kind == "user");
        self.take(fact.kind, &fact.effects, || subject.map(|subject| UserId(subject.id)));
    }

    fn take(&self, kind: &str, effects: &[Effect], whom: impl Fn() -> Option<UserId>) {
        let mut is_named = false;
        for effect in effects {
            match effect {
                Effect::EndSession { session, .. } => self.forget_session(*session),
                // What the person may do is part of what is remembered.
                Effect::Reconnect { user, .. } => {
                    self.forget_user(*user);
                    is_named = true;
                }
                // Who follows what decides over no session.
                Effect::Follow { .. } | Effect::Unfollow { .. } | Effect::Close { .. } => {}
            }
        }
        if kind == QUARANTINED {
            // It may have been about anybody.
            self.forget_all();
        } else if is_about_people(kind) {
            match whom() {
                Some(user) => self.forget_user(user),
                // What is for the audit alone travels without saying whom it
                // is about; only its effects may.
                None if is_named => {}
                None => self.forget_all(),
            }
        }
    }
}

/// Facts that say what a session's person is or may. A login or a refresh says
/// nothing new of the sessions that are.
fn is_about_people(kind: &str) -> bool {
    kind.starts_with("user.") || kind.starts_with("second_factor.")
}

#[derive(serde::Deserialize)]
struct Whom {
    id: UserId,
}

/// A bounded map: entries that were not asked for while as many others came
/// are dropped. Two halves; the younger takes what is new or asked for, and
/// becomes the older when it is full.
#[derive(Debug)]
struct Kept<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn get(&mut self, key: &K) -> Option<V> {
        if let Some(found) = self.young.get(key) {
            return Some(found.clone());
        }
        let (key, found) = self.old.remove_entry(key)?;
        self.insert(key, found.clone());
        Some(found)
    }

    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= KEPT_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    fn drop_where(&mut self, gone: impl Fn(&K, &V) -> bool) {
        self.young.retain(|key, value| !gone(key, value));
        self.old.retain(|key, value| !gone(key, value));
    }
}

#[cfg(test)]
mod tests {
    use sayso_access::{Givens, Role};
    use sayso_kernel::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn state(user: UserId) -> SessionState {
        SessionState {
            user_id: user,
            role: Role::Staff,
            time_zone: "UTC".into(),
            may_enter: true,
            is_ended: false,
            expires_at: Timestamp::MAX,
            pair_used: Some(true),
            has_second_factor: false,
            givens: Givens::default(),
        }
    }

    fn ids() -> ((SessionId, UserId), (SessionId, UserId)) {
        let of = |id| (SessionId(id), UserId(id));
        (of(Uuid::nil()), of(Uuid::max()))
    }

    #[test]
    fn a_session_or_a_person_is_forgotten_and_others_stay() {
        let ((one, ann), (two, bob)) = ids();
        let memory = Memory::default();
        let fill = || {
            memory.keep_session(memory.mark(), (one, 1), state(ann));
            memory.keep_session(memory.mark(), (two, 1), state(bob));
        };

        fill();
        memory.forget_session(one);
        assert!(memory.session(one, 1).is_none() && memory.session(two, 1).is_some());
        fill();
        memory.forget_user(bob);
        assert!(memory.session(one, 1).is_some() && memory.session(two, 1).is_none());
    }

    #[test]
    fn what_was_read_while_something_was_forgotten_is_not_kept() {
        let ((one, ann), (two, _)) = ids();
        let memory = Memory::default();
        let mark = memory.mark();

        memory.forget_session(two);
        memory.keep_session(mark, (one, 1), state(ann));

        assert!(memory.session(one, 1).is_none());
    }

    #[test]
    fn an_effect_ends_its_session_and_a_change_of_people_that_names_nobody_all() {
        let ((one, ann), (two, bob)) = ids();
        let memory = Memory::default();
        let fill = || {
            memory.keep_session(memory.mark(), (one, 1), state(ann));
            memory.keep_session(memory.mark(), (two, 1), state(bob));
        };
        let told = |kind, effects| Told { kind, subject: None, streams: vec![], effects };

        fill();
        let code = "auth.session_revoked".to_owned();
        memory.heed(&told("auth.logged_out", vec![Effect::EndSession { session: one, code }]));
        assert!(memory.session(one, 1).is_none() && memory.session(two, 1).is_some());
        fill();
        let code = "access.changed".to_owned();
        memory.heed(&told("user.grants_changed", vec![Effect::Reconnect { user: ann, code }]));
        assert!(memory.session(one, 1).is_none() && memory.session(two, 1).is_some());
        fill();
        memory.heed(&told("user.deactivated", vec![]));
        assert!(memory.session(one, 1).is_none() && memory.session(two, 1).is_none());
        fill();
        memory.heed(&told(QUARANTINED, vec![]));
        assert!(memory.session(one, 1).is_none() && memory.session(two, 1).is_none());
    }

    #[test]
    fn it_holds_so_much_and_keeps_what_is_asked_for() {
        let mut kept = Kept::default();
        kept.insert(usize::MAX, 0);
        for key in 0..3 * KEPT_MAX {
            kept.insert(key, key);
            assert!(kept.get(&usize::MAX).is_some());
        }

        assert!(kept.young.len() + kept.old.len() <= KEPT_MAX);
        assert!(kept.get(&0).is_none() && kept.get(&(3 * KEPT_MAX - 1)).is_some());
    }
}
