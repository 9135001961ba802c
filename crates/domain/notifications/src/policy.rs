//! Who may do what with notifications: everybody with their own, nobody with
//! another's, which for them do not exist. Pure.

use sayso_access::{Decision, UserId};

use crate::model::Topic;

/// Reading and marking are for the person who is told.
pub fn own(reader: UserId, owner: UserId) -> Decision {
    if reader == owner { Decision::Allow } else { Decision::Hide }
}

/// Whether a person may choose not to be told. What concerns the safety of an
/// account is told always.
#[must_use]
pub fn may_mute(topic: Topic) -> bool {
    topic != Topic::Security
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn another_persons_notifications_do_not_exist() {
        let (ann, bob) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));

        assert_eq!(own(ann, ann), Decision::Allow);
        assert_eq!(own(ann, bob), Decision::Hide);
    }

    #[test]
    fn only_safety_cannot_be_muted() {
        let always: Vec<Topic> = Topic::ALL.into_iter().filter(|topic| !may_mute(*topic)).collect();

        assert_eq!(always, [Topic::Security]);
    }
}
