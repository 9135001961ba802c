//! Which event tells whom what. Pure: what an event does not say of itself is
//! left open in the [`Occasion`] and looked up by the worker.

use sayso_access::UserId;
use sayso_channels::ChannelId;
use sayso_db::Effect;
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

#[derive(Deserialize)]
struct PersonData {
    id: UserId,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ChangeData {
    fields: Vec<String>,
    assigned: Vec<UserId>,
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
        _ => security(event),
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
    if !change(event).fields.iter().any(|field| field == "blocked") {
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
    if message.mentions.is_empty() && !message.mentions_channel {
        return None;
    }
    Some(Occasion {
        fact_id: event.id,
        actor: event.actor_id,
        topic: Topic::Mentioned,
        to: Audience::Members {
            channel: message.channel_id,
            named: message.mentions,
            all: message.mentions_channel,
        },
        title: "{actor} mentioned you in {channel}",
        body: snippet(&message.content),
        resource: Some(Resource { kind: "message".to_owned(), id: message.id }),
    })
}

/// What a person should know about their own account, whoever did it.
fn security(event: &Event) -> Option<Occasion> {
    let title = match event.kind.as_str() {
        "auth.refresh_reuse" => "A session of yours was ended: its token was used twice",
        "auth.password_changed" => "Your password was changed",
        "auth.password_reset" => "Your password was reset",
        "auth.recovery_code_used" => "A recovery code of yours was used",
        "second_factor.enabled" => "A second factor was set up for your account",
        "second_factor.disabled" => "The second factor of your account was removed",
        "auth.token_created" => "An API token was made in your name",
        "user.email_changed" => "Your e-mail address was changed",
        "user.updated" if is_of_another_email(event) => "Your e-mail address was changed",
        _ => return None,
    };
    let session = event.effects.iter().find_map(|effect| match effect {
        Effect::EndSession { session, .. } => Some(session.0),
        _ => None,
    });
    let to = match (whom(event), session) {
        (Some(user), _) => Audience::People(vec![user]),
        (None, Some(session)) => Audience::OwnerOfSession(session),
        (None, None) => return None,
    };
    Some(Occasion {
        fact_id: event.id,
        // They are told of what they did themselves: perhaps it was not they.
        actor: None,
        topic: Topic::Security,
        to,
        title,
        body: "If this was not you, change your password and end your sessions.".to_owned(),
        resource: session.map(|id| Resource { kind: "session".to_owned(), id }),
    })
}

/// Somebody else gave a person another address to log in with.
fn is_of_another_email(event: &Event) -> bool {
    change(event).fields.iter().any(|field| field == "email")
}

/// Whose account it is: whoever is named by what was done, else whoever did it.
fn whom(event: &Event) -> Option<UserId> {
    let named = event.effects.iter().find_map(|effect| match effect {
        Effect::Reconnect { user, .. } => Some(*user),
        _ => None,
    });
    let shown = || read::<PersonData>(event).map(|person| person.id);
    named.or_else(shown).or(event.actor_id)
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

    fn user(n: u128) -> UserId {
        UserId(Uuid::from_u128(n))
    }

    fn event(kind: &str, data: Value, change: Option<Value>) -> Event {
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
    fn of_their_account_people_are_told_also_when_they_did_it() {
        let changed = occasion(&event("auth.password_changed", Value::Null, None));

        let changed = changed.expect("an occasion");
        assert_eq!((changed.actor, changed.topic), (None, Topic::Security));
        assert_eq!(changed.to, Audience::People(vec![user(1)]));
        assert_eq!(occasion(&event("auth.logged_in", Value::Null, None)), None);
    }

    #[test]
    fn whose_account_was_touched_is_told_and_not_who_touched_it() {
        let code = "access.changed".to_owned();
        let mut removed = event("second_factor.disabled", Value::Null, None);
        removed.effects = vec![Effect::Reconnect { user: user(5), code }];
        let fields = |fields: &[&str]| {
            let change = Some(json!({ "fields": fields }));
            event("user.updated", json!({ "id": user(5), "name": "Ann" }), change)
        };

        for it in [removed, fields(&["email", "name"])] {
            let told = occasion(&it).expect("an occasion");
            assert_eq!(told.to, Audience::People(vec![user(5)]), "{}", it.kind);
            assert_eq!(told.topic, Topic::Security);
        }
        assert_eq!(occasion(&fields(&["name"])), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(300);

        assert_eq!(snippet(&long).chars().count(), SNIPPET_CHARS_MAX + 1);
    }
}
