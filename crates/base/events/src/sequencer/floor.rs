//! The floor under which no outbox row can still appear.
//!
//! Scanning from the lowest id walks over every dead row that vacuum could not
//! remove yet, and an old snapshot anywhere keeps them all. So the scan starts
//! above a floor: an id such that whoever drew one below it has finished.
//!
//! A scan sees rows up to an id `m` while the youngest transaction that has
//! begun is `xmax`. Whoever holds an undecided id below `m` drew it before
//! that and so is older than `xmax`. Once a later scan finds the oldest
//! running transaction (`xmin`) at or above that `xmax`, and sees no row
//! below, `m` is a floor.
//!
//! A transaction gets its number a moment after it drew its first outbox id if
//! that was the very first thing it wrote. Such a row could appear below the
//! floor; that is why the floor is forgotten every few seconds.

use std::collections::VecDeque;

/// Promises kept at once at the most; more are merged into the last.
const CANDIDATES_MAX: usize = 64;

/// The transactions that were running when a scan looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The oldest one that was running.
    pub(super) xmin: i64,
    /// The first one that had not begun.
    pub(super) xmax: i64,
}

/// The floor, and what may become one.
#[derive(Debug, Default)]
pub(super) struct Floor {
    floor: i64,
    candidates: VecDeque<(i64, i64)>,
}

impl Floor {
    /// The present floor: rows above it are scanned.
    pub(super) fn get(&self) -> i64 {
        self.floor
    }

    /// Starts again from below everything.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Takes in what a scan saw: who was running, the highest id, and whether
    /// it stopped at its limit (then rows between may be unseen, and it
    /// promises nothing).
    pub(super) fn saw(&mut self, snapshot: &Snapshot, last_id: Option<i64>, is_full: bool) {
        if is_full {
            return;
        }
        while let Some(&(id, xmax)) = self.candidates.front() {
            if xmax > snapshot.xmin {
                break;
            }
            self.floor = self.floor.max(id);
            self.candidates.pop_front();
        }
        if let Some(id) = last_id {
            if self.candidates.len() == CANDIDATES_MAX {
                self.candidates.pop_back();
            }
            self.candidates.push_back((id, snapshot.xmax));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_rises_only_when_all_who_could_be_below_have_finished() {
        let mut floor = Floor::default();

        // Row 5 is seen while transaction 90 runs, which may hold id 4.
        floor.saw(&Snapshot { xmin: 90, xmax: 100 }, Some(5), false);
        floor.saw(&Snapshot { xmin: 90, xmax: 120 }, None, false);
        assert_eq!(floor.get(), 0);

        floor.saw(&Snapshot { xmin: 100, xmax: 120 }, None, false);
        assert_eq!(floor.get(), 5);
    }

    #[test]
    fn a_scan_that_stopped_at_its_limit_promises_nothing() {
        let mut floor = Floor::default();

        floor.saw(&Snapshot { xmin: 100, xmax: 100 }, Some(500), true);
        floor.saw(&Snapshot { xmin: 200, xmax: 200 }, None, false);

        assert_eq!(floor.get(), 0);
    }
}
