//! A company for the matrix: who calls, and what they call for. Everything is
//! made over HTTP by people who may, when it is first named.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Method;
use sayso_testkit::{Client, read, until};
use serde_json::{Value, json};

use super::fixture::Fixture;
use super::table::Caller;

pub const PASSWORD: &str = "correct horse battery staple";
/// How long a notification may take.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
/// Scopes of the token that has all. The first is that of the token that reads,
/// the last the one that a CEO's token has not.
const SCOPES: [&str; 10] = [
    "read",
    "write",
    "tasks.write",
    "messages.write",
    "channels.write",
    "users.write",
    "audit.read",
    "ops.read",
    "socket",
    "users.admin",
];
/// Names that bring another one with them: what they lie in.
const FIRST: [&str; 3] = ["comment", "gone_comment", "message"];

/// What the names in braces stand for, in one call.
pub type Made = HashMap<String, String>;

/// The people of one company, hired when they are first needed.
pub struct World {
    founder: Client,
    people: HashMap<&'static str, Client>,
    epoch: String,
    soon: String,
}

impl World {
    pub fn new(founder: &Client, epoch: &str, soon: &str) -> Self {
        let (epoch, soon) = (epoch.to_owned(), soon.to_owned());
        Self { founder: founder.clone(), people: HashMap::new(), epoch, soon }
    }

    /// Whoever calls, with their token.
    pub async fn caller(&mut self, caller: Caller) -> Client {
        match caller {
            Caller::Anonymous => {
                let mut nobody = Client::anonymous(self.founder.base());
                nobody.login = json!({ "user": { "id": "0190a5c0-0000-7000-8000-000000000000" } });
                nobody
            }
            Caller::Staff => self.person("ann").await,
            Caller::Manager => self.person("mona").await,
            Caller::Ceo => self.person("cleo").await,
            Caller::ExMember => self.person("eve").await,
            Caller::Guest => self.person("gus").await,
            Caller::Disabled => self.person("dan").await,
            Caller::Token => self.program("ann", "token", &SCOPES).await,
            Caller::ReadToken => self.program("ann", "read-token", &SCOPES[..1]).await,
            Caller::CeoToken => self.program("cleo", "ceo-token", &SCOPES[..9]).await,
        }
    }

    async fn person(&mut self, name: &'static str) -> Client {
        if let Some(known) = self.people.get(name) {
            return known.clone();
        }
        let manager = match name {
            "ann" => Some(Box::pin(self.person("mona")).await.user_id().to_owned()),
            _ => None,
        };
        let role = match name {
            "cleo" => "ceo",
            "mona" | "olga" => "manager",
            _ => "staff",
        };
        let hired = hire(&self.founder, name, role, manager).await;
        if name == "dan" {
            let path = format!("/api/users/{}/deactivate", hired.user_id());
            self.founder.post(&path, Value::Null).await.expect(200);
        }
        self.people.insert(name, hired.clone());
        hired
    }

    /// An API token of somebody's.
    async fn program(&mut self, of: &'static str, name: &'static str, scopes: &[&str]) -> Client {
        if let Some(known) = self.people.get(name) {
            return known.clone();
        }
        let owner = self.person(of).await;
        let body = json!({ "password": PASSWORD, "name": name, "scopes": scopes,
                           "expiresAt": self.soon });
        let made = owner.post("/api/tokens", body).await.expect(201);
        let mut program = owner.clone();
        program.login = json!({ "accessToken": made["token"], "user": owner.login["user"] });
        self.people.insert(name, program.clone());
        program
    }

    /// Makes what a call names and has not been made.
    pub async fn fill(&mut self, fixture: &Fixture, caller: &Client, made: &mut Made) {
        made.insert("me".to_owned(), caller.user_id().to_owned());
        let mut names: Vec<String> = fixture.names().into_iter().collect();
        names.sort_by_key(|name| !FIRST.contains(&name.as_str()));
        for name in names {
            if !made.contains_key(&name) {
                let value = self.make(&name, made).await;
                made.insert(name, value);
            }
        }
    }

    async fn make(&mut self, name: &str, made: &mut Made) -> String {
        match name {
            "password" => PASSWORD.to_owned(),
            "email" => format!("{}@example.com", word()),
            "word" => word(),
            "epoch" => self.epoch.clone(),
            "soon" => self.soon.clone(),
            "ann" => self.person("ann").await.user_id().to_owned(),
            "olga" => self.person("olga").await.user_id().to_owned(),
            "address" | "refresh" | "session" | "token" | "program" | "reset" | "invitation" => {
                self.of_the_door(name).await
            }
            "person" | "invited" | "away" | "gone_person" => self.of_people(name).await,
            "category" | "gone_category" => self.category(name).await,
            "notification" => self.notification().await,
            _ if ["task", "comment"].iter().any(|kind| name.ends_with(kind)) => {
                self.of_work(name, made).await
            }
            _ => self.of_talk(name, made).await,
        }
    }

    async fn of_the_door(&mut self, name: &str) -> String {
        let founder = self.founder.clone();
        match name {
            "address" => text(&hire(&founder, "kim", "staff", None).await.login["user"]["email"]),
            "refresh" => text(&hire(&founder, "kim", "staff", None).await.login["refreshToken"]),
            "session" => {
                let ann = self.person("ann").await;
                let email = text(&ann.login["user"]["email"]);
                text(&Client::login(ann.base(), &email, PASSWORD).await.login["sessionId"])
            }
            "token" => {
                let body = json!({ "password": PASSWORD, "name": "CI", "scopes": ["read"],
                                   "expiresAt": self.soon });
                let ann = self.person("ann").await;
                text(&ann.post("/api/tokens", body).await.expect(201)["id"])
            }
            "program" => {
                let body = json!({ "name": "Importer", "role": "staff" });
                let made = founder.post("/api/service-accounts", body).await.expect(201);
                text(&made["id"])
            }
            "reset" => {
                let path = format!("/api/users/{}/password-reset", self.of_people("person").await);
                text(&founder.post(&path, Value::Null).await.expect(200)["code"])
            }
            _ => text(&invite(&founder).await["invitation"]["token"]),
        }
    }

    async fn of_people(&mut self, name: &str) -> String {
        let id = text(&invite(&self.founder).await["id"]);
        let path = format!("/api/users/{id}");
        match name {
            "away" => {
                let path = format!("{path}/deactivate");
                self.founder.post(&path, Value::Null).await.expect(200);
            }
            "gone_person" => drop(self.founder.delete(&path).await.expect(204)),
            _ => {}
        }
        id
    }

    async fn category(&mut self, name: &str) -> String {
        let body = json!({ "name": word(), "kind": "task" });
        let made = self.founder.post("/api/categories", body).await.expect(201);
        let id = text(&made["id"]);
        if name == "gone_category" {
            self.founder.delete(&format!("/api/categories/{id}")).await.expect(204);
        }
        id
    }

    /// A channel of Olga's. Ann is in it, Gus as a guest, and Eve was.
    async fn channel(&mut self, kind: &str, role_of_ann: &str) -> String {
        let (olga, ann) = (self.person("olga").await, self.person("ann").await);
        let (gus, eve) = (self.person("gus").await, self.person("eve").await);
        let members = json!([
            { "userId": ann.user_id(), "role": role_of_ann },
            { "userId": gus.user_id(), "role": "guest" },
            { "userId": eve.user_id(), "role": "member" },
        ]);
        let body = json!({ "name": word(), "kind": kind, "members": members });
        let id = text(&olga.post("/api/channels", body).await.expect(201)["id"]);
        let out = json!({ "remove": [eve.user_id()] });
        olga.post(&format!("/api/channels/{id}/members"), out).await.expect(200);
        id
    }

    async fn of_talk(&mut self, name: &str, made: &mut Made) -> String {
        let (olga, ann) = (self.person("olga").await, self.person("ann").await);
        match name {
            "public" => return self.channel("public", "member").await,
            "led" => return self.channel("private", "admin").await,
            "direct" => {
                let body = json!({ "kind": "direct", "members": [ann.user_id()] });
                return text(&olga.post("/api/channels", body).await.body["id"]);
            }
            _ => {}
        }
        let role = if name == "led_message" { "admin" } else { "member" };
        let channel = self.channel("private", role).await;
        let by = if ["others_message", "led_message"].contains(&name) { &olga } else { &ann };
        match name {
            "channel" => return channel,
            "gone_channel" => {
                olga.delete(&format!("/api/channels/{channel}")).await.expect(204);
                return channel;
            }
            _ => {}
        }
        let path = format!("/api/channels/{channel}/messages");
        let said = by.post(&path, json!({ "content": "hello" })).await.expect(201);
        made.insert("channel".to_owned(), channel);
        let id = text(&said["id"]);
        let path = format!("/api/messages/{id}");
        match name {
            "message" | "others_message" | "led_message" => {}
            "edited" => drop(patch(by, &path, json!({ "content": "so", "version": 1 })).await),
            "gone_message" => drop(by.delete(&path).await.expect(204)),
            _ => nobody_makes(name),
        }
        id
    }

    async fn of_work(&mut self, name: &str, made: &mut Made) -> String {
        let (olga, ann) = (self.person("olga").await, self.person("ann").await);
        let mut body = json!({ "title": "Plan" });
        if name != "loose_task" {
            body["channelId"] = json!(self.channel("private", "member").await);
        }
        let by = if ["others_task", "assigned_task"].contains(&name) { &olga } else { &ann };
        if name == "assigned_task" {
            body["assignedTo"] = json!([ann.user_id()]);
        }
        let task = text(&by.post("/api/tasks", body).await.expect(201)["id"]);
        let path = format!("/api/tasks/{task}");
        match name {
            "comment" | "gone_comment" => {
                let path = format!("{path}/comments");
                let said = ann.post(&path, json!({ "content": "so" })).await.expect(201);
                let comment = text(&said["id"]);
                if name == "gone_comment" {
                    ann.delete(&format!("{path}/{comment}")).await.expect(204);
                }
                made.insert("task".to_owned(), task);
                return comment;
            }
            "gone_task" => drop(by.delete(&path).await.expect(204)),
            "task" | "others_task" | "assigned_task" | "loose_task" => {}
            // A plain task in its place would test something else, and well.
            _ => nobody_makes(name),
        }
        task
    }

    /// What Ann is told when Olga gives her something to do.
    async fn notification(&mut self) -> String {
        let ann = self.person("ann").await;
        let task = self.of_work("assigned_task", &mut Made::new()).await;
        until("Ann to be told", TOLD_WITHIN, async || {
            let page = ann.get("/api/notifications?limit=100").await.expect(200);
            let items = page["items"].as_array().unwrap();
            let told = items.iter().find(|item| item["resource"]["id"] == json!(task));
            told.map(|told| text(&told["id"]))
        })
        .await
    }
}

fn nobody_makes(name: &str) -> ! {
    panic!("nobody knows how to make {{{name}}}: say it in matrix/things.rs")
}

/// Puts what was made in the places of its names.
pub fn filled(text: &str, made: &Made) -> String {
    made.iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

async fn hire(by: &Client, name: &str, role: &str, manager: Option<String>) -> Client {
    let email = format!("{}@example.com", word());
    let mut body = json!({ "email": email, "name": name, "role": role, "password": PASSWORD });
    if let Some(manager) = manager {
        body["managerId"] = json!(manager);
    }
    by.post("/api/users", body).await.expect(201);
    Client::login(by.base(), &email, PASSWORD).await
}

async fn invite(by: &Client) -> Value {
    let body =
        json!({ "email": format!("{}@example.com", word()), "name": "New", "role": "staff" });
    by.post("/api/users", body).await.expect(201)
}

async fn patch(by: &Client, path: &str, body: Value) -> Value {
    read(by.request(Method::PATCH, path).json(&body)).await.unwrap().expect(200)
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A word that was not used before.
fn word() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("w{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
