//! Whatever is derived from a Rust type once and kept for the life of the
//! process: checkers of bodies, questions of queries.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// One derived thing for every type that asked. It grows with the number of
/// types in the program, not with requests.
pub(crate) struct PerType<V: 'static>(RwLock<Option<HashMap<TypeId, &'static V>>>);

impl<V> PerType<V> {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(None))
    }

    /// What was derived for `T`, derived now if this is the first time.
    pub(crate) fn of<T: 'static>(&self, derive: impl FnOnce() -> V) -> &'static V {
        let id = TypeId::of::<T>();
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = held.as_ref().and_then(|map| map.get(&id)) {
            return found;
        }
        drop(held);
        // Derived outside the lock: two at once do it twice, the first stays.
        let made = derive();
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_default().entry(id).or_insert_with(|| Box::leak(Box::new(made)))
    }
}
