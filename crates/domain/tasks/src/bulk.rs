//! Many edits in one commit: all of them, or none.

use std::collections::{BTreeMap, BTreeSet};

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::fault::{FieldFault, INVALID, NOT_FOUND, Place, STALE};
use sayso_kernel::{Code, Fault, Kind};

use crate::dependency::Blockers;
use crate::edit::{Meant, Planned};
use crate::error::BLOCKED;
use crate::ground::Ground;
use crate::model::{Edit, Task, TaskId};
use crate::policy::Sight;
use crate::{audience, dependency, edit, policy, repo};

/// Edits in one commit at the most.
pub const BULK_MAX: usize = 100;

/// One edit of many.
#[derive(Clone, Debug)]
pub struct Item {
    /// The task.
    pub id: TaskId,
    /// The version the caller has read.
    pub version: i32,
    /// What changes.
    pub edit: Edit,
}

/// Edits many tasks, in the order given, as one commit. Whoever locks several
/// tasks holds the graph first, and all are locked before the first is read: so
/// no two such writers wait for each other.
///
/// They are written at once when all were looked at, and what waits for any of
/// them is looked at once after that.
///
/// Events: as for each edit alone, in the order given; then `task.updated` of
/// each task whose `blocked` is another one in the end.
///
/// # Errors
/// What is wrong with any of them, each at `#/items/<n>/…`; the answer's own
/// code is that of the gravest. 412 shows the first stale task as it is now.
pub async fn update_in(tx: &mut Tx, ctx: &Ctx, items: &[Item]) -> Result<Vec<Task>, Fault> {
    let reader = ctx.require_actor()?.user_id;
    let ids: Vec<TaskId> = items.iter().map(|item| item.id).collect();
    repo::lock_graph(tx).await?;
    repo::lock_many(tx, &ids, reader).await?;
    let planned = plan_all(tx, ctx, items).await?;
    write_all(tx, ctx, &planned).await?;
    let turned: Vec<TaskId> =
        planned.iter().filter(|planned| planned.turns()).map(|planned| planned.after.id).collect();
    if !turned.is_empty() {
        let dependents = repo::lock_dependents(tx, &turned).await?;
        dependency::refresh(tx, ctx, &dependents).await?;
    }
    // What came later may have changed what came before (`blocked`).
    let mut after = repo::find_many(tx, &ids).await?;
    after.sort_by_key(|task| ids.iter().position(|id| *id == task.id));
    Ok(after)
}

/// What becomes of each that differs, in their order; each edit sees what those
/// before it have finished or opened.
async fn plan_all(tx: &mut Tx, ctx: &Ctx, items: &[Item]) -> Result<Vec<Planned>, Fault> {
    let ids: Vec<TaskId> = items.iter().map(|item| item.id).collect();
    let found = repo::lookup_all(tx, &ids, ctx.require_actor()?.user_id).await?;
    let mut found: BTreeMap<TaskId, _> =
        found.into_iter().map(|(task, sight)| (task.id, (task, sight))).collect();
    let mut known = if items.iter().any(|item| item.edit.status.is_some()) {
        Blockers::of(tx, &ids).await?
    } else {
        Blockers::default()
    };
    let (mut seen, mut meant) = (BTreeSet::new(), Vec::with_capacity(items.len()));
    for item in items {
        meant.push(if seen.insert(item.id) {
            mean(ctx, found.remove(&item.id), item)
        } else {
            Err(Fault::at_pointer("#/id", "field.repeated", "stands in the list twice"))
        });
    }
    let edits = meant.iter().filter_map(|outcome| outcome.as_ref().ok()?.as_ref());
    let edits: Vec<_> = edits.map(|(before, meant)| (before, meant)).collect();
    let ground = Ground::of(tx, ctx, &edits).await?;
    let (mut faults, mut all) = (Faults::default(), Vec::new());
    for (index, outcome) in meant.into_iter().enumerate() {
        let outcome = match outcome {
            Ok(None) => continue,
            Ok(Some((before, meant))) => {
                edit::plan(tx, ctx, (&before, meant), &ground, Some(&known)).await
            }
            Err(fault) => Err(fault),
        };
        match outcome {
            Ok(planned) => {
                known.turn(planned.after.id, planned.after.status);
                all.push(planned);
            }
            Err(fault) if matches!(fault.kind(), Kind::Internal | Kind::Unavailable) => {
                return Err(fault);
            }
            Err(fault) => faults.note(index, fault),
        }
    }
    faults.unless(all)
}

/// What one of many is to make of its task; `None` if nothing differs.
fn mean(
    ctx: &Ctx,
    found: Option<(Task, Sight)>,
    item: &Item,
) -> Result<Option<(Task, Meant)>, Fault> {
    let (task, sight) = found.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    policy::view(&sight).require()?;
    let edit = (item.version, item.edit.clone());
    Ok(Meant::by(ctx, (&task, &sight), edit)?.map(|meant| (task, meant)))
}

/// Writes what was planned, and tells of it.
async fn write_all(tx: &mut Tx, ctx: &Ctx, planned: &[Planned]) -> Result<(), Fault> {
    if planned.is_empty() {
        return Ok(());
    }
    let edited: Vec<_> = planned.iter().map(|it| (it.note(ctx), &it.after)).collect();
    let tasks = repo::update_all(tx, &edited, ctx.now()).await?;
    let streams = audience::of_each(tx, &tasks).await?;
    let mut written: BTreeMap<TaskId, _> =
        tasks.iter().zip(streams).map(|(task, streams)| (task.id, (task, streams))).collect();
    let mut changes = Vec::with_capacity(planned.len());
    for planned in planned {
        changes.push((&planned.before, written[&planned.after.id].0));
    }
    let leavers = audience::who_left(tx, &changes).await?;
    for planned in planned {
        let (task, streams) = written.remove(&planned.after.id).expect("each is planned once");
        edit::tell(tx, planned, task, streams, &leavers);
    }
    Ok(())
}

/// What is wrong with some of many.
#[derive(Default)]
pub(crate) struct Faults {
    errors: Vec<FieldFault>,
    gravest: Option<Fault>,
}

impl Faults {
    /// Notes what is wrong with the item at `index`.
    pub(crate) fn note(&mut self, index: usize, fault: Fault) {
        // An id in a body that the caller may not know of is a plain mistake.
        let fault = if fault.is(&NOT_FOUND) {
            Fault::at_pointer("#/id", "task.unknown", "There is no such task")
        } else {
            fault
        };
        if fault.errors().is_empty() {
            self.errors.push(FieldFault {
                place: Place::Pointer(format!("#/items/{index}{}", place_of(fault.code()))),
                code: fault.code().name,
                detail: fault.detail_text().to_owned(),
            });
        }
        for error in fault.errors() {
            let Place::Pointer(pointer) = &error.place else { continue };
            let pointer = format!("#/items/{index}{}", pointer.trim_start_matches('#'));
            self.errors.push(FieldFault { place: Place::Pointer(pointer), ..error.clone() });
        }
        if self.gravest.as_ref().is_none_or(|other| gravity(&fault) > gravity(other)) {
            self.gravest = Some(fault);
        }
    }

    /// The value, if nothing is wrong.
    pub(crate) fn unless<T>(self, value: T) -> Result<T, Fault> {
        let Some(gravest) = self.gravest else { return Ok(value) };
        let fault = Fault::new(gravest.code()).with_all(self.errors);
        Err(match gravest.current_value() {
            Some(current) => fault.current(current.clone()),
            None => fault,
        })
    }
}

/// What is wrong whatever the state comes before what the state forbids, and
/// that before what would only have to be read again.
fn gravity(fault: &Fault) -> u8 {
    match fault.kind() {
        Kind::Stale => 0,
        Kind::Conflict => 1,
        Kind::Forbidden => 2,
        Kind::VersionRequired => 3,
        _ if fault.is(&INVALID) => 5,
        _ => 4,
    }
}

/// Where in an item a fault lies that does not say so itself.
fn place_of(code: &Code) -> &'static str {
    if code.name == STALE.name {
        "/version"
    } else if code.name == BLOCKED.name {
        "/status"
    } else if code.name.starts_with("channel.") || code.name.ends_with("channel_archived") {
        "/channelId"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use sayso_kernel::fault::FORBIDDEN;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_fault_keeps_its_place_and_the_gravest_names_the_answer() {
        let mut faults = Faults::default();
        faults.note(0, Fault::new(&STALE).current(json!({ "version": 3 })));
        faults.note(2, Fault::new(&NOT_FOUND));
        faults.note(3, Fault::at_pointer("#/dueDate", "field.format", "no date"));
        faults.note(4, Fault::new(&FORBIDDEN));

        let fault = faults.unless(()).expect_err("four faults");

        let told: Vec<_> = fault
            .errors()
            .iter()
            .map(|error| match &error.place {
                Place::Pointer(pointer) => (pointer.as_str(), error.code),
                _ => panic!("a pointer"),
            })
            .collect();
        assert_eq!(
            told,
            [
                ("#/items/0/version", "resource.stale_version"),
                ("#/items/2/id", "task.unknown"),
                ("#/items/3/dueDate", "field.format"),
                ("#/items/4", "access.forbidden"),
            ]
        );
        assert!(fault.is(&INVALID));
    }

    #[test]
    fn what_is_only_stale_is_answered_with_the_first_as_it_is_now() {
        let mut faults = Faults::default();
        faults.note(3, Fault::new(&STALE).current(json!({ "version": 3 })));
        faults.note(5, Fault::new(&STALE).current(json!({ "version": 9 })));

        let fault = faults.unless(()).expect_err("two faults");

        assert!(fault.is(&STALE));
        assert_eq!(fault.current_value(), Some(&json!({ "version": 3 })));
        assert_eq!(fault.errors().len(), 2);
    }
}
