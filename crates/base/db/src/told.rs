//! What a write has just done, for those on this node who cannot wait for the
//! log: whoever keeps sessions or roles in memory forgets them before the
//! caller is answered. The log says the same again, to every node.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::fact::{Effect, Fact, Subject};

/// One fact of a write that was, or may have been, committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The fact's name.
    pub kind: &'static str,
    /// What it is about.
    pub subject: Option<Subject>,
    /// What it does to who hears what.
    pub effects: Vec<Effect>,
}

impl Told {
    pub(crate) fn of(fact: &Fact) -> Self {
        let (kind, subject) = (fact.kind.name, fact.subject.clone());
        Self { kind, subject, effects: fact.effects.clone() }
    }
}

type Listener = Box<dyn Fn(&[Told]) + Send + Sync>;

/// Who is told; nobody, until somebody asks.
#[derive(Clone, Default)]
pub(crate) struct Telling(Arc<Listeners>);

#[derive(Default)]
struct Listeners {
    /// Told of what may have happened.
    perhaps: OnceLock<Listener>,
    /// Told of what did.
    surely: OnceLock<Listener>,
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling")
    }
}

impl Telling {
    pub(crate) fn set(&self, listener: Listener) {
        let _first_wins = self.0.perhaps.set(listener);
    }

    pub(crate) fn set_committed(&self, listener: Listener) {
        let _first_wins = self.0.surely.set(listener);
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.perhaps.get().is_some() || self.0.surely.get().is_some()
    }

    pub(crate) fn tell(&self, facts: &[Told]) {
        if let (Some(listener), false) = (self.0.perhaps.get(), facts.is_empty()) {
            listener(facts);
        }
    }

    pub(crate) fn tell_committed(&self, facts: &[Told]) {
        if let (Some(listener), false) = (self.0.surely.get(), facts.is_empty()) {
            listener(facts);
        }
    }
}
