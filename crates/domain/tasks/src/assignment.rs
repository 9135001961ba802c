//! Who is to do a task: assigning and unassigning.

use sayso_access::{Ctx, UserId};
use sayso_channels::ChannelId;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID, Place};

use crate::error::TOO_MANY_ASSIGNEES;
use crate::history::Note;
use crate::model::{Task, TaskId};
use crate::{events, policy, repo, service};

/// Assignees of a task at the most.
pub const ASSIGNEES_MAX: usize = 50;

/// Who comes and who goes.
#[derive(Clone, Debug, Default)]
pub struct Assignment {
    /// To be assigned.
    pub assign: Vec<UserId>,
    /// To be unassigned; wins over `assign`.
    pub unassign: Vec<UserId>,
}

/// Assigns and unassigns people. Needs no version: it says who comes and goes,
/// not how the list looks afterwards.
///
/// Events: `task.assigned`; `task.gone` to whoever thereby loses sight of it.
/// Without any change there is none.
///
/// # Errors
/// 403, 404; 422 for a person who does not exist or does not see the channel,
/// and for more than 50 assignees.
pub async fn assign_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: TaskId,
    change: &Assignment,
) -> Result<Task, Fault> {
    let (before, sight) = service::locked(tx, ctx, id).await?;
    policy::assign(ctx.require_actor()?.role, &sight).require()?;
    check_assignees(tx, "assign", before.channel_id, &change.assign).await?;
    let (after, assigned, unassigned) = apply(&before.assigned_to, change);
    if assigned.is_empty() && unassigned.is_empty() {
        return Ok(before);
    }
    if after.len() > ASSIGNEES_MAX {
        return Err(Fault::new(&TOO_MANY_ASSIGNEES));
    }
    let note = Note::of_assignment(ctx, &assigned, &unassigned);
    let task = repo::set_assignees(tx, &note, id, &after, ctx.now()).await?;
    let audience = service::audience(tx, &task).await?;
    tx.emit(events::assigned(&task, &assigned, &unassigned, audience));
    for user in repo::without_sight(tx, id, &unassigned).await? {
        tx.emit(events::gone(id, user));
    }
    Ok(task)
}

/// The list afterwards, who was really added, who was really removed.
fn apply(before: &[UserId], change: &Assignment) -> (Vec<UserId>, Vec<UserId>, Vec<UserId>) {
    let mut after: Vec<UserId> =
        before.iter().copied().filter(|user| !change.unassign.contains(user)).collect();
    let mut assigned = Vec::new();
    for user in &change.assign {
        if !after.contains(user) && !change.unassign.contains(user) {
            after.push(*user);
            if !before.contains(user) {
                assigned.push(*user);
            }
        }
    }
    let unassigned = before.iter().copied().filter(|user| !after.contains(user)).collect();
    (after, assigned, unassigned)
}

/// Whoever is assigned must exist and be able to see the task: be a member of
/// its channel, unless that is public.
pub(crate) async fn check_assignees(
    tx: &mut Tx,
    field: &str,
    channel: Option<ChannelId>,
    users: &[UserId],
) -> Result<(), Fault> {
    if users.is_empty() {
        return Ok(());
    }
    let known = repo::assignable(tx, channel, users).await?;
    let unknown: Vec<FieldFault> = users
        .iter()
        .enumerate()
        .filter(|(_, user)| !known.contains(user))
        .map(|(index, _)| FieldFault {
            place: Place::Pointer(format!("#/{field}/{index}")),
            code: "user.unknown",
            detail: "There is no such person, or not in this channel".into(),
        })
        .collect();
    if unknown.is_empty() { Ok(()) } else { Err(Fault::new(&INVALID).with_all(unknown)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_changes_count_and_going_wins_over_coming() {
        let user = |n: u128| UserId(uuid::Uuid::from_u128(n));
        let change = Assignment {
            assign: vec![user(1), user(3), user(3), user(4)],
            unassign: vec![user(2), user(4), user(9)],
        };

        let (after, assigned, unassigned) = apply(&[user(1), user(2)], &change);

        assert_eq!(after, [user(1), user(3)]);
        assert_eq!(assigned, [user(3)]);
        assert_eq!(unassigned, [user(2)]);
    }
}
