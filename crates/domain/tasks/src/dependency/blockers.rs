//! What several tasks wait for, while they are edited one after the other.

use std::collections::BTreeMap;

use sayso_db::Tx;
use sayso_kernel::Fault;

use crate::model::TaskId;
use crate::repo;
use crate::status::Status;

/// What tasks wait for, and what of that is still to be done.
#[derive(Debug, Default)]
pub(crate) struct Blockers {
    of: BTreeMap<TaskId, Vec<TaskId>>,
    is_open: BTreeMap<TaskId, bool>,
}

impl Blockers {
    /// What `tasks` wait for. The graph is held, and so are the tasks.
    pub(crate) async fn of(tx: &mut Tx, tasks: &[TaskId]) -> Result<Self, Fault> {
        let mut blockers = Self::default();
        for (task, blocker, is_open) in repo::blockers_of(tx, tasks).await? {
            blockers.of.entry(task).or_default().push(blocker);
            blockers.is_open.insert(blocker, is_open);
        }
        Ok(blockers)
    }

    /// A task is to have another status: it may be what others wait for.
    pub(crate) fn turn(&mut self, task: TaskId, to: Status) {
        if let Some(is_open) = self.is_open.get_mut(&task) {
            *is_open = !to.is_closed();
        }
    }

    /// What a task waits for that is still to be done.
    pub(crate) fn open(&self, task: TaskId) -> Vec<TaskId> {
        let all = self.of.get(&task).into_iter().flatten().copied();
        all.filter(|blocker| self.is_open.get(blocker) == Some(&true)).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_was_finished_a_moment_ago_blocks_no_longer_and_what_was_opened_does() {
        let id = |n: u128| TaskId(Uuid::from_u128(n));
        let mut blockers = Blockers {
            of: BTreeMap::from([(id(1), vec![id(2), id(3)])]),
            is_open: BTreeMap::from([(id(2), true), (id(3), false)]),
        };

        assert_eq!(blockers.open(id(1)), [id(2)]);
        blockers.turn(id(2), Status::Cancelled);
        assert_eq!(blockers.open(id(1)), []);
        blockers.turn(id(3), Status::Review);
        blockers.turn(id(4), Status::Todo);
        assert_eq!(blockers.open(id(1)), [id(3)]);
        assert_eq!(blockers.open(id(4)), []);
    }
}
