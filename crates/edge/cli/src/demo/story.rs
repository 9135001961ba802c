//! The company's past: who came when, who said what, what was done.

use std::collections::HashMap;
use std::time::Duration;

use sayso_access::{Role, UserId};
use sayso_channels::ChannelId;
use sayso_kernel::{Random, Timestamp};
use sayso_tasks::TaskId;
use uuid::Uuid;

use super::depend;
use super::people::{CATEGORIES, CHANNELS, Channel, Members, PEOPLE, Person, categories_of};
use super::talk::{CUSTOMERS, PARTS, PLACES, TALKS, Talk};
use super::work::{OWN, WORK, Work};
use crate::repo::company::{
    CategoryRow, ChannelRow, MemberRow, MessageRow, PersonRow, Rows, TaskRow,
};

/// Days of talk and work.
const DAYS: i64 = 150;
/// Conversations on a day of work.
const TALKS_A_DAY: usize = 4;
/// Tasks in all.
const TASKS: usize = 400;
/// Every so many tasks one belongs to no channel.
const OWN_EVERY: usize = 16;
const DAY_SECS: i64 = 86_400;

/// The rows of the company.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) rows: Rows,
}

/// Words for the braces of a conversation or a task.
struct Words {
    part: &'static str,
    customer: &'static str,
    place: &'static str,
    number: u32,
}

struct Teller<'a> {
    now: Timestamp,
    random: &'a Random,
    rows: Rows,
    /// Each channel with its members, by name.
    rooms: HashMap<&'static str, (ChannelId, Vec<usize>)>,
}

impl Story {
    /// Tells it: always the same, counted back from `now`.
    pub(super) fn tell(now: Timestamp, random: &Random) -> Self {
        let mut teller = Teller { now, random, rows: Rows::default(), rooms: HashMap::new() };
        teller.hire();
        teller.sort();
        for channel in CHANNELS {
            teller.open(channel);
        }
        teller.talk();
        teller.work();
        depend::tell(&mut teller.rows, random);
        teller.read();
        Self { rows: teller.rows }
    }

    /// Who follows which channel.
    pub(super) fn follows(&self) -> impl Iterator<Item = (UserId, String)> {
        let stream = |id| sayso_channels::events::stream(id).to_string();
        self.rows.members.iter().map(move |member| (member.user_id, stream(member.channel_id)))
    }
}

impl Teller<'_> {
    /// So many days ago, at a second of the day (UTC); never later than now.
    fn at(&self, days_ago: i64, second: i64) -> Timestamp {
        let midnight = self.now.as_second().div_euclid(DAY_SECS) * DAY_SECS;
        let at = Timestamp::from_second(midnight - days_ago * DAY_SECS + second);
        at.unwrap_or(self.now).min(self.now)
    }

    /// Whether people worked on that day.
    fn is_workday(&self, days_ago: i64) -> bool {
        let day = self.now.as_second().div_euclid(DAY_SECS) - days_ago;
        // The first day of 1970 was a Thursday.
        !matches!((day + 4).rem_euclid(7), 0 | 6)
    }

    fn one<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.random.below(u32::try_from(bound).unwrap_or(u32::MAX))).unwrap_or(0)
    }

    fn seconds(&self, bound: u32) -> i64 {
        i64::from(self.random.below(bound))
    }

    fn words(&self) -> Words {
        Words {
            part: self.one(PARTS),
            customer: self.one(CUSTOMERS),
            place: self.one(PLACES),
            number: 12 + self.random.below(80),
        }
    }

    fn hire(&mut self) {
        let mut lead = HashMap::new();
        for (index, (name, local, role, part, time_zone, status_text)) in PEOPLE.iter().enumerate()
        {
            let first_weeks = i64::try_from(index).unwrap_or(0);
            let created_at = self.at(DAYS + 60 - first_weeks, 8 * 3600 + self.seconds(3600));
            let id = UserId(self.random.uuid(created_at));
            let manager_id = match role {
                Role::Ceo => None,
                Role::Manager => self.rows.people.first().map(|ceo| ceo.id),
                Role::Staff => lead.get(&(*part as u8)).copied(),
            };
            if *role == Role::Manager {
                lead.insert(*part as u8, id);
            }
            let last_active_at =
                self.now - Duration::from_secs(60 * u64::from(self.random.below(3000)));
            self.rows.people.push(PersonRow {
                id,
                email: format!("{local}@demo.example"),
                name,
                role: role.as_str(),
                manager_id,
                status_text: *status_text,
                time_zone,
                last_active_at,
                created_at,
            });
        }
    }

    fn sort(&mut self) {
        let created_at = self.at(DAYS + 30, 9 * 3600);
        for (name, color, parent, kind) in CATEGORIES {
            let parent_id = parent.and_then(|parent| self.category(parent, kind));
            self.rows.categories.push(CategoryRow {
                id: self.random.uuid(created_at),
                name,
                color,
                parent_id,
                kind,
                created_by: self.rows.people[0].id,
                created_at,
            });
        }
    }

    fn category(&self, name: &str, kind: &str) -> Option<Uuid> {
        let found = self.rows.categories.iter().find(|one| (one.name, one.kind) == (name, kind));
        found.map(|category| category.id)
    }

    fn open(&mut self, (name, description, kind, maker, members): &Channel) {
        let of_part = |person: &Person| match members {
            Members::Everybody => true,
            Members::Parts(parts) => parts.contains(&person.3),
            Members::These(_) => false,
        };
        let mut inside: Vec<usize> =
            (0..PEOPLE.len()).filter(|index| of_part(&PEOPLE[*index])).collect();
        if let Members::These(these) = members {
            inside.extend_from_slice(these);
        }
        // Whoever made it is in it, and the CEO reads every public one.
        for also in [*maker, 0] {
            if !inside.contains(&also) && (also == *maker || *kind == "public") {
                inside.push(also);
            }
        }
        let created_at = self.at(DAYS + 20, 9 * 3600 + self.seconds(7200));
        let id = ChannelId(self.random.uuid(created_at));
        for index in &inside {
            let person = &self.rows.people[*index];
            let role = match () {
                () if index == maker => "owner",
                () if person.role == "manager" => "admin",
                () => "member",
            };
            self.rows.members.push(MemberRow {
                channel_id: id,
                user_id: person.id,
                role,
                joined_at: created_at,
                last_read_message_id: None,
                last_read_at: None,
            });
        }
        self.rows.channels.push(ChannelRow {
            id,
            name,
            description,
            kind,
            category_id: self.category(categories_of(name).0, "channel"),
            member_count: inside.len(),
            created_by: self.rows.people[*maker].id,
            created_at,
        });
        self.rooms.insert(name, (id, inside));
    }

    fn talk(&mut self) {
        // Each conversation once before any comes again.
        let mut deck: Vec<&Talk> = Vec::new();
        let days: Vec<i64> = (0..DAYS).rev().filter(|day| self.is_workday(*day)).collect();
        for days_ago in days {
            for _ in 0..TALKS_A_DAY {
                if deck.is_empty() {
                    deck = TALKS.iter().collect();
                }
                let talk = deck.swap_remove(self.below(deck.len()));
                let second = 7 * 3600 + self.seconds(10 * 3600);
                self.tell_talk(talk, days_ago, second);
            }
        }
        self.rows.messages.sort_by_key(|message| (message.created_at, message.id));
    }

    fn tell_talk(&mut self, talk: &Talk, days_ago: i64, mut second: i64) {
        let (channel_id, inside) = self.rooms[talk.channel].clone();
        let mut speakers = inside;
        // Each number of a line is somebody else.
        for place in 0..speakers.len() {
            let other = place + self.below(speakers.len() - place);
            speakers.swap(place, other);
        }
        let words = self.words();
        // Customers are talked about in threads, the rest in the open.
        let mut thread_id = None;
        for (who, line) in talk.lines {
            let created_at = self.at(days_ago, second);
            if created_at >= self.now {
                return;
            }
            let id = self.random.uuid(created_at);
            let (content, mentions) = self.spoken(line, &words, &speakers);
            self.rows.messages.push(MessageRow {
                id,
                channel_id,
                sender_id: self.rows.people[speakers[*who]].id,
                content,
                thread_id,
                mentions,
                created_at,
            });
            if talk.channel == "customers" {
                thread_id.get_or_insert(id);
            }
            second += 40 + self.seconds(900);
        }
    }

    /// A line as it is said, and whom it mentions.
    fn spoken(&self, line: &str, words: &Words, speakers: &[usize]) -> (String, Vec<UserId>) {
        let mut text = words.fill(line);
        let mut mentions = Vec::new();
        for (number, index) in speakers.iter().enumerate().take(4) {
            let sign = format!("@{number} ");
            if text.contains(&sign) {
                let (name, ..) = PEOPLE[*index];
                let first = name.split(' ').next().unwrap_or(name);
                text = text.replace(&sign, &format!("@{first} "));
                mentions.push(self.rows.people[*index].id);
            }
        }
        (text, mentions)
    }

    fn work(&mut self) {
        let mut told: HashMap<String, u8> = HashMap::new();
        let mut made = 0;
        while made < TASKS {
            let is_own = made % OWN_EVERY == 7;
            let own = ("", self.one(OWN), "", ["own"].as_slice());
            let work: Work = if is_own { own } else { self.one(WORK) };
            let title = self.words().fill(work.1);
            // Some work comes again; none a third time.
            let times = told.entry(title.clone()).or_default();
            if *times == 2 {
                continue;
            }
            *times += 1;
            // Evenly over the days, the newest last.
            let step = i64::try_from(made).unwrap_or(0) * DAYS / i64::try_from(TASKS).unwrap_or(1);
            self.add_task(work, title, DAYS - 1 - step);
            made += 1;
        }
    }

    fn add_task(&mut self, (channel, _, description, tags): Work, title: String, days_ago: i64) {
        let created_at = self.at(days_ago, 7 * 3600 + self.seconds(36_000));
        let everybody: Vec<usize> = (0..PEOPLE.len()).collect();
        let room = self.rooms.get(channel).cloned();
        let (channel_id, inside) = match room {
            Some((id, inside)) => (Some(id), inside),
            None => (None, everybody),
        };
        let person = |index: &usize| self.rows.people[*index].id;
        let created_by = person(&self.one(&inside));
        let mut assigned_to = Vec::new();
        let hands = if channel_id.is_none() { 1 } else { [0, 1, 1, 1, 1, 2, 2, 3][self.below(8)] };
        while assigned_to.len() < hands.min(inside.len()) {
            let id = person(&self.one(&inside));
            if !assigned_to.contains(&id) {
                assigned_to.push(id);
            }
        }
        let status = self.status(days_ago);
        let due_date = self.due(status, days_ago);
        let took =
            3600 + self.seconds(u32::try_from(days_ago.clamp(1, 20) * DAY_SECS).unwrap_or(1));
        let done_at = created_at + Duration::from_secs(u64::try_from(took).unwrap_or(0));
        self.rows.tasks.push(TaskRow {
            id: TaskId(self.random.uuid(created_at)),
            channel_id,
            category_id: self.category(categories_of(channel).1, "task"),
            blocked: false,
            title,
            description: self.words().fill(description),
            status,
            priority: self.one(&[0, 1, 1, 1, 1, 2, 2, 3]),
            assigned_to,
            tags: tags.to_vec(),
            due_date,
            created_by,
            completed_at: (status == "done").then(|| done_at.min(self.now)),
            created_at,
        });
    }

    /// What is old is done, mostly.
    fn status(&self, days_ago: i64) -> &'static str {
        let open = ["todo", "todo", "todo", "in_progress", "in_progress", "review"];
        match (days_ago, self.below(100)) {
            (_, 0..5) => "cancelled",
            (45.., 5..93) | (14..45, 5..65) | (..14, 5..25) => "done",
            _ => self.one(&open),
        }
    }

    /// The end of a day: for what is open mostly one to come, for some one that
    /// has passed.
    fn due(&self, status: &str, days_ago: i64) -> Option<Timestamp> {
        let end_of_day = |ahead: i64| {
            let midnight = self.now.as_second().div_euclid(DAY_SECS) * DAY_SECS;
            Timestamp::from_second(midnight + (ahead + 1) * DAY_SECS - 1).ok()
        };
        let days = i64::from(self.random.below(30));
        match (status, self.below(10)) {
            (_, 0..3) => None,
            ("done" | "cancelled", _) => end_of_day(days - days_ago),
            (_, 3..6) if days_ago > 3 => end_of_day(-1 - (days % days_ago.min(20))),
            _ => end_of_day(days % 21),
        }
    }

    /// Everybody has read up to some hour of the last days.
    fn read(&mut self) {
        for index in 0..self.rows.members.len() {
            let hours = self.random.below(60);
            let until = self.now - Duration::from_secs(3600 * u64::from(hours));
            let member = &self.rows.members[index];
            let read = self.rows.messages.iter().rev();
            let last = read
                .filter(|message| message.channel_id == member.channel_id)
                .find(|message| message.created_at <= until);
            let (id, at) = (last.map(|last| last.id), last.map(|last| last.created_at));
            let member = &mut self.rows.members[index];
            (member.last_read_message_id, member.last_read_at) = (id, at);
        }
    }
}

impl Words {
    /// The text with its braces filled, beginning with a capital.
    fn fill(&self, text: &str) -> String {
        let filled = text
            .replace("{part}", self.part)
            .replace("{customer}", self.customer)
            .replace("{place}", self.place)
            .replace("{n}", &self.number.to_string());
        let mut letters = filled.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => filled,
        }
    }
}
