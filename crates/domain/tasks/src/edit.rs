//! Editing a task: what may become of it, and who hears of it.

use sayso_access::{Ctx, UserId};
use sayso_channels::repo::{Standing, standing};
use sayso_channels::service::as_member;
use sayso_channels::{CategoryId, CategoryKind, ChannelId, category};
use sayso_db::{Stream, Tx};
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID, NOT_FOUND, Place};

use crate::assignment;
use crate::audience::{self, Leavers};
use crate::dependency::Blockers;
use crate::error::CHANNEL_ARCHIVED;
use crate::ground::Ground;
use crate::history::Note;
use crate::model::{Edit, Task, TaskId};
use crate::policy::Sight;
use crate::status::Status;
use crate::{dependency, events, policy, repo, service};

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

/// An edit that the caller may make and that changes something; what it rests
/// on is yet to be looked at.
#[derive(Debug)]
pub(crate) struct Meant {
    /// The task as it is to be.
    pub(crate) after: Task,
    fields: Vec<&'static str>,
    reason: Option<String>,
    /// Who is to do it, as the body has it.
    sent: Option<Vec<UserId>>,
}

impl Meant {
    /// What an edit of a locked task is to make of it; `None` if nothing
    /// differs.
    ///
    /// # Errors
    /// 403; 412 with the present state.
    pub(crate) fn by(
        ctx: &Ctx,
        (before, sight): (&Task, &Sight),
        (version, edit): (i32, Edit),
    ) -> Result<Option<Self>, Fault> {
        policy::update(ctx, sight).require()?;
        if before.version != version {
            return Err(service::stale(before));
        }
        let (reason, sent) = (edit.override_reason.clone(), edit.assigned_to.clone());
        let (after, fields) = edit.apply(before, ctx.now());
        Ok((!fields.is_empty()).then_some(Self { after, fields, reason, sent }))
    }

    pub(crate) fn is_in_another_category(&self, before: &Task) -> bool {
        before.category_id != self.after.category_id
    }

    /// Whoever has to be able to see the task where it will be, and the place
    /// that names them.
    pub(crate) fn newcomers(&self, before: &Task) -> Vec<(String, UserId)> {
        let moved = before.channel_id != self.after.channel_id;
        let stays = |user| !moved && before.assigned_to.contains(user);
        let sent = self.sent.as_deref().unwrap_or_default().iter().enumerate();
        let sent = sent.filter(|(_, user)| !stays(user));
        let mut named: Vec<_> =
            sent.map(|(at, user)| (format!("#/assignedTo/{at}"), *user)).collect();
        if moved && self.sent.is_none() {
            let all = self.after.assigned_to.iter();
            named.extend(all.map(|user| ("#/channelId".to_owned(), *user)));
        }
        named
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
    let Some(meant) = Meant::by(ctx, (&before, &sight), (version, edit))? else {
        return Ok(before);
    };
    let ground = Ground::of(tx, ctx, &[(&before, &meant)]).await?;
    let planned = plan(tx, ctx, (&before, meant), &ground, None).await?;
    let updated = repo::update(tx, &planned.note(ctx), &planned.after).await?;
    let after = updated.ok_or_else(|| service::stale(&before))?;
    let streams = audience::of(tx, &after).await?;
    let leavers = audience::who_left(tx, &[(&before, &after)]).await?;
    tell(tx, &planned, &after, streams, &leavers);
    if planned.turns() {
        let dependents = repo::lock_dependents(tx, &[before.id]).await?;
        dependency::refresh(tx, ctx, &dependents).await?;
    }
    Ok(after)
}

/// What becomes of a locked task. What it waits for is looked up where that is
/// asked, unless it is `known`.
pub(crate) async fn plan(
    tx: &mut Tx,
    ctx: &Ctx,
    (before, meant): (&Task, Meant),
    ground: &Ground,
    known: Option<&Blockers>,
) -> Result<Planned, Fault> {
    ground.check(before, &meant)?;
    let Meant { mut after, mut fields, reason, .. } = meant;
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
    after.updated_at = ctx.now();
    let reason = reason.filter(|_| overrides);
    Ok(Planned { before: before.clone(), after, fields, reason })
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
pub(crate) fn tell(
    tx: &mut Tx,
    planned: &Planned,
    after: &Task,
    streams: Vec<Stream>,
    leavers: &Leavers,
) {
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
    leavers.tell(tx, after);
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
    let caller = ctx.require_actor()?.user_id;
    entered(standing(tx, channel, caller).await?)
}

/// Whether somebody may plan where they stand so; `None` where there is no such
/// channel.
///
/// # Errors
/// As [`enter`].
pub(crate) fn entered(standing: Option<Standing>) -> Result<(), Fault> {
    let standing = as_member(standing).map_err(named_in_body)?;
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
