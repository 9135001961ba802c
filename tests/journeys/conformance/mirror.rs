//! Events alone are enough: the state before and the events since are the
//! state as it is read afresh, for every kind of thing, over HTTP as a client
//! does it.
//!
//! Left out are the fields that the document marks: what differs from reader to
//! reader, traces of use, what is private. What a channel that somebody may see
//! but is not in holds (its talk, its work, its count of members) is told to
//! its members only, so it is not held here.

use std::collections::{BTreeMap, BTreeSet};

use sayso_testkit::Client;
use serde_json::{Value, json};

use super::document::Document;
use super::relations::Relations;
use super::stage::Stage;

/// The mark of fields that events do not tell.
const MARK: &str = "x-sayso-not-in-events";
/// Parts of the log that are read for one step, at the most.
const PARTS_MAX: usize = 200;

/// A kind of thing, and its id.
type Name = (&'static str, String);
type State = BTreeMap<Name, Value>;

/// A client that holds what it was told.
pub struct Mirror {
    name: &'static str,
    who: Client,
    hall: String,
    chore: String,
    apart: BTreeMap<&'static str, Vec<String>>,
    held: State,
    relations: Relations,
    /// The tasks that were deleted or restored since it looked at relations.
    moved: BTreeSet<String>,
    /// The channels it is in.
    follows: BTreeSet<String>,
    epoch: String,
    position: i64,
    /// The events it was told, by type.
    pub heard: BTreeSet<String>,
}

impl Mirror {
    pub async fn of(name: &'static str, who: &Client, stage: &Stage, document: &Document) -> Self {
        let schemas =
            [("user", "User"), ("channel", "Channel"), ("message", "Message"), ("task", "Task")];
        let apart = schemas.map(|(kind, schema)| {
            let marked = document.marked(schema, MARK);
            assert!(!marked.is_empty(), "{schema} has no field that events leave out");
            (kind, marked.into_iter().map(|(field, _)| field).collect())
        });
        let now = who.get("/api/events").await.expect(200);
        let mut mirror = Self {
            name,
            who: who.clone(),
            hall: stage.hall.clone(),
            chore: stage.chore.clone(),
            apart: apart.into(),
            held: State::new(),
            relations: Relations::of(who).await,
            moved: BTreeSet::new(),
            follows: BTreeSet::new(),
            epoch: now["epoch"].as_str().expect("an epoch").to_owned(),
            position: now["position"].as_i64().expect("a position"),
            heard: BTreeSet::new(),
        };
        mirror.held = mirror.afresh().await;
        mirror
    }

    /// Hears what happened since, and says where what is held of all that the
    /// events name is not what is read afresh.
    pub async fn check(&mut self) -> Vec<String> {
        let named = self.hear().await;
        let mut fresh = State::new();
        for name in &named {
            if let Some(value) = self.one(name).await {
                fresh.insert(name.clone(), value);
            }
        }
        let held = self.held.clone().into_iter().filter(|(name, _)| named.contains(name));
        let mut wrong = differences(self.name, &held.collect(), &fresh);
        // What was wrong is told once.
        self.held.retain(|name, _| !named.contains(name));
        self.held.extend(fresh);
        let relations = Relations::of(&self.who).await;
        let moved = std::mem::take(&mut self.moved);
        let silent = self.relations.unannounced(&relations, &moved);
        wrong.extend(silent.into_iter().map(|text| format!("{}: {text}", self.name)));
        self.relations = relations;
        wrong
    }

    /// The same with everything there is: what no event named may not have
    /// changed.
    pub async fn check_all(&mut self) -> Vec<String> {
        self.hear().await;
        let (held, told) = (std::mem::take(&mut self.held), self.follows.clone());
        self.held = self.afresh().await;
        let mut wrong = differences(self.name, &held, &self.held);
        if told != self.follows {
            wrong.push(format!("{}: follows {:?}, was told {told:?}", self.name, self.follows));
        }
        wrong
    }

    /// Applies what happened since; what it was about.
    async fn hear(&mut self) -> BTreeSet<Name> {
        let mut held = std::mem::take(&mut self.held);
        let mut named = BTreeSet::new();
        for _ in 0..PARTS_MAX {
            let path = format!("/api/events?epoch={}&after={}", self.epoch, self.position);
            let page = self.who.get(&path).await.expect(200);
            for event in page["items"].as_array().into_iter().flatten() {
                self.apply(&mut held, event);
                named.extend(about(event));
            }
            self.position = page["position"].as_i64().expect("a position");
            self.keep_followed(&mut held, &page["streams"]);
            if self.position >= page["head"].as_i64().expect("a head") {
                break;
            }
        }
        self.held = held;
        named
    }

    /// A stream that is not followed any more is gone with what is held of it:
    /// of a channel that one is not in, what everybody sees stays.
    fn keep_followed(&mut self, held: &mut State, streams: &Value) {
        let is_followed = |id: &String| {
            streams.as_array().is_some_and(|all| all.contains(&json!(format!("channel:{id}"))))
        };
        let gone: Vec<String> =
            self.follows.iter().filter(|id| !is_followed(id)).cloned().collect();
        for id in gone {
            let is_public = |held: &State| {
                held.get(&("channel", id.clone())).is_some_and(|it| it["kind"] == "public")
            };
            if !is_public(held) {
                self.lose(held, &id);
            }
            self.follows.remove(&id);
        }
    }

    /// One thing as it is now, if it is still there and held here.
    async fn one(&self, (kind, id): &Name) -> Option<Value> {
        let path = match *kind {
            "user" => format!("/api/users/{id}"),
            "category" => format!("/api/categories/{id}"),
            "channel" => format!("/api/channels/{id}"),
            "message" => format!("/api/messages/{id}"),
            "task" => format!("/api/tasks/{id}"),
            "comment" => format!("/api/tasks/{}/comments/{id}", self.chore),
            _ => format!("/api/notifications/{id}"),
        };
        let reply = self.who.get(&path).await;
        if matches!(reply.status.as_u16(), 403 | 404) {
            return None;
        }
        let value = reply.expect(200);
        self.is_held(kind, &value).then(|| self.shared(kind, &value))
    }

    fn apply(&mut self, held: &mut State, event: &Value) {
        let (kind, data) = (event["type"].as_str().unwrap_or_default(), &event["data"]);
        self.heard.insert(kind.to_owned());
        let id = || data["id"].as_str().unwrap_or_default().to_owned();
        if matches!(kind, "task.deleted" | "task.restored") {
            self.moved.insert(id());
        }
        match kind {
            "user.deleted" | "user.erased" => _ = held.remove(&("user", id())),
            "category.deleted" => _ = held.remove(&("category", id())),
            "message.deleted" => _ = held.remove(&("message", id())),
            "task.deleted" | "task.gone" => _ = held.remove(&("task", id())),
            "task.comment_deleted" => _ = held.remove(&("comment", id())),
            "channel.deleted" | "channel.gone" => self.lose(held, &id()),
            "notification.created" => _ = held.insert(("notification", id()), data.clone()),
            "notification.read" => read(held, data),
            _ if kind.starts_with("channel.") => self.channel(held, kind, data),
            _ if kind.starts_with("task.comment") => self.put(held, "comment", data),
            _ => {
                let about = ["user", "category", "message", "task"];
                let noun = kind.split('.').next().unwrap_or_default();
                if let Some(about) = about.into_iter().find(|about| *about == noun) {
                    self.put(held, about, data);
                }
            }
        }
    }

    fn channel(&mut self, held: &mut State, kind: &str, data: &Value) {
        let id = data["channelId"].as_str().unwrap_or_default().to_owned();
        match kind {
            "channel.joined" => {
                self.follows.insert(id);
                self.put(held, "channel", &data["channel"]);
            }
            "channel.left" => {
                self.follows.remove(&id);
                let name = ("channel", id);
                if held.get(&name).is_some_and(|channel| channel["kind"] != "public") {
                    held.remove(&name);
                } else if let Some(channel) = held.get_mut(&name) {
                    outside(channel);
                }
            }
            "channel.member_added" | "channel.member_removed" => {
                let newer = |channel: &&mut Value| revision(data) > revision(channel);
                if let Some(channel) = held.get_mut(&("channel", id)).filter(newer) {
                    channel["memberCount"] = data["memberCount"].clone();
                    channel["revision"] = data["revision"].clone();
                    channel["updatedAt"] = data["updatedAt"].clone();
                }
            }
            "channel.read" | "channel.muted" => {}
            _ => self.put(held, "channel", data),
        }
    }

    fn lose(&mut self, held: &mut State, channel: &str) {
        held.remove(&("channel", channel.to_owned()));
        self.follows.remove(channel);
        held.retain(|_, value| value["channelId"] != channel);
    }

    /// Only a higher revision is applied.
    fn put(&self, held: &mut State, kind: &'static str, data: &Value) {
        let name = (kind, data["id"].as_str().unwrap_or_default().to_owned());
        if !self.is_held(kind, data) {
            // It has moved to where it is not heard of.
            if kind == "task" {
                held.remove(&name);
            }
            return;
        }
        let is_newer = held.get(&name).is_none_or(|known| revision(data) > revision(known));
        if is_newer {
            held.insert(name, self.shared(kind, data));
        }
    }

    fn is_held(&self, kind: &str, value: &Value) -> bool {
        match kind {
            "message" => value["channelId"] == self.hall,
            "comment" => value["taskId"] == self.chore,
            "task" => value["channelId"].as_str().is_none_or(|id| self.follows.contains(id)),
            _ => true,
        }
    }

    /// Without what events do not tell.
    fn shared(&self, kind: &'static str, value: &Value) -> Value {
        let mut value = value.clone();
        if let Some(fields) = value.as_object_mut() {
            for field in self.apart.get(kind).into_iter().flatten() {
                fields.remove(field);
            }
        }
        if kind == "channel" && value["id"].as_str().is_some_and(|id| !self.follows.contains(id)) {
            outside(&mut value);
        }
        value
    }

    /// Everything, as it is now.
    async fn afresh(&mut self) -> State {
        let mut channels = self.pages("/api/channels?limit=100").await;
        channels.extend(self.pages("/api/channels?archived=true&limit=100").await);
        let is_in = |channel: &&Value| !channel["myRole"].is_null();
        let ids = channels.iter().filter(is_in).filter_map(|channel| channel["id"].as_str());
        self.follows = ids.map(str::to_owned).collect();
        let (hall, chore) = (&self.hall, &self.chore);
        let lists = [
            ("user", self.pages("/api/users?limit=100").await),
            ("category", self.pages("/api/categories?limit=100").await),
            ("task", self.pages("/api/tasks?limit=100").await),
            (
                "message",
                self.pages(&format!("/api/channels/{hall}/messages?threads=true&limit=100")).await,
            ),
            ("comment", self.pages(&format!("/api/tasks/{chore}/comments?limit=100")).await),
            ("notification", self.pages("/api/notifications?limit=100").await),
            ("channel", channels),
        ];
        let mut state = State::new();
        for (kind, items) in lists {
            for item in items.iter().filter(|item| self.is_held(kind, item)) {
                let id = item["id"].as_str().expect("an id").to_owned();
                state.insert((kind, id), self.shared(kind, item));
            }
        }
        state
    }

    async fn pages(&self, path: &str) -> Vec<Value> {
        let (mut all, mut more) = (Vec::new(), String::new());
        loop {
            let page = self.who.get(&format!("{path}{more}")).await.expect(200);
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["nextCursor"].as_str() {
                Some(cursor) => more = format!("&cursor={cursor}"),
                None => return all,
            }
        }
    }
}

/// What an event is about.
fn about(event: &Value) -> Vec<Name> {
    let (kind, data) = (event["type"].as_str().unwrap_or_default(), &event["data"]);
    let noun = if kind.starts_with("task.comment") {
        "comment"
    } else {
        let nouns = ["user", "category", "channel", "message", "task", "notification"];
        let noun = kind.split('.').next().unwrap_or_default();
        let Some(noun) = nouns.into_iter().find(|one| *one == noun) else { return Vec::new() };
        noun
    };
    let ids = data["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let id = data["id"].as_str().or(data["channelId"].as_str().filter(|_| noun == "channel"));
    ids.chain(id).map(|id| (noun, id.to_owned())).collect()
}

fn revision(value: &Value) -> i64 {
    value["revision"].as_i64().unwrap_or(0)
}

/// Who is not in a channel is not told who comes and goes.
fn outside(channel: &mut Value) {
    if let Some(fields) = channel.as_object_mut() {
        for field in ["memberCount", "revision", "updatedAt"] {
            fields.remove(field);
        }
    }
}

fn read(held: &mut State, data: &Value) {
    let ids = data["ids"].as_array();
    for ((kind, id), value) in held {
        let is_meant = ids.is_none_or(|ids| ids.contains(&json!(id)));
        if *kind == "notification" && is_meant && value["readAt"].is_null() {
            value["readAt"] = data["readAt"].clone();
        }
    }
}

fn differences(name: &str, held: &State, fresh: &State) -> Vec<String> {
    let names: BTreeSet<&Name> = held.keys().chain(fresh.keys()).collect();
    let mut wrong = Vec::new();
    for (kind, id) in names {
        let key = (*kind, id.clone());
        match (held.get(&key), fresh.get(&key)) {
            (Some(held), Some(fresh)) if held == fresh => {}
            (Some(held), Some(fresh)) => {
                let fields = fresh.as_object().into_iter().flatten();
                let fields: Vec<String> = fields
                    .filter(|(field, value)| held.get(field) != Some(value))
                    .map(|(field, value)| format!("{field}: {} is {value}", held[field]))
                    .collect();
                wrong.push(format!("{name}: {kind} {id}: {}", fields.join(", ")));
            }
            (Some(_), None) => wrong.push(format!("{name}: {kind} {id} is held and is not there")),
            (None, _) => wrong.push(format!("{name}: {kind} {id} is there and is not held")),
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(revision: i64, title: &str) -> State {
        let name = ("task", "1".to_owned());
        State::from([(name, json!({ "id": "1", "revision": revision, "title": title }))])
    }

    #[test]
    fn what_was_not_told_is_named_with_its_field() {
        assert_eq!(differences("ann", &state(1, "a"), &state(1, "a")), Vec::<String>::new());
        let wrong = differences("ann", &state(1, "a"), &state(2, "b"));
        assert_eq!(wrong, ["ann: task 1: revision: 1 is 2, title: \"a\" is \"b\""]);
        assert_eq!(differences("ann", &state(1, "a"), &State::new()).len(), 1);
        assert_eq!(differences("ann", &State::new(), &state(1, "a")).len(), 1);
    }
}
