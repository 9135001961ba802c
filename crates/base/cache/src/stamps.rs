//! Whether something that was read is still true: when what it rests on was
//! last changed.
//!
//! Every change that this node hears of takes the next number and writes it on
//! the cells of what it is about. Whoever reads notes the number of the moment
//! before; what was read is true as long as no cell that it rests on carries a
//! greater one. So dropping is a few stores, however much rests on the thing;
//! a change while something is being read is seen when that is put away; and
//! nothing has to be found and removed. Things share cells (by a hash of their
//! id): then a change of the one also drops the other, which costs a read.
//!
//! For what is shared with other nodes the numbers of this node mean nothing.
//! There the position of the log counts at which something was read: a cell
//! also knows the last position that changed it. A change that this node made
//! itself has no position yet; until the log has said it, nothing that rests
//! on the cell is taken from others.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use sayso_events::{Hub, Moment};
use uuid::Uuid;

use crate::table::{Entity, Watch};

/// Cells that single things share.
const CELLS: usize = 1 << 13;
const ENTITIES: usize = Entity::ALL.len();
/// After those of single things: for each entity, all of them were dropped;
const ALL_OF: usize = CELLS;
/// one of them was changed;
const ANY_OF: usize = ALL_OF + ENTITIES;
/// and everything was dropped.
const EVERYTHING: usize = ANY_OF + ENTITIES;

/// The cells that something rests on.
pub(crate) type Cells = Box<[u32]>;

/// Where a change comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// The log, at this position.
    Log(i64),
    /// A write of this node, which has no position yet.
    Own(Moment),
    /// Another node's word before the log says it.
    Ahead,
}

#[derive(Debug, Default)]
struct Cell {
    /// The number of the last change.
    changed: AtomicU64,
    /// The last position of the log that changed it.
    position: AtomicI64,
    /// The moment of this node's last own change.
    own: AtomicU64,
}

/// All cells of a node.
#[derive(Debug)]
pub(crate) struct Stamps {
    now: AtomicU64,
    cells: Box<[Cell]>,
    hash: RandomState,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        let cells: Box<[Cell]> = (0..=EVERYTHING).map(|_| Cell::default()).collect();
        // Until it is known where this node begins to listen.
        cells[EVERYTHING].position.store(i64::MAX, Ordering::Release);
        Self { now: AtomicU64::new(0), cells, hash: RandomState::new() }
    }

    /// The number of this moment: to be noted before something is read.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    fn cell_of(&self, entity: Entity, id: Uuid) -> usize {
        let hash = self.hash.hash_one((entity as usize, id));
        usize::try_from(hash % CELLS as u64).unwrap_or(0)
    }

    /// What something rests on: its own cell, what drops all of its entity or
    /// everything, and what else it watches.
    pub(crate) fn cells(&self, entity: Entity, id: Uuid, watched: &[Watch]) -> Cells {
        let own = [self.cell_of(entity, id), ALL_OF + entity as usize, EVERYTHING];
        let watched = watched.iter().flat_map(|watch| match *watch {
            Watch::One(entity, id) => [self.cell_of(entity, id), ALL_OF + entity as usize],
            Watch::Any(entity) => [ANY_OF + entity as usize, ALL_OF + entity as usize],
        });
        let mut cells: Vec<usize> = own.into_iter().chain(watched).collect();
        cells.sort_unstable();
        cells.dedup();
        cells.into_iter().map(|cell| u32::try_from(cell).unwrap_or(u32::MAX)).collect()
    }

    fn each<'a>(&'a self, cells: &'a [u32]) -> impl Iterator<Item = &'a Cell> {
        cells.iter().filter_map(|cell| self.cells.get(*cell as usize))
    }

    /// Whether nothing of it has changed since `read_at`.
    pub(crate) fn holds(&self, cells: &[u32], read_at: u64) -> bool {
        self.each(cells).all(|cell| cell.changed.load(Ordering::Acquire) <= read_at)
    }

    /// One thing changed.
    pub(crate) fn change(&self, entity: Entity, id: Uuid, source: Source) {
        self.mark(&[self.cell_of(entity, id), ANY_OF + entity as usize], source);
    }

    /// All of an entity may have.
    pub(crate) fn change_all(&self, entity: Entity, source: Source) {
        self.mark(&[ALL_OF + entity as usize, ANY_OF + entity as usize], source);
    }

    /// Anything may have.
    pub(crate) fn change_everything(&self, source: Source) {
        self.mark(&[EVERYTHING], source);
    }

    /// This node listens from `position` on: what happened before it has not
    /// heard.
    pub(crate) fn start_over(&self, position: i64) {
        self.cells[EVERYTHING].position.store(position, Ordering::Release);
        // Positions of another history.
        for cell in &self.cells[..EVERYTHING] {
            cell.position.store(0, Ordering::Release);
        }
        self.change_everything(Source::Ahead);
    }

    fn mark(&self, cells: &[usize], source: Source) {
        for cell in cells.iter().filter_map(|cell| self.cells.get(*cell)) {
            match source {
                Source::Log(position) => {
                    cell.position.fetch_max(position, Ordering::AcqRel);
                }
                Source::Own(moment) => {
                    cell.own.fetch_max(moment.as_u64(), Ordering::AcqRel);
                }
                Source::Ahead => {}
            }
        }
        // The number is drawn once the cells say where the change comes from,
        // and after the change was committed: who reads from then on reads it.
        let number = self.now.fetch_add(1, Ordering::AcqRel) + 1;
        for cell in cells.iter().filter_map(|cell| self.cells.get(*cell)) {
            cell.changed.fetch_max(number, Ordering::AcqRel);
        }
    }

    /// The position of the log at which something must have been read, by
    /// whichever node, to be true here; `None` while that is not known.
    pub(crate) fn settled(&self, cells: &[u32], hub: &Hub) -> Option<i64> {
        let mut least = 0;
        for cell in self.each(cells) {
            let own = Moment::from_u64(cell.own.load(Ordering::Acquire));
            if !hub.knows_of(own) {
                return None;
            }
            least = least.max(cell.position.load(Ordering::Acquire));
        }
        Some(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn what_was_read_is_true_until_what_it_rests_on_changes() {
        let stamps = Stamps::new();
        let cells = stamps.cells(Entity::Task, id(1), &[Watch::One(Entity::Task, id(2))]);
        let read_at = stamps.now();
        assert!(stamps.holds(&cells, read_at));

        stamps.change(Entity::Category, id(1), Source::Log(1));
        stamps.change_all(Entity::Message, Source::Log(2));
        assert!(stamps.holds(&cells, read_at), "nothing of it changed");

        stamps.change(Entity::Task, id(2), Source::Log(3));
        assert!(!stamps.holds(&cells, read_at), "it shows the other one too");
        assert!(stamps.holds(&cells, stamps.now()), "and was read again");
    }

    #[test]
    fn a_change_while_it_is_read_is_seen_when_it_is_put_away() {
        let stamps = Stamps::new();
        let cells = stamps.cells(Entity::Task, id(1), &[]);
        for change in [
            (|stamps: &Stamps| stamps.change(Entity::Task, id(1), Source::Ahead)) as fn(&Stamps),
            |stamps| stamps.change_all(Entity::Task, Source::Ahead),
            |stamps| stamps.change_everything(Source::Ahead),
            |stamps| stamps.start_over(1),
        ] {
            let read_at = stamps.now();
            change(&stamps);
            assert!(!stamps.holds(&cells, read_at));
        }
    }

    #[test]
    fn who_watches_all_of_a_kind_is_told_of_each() {
        let stamps = Stamps::new();
        let cells = stamps.cells(Entity::Search, id(9), &[Watch::Any(Entity::Message)]);
        let read_at = stamps.now();

        stamps.change(Entity::Task, id(1), Source::Log(1));
        assert!(stamps.holds(&cells, read_at));
        stamps.change(Entity::Message, id(1), Source::Log(2));
        assert!(!stamps.holds(&cells, read_at));
    }
}
