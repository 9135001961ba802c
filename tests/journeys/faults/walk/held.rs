//! What a client of a walk holds that applies what it is told and reads nothing:
//! of each channel it follows the name and how many are in it, and what was
//! said and is to be done there since it came in.

use std::collections::BTreeMap;

use sayso_testkit::{Client, Heard};
use serde_json::{Value, json};

use crate::truth::Truth;

/// What somebody holds of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Its name, and how many are in it; nothing until that was told.
    pub shown: Option<(String, i64)>,
    /// What each message says.
    pub messages: BTreeMap<String, String>,
    /// The title, the status and the version of each task.
    pub tasks: BTreeMap<String, (String, String, i64)>,
}

/// By their streams.
pub type Held = BTreeMap<String, Room>;

/// What a person is to hold, as it stands in the database.
pub async fn due(truth: &Truth, person: &Client) -> Held {
    let mut due = Held::new();
    for (stream, since) in truth.follows(person.user_id()).await {
        if let Some(channel) = stream.strip_prefix("channel:") {
            let room = Room {
                shown: Some(truth.channel(channel).await),
                messages: truth.messages_since(channel, since).await,
                tasks: truth.tasks_since(channel, since).await,
            };
            due.insert(stream, room);
        }
    }
    due
}

/// A fresh read over HTTP shows the same of everything that a client holds.
///
/// # Panics
/// When it does not.
pub async fn assert_shown(person: &Client, held: &Held) {
    for (stream, room) in held {
        let channel = &stream["channel:".len()..];
        let shown = person.get(&format!("/api/channels/{channel}")).await.expect(200);
        assert_eq!(room.shown, told(&shown), "{stream}");
        let shown = pages(person, &format!("/api/channels/{channel}/messages?limit=100")).await;
        for (id, content) in &room.messages {
            assert_eq!(shown[id.as_str()]["content"], *content, "{stream}");
        }
        let shown = pages(person, &format!("/api/tasks?channelId={channel}&limit=100")).await;
        for (id, task) in &room.tasks {
            assert_eq!(task_of(&shown[id.as_str()]), *task, "{stream}");
        }
    }
}

/// A whole list, each thing by its id.
async fn pages(person: &Client, path: &str) -> Value {
    let (mut all, mut cursor) = (json!({}), String::new());
    loop {
        let page = person.get(&format!("{path}{cursor}")).await.expect(200);
        for item in page["items"].as_array().unwrap() {
            all[item["id"].as_str().unwrap()] = item.clone();
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The name of a channel, and how many are in it.
fn told(channel: &Value) -> Option<(String, i64)> {
    Some((text(&channel["name"]), channel["memberCount"].as_i64()?))
}

fn task_of(task: &Value) -> (String, String, i64) {
    (text(&task["title"]), text(&task["status"]), task["version"].as_i64().unwrap_or_default())
}

/// What a client holds that was told this, and does nothing else.
///
/// # Panics
/// When it was told that it could not go on where it stopped.
pub fn held(id: &str, heard: &[Heard]) -> Held {
    let mut client = Holder::default();
    for one in heard {
        client.hear(id, one);
    }
    client.held()
}

#[derive(Default)]
struct Holder {
    rooms: Held,
    /// Every channel that it was told of, as it was told last.
    channels: BTreeMap<String, Value>,
    cursor: i64,
    has_begun: bool,
}

impl Holder {
    fn hear(&mut self, id: &str, heard: &Heard) {
        let Heard { event, payload, .. } = heard;
        if heard.is_event() {
            self.cursor = self.cursor.max(payload["position"].as_i64().unwrap());
        }
        let stream = text(&payload["stream"]);
        match event.as_str() {
            "ready" => self.begin(id, payload),
            "stream.joined" if stream.starts_with("channel:") => {
                self.rooms.insert(stream, Room::default());
            }
            "stream.left" => drop(self.rooms.remove(&stream)),
            "channel.joined" => self.look(&payload["data"]["channel"]),
            "channel.member_added" | "channel.member_removed" => self.count(&payload["data"]),
            "channel.created" | "channel.updated" => self.look(&payload["data"]),
            _ if stream.starts_with("channel:") => {
                let room = self.rooms.entry(stream).or_default();
                room.hear(event, &payload["data"]);
            }
            _ => {}
        }
    }

    fn begin(&mut self, id: &str, ready: &Value) {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        assert_eq!(ready["recovered"], !is_first, "{id}: {ready}");
        let mut told = BTreeMap::new();
        for stream in ready["streams"].as_array().unwrap() {
            told.insert(text(&stream["stream"]), stream["from"].as_i64().unwrap());
        }
        self.rooms.retain(|stream, _| told.contains_key(stream));
        for (stream, from) in told.into_iter().filter(|it| it.0.starts_with("channel:")) {
            let room = self.rooms.entry(stream).or_default();
            // It was left and joined again: what was known may be old.
            if from > self.cursor {
                *room = Room::default();
            }
        }
        self.cursor = self.cursor.max(ready["position"].as_i64().unwrap());
    }

    /// Takes a channel as it is told, if that is newer than what is known.
    fn look(&mut self, channel: &Value) {
        let known = &self.channels.entry(text(&channel["id"])).or_default()["revision"];
        if channel["revision"].as_i64() > known.as_i64() {
            self.channels.insert(text(&channel["id"]), channel.clone());
        }
    }

    /// The same of somebody who came or went.
    fn count(&mut self, told: &Value) {
        let Some(channel) = self.channels.get_mut(&text(&told["channelId"])) else { return };
        if told["revision"].as_i64() > channel["revision"].as_i64() {
            channel["revision"] = told["revision"].clone();
            channel["memberCount"] = told["memberCount"].clone();
        }
    }

    fn held(self) -> Held {
        let Self { mut rooms, channels, .. } = self;
        for (stream, room) in &mut rooms {
            room.shown = channels.get(&stream["channel:".len()..]).and_then(told);
        }
        rooms
    }
}

impl Room {
    fn hear(&mut self, event: &str, data: &Value) {
        let id = text(&data["id"]);
        match event {
            "message.sent" => _ = self.messages.insert(id, text(&data["content"])),
            "task.created" => _ = self.tasks.insert(id, task_of(data)),
            // A change of something from before one came is not one's own.
            "message.edited" => {
                self.messages.entry(id).and_modify(|content| *content = text(&data["content"]));
            }
            "task.updated" => _ = self.tasks.entry(id).and_modify(|task| *task = task_of(data)),
            "message.deleted" => _ = self.messages.remove(&id),
            "task.deleted" => _ = self.tasks.remove(&id),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(event: &str, payload: Value) -> Heard {
        Heard { id: "ann".to_owned(), event: event.to_owned(), payload, at: 0 }
    }

    fn channel(name: &str, count: i64, revision: i64) -> Value {
        json!({ "id": "1", "name": name, "memberCount": count, "revision": revision })
    }

    fn message(id: &str, content: &str) -> Value {
        json!({ "id": id, "content": content })
    }

    fn task(id: &str, status: &str) -> Value {
        json!({ "id": id, "title": "Plan", "status": status, "version": 1 })
    }

    /// Somebody comes in, and hears one thing after the other.
    fn all() -> Vec<Heard> {
        let ready = json!({ "recovered": false, "position": 0, "streams": [] });
        let joined = json!({ "stream": "channel:1", "seq": 0 });
        let begun = [heard("ready", ready), heard("stream.joined", joined)];
        let events = [
            ("channel.joined", json!({ "channelId": "1", "channel": channel("north", 2, 1) })),
            ("channel.updated", channel("south", 2, 2)),
            ("channel.member_added", json!({ "channelId": "1", "memberCount": 3, "revision": 3 })),
            ("message.sent", message("a", "first")),
            ("message.sent", message("b", "second")),
            ("message.edited", message("a", "first of all")),
            ("message.deleted", json!({ "id": "b" })),
            ("task.created", task("c", "todo")),
            ("task.created", task("d", "todo")),
            ("task.updated", task("c", "done")),
            ("task.deleted", json!({ "id": "d" })),
        ];
        let events = events.into_iter().zip(1..).map(|((event, data), position)| {
            heard(event, json!({ "stream": "channel:1", "position": position, "data": data }))
        });
        begun.into_iter().chain(events).collect()
    }

    #[test]
    fn whoever_hears_everything_holds_what_there_is() {
        let room = Room {
            shown: Some(("south".to_owned(), 3)),
            messages: BTreeMap::from([("a".to_owned(), "first of all".to_owned())]),
            tasks: BTreeMap::from([("c".to_owned(), ("Plan".to_owned(), "done".to_owned(), 1))]),
        };

        assert_eq!(held("ann", &all()), Held::from([("channel:1".to_owned(), room)]));
    }

    #[test]
    fn whoever_misses_one_kind_of_event_holds_something_else() {
        for missed in [
            "channel.updated",
            "channel.member_added",
            "message.sent",
            "message.edited",
            "message.deleted",
            "task.created",
            "task.updated",
            "task.deleted",
        ] {
            let fewer: Vec<Heard> = all().into_iter().filter(|it| it.event != missed).collect();
            assert_ne!(held("ann", &fewer), held("ann", &all()), "{missed}");
        }
    }
}
