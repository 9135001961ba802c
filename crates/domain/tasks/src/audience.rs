//! Who hears of a task, and who has to be told that they no longer do.

use std::collections::{BTreeMap, BTreeSet};

use sayso_access::UserId;
use sayso_db::{Stream, Tx};
use sayso_kernel::Fault;

use crate::model::Task;
use crate::{events, repo};

/// Streams of persons that one event is put on at the most.
const STREAMS_MAX: usize = 500;

/// Who hears of a task: its channel; without one its creator, its assignees
/// and everybody they report to.
pub(crate) async fn of(tx: &mut Tx, task: &Task) -> Result<Vec<Stream>, Fault> {
    match task.channel_id {
        Some(channel) => Ok(vec![sayso_channels::events::stream(channel)]),
        None => Ok(people(tx, task).await?.into_iter().map(Stream::User).collect()),
    }
}

/// Who hears of each of several tasks, in their order: asked at once.
pub(crate) async fn of_each(tx: &mut Tx, tasks: &[Task]) -> Result<Vec<Vec<Stream>>, Fault> {
    let alone = tasks.iter().filter(|task| task.channel_id.is_none());
    let people: BTreeSet<UserId> =
        alone.flat_map(|task| task.assigned_to.iter().copied().chain([task.created_by])).collect();
    let people: Vec<UserId> = people.into_iter().collect();
    let mut lines: BTreeMap<UserId, Vec<UserId>> = BTreeMap::new();
    if !people.is_empty() {
        for (person, above) in repo::lines_of(tx, &people).await? {
            lines.entry(person).or_default().push(above);
        }
    }
    let streams = |task: &Task| match task.channel_id {
        Some(channel) => vec![sayso_channels::events::stream(channel)],
        None => {
            let people = task.assigned_to.iter().chain([&task.created_by]);
            let all: BTreeSet<UserId> =
                people.filter_map(|person| lines.get(person)).flatten().copied().collect();
            all.into_iter().map(Stream::User).collect()
        }
    };
    Ok(tasks.iter().map(streams).collect())
}

/// The people behind the audience.
async fn people(tx: &mut Tx, task: &Task) -> Result<BTreeSet<UserId>, Fault> {
    let all = match task.channel_id {
        Some(channel) => repo::members(tx, channel).await?,
        None => {
            let mut people = task.assigned_to.clone();
            people.push(task.created_by);
            repo::concerned(tx, &people).await?
        }
    };
    Ok(all.into_iter().collect())
}

/// Tells those who heard of the task before its change and do not any more:
/// whoever has lost sight of it learns that, and nothing else; whoever still
/// sees it (in a public channel they have not joined, say) learns where it is
/// now.
pub(crate) async fn tell_who_left(tx: &mut Tx, before: &Task, after: &Task) -> Result<(), Fault> {
    let moved = before.channel_id != after.channel_id;
    let unassigned = before.assigned_to.iter().filter(|user| !after.assigned_to.contains(user));
    let mut left: BTreeSet<UserId> = unassigned.copied().collect();
    if moved || (after.channel_id.is_none() && !left.is_empty()) {
        let now = people(tx, after).await?;
        left.extend(people(tx, before).await?);
        left.retain(|user| !now.contains(user));
    }
    let left: Vec<UserId> = left.into_iter().collect();
    let gone = repo::without_sight(tx, after.id, &left).await?;
    let streams = |users: &[UserId]| users.iter().copied().map(Stream::User).collect();
    for some in gone.chunks(STREAMS_MAX) {
        tx.emit(events::gone(after.id, streams(some)));
    }
    if moved {
        let kept: Vec<UserId> = left.into_iter().filter(|user| !gone.contains(user)).collect();
        for some in kept.chunks(STREAMS_MAX) {
            tx.emit(events::moved_away(after, streams(some)));
        }
    }
    Ok(())
}
