//! Events alone are enough: whoever applies those of the streams they follow
//! holds, after every write, what reading afresh shows them.
//!
//! Left out are relations, which each reader sees differently; that they have
//! changed is told by the revision.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sayso_access::{Actor, Role};
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_kernel::{Fault, Kind, Patch};
use sayso_tasks::comment::{self, Comment};
use sayso_tasks::dependency::{DependencyChange, DependencyType};
use sayso_tasks::filter::{Sort, TaskFilter};
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::{Priority, Status};
use sayso_tasks::view::{CommentView, TaskView};
use sayso_tasks::{Task, TaskId, service};
use serde_json::{Value, json};

use crate::company::{Company, Heard, item, titled};

/// Plays, each with other chances.
const SEEDS: u64 = 3;
/// Writes of a play.
const STEPS: usize = 35;

/// A client: what it follows, and what it holds.
struct Client {
    person: Actor,
    channels: Vec<ChannelId>,
    applied: usize,
    tasks: BTreeMap<String, Value>,
    comments: BTreeMap<String, Value>,
}

impl Client {
    fn new(person: &Actor, channels: &[ChannelId]) -> Self {
        let (tasks, comments) = (BTreeMap::new(), BTreeMap::new());
        let channels = channels.to_vec();
        Self { person: person.clone(), channels, applied: 0, tasks, comments }
    }

    fn follows(&self, stream: &str) -> bool {
        stream == format!("user:{}", self.person.user_id)
            || self.channels.iter().any(|id| stream == format!("channel:{id}"))
    }

    /// What stands in a channel one does not follow is not held.
    fn holds(&self, task: &Value) -> bool {
        let channel = &task["channelId"];
        channel.is_null() || self.channels.iter().any(|id| *channel == json!(id))
    }

    fn hear(&mut self, events: &[Heard]) {
        for event in &events[self.applied..] {
            let is_mine = event.streams.iter().any(|stream| self.follows(stream));
            if is_mine && event.kind.starts_with("task.") {
                self.apply(event);
            }
        }
        self.applied = events.len();
    }

    fn apply(&mut self, event: &Heard) {
        let id = event.data["id"].as_str().expect("an id").to_owned();
        match &*event.kind {
            "task.gone" | "task.deleted" => self.forget(&id),
            "task.commented" | "task.comment_edited" => put(&mut self.comments, id, &event.data),
            "task.comment_deleted" => {
                self.comments.remove(&id);
            }
            _ if self.holds(&event.data) => put(&mut self.tasks, id, &event.data),
            _ => self.forget(&id),
        }
    }

    fn forget(&mut self, task: &str) {
        self.tasks.remove(task);
        self.comments.retain(|_, comment| comment["taskId"] != task);
    }
}

/// Only a higher revision is applied.
fn put(all: &mut BTreeMap<String, Value>, id: String, data: &Value) {
    let revision = |value: &Value| value["revision"].as_i64().unwrap_or(0);
    if all.get(&id).is_none_or(|held| revision(data) > revision(held)) {
        all.insert(id, data.clone());
    }
}

/// What somebody reads afresh of what they follow.
async fn fresh(company: &Company, client: &Client) -> BTreeMap<String, Value> {
    let (ctx, mut db) = (company.stage.as_actor(&client.person), company.database.db().read());
    let (mut all, mut cursor) = (BTreeMap::new(), None::<String>);
    loop {
        let filter = TaskFilter::default();
        let page = service::list(&mut db, &ctx, &filter, Sort::default(), cursor.as_deref(), 100);
        let page = page.await.expect("a page");
        for task in page.items {
            let view = serde_json::to_value(TaskView::of(&task)).expect("JSON");
            if client.holds(&view) {
                all.insert(task.id.to_string(), view);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return all;
        }
    }
}

/// The revision of each task that is there, and its relations.
type Related = BTreeMap<uuid::Uuid, (i32, Vec<String>)>;

/// The relations of all tasks, as whoever sees all tasks is shown them.
async fn related(company: &Company) -> Related {
    let sql = "SELECT t.id, t.revision,
                   array_remove(array_agg(d.id || d.type ORDER BY d.id), NULL)
               FROM tasks t LEFT JOIN (
                   task_dependencies d
                   JOIN tasks a ON a.id = d.task_id AND a.deleted_at IS NULL
                   JOIN tasks b ON b.id = d.depends_on_id AND b.deleted_at IS NULL)
                   ON t.id IN (d.task_id, d.depends_on_id) AND d.deleted_at IS NULL
               WHERE t.deleted_at IS NULL GROUP BY t.id";
    let rows = company.database.app().await.query(sql, &[]).await.expect("readable");
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// What a task has to do with others is not in its events: where that differs,
/// its revision has risen.
fn check_relations(before: &Related, after: &Related, step: &str) {
    for (id, (revision, relations)) in after {
        if let Some((old, were)) = before.get(id).filter(|(_, were)| were != relations) {
            assert!(revision > old, "{step}: {id} has {relations:?} after {were:?}");
        }
    }
}

/// The held comments must be those that are read; older ones, from before the
/// client knew of the task, it has not heard.
async fn check_comments(company: &Company, client: &Client, step: &str) {
    let (ctx, mut db) = (company.stage.as_actor(&client.person), company.database.db().read());
    let tasks: BTreeSet<&str> =
        client.comments.values().filter_map(|comment| comment["taskId"].as_str()).collect();
    for task in tasks.into_iter().filter(|task| client.tasks.contains_key(*task)) {
        let id = TaskId(task.parse().expect("an id"));
        let page = comment::list(&mut db, &ctx, id, None, 100).await.expect("a page");
        let read: BTreeMap<String, Value> = page
            .items
            .iter()
            .map(|one| (one.id.to_string(), json!(CommentView::of(one))))
            .collect();
        for (id, held) in client.comments.iter().filter(|(_, held)| held["taskId"] == task) {
            assert_eq!(read.get(id), Some(held), "{step}: a comment is not what was heard");
        }
    }
}

/// A seeded sequence of everything that one can do.
struct Play {
    people: Vec<Actor>,
    places: Vec<Option<ChannelId>>,
    tasks: Vec<TaskId>,
    comments: Vec<Comment>,
}

impl Play {
    fn pick(&self, company: &Company, of: usize) -> usize {
        company.stage.random.below(u32::try_from(of).expect("few")) as usize
    }

    fn person(&self, company: &Company) -> Actor {
        self.people[self.pick(company, self.people.len())].clone()
    }

    fn task(&self, company: &Company) -> TaskId {
        self.tasks[self.pick(company, self.tasks.len())]
    }

    fn some_people(&self, company: &Company) -> Vec<sayso_access::UserId> {
        (0..self.pick(company, 3)).map(|_| self.person(company).user_id).collect()
    }

    fn edit(&self, company: &Company) -> Edit {
        let mut edit = Edit::default();
        match self.pick(company, 6) {
            0 => edit.title = Some(format!("title {}", self.pick(company, 99))),
            1 => edit.description = Patch::Set(format!("text {}", self.pick(company, 99))),
            2 => edit.priority = Some(Priority::ALL[self.pick(company, 4)]),
            3 => {
                edit.status = Some(Status::ALL[self.pick(company, 5)]);
                edit.override_reason = Some("because".into());
            }
            4 => edit.assigned_to = Some(self.some_people(company)),
            _ => {
                let to = self.places[self.pick(company, self.places.len())];
                edit.channel_id = to.map_or(Patch::Clear, Patch::Set);
            }
        }
        edit
    }

    async fn version(&self, company: &Company, actor: &Actor, id: TaskId) -> i32 {
        company.get(actor, id).await.map_or(1, |task| task.version)
    }

    /// Does something, and says what.
    async fn act(&mut self, company: &Company) -> (String, Result<(), Fault>) {
        let (actor, choice) = (self.person(company), self.pick(company, 14));
        let done = |outcome: Result<Task, Fault>| outcome.map(|_| ());
        let (what, outcome) = match choice {
            0 | 1 => ("create", self.create(company, &actor).await),
            2..=4 => {
                let id = self.task(company);
                let version = self.version(company, &actor, id).await;
                let edit = self.edit(company);
                ("edit", done(company.update(&actor, id, version, edit).await))
            }
            5 => ("bulk", self.bulk(company, &actor).await),
            6 | 7 => {
                let (one, other) = (self.person(company), self.person(company));
                let id = self.task(company);
                ("assign", done(company.assign(&actor, id, &[&one], &[&other]).await))
            }
            8 | 9 => {
                let (id, other) = (self.task(company), self.task(company));
                let kind = DependencyType::ALL[self.pick(company, 3)];
                let change = if self.pick(company, 3) == 0 {
                    DependencyChange { add: Vec::new(), remove: vec![(other, None)] }
                } else {
                    DependencyChange { add: vec![(other, kind)], remove: Vec::new() }
                };
                ("relate", done(company.relate(&actor, id, change).await))
            }
            10 => ("delete", company.delete(&actor, self.task(company)).await),
            11 => ("restore", done(company.restore(&actor, self.task(company)).await)),
            _ => ("comment", self.comment(company, &actor).await),
        };
        (format!("{what} by {}", actor.user_id), outcome)
    }

    async fn create(&mut self, company: &Company, actor: &Actor) -> Result<(), Fault> {
        let draft = Draft {
            channel_id: self.places[self.pick(company, self.places.len())],
            assigned_to: self.some_people(company),
            ..titled("new")
        };
        self.tasks.push(company.create(actor, draft).await?.id);
        Ok(())
    }

    async fn bulk(&self, company: &Company, actor: &Actor) -> Result<(), Fault> {
        let ids: BTreeSet<TaskId> = (0..3).map(|_| self.task(company)).collect();
        let mut items = Vec::new();
        for id in ids {
            if let Ok(task) = company.get(actor, id).await {
                items.push(item(id, task.version, self.edit(company)));
            }
        }
        company.bulk(actor, items).await.map(|_| ())
    }

    async fn comment(&mut self, company: &Company, actor: &Actor) -> Result<(), Fault> {
        let old = self.pick(company, 2) == 0 && !self.comments.is_empty();
        if !old {
            let said = company.comment(actor, self.task(company), "words").await?;
            self.comments.push(said);
            return Ok(());
        }
        let said = self.comments[self.pick(company, self.comments.len())].clone();
        if self.pick(company, 2) == 0 {
            return company.uncomment(actor, &said).await;
        }
        let text = format!("words {}", self.pick(company, 99));
        company.recomment(actor, &said, said.version, &text).await.map(|_| ())
    }
}

#[tokio::test]
async fn after_every_write_the_state_before_and_its_events_are_the_state_read_afresh() {
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 1..=SEEDS {
        for (verb, count) in play(seed).await {
            *done.entry(verb).or_default() += count;
        }
    }
    assert!(done.len() == 8 && done.values().all(|count| *count > 0), "{done:?}");
}

/// Answers how often each verb worked.
async fn play(seed: u64) -> BTreeMap<String, usize> {
    let company = Company::seeded(seed).await;
    let ceo = company.person("ceo", Role::Ceo, None).await;
    let ann = company.person("ann", Role::Manager, Some(&ceo)).await;
    let bob = company.person("bob", Role::Staff, Some(&ann)).await;
    let cat = company.person("cat", Role::Staff, None).await;
    let open = company.channel(&ann, ChannelKind::Public, &[&bob, &cat]).await;
    let closed = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let other = company.channel(&ceo, ChannelKind::Private, &[&cat]).await;
    let mut clients = [
        Client::new(&ceo, &[other]),
        Client::new(&ann, &[open, closed]),
        Client::new(&bob, &[open, closed]),
        Client::new(&cat, &[open, other]),
    ];
    let mut play = Play {
        people: vec![ceo, ann.clone(), bob, cat],
        places: vec![None, None, Some(open), Some(closed), Some(other)],
        tasks: vec![company.made(&ann, "first").await.id],
        comments: Vec::new(),
    };
    let mut done: BTreeMap<String, usize> = BTreeMap::new();
    let mut relations = related(&company).await;

    for step in 0..STEPS {
        company.stage.advance(Duration::from_secs(1));
        let (what, outcome) = play.act(&company).await;
        if let Err(fault) = &outcome {
            assert!(fault.kind() < Kind::Internal, "{what}: {fault}");
        }
        let verb = what.split(' ').next().expect("a verb").to_owned();
        *done.entry(verb).or_default() += usize::from(outcome.is_ok());
        let events = company.events().await;
        let step = format!(
            "seed {seed}, step {step}, {what}, {:?}",
            outcome.map_err(|fault| fault.to_string())
        );
        for client in &mut clients {
            client.hear(&events);
            assert_eq!(client.tasks, fresh(&company, client).await, "{step}");
            check_comments(&company, client, &step).await;
        }
        let now = related(&company).await;
        check_relations(&relations, &now, &step);
        relations = now;
    }

    assert_eq!(company.wrong_relations().await, Vec::<String>::new());
    company.end().await;
    done
}
