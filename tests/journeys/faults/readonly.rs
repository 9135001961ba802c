//! The database takes no writes for a while, as one does that was demoted or set
//! so by hand, and then takes them again.

use sayso_testkit::{Client, ProcessSetup, Reply, Sockets, TestPostgres, judge, until};
use serde_json::{Value, json};

use super::database::{HEALED_WITHIN, until_written};
use crate::company::{Company, PASSWORD, connect, open_channel};
use crate::doctor::{assert_found, examine};

/// What makes it so.
const READ_ONLY: &str = "default_transaction_read_only";
const UNAVAILABLE: &str = "server.unavailable";

/// A company at which Ann listens in a channel.
struct Scene {
    company: Company,
    sockets: Sockets,
    channel: String,
    messages: String,
}

impl Scene {
    async fn open(postgres: &TestPostgres) -> Self {
        let company = Company::found(ProcessSetup::on_server(postgres)).await;
        let channel = open_channel(&company.ceo, "all hands", &[&company.ann]).await;
        let sockets = Sockets::start();
        connect(&sockets, "ann", &company.ann).await;
        let messages = format!("/api/channels/{channel}/messages");
        Self { company, sockets, channel, messages }
    }

    /// Ann says something by her socket; the same each time.
    async fn say(&self) -> Value {
        let said = json!({ "channelId": self.channel, "content": "by a socket",
                           "clientId": "said once" });
        self.sockets.emit("ann", "message.send", &said).await
    }

    /// The CEO sends something under a key; the same each time.
    async fn send(&self) -> Reply {
        let body = json!({ "content": "under a key" });
        self.company.ceo.post_once(&self.messages, &body, "sent-once").await.unwrap()
    }

    /// Bob comes in.
    async fn log_in(&self) -> Reply {
        let body = json!({ "email": "bob@example.com", "password": PASSWORD });
        Client::anonymous(&self.company.server.url()).post("/api/auth/login", body).await
    }

    /// What stands in the channel, the oldest first.
    async fn contents(&self) -> Vec<String> {
        let page = self.company.ceo.get(&self.messages).await.expect(200);
        let items = page["items"].as_array().unwrap().iter().rev();
        items.map(|item| item["content"].as_str().unwrap().to_owned()).collect()
    }

    /// What Ann's socket has heard of it, in the order of the log.
    fn heard(&self) -> Vec<String> {
        let events = self.sockets.events("ann");
        let sent = events.iter().filter(|event| event["type"] == "message.sent");
        sent.map(|event| event["data"]["content"].as_str().unwrap().to_owned()).collect()
    }

    /// Whatever writes is refused for the moment, by whichever door it comes.
    async fn assert_writes_refused(&self) {
        let ceo = &self.company.ceo;
        let channel = json!({ "name": "refused", "kind": "private" });
        for reply in [
            ceo.post(&self.messages, json!({ "content": "refused" })).await,
            ceo.post("/api/tasks", json!({ "title": "refused" })).await,
            ceo.post("/api/channels", channel).await,
            self.send().await,
            self.log_in().await,
        ] {
            assert_eq!((reply.status.as_u16(), reply.code()), (503, UNAVAILABLE), "{}", reply.text);
            assert!(reply.header("Retry-After").is_some(), "{}", reply.text);
        }
        let told = self.say().await;
        let error = (&told["error"]["code"], &told["error"]["status"], &told["temporary"]);
        assert_eq!(error, (&json!(UNAVAILABLE), &json!(503), &json!(true)), "{told}");
    }

    /// Whatever reads is answered, and the node wants requests.
    async fn assert_reads_answered(&self) {
        for path in [&*self.messages, "/api/channels", "/api/tasks", "/api/auth/me"] {
            self.company.ceo.get(path).await.expect(200);
        }
        let anonymous = Client::anonymous(&self.company.server.url());
        anonymous.get("/health/live").await.expect(200);
        assert_eq!(anonymous.get("/health/ready").await.expect(200)["status"], "ready");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_no_writes_refuses_them_alone_and_heals_by_itself() {
    let postgres = TestPostgres::bare(&[]).await;
    let scene = Scene::open(&postgres).await;
    let ceo = &scene.company.ceo;
    ceo.post(&scene.messages, json!({ "content": "before" })).await.expect(201);

    postgres.set(READ_ONLY, "on").await;
    scene.assert_writes_refused().await;
    scene.assert_reads_answered().await;
    let (_, found) = examine(&scene.company.server).await;
    postgres.set(READ_ONLY, "off").await;

    assert_found(&found, "writable", "fail", "it takes no writes");
    until_written(ceo, &scene.channel).await;
    let said = scene.say().await;
    assert_eq!(said["ok"], true, "{said}");
    scene.send().await.expect(201);
    scene.log_in().await.expect(200);
    // Of what was refused nothing is there, and nothing that was not.
    let kept = ["before", "all is well", "by a socket", "under a key"];
    assert_eq!(scene.contents().await, kept);
    assert_eq!(ceo.get("/api/tasks").await.expect(200)["items"], json!([]));
    let channels = ceo.get("/api/channels").await.expect(200);
    let is_half = |channel: &Value| channel["name"] == "refused";
    assert!(!channels["items"].as_array().unwrap().iter().any(is_half), "{channels}");
    until("Ann's socket to hear again", HEALED_WITHIN, async || {
        (scene.heard() == kept).then_some(())
    })
    .await;
    assert_eq!(scene.sockets.count("ann", "disconnect"), 0, "the socket was given up");
    let limits = sayso_db::DbLimits::from(&sayso_config::Database::default());
    judge::assert_settled(&postgres.db(&limits)).await;
}
