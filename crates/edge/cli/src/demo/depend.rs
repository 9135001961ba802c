//! Which task waits for which: always a younger one for an older one of the
//! same channel, so the ways close no circle.

use sayso_kernel::Random;

use crate::repo::company::{DependencyRow, Rows};

/// Every so many tasks one leans on another.
const EVERY: usize = 3;

/// Whether nobody has to wait for it any more.
fn is_over(status: &str) -> bool {
    matches!(status, "done" | "cancelled")
}

/// Tells it, and marks who is blocked.
pub(super) fn tell(rows: &mut Rows, random: &Random) {
    for younger in (0..rows.tasks.len()).rev().step_by(EVERY) {
        let task = &rows.tasks[younger];
        let before: Vec<usize> = (0..younger)
            .rev()
            .filter(|at| task.channel_id.is_some() && rows.tasks[*at].channel_id == task.channel_id)
            .collect();
        // What is open mostly waits for what is open too.
        let open = before.iter().find(|at| !is_over(rows.tasks[**at].status));
        let any = before.get(usize::from(random.bytes::<1>()[0]) % 3);
        let Some(older) = open.filter(|_| !is_over(task.status)).or(any).copied() else { continue };
        let on = &rows.tasks[older];
        // What is done was not waiting for what is open.
        let blocks = is_over(on.status) || !is_over(task.status);
        let kind = if blocks { "blocks" } else { "relates" };
        let is_blocked = blocks && !is_over(on.status);
        rows.dependencies.push(DependencyRow {
            id: random.uuid(task.created_at),
            task_id: task.id,
            depends_on_id: on.id,
            kind,
            created_by: task.created_by,
            created_at: task.created_at,
        });
        rows.tasks[younger].blocked = is_blocked;
    }
}
