//! L1: what this process keeps, bounded by bytes.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quick_cache::Weighter;
use quick_cache::sync::Cache as Map;
use uuid::Uuid;

use crate::stamps::Cells;
use crate::table::Entity;

/// What an entry takes beside its value: the key, the cells, the map's own.
const ENTRY_BYTES: u64 = 256;
/// What an entry takes on average, to size the map.
const TYPICAL_BYTES: u64 = 1024;

/// The name of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub(crate) entity: Entity,
    pub(crate) id: Uuid,
    pub(crate) reader: Uuid,
}

impl Key {
    /// What everybody is shown of a thing.
    #[must_use]
    pub const fn of(entity: Entity, id: Uuid) -> Self {
        Self { entity, id, reader: Uuid::nil() }
    }

    /// What one reader is shown of it.
    #[must_use]
    pub const fn read_by(self, reader: Uuid) -> Self {
        Self { reader, ..self }
    }
}

/// What an entry holds, whatever it is.
pub type Value = Arc<dyn Any + Send + Sync>;

/// An entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What it is; `None`: there is no such thing, or it is hidden.
    pub(crate) value: Option<Value>,
    /// What it rests on,
    pub(crate) cells: Cells,
    /// and the number of the moment before it was read.
    pub(crate) read_at: u64,
    /// Until when it is kept.
    pub(crate) until: Instant,
    /// Bytes of the value, about.
    pub(crate) bytes: usize,
}

#[derive(Clone, Debug)]
struct ByBytes;

impl Weighter<Key, Arc<Entry>> for ByBytes {
    fn weight(&self, _: &Key, entry: &Arc<Entry>) -> u64 {
        ENTRY_BYTES + entry.bytes as u64
    }
}

/// All entries.
#[derive(Debug)]
pub(crate) struct Shelf(Map<Key, Arc<Entry>, ByBytes>);

impl Shelf {
    /// At most `bytes_max` bytes.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let items = usize::try_from(bytes_max / TYPICAL_BYTES).unwrap_or(usize::MAX).max(16);
        Self(Map::with_weighter(items, bytes_max, ByBytes))
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Entry>> {
        self.0.get(key)
    }

    pub(crate) fn put(&self, key: Key, entry: Arc<Entry>) {
        self.0.insert(key, entry);
    }

    pub(crate) fn remove(&self, key: &Key) {
        let _was = self.0.remove(key);
    }

    pub(crate) fn clear(&self) {
        self.0.clear();
    }

    /// Entries, and bytes they take.
    pub(crate) fn size(&self) -> (u64, u64) {
        (self.0.len() as u64, self.0.weight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_no_more_than_it_may() {
        let shelf = Shelf::new(64 * 1024);
        for n in 0..1_000 {
            let (value, until): (Value, _) = (Arc::new(n), Instant::now());
            let cells = Cells::default();
            let entry = Entry { value: Some(value), cells, read_at: 0, until, bytes: 1_000 };
            shelf.put(Key::of(Entity::Task, Uuid::from_u128(n)), Arc::new(entry));
        }

        let (entries, bytes) = shelf.size();
        assert!(entries > 10 && bytes <= 64 * 1024, "{entries} entries, {bytes} bytes");
    }
}
