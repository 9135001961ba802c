//! The relations of tasks as a reader is shown them.

use std::collections::BTreeMap;

use sayso_access::Ctx;
use sayso_db::Queries;
use sayso_kernel::Fault;

use super::Relations;
use crate::model::TaskId;
use crate::repo;

impl Relations {
    /// Takes in a relation whose other end the reader sees; no other.
    fn add(&mut self, related: repo::Related) {
        let side =
            if related.is_dependency { &mut self.dependencies } else { &mut self.dependents };
        if related.is_seen {
            side.push(related.relation);
        }
    }
}

/// The relations of tasks that the caller sees, by task.
pub async fn relations(
    db: &mut impl Queries,
    ctx: &Ctx,
    tasks: &[TaskId],
) -> Result<BTreeMap<TaskId, Relations>, Fault> {
    if tasks.is_empty() {
        return Ok(BTreeMap::new());
    }
    let reader = ctx.require_actor()?.user_id;
    let mut all: BTreeMap<TaskId, Relations> = BTreeMap::new();
    for related in repo::relations(db, reader, tasks).await? {
        all.entry(related.owner).or_default().add(related);
    }
    Ok(all)
}

/// The relations of one task that the caller sees, and every task at the other
/// end of one, seen or not: what of them changes may change what is shown.
pub async fn relations_of(
    db: &mut impl Queries,
    ctx: &Ctx,
    task: TaskId,
) -> Result<(Relations, Vec<TaskId>), Fault> {
    let reader = ctx.require_actor()?.user_id;
    let (mut own, mut others) = (Relations::default(), Vec::new());
    for related in repo::relations(db, reader, &[task]).await? {
        others.push(related.relation.other.id);
        own.add(related);
    }
    Ok((own, others))
}
