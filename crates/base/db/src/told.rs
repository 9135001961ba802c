//! What a write has just done, for those on this node who cannot wait for the
//! log: whoever keeps sessions or roles in memory forgets them before the
//! caller is answered. The log says the same again, to every node.

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::fact::{Effect, Fact, Stream, Subject};

/// One fact of a write that was, or may have been, committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The fact's name.
    pub kind: &'static str,
    /// What it is about.
    pub subject: Option<Subject>,
    /// Where it is heard.
    pub streams: Vec<Stream>,
    /// What it does to who hears what.
    pub effects: Vec<Effect>,
}

impl Told {
    pub(crate) fn of(fact: &Fact) -> Self {
        let (kind, subject) = (fact.kind.name, fact.subject.clone());
        Self { kind, subject, streams: fact.streams.clone(), effects: fact.effects.clone() }
    }
}

type Listener = Box<dyn Fn(&[Told]) + Send + Sync>;

/// Who is told; nobody, until somebody asks.
#[derive(Clone, Default)]
pub(crate) struct Telling(Arc<Listeners>);

#[derive(Default)]
struct Listeners {
    /// Told of what may have happened.
    perhaps: RwLock<Vec<Listener>>,
    /// Told of what did.
    surely: RwLock<Vec<Listener>>,
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling")
    }
}

impl Telling {
    pub(crate) fn add(&self, listener: Listener) {
        self.0.perhaps.write().push(listener);
    }

    pub(crate) fn add_committed(&self, listener: Listener) {
        self.0.surely.write().push(listener);
    }

    pub(crate) fn is_wanted(&self) -> bool {
        !self.0.perhaps.read().is_empty() || !self.0.surely.read().is_empty()
    }

    pub(crate) fn tell(&self, facts: &[Told]) {
        tell_all(&self.0.perhaps, facts);
    }

    pub(crate) fn tell_committed(&self, facts: &[Told]) {
        tell_all(&self.0.surely, facts);
    }
}

fn tell_all(listeners: &RwLock<Vec<Listener>>, facts: &[Told]) {
    if !facts.is_empty() {
        listeners.read().iter().for_each(|listener| listener(facts));
    }
}
