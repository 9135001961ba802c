//! Which event tells whom what. Pure: what an event does not say of itself is
//! left open in the [`Occasion`] and looked up by the worker.

mod security;

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_events::Event;
use serde::Deserialize;
use uuid::Uuid;

use crate::model::{Resource, Topic};

/// Characters of a text that are shown.
const SNIPPET_CHARS_MAX: usize = 200;

/// Something that people should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// The fact it is.
    pub fact_id: Uuid,
    /// Who did it; they are not told of it.
    pub actor: Option<UserId>,
    /// What it is about.
    pub topic: Topic,
    /// Who is to be told.
    pub to: Audience,
    /// The title; `{actor}`, `{channel}` and `{task}` stand for names that are
    /// looked up.
    pub title: &'static str,
    /// A little more.
    pub body: String,
    /// Where it leads.
    pub resource: Option<Resource>,
}

/// Who is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// These people.
    People(Vec<UserId>),
    /// These members of a channel, or all of them, as loudly as each wants it.
    Members {
        /// The channel.
        channel: ChannelId,
        /// Those who were named.
        named: Vec<UserId>,
        /// Whether the whole channel was.
        all: bool,
    },
    /// Whoever made a task and whoever is to do it.
    PeopleOfTask(Uuid),
    /// Whose session it is.
    OwnerOfSession(Uuid),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskData {
    id: Uuid,
    title: String,
    assigned_to: Vec<UserId>,
    created_by: UserId,
    blocked: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageData {
    id: Uuid,
    channel_id: ChannelId,
    content: String,
    mentions: Vec<UserId>,
    #[serde(default)]
    mentions_channel: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommentData {
    task_id: Uuid,
    content: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangeData {
    fields: Vec<String>,
    assigned: Vec<UserId>,
    mentioned: Vec<UserId>,
}

impl ChangeData {
    fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|name| name == field)
    }
}

/// What an event is an occasion for, if for anything.
#[must_use]
pub fn occasion(event: &Event) -> Option<Occasion> {
    match event.kind.as_str() {
        "task.created" => {
            let task: TaskData = read(event)?;
            let to = task.assigned_to.clone();
            (!to.is_empty()).then(|| assigned(event, &task, to))
        }
        "task.assigned" => {
            let to = change(event).assigned;
            (!to.is_empty()).then(|| Some(assigned(event, &read(event)?, to)))?
        }
        "task.updated" => flipped(event),
        "task.commented" => commented(event),
        "message.sent" => mentioned(event),
        "message.edited" => mentioned_anew(event),
        _ => security::occasion(event),
    }
}

fn read<'e, T: Deserialize<'e>>(event: &'e Event) -> Option<T> {
    serde_json::from_str(event.data.get()).ok()
}

fn change(event: &Event) -> ChangeData {
    let change = event.change.as_ref();
    change.and_then(|change| serde_json::from_str(change.get()).ok()).unwrap_or_default()
}

fn about_task(event: &Event, topic: Topic, task: &TaskData) -> Occasion {
    Occasion {
        fact_id: event.id,
        actor: event.actor_id,
        topic,
        to: Audience::People(Vec::new()),
        title: "",
        body: task.title.clone(),
        resource: Some(Resource { kind: "task".to_owned(), id: task.id }),
    }
}

fn assigned(event: &Event, task: &TaskData, to: Vec<UserId>) -> Occasion {
    Occasion {
        to: Audience::People(to),
        title: "{actor} assigned you a task",
        ..about_task(event, Topic::Assigned, task)
    }
}

/// A task came to wait for another one, or waits no longer.
fn flipped(event: &Event) -> Option<Occasion> {
    if !change(event).has("blocked") {
        return None;
    }
    let task: TaskData = read(event)?;
    let mut to = task.assigned_to.clone();
    to.push(task.created_by);
    let (topic, title) = if task.blocked {
        (Topic::Blocked, "A task of yours waits for another one")
    } else {
        (Topic::Unblocked, "A task of yours can go on")
    };
    Some(Occasion { to: Audience::People(to), title, ..about_task(event, topic, &task) })
}

fn commented(event: &Event) -> Option<Occasion> {
    let comment: CommentData = read(event)?;
    Some(Occasion {
        fact_id: event.id,
        actor: event.actor_id,
        topic: Topic::Commented,
        to: Audience::PeopleOfTask(comment.task_id),
        title: "{actor} commented on “{task}”",
        body: snippet(&comment.content),
        resource: Some(Resource { kind: "task".to_owned(), id: comment.task_id }),
    })
}

fn mentioned(event: &Event) -> Option<Occasion> {
    let message: MessageData = read(event)?;
    called(event, &message, message.mentions.clone(), message.mentions_channel)
}

/// Whom a message names since it was edited. Those whom it named before have
/// been told.
fn mentioned_anew(event: &Event) -> Option<Occasion> {
    let change = change(event);
    let message: MessageData = read(event)?;
    let all = message.mentions_channel && change.has("mentionsChannel");
    called(event, &message, change.mentioned, all)
}

fn called(event: &Event, message: &MessageData, named: Vec<UserId>, all: bool) -> Option<Occasion> {
    (!named.is_empty() || all).then(|| Occasion {
        fact_id: event.id,
        actor: event.actor_id,
        topic: Topic::Mentioned,
        to: Audience::Members { channel: message.channel_id, named, all },
        title: "{actor} mentioned you in {channel}",
        body: snippet(&message.content),
        resource: Some(Resource { kind: "message".to_owned(), id: message.id }),
    })
}

/// The beginning of a text, on one line.
fn snippet(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SNIPPET_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::*;

    pub(super) fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    pub(super) fn event(kind: &str, data: Value, change: Option<Value>) -> Event {
        Event {
            position: 1,
            id: Uuid::from_u128(99),
            kind: kind.to_owned(),
            version: 1,
            at: Timestamp::UNIX_EPOCH,
            actor_id: Some(user(1)),
            via: "http".to_owned(),
            correlation_id: Uuid::nil(),
            streams: Vec::new(),
            data: to_raw_value(&data).expect("JSON"),
            change: change.map(|change| to_raw_value(&change).expect("JSON")),
            effects: Vec::new(),
            trace: None,
        }
    }

    fn task(assigned_to: &[UserId], blocked: bool) -> Value {
        json!({ "id": Uuid::from_u128(7), "title": "Order the cake", "assignedTo": assigned_to,
                "createdBy": user(1), "blocked": blocked, "somethingNew": 1 })
    }

    #[test]
    fn whoever_is_assigned_is_told_and_nobody_who_already_was() {
        let change = json!({ "assigned": [user(2)], "unassigned": [] });
        let it = event("task.assigned", task(&[user(2), user(3)], false), Some(change));

        let occasion = occasion(&it).expect("an occasion");

        assert_eq!(occasion.topic, Topic::Assigned);
        assert_eq!(occasion.to, Audience::People(vec![user(2)]));
        assert_eq!(occasion.body, "Order the cake");
    }

    #[test]
    fn a_task_without_assignees_and_an_unassignment_tell_nobody() {
        let change = json!({ "assigned": [], "unassigned": [user(2)] });

        assert_eq!(occasion(&event("task.created", task(&[], false), None)), None);
        assert_eq!(occasion(&event("task.assigned", task(&[], false), Some(change))), None);
    }

    #[test]
    fn only_an_edit_that_flips_blocked_tells_of_it() {
        let title = json!({ "fields": ["title"] });
        let flip = json!({ "fields": ["blocked"] });
        let topic = |change: &Value, blocked| {
            let it = event("task.updated", task(&[user(2)], blocked), Some(change.clone()));
            occasion(&it).map(|occasion| occasion.topic)
        };

        assert_eq!(topic(&title, true), None);
        assert_eq!(topic(&flip, true), Some(Topic::Blocked));
        assert_eq!(topic(&flip, false), Some(Topic::Unblocked));
    }

    #[test]
    fn a_message_that_names_nobody_is_no_occasion() {
        let message = |mentions: &[UserId], all: bool| {
            json!({ "id": Uuid::nil(), "channelId": Uuid::from_u128(5), "content": "a\n b",
                    "mentions": mentions, "mentionsChannel": all })
        };

        assert_eq!(occasion(&event("message.sent", message(&[], false), None)), None);
        let named = occasion(&event("message.sent", message(&[user(4)], false), None));
        assert_eq!(named.expect("an occasion").body, "a b");
        assert!(occasion(&event("message.sent", message(&[], true), None)).is_some());
    }

    #[test]
    fn an_edit_is_an_occasion_only_for_those_whom_it_names_anew() {
        let edited = |change: Value, all: bool| {
            let message = json!({ "id": Uuid::nil(), "channelId": Uuid::from_u128(5),
                "content": "a", "mentions": [user(3), user(4)], "mentionsChannel": all });
            occasion(&event("message.edited", message, Some(change))).map(|told| told.to)
        };
        let members = |named: &[UserId], all: bool| {
            let channel = ChannelId(Uuid::from_u128(5));
            Some(Audience::Members { channel, named: named.to_vec(), all })
        };

        let anew = json!({ "fields": ["mentions"], "mentioned": [user(4)] });
        assert_eq!(edited(anew.clone(), false), members(&[user(4)], false));
        assert_eq!(edited(anew, true), members(&[user(4)], false), "it was called before");
        let called = json!({ "fields": ["content", "mentionsChannel"] });
        assert_eq!(edited(called.clone(), true), members(&[], true));
        assert_eq!(edited(called, false), None, "it is called no longer");
        assert_eq!(edited(json!({ "fields": ["taskId"] }), true), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(300);

        assert_eq!(snippet(&long).chars().count(), SNIPPET_CHARS_MAX + 1);
    }
}
