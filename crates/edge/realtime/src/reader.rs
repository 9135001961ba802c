//! What one socket hears of the log: a state machine without IO.
//!
//! # The seam
//!
//! A socket comes from its past (what PostgreSQL has of the log, up to a head
//! `h`) into its present (what the dispatcher hands out). Nothing may be lost
//! or doubled where the two meet, though the dispatcher of this node may at
//! that moment be before `h` or after it:
//!
//! ```text
//! t0  the reader listens: every event handed out from here on is kept
//! t1  one statement reads head h and the streams as of h
//! t2  the events up to h are replayed
//! t3  go_live: what was kept up to h is dropped, what lies after h is
//!     delivered, and from here on events are delivered as they come
//! ```
//!
//! *Nothing is lost.* An event after `h` was not committed when t1 read the
//! head. The dispatcher hands out only what is committed, so it hands this one
//! out after t1, hence after t0: it is kept, or it comes after t3.
//!
//! *Nothing is doubled.* If the dispatcher is behind `h` (t1 read what the
//! node had not applied yet), events up to `h` come after t3. They were
//! replayed, and `after = h` drops them here. Their effects are dropped with
//! them, for the streams were read as of `h` and hold these effects already:
//! to apply them again would bring back a stream that was left in between.
//!
//! *Too much to keep.* More than the buffer holds means that the past is
//! still too long. The reader forgets what it kept and says so; the seam is
//! begun again from `h`, with less to replay each time.
//!
//! One lock per socket holds t3 together, and the dispatcher is one task that
//! offers every event once, in order, to whoever listens or follows.

use std::collections::HashMap;
use std::sync::Arc;

use sayso_access::{SessionId, UserId};
use sayso_db::Effect;
use sayso_events::{Event, Placed};
use sayso_kernel::mutants;

/// Something to tell the socket, in this order.
#[derive(Debug)]
pub(crate) enum Tell<'a> {
    /// A stream begins after `seq`.
    Joined(&'a str, i64),
    /// A stream begins after `position`, and somebody must look up after
    /// which seq that is. The next event on it tells it, if it comes earlier.
    JoinedSomewhere(&'a str, i64),
    /// An event, as it stands on one of its streams.
    Event(&'a Arc<Event>, usize),
    /// A stream has ended.
    Left(&'a str),
    /// The session has ended, for this reason.
    Ended(&'a str),
    /// The socket is to come back, for this reason.
    Renewed(&'a str),
}

/// How a socket follows a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Following {
    /// The client knows where the stream begins.
    Told,
    /// The stream began at this position; after which seq is being looked up.
    Untold(i64),
}

#[derive(Debug)]
enum Phase {
    /// Before the seam: everything is kept.
    Catching { kept: Vec<Arc<Event>>, is_too_much: bool },
    /// After the seam: what lies after `after` is delivered.
    Live { after: i64, follows: HashMap<String, Following> },
}

/// More came than could be kept; the seam has to be begun again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overtaken;

/// The streams a socket began or stopped to follow, for the index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) joined: Vec<String>,
    pub(crate) left: Vec<String>,
}

/// What one socket hears.
#[derive(Debug)]
pub(crate) struct Reader {
    user: UserId,
    session: SessionId,
    kept_max: usize,
    phase: Phase,
}

impl Reader {
    /// A reader that listens from now on and keeps at most `kept_max` events
    /// until it goes live.
    pub(crate) fn new(user: UserId, session: SessionId, kept_max: usize) -> Self {
        let phase = Phase::Catching { kept: Vec::new(), is_too_much: false };
        Self { user, session, kept_max, phase }
    }

    /// Begins to listen anew (t0): whatever was kept is forgotten.
    pub(crate) fn listen(&mut self) {
        self.phase = Phase::Catching { kept: Vec::new(), is_too_much: false };
    }

    /// Whether [`Reader::go_live`] would succeed now.
    pub(crate) fn is_overtaken(&self) -> bool {
        matches!(self.phase, Phase::Catching { is_too_much: true, .. })
    }

    /// The streams followed; none before the seam.
    pub(crate) fn followed(&self) -> impl Iterator<Item = &str> {
        let follows = match &self.phase {
            Phase::Live { follows, .. } => Some(follows),
            Phase::Catching { .. } => None,
        };
        follows.into_iter().flat_map(HashMap::keys).map(String::as_str)
    }

    /// Whether a stream is followed; `None` before the seam, when nobody knows
    /// it yet.
    pub(crate) fn follows(&self, stream: &str) -> Option<bool> {
        match &self.phase {
            Phase::Live { follows, .. } => Some(follows.contains_key(stream)),
            Phase::Catching { .. } => None,
        }
    }

    /// The seam (t3), after everything up to `head` was replayed from
    /// `streams`, the streams as of `head`.
    pub(crate) fn go_live<'s>(
        &mut self,
        head: i64,
        streams: impl Iterator<Item = &'s str>,
        tell: &mut dyn FnMut(Tell<'_>),
    ) -> Result<(), Overtaken> {
        let kept = match &mut self.phase {
            Phase::Live { .. } => return Ok(()),
            Phase::Catching { is_too_much: true, .. } => return Err(Overtaken),
            Phase::Catching { kept, .. } => std::mem::take(kept),
        };
        let follows = streams.map(|stream| (stream.to_owned(), Following::Told)).collect();
        self.phase = Phase::Live { after: head, follows };
        for event in &kept {
            // Nobody indexes this reader before it is live: the streams it
            // has in the end are what goes into the index.
            self.offer(event, tell);
        }
        Ok(())
    }

    /// Takes the next event of the log.
    ///
    /// What an event does takes place around it: who begins to follow hears it
    /// already, who no longer follows hears it still (and nothing after it),
    /// and only then does a session end.
    pub(crate) fn offer(&mut self, event: &Arc<Event>, tell: &mut dyn FnMut(Tell<'_>)) -> Moved {
        let mut moved = Moved::default();
        match &mut self.phase {
            Phase::Catching { kept, is_too_much } => {
                if kept.len() >= self.kept_max {
                    *is_too_much = true;
                    kept.clear();
                } else if !*is_too_much && !mutants::is("open-seam") {
                    kept.push(Arc::clone(event));
                }
            }
            Phase::Live { after, .. } if event.position <= *after => return moved,
            Phase::Live { after, follows } => {
                *after = event.position;
                join(follows, self.user, event, &mut moved);
                deliver(follows, event, tell);
                for stream in &moved.joined {
                    // Not told by an event on the stream itself.
                    if let Some(Following::Untold(position)) = follows.get(stream)
                        && *position == event.position
                    {
                        tell(Tell::JoinedSomewhere(stream, *position));
                    }
                }
                leave(follows, self.user, event, tell, &mut moved);
            }
        }
        // Also before the seam: who was shut out does not hear the past either.
        if let Some(code) = self.end_of_session(event) {
            tell(Tell::Ended(code));
        } else if let Some(code) = self.renewal(event) {
            tell(Tell::Renewed(code));
        }
        moved
    }

    /// Says after which seq a stream begins that was joined at `position`, if
    /// that has not been told since.
    pub(crate) fn tell_seq(&mut self, stream: &str, position: i64) -> bool {
        let Phase::Live { follows, .. } = &mut self.phase else { return false };
        match follows.get_mut(stream) {
            Some(following) if *following == Following::Untold(position) => {
                *following = Following::Told;
                true
            }
            _ => false,
        }
    }

    fn end_of_session<'e>(&self, event: &'e Event) -> Option<&'e str> {
        event.effects.iter().find_map(|effect| match effect {
            Effect::EndSession { session, code } if *session == self.session => Some(code.as_str()),
            _ => None,
        })
    }
}

impl Reader {
    /// Who the person is was changed by this event.
    fn renewal<'e>(&self, event: &'e Event) -> Option<&'e str> {
        event.effects.iter().find_map(|effect| match effect {
            Effect::Reconnect { user, code } if *user == self.user => Some(code.as_str()),
            _ => None,
        })
    }
}

fn join(follows: &mut HashMap<String, Following>, me: UserId, event: &Event, moved: &mut Moved) {
    for effect in &event.effects {
        if let Effect::Follow { user, stream } = effect
            && *user == me
            && !follows.contains_key(stream)
        {
            follows.insert(stream.clone(), Following::Untold(event.position));
            moved.joined.push(stream.clone());
        }
    }
}

/// An event is on one stream, or on several of persons, of which a socket
/// follows one: the first that fits is the only one.
fn deliver(
    follows: &mut HashMap<String, Following>,
    event: &Arc<Event>,
    tell: &mut dyn FnMut(Tell<'_>),
) {
    for (place, Placed { stream, seq, .. }) in event.streams.iter().enumerate() {
        let Some(following) = follows.get_mut(stream) else { continue };
        if let Following::Untold(_) = following {
            *following = Following::Told;
            tell(Tell::Joined(stream, seq - 1));
        }
        tell(Tell::Event(event, place));
        return;
    }
}

fn leave(
    follows: &mut HashMap<String, Following>,
    me: UserId,
    event: &Event,
    tell: &mut dyn FnMut(Tell<'_>),
    moved: &mut Moved,
) {
    for effect in &event.effects {
        let stream = match effect {
            Effect::Unfollow { user, stream } if *user == me && !mutants::is("leaks") => stream,
            Effect::Close { stream } => stream,
            _ => continue,
        };
        if let Some(following) = follows.remove(stream) {
            if following == Following::Told {
                tell(Tell::Left(stream));
            }
            moved.left.push(stream.clone());
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
