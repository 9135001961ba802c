//! What other nodes have read, and what they are told: L2 and L3.

use sayso_events::Position;

use crate::loaded::Shared;
use crate::serve::Inner;
use crate::shelf::Key;
use crate::stats::Count;
use crate::table::Level;
use crate::worker::Work;

impl Inner {
    /// What another node has read, as far as it is true here.
    pub(crate) async fn read_of_others<T>(
        &self,
        key: &Key,
        place: &Position,
        shared: &Shared<'_, T>,
    ) -> Option<(T, usize, Level)> {
        let levels = key.entity.rule().levels;
        let rests_on = self.stamps.cells(key.entity, key.id, shared.watched);
        let least = self.stamps.settled(&rests_on, &self.hub)?;
        let (position, value, level) = if levels.contains(&Level::L2) {
            let l2 = self.l2.as_ref()?;
            let kept = l2.get(&l2.name(&place.epoch, key)).await.ok()??;
            (kept.position, kept.value, Level::L2)
        } else {
            let kept = self.l3.as_ref()?.get(key, &place.epoch, least).await.ok()??;
            (kept.0, kept.1, Level::L3)
        };
        if position < least {
            return None;
        }
        let decoded = (shared.codec.decode)(&value);
        if decoded.is_none() {
            self.stats.add(key.entity, Count::Poisoned);
        }
        decoded.map(|decoded| (decoded, value.len(), level))
    }

    pub(crate) fn tell_others(&self, key: Key, place: Position, value: Vec<u8>) {
        if value.len() > self.settings.entry_bytes_max {
            return;
        }
        let (kept_for, position) = (self.kept_for(key.entity), place.position);
        let levels = key.entity.rule().levels;
        let work = match &self.l2 {
            Some(l2) if levels.contains(&Level::L2) => {
                let name = l2.name(&place.epoch, &key);
                Work::Put { name, position, kept_for, value }
            }
            _ if levels.contains(&Level::L3) => {
                Work::Keep { key, epoch: place.epoch.to_string(), position, kept_for, value }
            }
            _ => return,
        };
        let _no_room = self.work.try_send(work);
    }
}
