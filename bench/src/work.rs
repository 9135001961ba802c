//! What clients do: a workload says what the next request is, and learns from
//! the answer what it needs for the one after.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ask};
use crate::company::{Company, Person};

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A task by its id, out of few hundred: what a cache is for.
    Get,
    /// The first page of all tasks.
    List,
    /// The same with filters.
    Filtered,
    /// The same with words.
    Search,
    /// A task is made.
    Create,
    /// Its status is changed.
    Update,
    /// A message is sent.
    Message,
    /// A task gets an assignee, or loses one.
    Assign,
    /// Fifty people who do all of it.
    Mixed,
    /// Somebody comes in with a password.
    Login,
}

/// All that are measured in the same way, in this order.
pub const ALL: [Work; 10] = [
    Work::Get,
    Work::List,
    Work::Filtered,
    Work::Search,
    Work::Create,
    Work::Update,
    Work::Message,
    Work::Assign,
    Work::Mixed,
    Work::Login,
];

/// Of a hundred requests of the mixed load.
const MIX: [(Work, u64); 8] = [
    (Work::Get, 40),
    (Work::List, 15),
    (Work::Filtered, 12),
    (Work::Search, 3),
    (Work::Message, 15),
    (Work::Update, 8),
    (Work::Create, 4),
    (Work::Assign, 3),
];

/// Words that few or many titles have.
const WORDS: [&str; 6] =
    ["pairing", "frost alarm", "Rechnung", "again", "watering winter", "battery Zürich"];

impl Work {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Filtered => "filtered list",
            Self::Search => "search",
            Self::Create => "create",
            Self::Update => "update",
            Self::Message => "message",
            Self::Assign => "assign",
            Self::Mixed => "mixed",
            Self::Login => "login",
        }
    }

    /// How many do it at once. A login is two hundred milliseconds of CPU on
    /// any server, so a few show as much as fifty.
    pub fn clients(self, usual: usize) -> usize {
        if self == Self::Login { 4 } else { usual }
    }
}

/// A client: who it is, and what it knows.
#[derive(Debug)]
pub struct Doer {
    company: Arc<Company>,
    person: usize,
    dice: Dice,
    count: u64,
    task: Option<Own>,
    last: Work,
}

/// A task that only this client changes.
#[derive(Debug)]
struct Own {
    id: String,
    version: i64,
    is_assigned: bool,
}

impl Doer {
    /// The client with a number.
    pub fn new(company: &Arc<Company>, number: usize) -> Self {
        Self {
            company: company.clone(),
            person: number % company.people.len(),
            dice: Dice(0x9e37_79b9 + number as u64),
            count: 0,
            task: None,
            last: Work::Get,
        }
    }

    fn me(&self) -> &Person {
        &self.company.people[self.person]
    }

    /// The next request.
    pub fn next(&mut self, work: Work) -> Ask {
        self.count += 1;
        let work = if work == Work::Mixed { self.mixed() } else { work };
        // Whoever changes a task needs one first.
        let needs_task = matches!(work, Work::Update | Work::Assign) && self.task.is_none();
        self.last = if needs_task { Work::Create } else { work };
        match self.last {
            Work::Get | Work::Mixed => {
                let at = self.dice.below(self.company.tasks.len());
                Ask::get(format!("/api/tasks/{}", self.company.tasks[at]))
            }
            Work::List => Ask::get("/api/tasks?limit=20"),
            Work::Filtered => self.filtered(),
            Work::Search => {
                let words = WORDS[self.dice.below(WORDS.len())];
                let words = words.replace(' ', "%20").replace('ü', "%C3%BC");
                Ask::get(format!("/api/tasks?limit=20&search={words}"))
            }
            Work::Create => self.create(),
            Work::Update => self.update(),
            Work::Assign => self.assign(),
            Work::Message => {
                let path = format!("/api/channels/{}/messages", self.me().channel);
                let content =
                    format!("The numbers for spring are in, see the task #{}", self.count);
                Ask::send(Method::POST, path, json!({ "content": content }))
            }
            Work::Login => {
                let at = self.dice.below(self.company.visitors.len());
                let body = json!({
                    "email": self.company.visitors[at], "password": self.company.password,
                });
                Ask::send(Method::POST, "/api/auth/login", body)
            }
        }
    }

    fn mixed(&mut self) -> Work {
        let mut left = self.dice.below(100) as u64;
        for (work, share) in MIX {
            if left < share {
                return work;
            }
            left -= share;
        }
        Work::Get
    }

    fn filtered(&mut self) -> Ask {
        Ask::get(match self.dice.below(3) {
            0 => "/api/tasks?status=todo,in_progress&priority=high,urgent&limit=20".to_owned(),
            1 => format!("/api/tasks?assignedTo={}&limit=20", self.me().id),
            _ => format!("/api/tasks?channelId={}&status=todo&limit=20", self.me().channel),
        })
    }

    fn create(&self) -> Ask {
        let body = json!({
            "title": format!("Measure the watering plan again, part {}", self.count),
            "description": "Measure before and after, and say what changed.",
            "channelId": self.me().channel,
            "priority": "high",
            "assignedTo": [self.me().id],
            "tags": ["garden", "q3"],
        });
        Ask::send(Method::POST, "/api/tasks", body)
    }

    fn update(&self) -> Ask {
        let Some(task) = &self.task else { return self.create() };
        let status = if task.version % 2 == 0 { "todo" } else { "in_progress" };
        let body = json!({
            "status": status, "title": format!("Measure again, {}", self.count),
            "version": task.version,
        });
        Ask::send(Method::PATCH, format!("/api/tasks/{}", task.id), body)
    }

    fn assign(&self) -> Ask {
        let Some(task) = &self.task else { return self.create() };
        let whom = &self.me().colleague;
        let body = match task.is_assigned {
            false => json!({ "assign": [whom] }),
            true => json!({ "unassign": [whom] }),
        };
        Ask::send(Method::POST, format!("/api/tasks/{}/assign", task.id), body)
    }

    /// What the answer says of the task that is changed next.
    pub fn learn(&mut self, answer: &Answer) {
        let is_fine = (200..300).contains(&answer.status);
        let is_write = matches!(self.last, Work::Create | Work::Update | Work::Assign);
        if !is_write || !is_fine {
            return;
        }
        let Ok(task) = serde_json::from_slice::<Value>(&answer.body) else { return };
        let Some(id) = task["id"].as_str() else { return };
        if self.last == Work::Create && self.task.is_some() {
            return;
        }
        self.task = Some(Own {
            id: id.to_owned(),
            version: task["version"].as_i64().unwrap_or(1),
            is_assigned: task["assignedTo"]
                .as_array()
                .is_some_and(|all| all.iter().any(|one| one == &json!(self.me().colleague))),
        });
    }
}

/// The same numbers in every run (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % count.max(1)
    }
}
