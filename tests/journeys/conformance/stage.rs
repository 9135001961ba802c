//! The company in which every operation is called.

use std::sync::atomic::{AtomicU32, Ordering};

use sayso_testkit::{Client, Process, ProcessSetup, TestDatabase};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD};
use crate::truth::Truth;

/// More than the walk takes.
const QUOTA: &str = "1000000";
const CLASSES: [&str; 6] = ["READ", "WRITE", "SEARCH", "LOGIN", "PROOF", "EXPORT"];

pub struct Stage {
    pub company: Company,
    pub truth: Truth,
    /// A server at which nobody is yet.
    pub empty: Process,
    pub empty_truth: Truth,
    /// A private channel of everybody, in which is talked.
    pub hall: String,
    /// A task in it, about which is talked.
    pub chore: String,
    count: AtomicU32,
    pub databases: [TestDatabase; 2],
}

impl Stage {
    pub async fn open() -> Self {
        let databases = [TestDatabase::new().await, TestDatabase::new().await];
        let company = Company::found_by_operator(setup(&databases[0])).await;
        let empty = Process::start(setup(&databases[1])).await;
        let truth = Truth::of(&databases[0].app_config()).await;
        let empty_truth = Truth::of(&databases[1].app_config()).await;
        let others = [&company.manager, &company.ann, &company.bob];
        let hall = crate::company::open_channel(&company.ceo, "hall", &others).await;
        let chore = json!({ "title": "Sweep the hall", "channelId": hall, "tags": ["house"] });
        let chore = id(&company.ceo.post("/api/tasks", chore).await.expect(201));
        let count = AtomicU32::new(0);
        Self { company, truth, empty, empty_truth, hall, chore, count, databases }
    }

    pub fn ceo(&self) -> &Client {
        &self.company.ceo
    }

    pub fn ann(&self) -> &Client {
        &self.company.ann
    }

    /// A name that nobody has.
    pub fn name(&self, what: &str) -> String {
        format!("{what} {}", self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// Somebody new of the staff, who has come in.
    pub async fn newcomer(&self) -> Client {
        let email = format!("{}@example.com", self.name("new").replace(' ', "."));
        let body = json!({ "email": email, "name": self.name("Newcomer"), "role": "staff",
                           "password": PASSWORD });
        self.ceo().post("/api/users", body).await.expect(201);
        Client::login(self.ceo().base(), &email, PASSWORD).await
    }

    /// Somebody who was invited and has not come; what the CEO was answered.
    pub async fn invited(&self) -> Value {
        let email = format!("{}@example.com", self.name("guest").replace(' ', "."));
        let body = json!({ "email": email, "name": self.name("Invited"), "role": "staff" });
        self.ceo().post("/api/users", body).await.expect(201)
    }

    /// Creates something as the CEO; its id.
    pub async fn made(&self, path: &str, body: Value) -> String {
        id(&self.ceo().post(path, body).await.expect(201))
    }

    pub async fn channel(&self, kind: &str) -> String {
        self.made("/api/channels", json!({ "name": self.name("room"), "kind": kind })).await
    }

    /// A room of the CEO's in which Ann is as well.
    pub async fn channel_with_ann(&self) -> String {
        let name = self.name("den");
        crate::company::open_channel(self.ceo(), &name, &[self.ann()]).await
    }

    /// A message of Ann's in the hall.
    pub async fn message(&self) -> String {
        let body = json!({ "content": "Who has the keys to the hall?" });
        let path = format!("/api/channels/{}/messages", self.hall);
        id(&self.ann().post(&path, body).await.expect(201))
    }

    /// A task in the hall.
    pub async fn task(&self) -> String {
        self.made("/api/tasks", json!({ "title": "Order the venue", "channelId": self.hall })).await
    }

    pub async fn category(&self) -> String {
        let body = json!({ "name": self.name("shelf"), "kind": "task", "color": "#a0b0c0" });
        self.made("/api/categories", body).await
    }

    /// A comment of Ann's on the chore.
    pub async fn comment(&self) -> String {
        let path = format!("/api/tasks/{}/comments", self.chore);
        id(&self.ann().post(&path, json!({ "content": "The broom is broken." })).await.expect(201))
    }
}

fn setup(database: &TestDatabase) -> ProcessSetup {
    // What a read costs is told of a read, and not of whether it was needed: that
    // is chance where a node on a busy machine falls behind its log for a moment.
    let setup = ProcessSetup::on(database)
        .env("SAYSO_CACHE__ENABLED", "false")
        .env("SAYSO_LIMITS__ENABLED", "true")
        .env("SAYSO_LOG__FORMAT", "json")
        .env("SAYSO_LOG__FILTER", "info,sayso_web::access_log=debug");
    CLASSES
        .iter()
        .fold(setup, |setup, class| setup.env(&format!("SAYSO_LIMITS__{class}_PER_MINUTE"), QUOTA))
}

/// The id of what was answered.
pub fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id: {answer}")).to_owned()
}
