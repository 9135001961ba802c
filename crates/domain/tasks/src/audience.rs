//! Who hears of a task, and who has to be told that they no longer do.

use std::collections::{BTreeMap, BTreeSet};

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_db::{Stream, Tx};
use sayso_kernel::Fault;

use crate::model::{Task, TaskId};
use crate::{events, repo};

/// Streams of persons that one event is put on at the most.
const STREAMS_MAX: usize = 500;
/// Tasks and people that one statement asks about at the most.
const PAIRS_MAX: usize = 20_000;

/// Who hears of a task: its channel; without one its creator, its assignees
/// and everybody they report to.
pub(crate) async fn of(tx: &mut Tx, task: &Task) -> Result<Vec<Stream>, Fault> {
    match task.channel_id {
        Some(channel) => Ok(vec![sayso_channels::events::stream(channel)]),
        None => {
            let mut people = task.assigned_to.clone();
            people.push(task.created_by);
            Ok(repo::concerned(tx, &people).await?.into_iter().map(Stream::User).collect())
        }
    }
}

/// Who hears of each of several tasks, in their order: asked at once.
pub(crate) async fn of_each(tx: &mut Tx, tasks: &[Task]) -> Result<Vec<Vec<Stream>>, Fault> {
    let alone = tasks.iter().filter(|task| task.channel_id.is_none());
    let lines = Lines::of(tx, alone).await?;
    let streams = |task: &Task| match task.channel_id {
        Some(channel) => vec![sayso_channels::events::stream(channel)],
        None => lines.behind(task).into_iter().map(Stream::User).collect(),
    };
    Ok(tasks.iter().map(streams).collect())
}

/// The people whom tasks without a channel concern.
struct Lines(BTreeMap<UserId, Vec<UserId>>);

impl Lines {
    async fn of(tx: &mut Tx, tasks: impl Iterator<Item = &Task>) -> Result<Self, Fault> {
        let people: BTreeSet<UserId> = tasks
            .flat_map(|task| task.assigned_to.iter().copied().chain([task.created_by]))
            .collect();
        let mut lines: BTreeMap<UserId, Vec<UserId>> = BTreeMap::new();
        if !people.is_empty() {
            let people: Vec<UserId> = people.into_iter().collect();
            for (person, above) in repo::lines_of(tx, &people).await? {
                lines.entry(person).or_default().push(above);
            }
        }
        Ok(Self(lines))
    }

    /// Its creator, its assignees and everybody they report to.
    fn behind(&self, task: &Task) -> BTreeSet<UserId> {
        let people = task.assigned_to.iter().chain([&task.created_by]);
        people.filter_map(|person| self.0.get(person)).flatten().copied().collect()
    }
}

/// The people behind the audiences of several tasks.
struct People {
    members: BTreeMap<ChannelId, BTreeSet<UserId>>,
    lines: Lines,
}

impl People {
    async fn of(tx: &mut Tx, tasks: &[&Task]) -> Result<Self, Fault> {
        let alone = tasks.iter().copied().filter(|task| task.channel_id.is_none());
        let lines = Lines::of(tx, alone).await?;
        let channels: BTreeSet<ChannelId> =
            tasks.iter().filter_map(|task| task.channel_id).collect();
        let mut members: BTreeMap<ChannelId, BTreeSet<UserId>> = BTreeMap::new();
        if !channels.is_empty() {
            let channels: Vec<ChannelId> = channels.into_iter().collect();
            for (channel, member) in repo::members(tx, &channels).await? {
                members.entry(channel).or_default().insert(member);
            }
        }
        Ok(Self { members, lines })
    }

    fn behind(&self, task: &Task) -> BTreeSet<UserId> {
        match task.channel_id {
            Some(channel) => self.members.get(&channel).cloned().unwrap_or_default(),
            None => self.lines.behind(task),
        }
    }
}

/// Those who heard of tasks before they changed and do not any more.
pub(crate) struct Leavers(BTreeMap<TaskId, Left>);

#[derive(Default)]
struct Left {
    /// Whoever has lost sight of the task.
    gone: Vec<UserId>,
    /// Whoever still sees it, in a public channel they have not joined, say,
    /// where it has been moved.
    kept: Vec<UserId>,
}

/// Finds them: of however many tasks, each before and after its change, with
/// the same number of statements.
pub(crate) async fn who_left(tx: &mut Tx, changes: &[(&Task, &Task)]) -> Result<Leavers, Fault> {
    let moved = |(before, after): &(&Task, &Task)| before.channel_id != after.channel_id;
    let lost = |(before, after): &(&Task, &Task)| -> BTreeSet<UserId> {
        let stays = |user: &UserId| after.assigned_to.contains(user);
        before.assigned_to.iter().copied().filter(|user| !stays(user)).collect()
    };
    let is_wider = |change: &(&Task, &Task)| {
        moved(change) || (change.1.channel_id.is_none() && !lost(change).is_empty())
    };
    let wider: Vec<&Task> =
        changes.iter().filter(|it| is_wider(it)).flat_map(|(a, b)| [*a, *b]).collect();
    let people = People::of(tx, &wider).await?;
    let mut pairs = Vec::new();
    for change in changes {
        let (before, after) = change;
        let mut left = lost(change);
        if is_wider(change) {
            let now = people.behind(after);
            left.extend(people.behind(before));
            left.retain(|user| !now.contains(user));
        }
        pairs.extend(left.into_iter().map(|user| (after.id, user)));
    }
    let mut gone = BTreeSet::new();
    for some in pairs.chunks(PAIRS_MAX) {
        gone.extend(repo::without_sight(tx, some).await?);
    }
    let moved: BTreeSet<TaskId> =
        changes.iter().filter(|it| moved(it)).map(|(_, after)| after.id).collect();
    let mut leavers = BTreeMap::<TaskId, Left>::new();
    for (task, user) in pairs {
        let left = leavers.entry(task).or_default();
        if gone.contains(&(task, user)) {
            left.gone.push(user);
        } else if moved.contains(&task) {
            left.kept.push(user);
        }
    }
    Ok(Leavers(leavers))
}

impl Leavers {
    /// Tells those of one task: whoever has lost sight of it learns that, and
    /// nothing else; whoever still sees it learns where it is now.
    pub(crate) fn tell(&self, tx: &mut Tx, after: &Task) {
        let Some(Left { gone, kept }) = self.0.get(&after.id) else { return };
        let streams = |users: &[UserId]| users.iter().copied().map(Stream::User).collect();
        for some in gone.chunks(STREAMS_MAX) {
            tx.emit(events::gone(after.id, streams(some)));
        }
        for some in kept.chunks(STREAMS_MAX) {
            tx.emit(events::moved_away(after, streams(some)));
        }
    }
}
