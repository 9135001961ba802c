//! Who is to do a task: assigning and unassigning.

use std::collections::BTreeSet;

use sayso_access::{Ctx, UserId};
use sayso_channels::ChannelId;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_kernel::fault::{FieldFault, INVALID, Place};

use crate::error::TOO_MANY_ASSIGNEES;
use crate::history::Note;
use crate::model::{Task, TaskId};
use crate::{audience, events, policy, repo, service};

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
    policy::assign(ctx, &sight).require()?;
    let named = named("assign", &change.assign);
    let unknown = unknown_assignees(tx, before.channel_id, &named).await?;
    if !unknown.is_empty() {
        return Err(Fault::new(&INVALID).with_all(unknown));
    }
    let (after, assigned, unassigned) = apply(&before.assigned_to, change);
    if assigned.is_empty() && unassigned.is_empty() {
        return Ok(before);
    }
    if after.len() > ASSIGNEES_MAX {
        return Err(Fault::new(&TOO_MANY_ASSIGNEES));
    }
    let note = Note::of_assignment(ctx, &assigned, &unassigned);
    let task = repo::set_assignees(tx, &note, id, &after, ctx.now()).await?;
    let streams = audience::of(tx, &task).await?;
    tx.emit(events::assigned(&task, &assigned, &unassigned, streams));
    audience::who_left(tx, &[(&before, &task)]).await?.tell(tx, &task);
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

/// Who is in `after` only, and who is in `before` only.
pub(crate) fn difference(before: &[UserId], after: &[UserId]) -> (Vec<UserId>, Vec<UserId>) {
    let without = |all: &[UserId], others: &[UserId]| {
        all.iter().copied().filter(|user| !others.contains(user)).collect()
    };
    (without(after, before), without(before, after))
}

/// The list without repeats, in its order.
pub(crate) fn each_once(users: &[UserId]) -> Vec<UserId> {
    let mut once = Vec::with_capacity(users.len());
    for user in users {
        if !once.contains(user) {
            once.push(*user);
        }
    }
    once
}

/// People with the places at which a body names them.
pub(crate) fn named(field: &str, users: &[UserId]) -> Vec<(String, UserId)> {
    users.iter().enumerate().map(|(at, user)| (format!("#/{field}/{at}"), *user)).collect()
}

/// Whoever is assigned must exist and be able to see the task: be a member of
/// its channel, unless that is public. What is wrong, each at its place.
pub(crate) async fn unknown_assignees(
    tx: &mut Tx,
    channel: Option<ChannelId>,
    named: &[(String, UserId)],
) -> Result<Vec<FieldFault>, Fault> {
    let pairs = named.iter().map(|(_, user)| (channel, *user)).collect();
    Ok(Assignable::of(tx, &pairs).await?.unknown(channel, named))
}

/// Who may be assigned where; held until the end of the transaction.
#[derive(Debug)]
pub(crate) struct Assignable(BTreeSet<(Option<ChannelId>, UserId)>);

impl Assignable {
    /// Those of some people who may be assigned where they are to be: asked at
    /// once.
    pub(crate) async fn of(
        tx: &mut Tx,
        pairs: &BTreeSet<(Option<ChannelId>, UserId)>,
    ) -> Result<Self, Fault> {
        if pairs.is_empty() {
            return Ok(Self(BTreeSet::new()));
        }
        Ok(Self(repo::assignable(tx, pairs.iter().copied()).await?))
    }

    /// Whoever is named, each at its place, and may not be assigned there.
    pub(crate) fn unknown(
        &self,
        channel: Option<ChannelId>,
        named: &[(String, UserId)],
    ) -> Vec<FieldFault> {
        let unknown = named.iter().filter(|(_, user)| !self.0.contains(&(channel, *user)));
        let fault = |(pointer, _): &(String, UserId)| FieldFault {
            place: Place::Pointer(pointer.clone()),
            code: "user.unknown",
            detail: "There is no such person, or not in this channel".into(),
        };
        unknown.map(fault).collect()
    }
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
