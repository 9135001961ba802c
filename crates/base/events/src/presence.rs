//! Who is connected to this node.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sayso_access::UserId;

/// Counts the sockets of each person. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Presence(Arc<Mutex<HashMap<UserId, usize>>>);

impl Presence {
    /// A socket of this person connected. Answers whether it is the first.
    pub fn connected(&self, user: UserId) -> bool {
        let mut sockets = self.0.lock();
        let count = sockets.entry(user).or_default();
        *count += 1;
        *count == 1
    }

    /// A socket of this person went away. Answers whether it was the last.
    pub fn disconnected(&self, user: UserId) -> bool {
        let mut sockets = self.0.lock();
        let Some(count) = sockets.get_mut(&user) else { return false };
        *count -= 1;
        let was_last = *count == 0;
        if was_last {
            sockets.remove(&user);
        }
        was_last
    }

    /// Whether the person has a socket here.
    #[must_use]
    pub fn is_online(&self, user: UserId) -> bool {
        self.0.lock().contains_key(&user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_online_until_the_last_socket_has_gone() {
        let presence = Presence::default();
        let ann = UserId(uuid::Uuid::nil());

        assert!(presence.connected(ann));
        assert!(!presence.connected(ann));
        assert!(!presence.disconnected(ann));
        assert!(presence.is_online(ann));
        assert!(presence.disconnected(ann));
        assert!(!presence.is_online(ann));
    }
}
