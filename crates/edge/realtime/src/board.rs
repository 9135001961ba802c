//! Who is to be offered an event: the index over the sockets of this node.
//!
//! It only finds candidates. Whether a socket hears an event is decided by its
//! own reader, under its own lock; the index errs on the side of asking. Order
//! of locks: the board's, then a session's.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use sayso_access::{SessionId, UserId};
use sayso_db::{Effect, Stream};
use sayso_events::Event;
use sayso_kernel::Timestamp;
use tokio::time::Instant;

use crate::limits::{ENDED_MEMORY, FORETOLD_MEMORY};
use crate::reader::Moved;
use crate::session::Session;

type Sessions = HashMap<u64, Arc<Session>>;

/// The index.
#[derive(Default)]
pub(crate) struct Board(Mutex<Index>);

#[derive(Default)]
pub(crate) struct Index {
    sessions: Sessions,
    /// Sockets before their seam; they are offered everything.
    catching: HashSet<u64>,
    streams: HashMap<String, Sessions>,
    logins: HashMap<SessionId, Vec<u64>>,
    expiries: BTreeSet<(Timestamp, u64)>,
    /// The streams of people whose socket has gone, until others were told.
    parted: HashMap<UserId, Vec<String>>,
    /// Sessions that ended lately. Whoever was verified before the end and
    /// enters after it finds it here.
    ended: VecDeque<(Instant, SessionId, String)>,
    /// Whose rights changed lately, and by which place of the log. Whoever was
    /// verified before that and enters after it finds it here.
    renewed: VecDeque<(Instant, UserId, i64, String)>,
    /// Whose rights changed lately by a word that came ahead of the log.
    foretold: VecDeque<(Instant, Option<UserId>, String)>,
}

/// What happened to somebody while they were let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Their session has ended.
    Away(String),
    /// They are to come back as who they are now.
    Back(String),
}

impl Board {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Index> {
        self.0.lock()
    }

    /// Adds a socket that has not come to its seam. Answers what came in
    /// between, if anything did.
    pub(crate) fn enter(&self, session: &Arc<Session>) -> Option<Shut> {
        let mut index = self.0.lock();
        let login = session.actor.session_id;
        index.sessions.insert(session.id, Arc::clone(session));
        index.catching.insert(session.id);
        index.logins.entry(login).or_default().push(session.id);
        index.expiries.insert((session.expires_at(), session.id));
        let ended = index.ended.iter().find(|(_, ended, _)| *ended == login);
        if let Some((_, _, code)) = ended {
            return Some(Shut::Away(code.clone()));
        }
        let (user, since) = (session.actor.user_id, session.since);
        let mut renewed = index.renewed.iter();
        let renewed = renewed.find(|(_, who, at, _)| *who == user && *at > since.position);
        let mut foretold = index.foretold.iter();
        let foretold =
            foretold.find(|(at, who, _)| who.is_none_or(|who| who == user) && *at >= since.at);
        let code = renewed.map(|(.., code)| code).or(foretold.map(|(.., code)| code));
        code.map(|code| Shut::Back(code.clone()))
    }

    /// Remembers what a word says that comes ahead of the log. Whoever is
    /// verified after the moment that is answered, is as who they are by now.
    pub(crate) fn foretell(&self, effects: &[Effect]) -> Instant {
        let mut index = self.0.lock();
        let now = Instant::now();
        index.forget(now);
        for effect in effects {
            match effect {
                Effect::EndSession { session, code } => {
                    index.ended.push_back((now, *session, code.clone()));
                }
                Effect::Reconnect { user, code } => {
                    index.foretold.push_back((now, Some(*user), code.clone()));
                }
                _ => {}
            }
        }
        now
    }

    /// Nobody is believed any longer who was verified before: all the sockets
    /// that there are. One that is just being let in meets what is remembered.
    pub(crate) fn disbelieve(&self, code: &str) -> Vec<Arc<Session>> {
        let mut index = self.0.lock();
        let now = Instant::now();
        index.forget(now);
        index.foretold.push_back((now, None, code.to_owned()));
        index.sessions.values().cloned().collect()
    }

    /// Whether a word ahead of the log spoke of this person before the socket
    /// was let in.
    pub(crate) fn was_foretold(&self, session: &Session) -> bool {
        let (user, since) = (session.actor.user_id, session.since);
        self.0.lock().foretold.iter().any(|(at, who, _)| *who == Some(user) && *at < since.at)
    }

    /// Removes a socket that followed these streams.
    pub(crate) fn leave(&self, session: &Session, followed: &[String]) {
        let mut index = self.0.lock();
        index.sessions.remove(&session.id);
        index.catching.remove(&session.id);
        index.expiries.remove(&(session.expires_at(), session.id));
        if !followed.is_empty() {
            index.parted.insert(session.actor.user_id, crate::whispers::shared(followed));
        }
        for stream in followed {
            index.unfollow(session.id, stream);
        }
        let login = session.actor.session_id;
        if let Some(ids) = index.logins.get_mut(&login) {
            ids.retain(|id| *id != session.id);
            if ids.is_empty() {
                index.logins.remove(&login);
            }
        }
    }

    /// A socket began or stopped to follow.
    pub(crate) fn moved(&self, session: &Arc<Session>, moved: &Moved) {
        let mut index = self.0.lock();
        for stream in &moved.joined {
            index.follow(session, stream);
        }
        for stream in &moved.left {
            index.unfollow(session.id, stream);
        }
    }

    /// Whoever may have to hear this event, each once.
    pub(crate) fn candidates(&self, event: &Event) -> Vec<Arc<Session>> {
        let mut index = self.0.lock();
        index.remember(event);
        index.candidates(event)
    }

    /// Everybody.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        self.0.lock().sessions.values().cloned().collect()
    }

    /// The token of a socket is good for longer.
    pub(crate) fn renew(&self, session: &Session, until: Timestamp) {
        let mut index = self.0.lock();
        if index.expiries.remove(&(session.expires_at(), session.id)) {
            session.set_expires_at(until);
            index.expiries.insert((until, session.id));
        }
    }

    /// Who follows a stream, as far as the index knows.
    pub(crate) fn followers(&self, stream: &str) -> Vec<Arc<Session>> {
        let mut found = Vec::new();
        self.0.lock().add_followers(stream, &mut found);
        found
    }

    /// The streams of people whose sockets have gone since this was asked last.
    pub(crate) fn take_parted(&self) -> HashMap<UserId, Vec<String>> {
        std::mem::take(&mut self.0.lock().parted)
    }

    /// The sockets of a session.
    pub(crate) fn of_login(&self, login: SessionId) -> Vec<Arc<Session>> {
        let index = self.0.lock();
        let ids = index.logins.get(&login).into_iter().flatten();
        ids.filter_map(|id| index.sessions.get(id)).cloned().collect()
    }

    /// The sockets of a person that were let in by `then`.
    pub(crate) fn of_person(&self, user: UserId, then: Instant) -> Vec<Arc<Session>> {
        let index = self.0.lock();
        let mut found = Vec::new();
        index.add_followers(&Stream::User(user).to_string(), &mut found);
        let catching = index.catching.iter().filter_map(|id| index.sessions.get(id));
        found.extend(catching.filter(|session| session.actor.user_id == user).cloned());
        found.retain(|session| session.since.at <= then);
        found
    }

    /// Everybody whose token expired before `then`.
    pub(crate) fn expired(&self, then: Timestamp) -> Vec<Arc<Session>> {
        let index = self.0.lock();
        let late = index.expiries.iter().take_while(|(at, _)| *at < then);
        late.filter_map(|(_, id)| index.sessions.get(id).cloned()).collect()
    }
}

impl Index {
    /// A socket has passed its seam and follows these streams.
    pub(crate) fn live<'s>(
        &mut self,
        session: &Arc<Session>,
        streams: impl Iterator<Item = &'s str>,
    ) {
        self.catching.remove(&session.id);
        for stream in streams {
            self.follow(session, stream);
        }
    }

    fn follow(&mut self, session: &Arc<Session>, stream: &str) {
        // One that has left must not come back into the index.
        if !self.sessions.contains_key(&session.id) {
            return;
        }
        if let Some(followers) = self.streams.get_mut(stream) {
            followers.insert(session.id, Arc::clone(session));
        } else {
            let followers = HashMap::from([(session.id, Arc::clone(session))]);
            self.streams.insert(stream.to_owned(), followers);
        }
    }

    fn unfollow(&mut self, id: u64, stream: &str) {
        if let Some(followers) = self.streams.get_mut(stream) {
            followers.remove(&id);
            if followers.is_empty() {
                self.streams.remove(stream);
            }
        }
    }

    fn forget(&mut self, now: Instant) {
        while self.ended.front().is_some_and(|(at, ..)| now - *at > ENDED_MEMORY) {
            self.ended.pop_front();
        }
        while self.renewed.front().is_some_and(|(at, ..)| now - *at > ENDED_MEMORY) {
            self.renewed.pop_front();
        }
        while self.foretold.front().is_some_and(|(at, ..)| now - *at > FORETOLD_MEMORY) {
            self.foretold.pop_front();
        }
    }

    fn remember(&mut self, event: &Event) {
        let now = Instant::now();
        self.forget(now);
        for effect in &event.effects {
            match effect {
                Effect::EndSession { session, code } => {
                    self.ended.push_back((now, *session, code.clone()));
                }
                Effect::Reconnect { user, code } => {
                    self.renewed.push_back((now, *user, event.position, code.clone()));
                }
                _ => {}
            }
        }
    }

    fn candidates(&self, event: &Event) -> Vec<Arc<Session>> {
        let mut found = Vec::new();
        for placed in &event.streams {
            self.add_followers(&placed.stream, &mut found);
        }
        for effect in &event.effects {
            match effect {
                // A person's sockets are those that follow the person's stream.
                Effect::Follow { user, .. }
                | Effect::Unfollow { user, .. }
                | Effect::Reconnect { user, .. } => {
                    self.add_followers(&Stream::User(*user).to_string(), &mut found);
                }
                Effect::Close { stream } => self.add_followers(stream, &mut found),
                Effect::EndSession { session, .. } => {
                    let ids = self.logins.get(session).into_iter().flatten();
                    found.extend(ids.filter_map(|id| self.sessions.get(id)).cloned());
                }
            }
        }
        found.extend(self.catching.iter().filter_map(|id| self.sessions.get(id)).cloned());
        if event.streams.len() != 1 || !event.effects.is_empty() {
            found.sort_unstable_by_key(|session| session.id);
            found.dedup_by_key(|session| session.id);
        }
        found
    }

    fn add_followers(&self, stream: &str, found: &mut Vec<Arc<Session>>) {
        if let Some(followers) = self.streams.get(stream) {
            found.extend(followers.values().cloned());
        }
    }
}
