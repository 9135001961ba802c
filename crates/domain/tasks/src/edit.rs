//! Editing a task: what may become of it, and who hears of it.

use sayso_access::Ctx;
use sayso_channels::service::require_member;
use sayso_channels::{CategoryId, CategoryKind, ChannelId, category};
use sayso_db::{Stream, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID, NOT_FOUND, Place};
use sayso_users::Metadata;

use crate::assignment::{self, unknown_assignees};
use crate::dependency::Blockers;
use crate::error::{CHANNEL_ARCHIVED, TOO_MANY_ASSIGNEES};
use crate::history::Note;
use crate::model::{Edit, Task, TaskId};
use crate::policy::Sight;
use crate::status::Status;
use crate::{audience, dependency, events, policy, repo, service};

/// An edit that was checked and is to be written.
#[derive(Debug)]
pub(crate) struct Planned {
    /// The task as it is.
    pub(crate) before: Task,
    /// The task as it will be. Versions are counted by the database.
    pub(crate) after: Task,
    /// What differs.
    fields: Vec<&'static str>,
    /// Why it is finished although it waits.
    reason: Option<String>,
}

impl Planned {
    /// Whether it is finished or opened again: what waits for it has to be
    /// looked at.
    pub(crate) fn turns(&self) -> bool {
        self.before.status.is_closed() != self.after.status.is_closed()
    }

    pub(crate) fn note(&self, ctx: &Ctx) -> Note {
        Note::of_edit(ctx, &self.before, &self.after, &self.fields)
    }
}

/// Edits a task that was read under its lock.
///
/// # Errors
/// As [`service::update_in`].
pub(crate) async fn apply_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (before, sight): (Task, Sight),
    version: i32,
    edit: Edit,
) -> Result<Task, Fault> {
    let Some(planned) = plan(tx, ctx, (&before, &sight), (version, edit), None).await? else {
        return Ok(before);
    };
    let updated = repo::update(tx, &planned.note(ctx), &planned.after).await?;
    let after = updated.ok_or_else(|| service::stale(&before))?;
    let streams = audience::of(tx, &after).await?;
    tell(tx, &planned, &after, streams).await?;
    if planned.turns() {
        let dependents = repo::lock_dependents(tx, &[before.id]).await?;
        dependency::refresh(tx, ctx, &dependents).await?;
    }
    Ok(after)
}

/// What an edit makes of a task that is locked; `None` if nothing differs. What
/// it waits for is looked up where that is asked, unless it is `known`.
pub(crate) async fn plan(
    tx: &mut Tx,
    ctx: &Ctx,
    (before, sight): (&Task, &Sight),
    (version, edit): (i32, Edit),
    known: Option<&Blockers>,
) -> Result<Option<Planned>, Fault> {
    policy::update(ctx, sight).require()?;
    if before.version != version {
        return Err(service::stale(before));
    }
    let (reason, sent) = (edit.override_reason.clone(), edit.assigned_to.clone());
    let now = ctx.now();
    let (mut after, mut fields) = edit.apply(before, now);
    if fields.is_empty() {
        return Ok(None);
    }
    check(tx, ctx, before, &after, sent.as_deref()).await?;
    let overrides = finishes_early(tx, before, &after, known).await?;
    if overrides && reason.is_none() {
        let blockers = match known {
            Some(known) => known.open(before.id),
            None => repo::blockers(tx, before.id).await?,
        };
        return Err(dependency::blocked(tx, ctx, &blockers).await?);
    }
    let was_closed = before.status.is_closed();
    if was_closed != after.status.is_closed() {
        after.blocked = was_closed && is_waiting(tx, before.id, known).await?;
        if after.blocked != before.blocked {
            fields.push("blocked");
        }
    }
    after.updated_at = now;
    let reason = reason.filter(|_| overrides);
    Ok(Some(Planned { before: before.clone(), after, fields, reason }))
}

/// Whether an edit finishes a task that waits for others. One that was
/// cancelled says nothing of that by itself, and what is known may be newer
/// than what the task says.
async fn finishes_early(
    tx: &mut Tx,
    before: &Task,
    after: &Task,
    known: Option<&Blockers>,
) -> Result<bool, Fault> {
    if after.status != Status::Done || before.status == Status::Done {
        return Ok(false);
    }
    if before.status.is_closed() || known.is_some() {
        return is_waiting(tx, before.id, known).await;
    }
    Ok(before.blocked)
}

async fn is_waiting(tx: &mut Tx, id: TaskId, known: Option<&Blockers>) -> Result<bool, Fault> {
    match known {
        Some(known) => Ok(!known.open(id).is_empty()),
        None => Ok(repo::is_waiting(tx, id).await?),
    }
}

/// The facts of an edit. Who is to do it is a fact of its own, the same that
/// assigning leaves.
pub(crate) async fn tell(
    tx: &mut Tx,
    planned: &Planned,
    after: &Task,
    streams: Vec<Stream>,
) -> Result<(), Fault> {
    let Planned { before, fields, reason, .. } = planned;
    if *fields != ["assignedTo"] {
        let fact = events::updated(before, after, fields, streams.clone());
        tx.emit(match reason {
            Some(reason) => events::overridden(fact, reason, before, after, fields),
            None => fact,
        });
    }
    let (assigned, unassigned) = assignment::difference(&before.assigned_to, &after.assigned_to);
    if !assigned.is_empty() || !unassigned.is_empty() {
        tx.emit(events::assigned(after, &assigned, &unassigned, streams));
    }
    audience::tell_who_left(tx, before, after).await
}

/// What the new values rest on, all that is wrong with them at once.
async fn check(
    tx: &mut Tx,
    ctx: &Ctx,
    before: &Task,
    after: &Task,
    sent: Option<&[sayso_access::UserId]>,
) -> Result<(), Fault> {
    let mut wrong = Vec::new();
    let moved = before.channel_id != after.channel_id;
    if moved {
        repo::hold_channels(tx, before.channel_id, after.channel_id).await?;
        if let Some(channel) = after.channel_id {
            collect(&mut wrong, enter(tx, ctx, channel).await)?;
        }
    }
    if before.category_id != after.category_id {
        collect(&mut wrong, check_category(tx, after.category_id).await)?;
    }
    if after.metadata != before.metadata {
        let map = after.metadata.as_object().cloned().unwrap_or_default();
        collect(&mut wrong, Metadata::parse(map, "#/metadata").map(|_| ()))?;
    }
    if after.assigned_to.len() > assignment::ASSIGNEES_MAX {
        return Err(Fault::new(&TOO_MANY_ASSIGNEES));
    }
    // A channel that the caller may not know of must not tell who is in it.
    if wrong.is_empty() {
        let stays = |user| !moved && before.assigned_to.contains(user);
        let newcomers = sent.unwrap_or_default().iter().enumerate();
        let newcomers = newcomers.filter(|(_, user)| !stays(user));
        let mut named: Vec<_> =
            newcomers.map(|(at, user)| (format!("#/assignedTo/{at}"), *user)).collect();
        if moved && sent.is_none() {
            named.extend(after.assigned_to.iter().map(|user| ("#/channelId".to_owned(), *user)));
        }
        wrong.extend(unknown_assignees(tx, after.channel_id, &named).await?);
    }
    if wrong.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(wrong)) }
}

/// What is plainly invalid is collected; anything else is an answer by itself.
pub(crate) fn collect(
    wrong: &mut Vec<FieldFault>,
    outcome: Result<(), Fault>,
) -> Result<(), Fault> {
    match outcome {
        Err(fault) if fault.is(&INVALID) => wrong.extend_from_slice(fault.errors()),
        other => return other,
    }
    Ok(())
}

/// Holds the caller's right to plan in a channel that a body names.
///
/// # Errors
/// 422 where the caller may not know of the channel, 403
/// `channel.not_a_member`, 409 `task.channel_archived`.
pub(crate) async fn enter(tx: &mut Tx, ctx: &Ctx, channel: ChannelId) -> Result<(), Fault> {
    let standing = require_member(tx, ctx, channel).await.map_err(named_in_body)?;
    if standing.archived { Err(Fault::new(&CHANNEL_ARCHIVED)) } else { Ok(()) }
}

/// A channel that is named in a body and hidden from the caller is answered
/// like one that does not exist: 422 at its place.
fn named_in_body(fault: Fault) -> Fault {
    if !fault.is(&NOT_FOUND) {
        return fault;
    }
    let place = Place::Pointer("#/channelId".into());
    Fault::new(&INVALID).with(place, "channel.unknown", "There is no such channel")
}

/// The category that a body names must be there.
pub(crate) async fn check_category(tx: &mut Tx, id: Option<CategoryId>) -> Result<(), Fault> {
    match id {
        Some(id) => category::require_in(tx, id, CategoryKind::Task).await,
        None => Ok(()),
    }
}
