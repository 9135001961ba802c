//! Random questions: a list holds, in its order and page by page, what a look
//! at every task one after the other says it should.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use sayso_access::{Actor, Role, UserId};
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_tasks::filter::{Sort, SortKey, TaskFilter};
use sayso_tasks::status::{Priority, Status};
use sayso_tasks::{Task, TaskId, service};
use serde_json::json;

use crate::company::Company;

const TASKS: usize = 120;
const TAGS: [&str; 3] = ["app", "bug", "garden"];

/// A company with many tasks, and what decides who sees which.
struct World {
    company: Company,
    /// The boss, Ann who reports to the boss, and Bob.
    people: Vec<Actor>,
    /// One that everybody sees, one of Ann and Bob.
    channels: Vec<ChannelId>,
    tasks: Vec<Task>,
}

impl World {
    async fn new() -> Self {
        let company = Company::new().await;
        let boss = company.person("boss", Role::Manager, None).await;
        let ann = company.person("ann", Role::Staff, Some(&boss)).await;
        let bob = company.person("bob", Role::Manager, None).await;
        let open = company.channel(&boss, ChannelKind::Public, &[&ann]).await;
        let closed = company.channel(&bob, ChannelKind::Private, &[&ann]).await;
        let (people, channels) = (vec![boss, ann, bob], vec![open, closed]);
        let mut world = Self { company, people, channels, tasks: Vec::new() };
        for number in 0..TASKS {
            let task = world.imagined(number);
            world.insert(&task).await;
            world.tasks.push(task);
        }
        world
    }

    /// A task of which every part is drawn from few values, so that they meet.
    fn imagined(&self, number: usize) -> Task {
        let random = &self.company.stage.random;
        let now = self.company.stage.clock.now();
        let below = |bound: u32| random.below(bound);
        let around = |days: i64| {
            let half_days = i64::from(below(u32::try_from(days * 4).expect("a few days")));
            now + SignedDuration::from_hours(12 * half_days - 24 * days)
        };
        let pick = |bound: usize| below(u32::try_from(bound).expect("small")) as usize;
        let person = || self.people[pick(self.people.len())].user_id;
        let status = Status::ALL[pick(Status::ALL.len())];
        Task {
            id: TaskId(random.uuid(now)),
            channel_id: self.channels.get(pick(3)).copied(),
            category_id: None,
            title: format!("{} {}", ["Water", "measure", "call"][pick(3)], pick(5)),
            description: String::new(),
            status,
            priority: Priority::ALL[pick(4)],
            assigned_to: self.people.iter().map(|p| p.user_id).filter(|_| below(3) == 0).collect(),
            tags: TAGS.iter().filter(|_| below(2) == 0).map(|tag| (*tag).to_owned()).collect(),
            due: (below(3) > 0)
                .then(|| sayso_tasks::due::Due { at: around(10), all_day: below(2) == 0 }),
            blocked: !status.is_closed() && below(4) == 0,
            message_id: None,
            metadata: json!({ "number": number }),
            created_by: person(),
            completed_at: (status == Status::Done).then_some(now),
            created_at: around(20),
            updated_at: around(20),
            version: 1,
            revision: 1,
        }
    }

    async fn insert(&self, t: &Task) {
        let client = self.company.database.owner().await;
        let sql = "INSERT INTO tasks (id, channel_id, title, status, priority, assigned_to, tags,
                       due_date, due_all_day, blocked, metadata, created_by, completed_at,
                       created_at, updated_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        let (due, all_day) = (t.due.map(|due| due.at), t.due.is_some_and(|due| due.all_day));
        let (status, priority) = (t.status.as_str(), t.priority.rank());
        let params: &[&(dyn postgres_types::ToSql + Sync)] = &[
            &t.id,
            &t.channel_id,
            &t.title,
            &status,
            &priority,
            &t.assigned_to,
            &t.tags,
            &due,
            &all_day,
            &t.blocked,
            &t.metadata,
            &t.created_by,
            &t.completed_at,
            &t.created_at,
            &t.updated_at,
        ];
        client.execute(sql, params).await.expect("a task is inserted");
    }

    /// Whether the person sees the task.
    fn sees(&self, reader: usize, task: &Task) -> bool {
        let is_theirs = |user: UserId| task.created_by == user || task.assigned_to.contains(&user);
        is_theirs(self.people[reader].user_id)
            || task.channel_id == Some(self.channels[0])
            || (task.channel_id == Some(self.channels[1]) && reader > 0)
            // The boss sees what concerns Ann, outside of channels.
            || (task.channel_id.is_none() && reader == 0 && is_theirs(self.people[1].user_id))
    }

    /// The ids that a list is to hold, in their order.
    fn expected(&self, asked: &Asked) -> Vec<TaskId> {
        let now = self.company.stage.clock.now();
        let filter = asked.filter(self);
        let fits = |task: &&Task| self.sees(asked.reader, task) && fits(&filter, task, now);
        let mut tasks: Vec<&Task> = self.tasks.iter().filter(fits).collect();
        tasks.sort_by(|a, b| order(asked.sort, a, b));
        tasks.into_iter().map(|task| task.id).collect()
    }

    /// The ids that the list holds, over all its pages.
    async fn listed(&self, asked: &Asked) -> Vec<TaskId> {
        let ctx = self.company.stage.as_actor(&self.people[asked.reader]);
        let (filter, mut cursor, mut ids) = (asked.filter(self), None::<String>, Vec::new());
        loop {
            let mut reader = self.company.database.db().read();
            let page = service::list(
                &mut reader,
                &ctx,
                &filter,
                asked.sort,
                cursor.as_deref(),
                asked.limit,
            );
            let page = page.await.expect("a list is answered");
            assert!(page.items.len() <= asked.limit as usize);
            ids.extend(page.items.iter().map(|task| task.id));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return ids,
            }
        }
    }
}

fn fits(filter: &TaskFilter, task: &Task, now: Timestamp) -> bool {
    fn holds<T: ?Sized>(wanted: Option<&T>, test: impl FnOnce(&T) -> bool) -> bool {
        wanted.is_none_or(test)
    }
    let due = task.due.map(|due| due.at);
    let is_overdue = due.is_some_and(|at| at < now) && !task.status.is_closed();
    holds(filter.assigned_to.as_ref(), |any| any.iter().any(|id| task.assigned_to.contains(id)))
        && holds(filter.status.as_ref(), |any| any.contains(&task.status))
        && holds(filter.priority.as_ref(), |any| any.contains(&task.priority))
        && holds(filter.due_from.as_ref(), |from| due.is_some_and(|at| at >= *from))
        && holds(filter.due_to.as_ref(), |to| due.is_some_and(|at| at < *to))
        && holds(filter.channel_id.as_ref(), |any| {
            task.channel_id.is_some_and(|id| any.contains(&id))
        })
        && holds(filter.tags.as_ref(), |all| all.iter().all(|tag| task.tags.contains(tag)))
        && holds(filter.created_by.as_ref(), |any| any.contains(&task.created_by))
        && holds(filter.overdue.as_ref(), |wanted| is_overdue == *wanted)
        && holds(filter.blocked.as_ref(), |wanted| task.blocked == *wanted)
        && holds(filter.updated_since.as_ref(), |since| task.updated_at >= *since)
}

/// Tasks that are due at no time come last, whichever way the list goes.
fn order(sort: Sort, a: &Task, b: &Task) -> Ordering {
    let due = |task: &Task| task.due.map(|due| due.at);
    let turned = |order: Ordering| if sort.descending { order.reverse() } else { order };
    let by_key = match sort.key {
        // No question here has a search.
        SortKey::CreatedAt | SortKey::Relevance => turned(a.created_at.cmp(&b.created_at)),
        SortKey::UpdatedAt => turned(a.updated_at.cmp(&b.updated_at)),
        SortKey::DueDate => match (due(a), due(b)) {
            (Some(a), Some(b)) => turned(a.cmp(&b)),
            (one, other) => other.is_some().cmp(&one.is_some()),
        },
        SortKey::Priority => turned(a.priority.cmp(&b.priority)),
        SortKey::Title => turned(a.title.to_lowercase().cmp(&b.title.to_lowercase())),
    };
    by_key.then_with(|| turned(a.id.0.cmp(&b.id.0)))
}

/// A question, with places instead of people and channels.
#[derive(Clone, Debug)]
struct Asked {
    reader: usize,
    sort: Sort,
    limit: u32,
    assigned_to: Option<Vec<usize>>,
    status: Option<Vec<usize>>,
    priority: Option<Vec<usize>>,
    due: (Option<i64>, Option<i64>),
    channels: Option<Vec<usize>>,
    tags: Option<Vec<usize>>,
    created_by: Option<Vec<usize>>,
    overdue: Option<bool>,
    blocked: Option<bool>,
    updated_since: Option<i64>,
}

impl Asked {
    fn filter(&self, world: &World) -> TaskFilter {
        let now = world.company.stage.clock.now();
        let at = |days: i64| now + SignedDuration::from_hours(24 * days);
        let person = |place: &usize| world.people[*place].user_id;
        let each = |places: &Vec<usize>| places.iter().map(person).collect();
        TaskFilter {
            assigned_to: self.assigned_to.as_ref().map(each),
            status: self.status.as_ref().map(|all| all.iter().map(|at| Status::ALL[*at]).collect()),
            priority: self
                .priority
                .as_ref()
                .map(|all| all.iter().map(|at| Priority::ALL[*at]).collect()),
            due_from: self.due.0.map(at),
            due_to: self.due.1.map(at),
            channel_id: self
                .channels
                .as_ref()
                .map(|all| all.iter().map(|place| world.channels[*place]).collect()),
            category_id: None,
            tags: self
                .tags
                .as_ref()
                .map(|all| all.iter().map(|place| TAGS[*place].to_owned()).collect()),
            created_by: self.created_by.as_ref().map(each),
            overdue: self.overdue,
            blocked: self.blocked,
            updated_since: self.updated_since.map(at),
            search: None,
        }
    }
}

/// Now and then, so that a question does not ask for everything at once.
fn seldom<S: Strategy>(value: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    prop::option::weighted(0.25, value)
}

fn asked() -> impl Strategy<Value = Asked> {
    let key = prop::sample::select(vec![
        SortKey::CreatedAt,
        SortKey::UpdatedAt,
        SortKey::DueDate,
        SortKey::Priority,
        SortKey::Title,
    ]);
    let sort = (key, any::<bool>()).prop_map(|(key, descending)| Sort { key, descending });
    let some = |bound: usize| prop::collection::vec(0..bound, 1..3);
    let people = (0..3_usize, seldom(some(3)), seldom(some(3)));
    let states = (seldom(some(5)), seldom(some(4)), seldom(any::<bool>()), seldom(any::<bool>()));
    let times = (seldom(-12..12_i64), seldom(-12..12_i64), seldom(-20..20_i64));
    let rest = (sort, 1..40_u32, seldom(some(2)), seldom(some(3)));
    (people, states, times, rest).prop_map(|(people, states, times, rest)| Asked {
        reader: people.0,
        sort: rest.0,
        limit: rest.1,
        assigned_to: people.1,
        status: states.0,
        priority: states.1,
        due: (times.0, times.1),
        channels: rest.2,
        tags: rest.3,
        created_by: people.2,
        overdue: states.2,
        blocked: states.3,
        updated_since: times.2,
    })
}

#[test]
fn a_list_holds_what_a_look_at_every_task_says_it_should() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 250,
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let (mut found, mut narrowed) = (0, 0);

    let outcome = runner.run(&asked(), |asked| {
        let expected = world.expected(&asked);
        let listed = runtime.block_on(world.listed(&asked));
        prop_assert_eq!(listed, expected);
        Ok(())
    });

    // Questions that nothing answers, or everything, would show little.
    let mut sample = TestRunner::new(ProptestConfig {
        rng_seed: RngSeed::Fixed(3),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    for _ in 0..250 {
        let tree = asked().new_tree(&mut sample).expect("a question is drawn");
        let count = world.expected(&proptest::strategy::ValueTree::current(&tree)).len();
        found += usize::from(count > 0);
        narrowed += usize::from(count > 0 && count < TASKS / 3);
    }
    runtime.block_on(world.company.end());
    outcome.expect("every list holds what it should");
    assert!(found > 100 && narrowed > 60, "{found} found something, {narrowed} some of it");
}
