//! Ends of typing that could not be told when they came.
//!
//! Who types is told to nobody while it may not be known who has left a
//! channel. Whoever was seen typing before that would be seen typing for ever:
//! the end is kept, and told to whoever follows the channel by then.

use std::collections::HashMap;

use parking_lot::Mutex;
use sayso_access::UserId;
use sayso_events::Whisper;

use crate::protocol::{TYPING, TYPING_ENDED};

/// A person, and where they type.
type Typist = (Option<UserId>, Vec<String>);

/// The ends that are still to be told: one a person and place.
#[derive(Debug, Default)]
pub(crate) struct Unsaid(Mutex<HashMap<Typist, Whisper>>);

impl Unsaid {
    /// Looks at one piece of news that is told now, or cannot be. Answers
    /// whether it may be told now.
    pub(crate) fn admit(&self, whisper: &Whisper, is_fresh: bool) -> bool {
        let is_end = whisper.kind == TYPING_ENDED;
        if !is_end && whisper.kind != TYPING {
            // What somebody is, does not hang on a channel.
            return true;
        }
        let key = (whisper.but, whisper.streams.clone());
        let mut kept = self.0.lock();
        if is_end && !is_fresh {
            kept.insert(key, whisper.clone());
        } else {
            kept.remove(&key);
        }
        is_fresh
    }

    /// Takes out what is to be told at last.
    pub(crate) fn take(&self) -> Vec<Whisper> {
        std::mem::take(&mut *self.0.lock()).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{PRESENCE, encode};

    fn whisper(kind: &'static str, stream: &str, who: u128) -> Whisper {
        Whisper {
            kind: kind.into(),
            streams: vec![stream.to_owned()],
            but: Some(UserId(uuid::Uuid::from_u128(who))),
            body: encode(&who),
        }
    }

    #[test]
    fn an_end_that_cannot_be_told_is_kept_once_until_the_person_types_again_or_it_is_told() {
        let unsaid = Unsaid::default();
        let admit =
            |kind, stream, who, is_fresh| unsaid.admit(&whisper(kind, stream, who), is_fresh);

        assert!(admit(PRESENCE, "channel:a", 1, false));
        assert!(!admit(TYPING, "channel:a", 1, false));
        for _ in 0..2 {
            assert!(!admit(TYPING_ENDED, "channel:a", 1, false));
        }
        assert!(!admit(TYPING_ENDED, "channel:b", 1, false));
        assert!(!admit(TYPING_ENDED, "channel:a", 2, false));
        assert!(!admit(TYPING, "channel:b", 1, false));
        assert!(admit(TYPING_ENDED, "channel:a", 2, true));

        let taken = unsaid.take();
        assert_eq!(taken.len(), 1, "{taken:?}");
        assert_eq!(taken[0].streams, ["channel:a"]);
        assert_eq!(taken[0].but, Some(UserId(uuid::Uuid::from_u128(1))));
        assert!(unsaid.take().is_empty());
    }
}
