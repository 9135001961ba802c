//! A node that is asked to stop while many work at it: it says first that it
//! wants no more, each answer from then on is the last of its connection,
//! nothing it took is dropped, and sockets are told to come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use reqwest::Method;
use reqwest::header::CONNECTION;
use sayso_testkit::{
    Client, Connect, ProcessSetup, Reply, Sockets, TestDatabase, TestRedis, read, until,
};
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

use crate::company::{Company, open_channel};
use crate::held_up::HeldUp;

const SOON: Duration = Duration::from_secs(30);
/// Who asks all the time. Each second comes anew for every question, as whoever
/// was not here before; the others keep their connection while they may.
const CROWD: usize = 8;
/// So many are answered before the node is asked to stop, and after it has
/// said so.
const ANSWERS: usize = 50;

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Became {
    /// It was answered; whether it was the last answer of its connection.
    Answered { is_last: bool },
    /// Nobody was there: another node may be asked, for nothing was done.
    Refused,
    /// It was taken, and no answer came, or one that no stop excuses.
    Dropped,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    asked: Instant,
    answered: Instant,
    became: Became,
}

/// What was seen of a node until it was gone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    answered: usize,
    dropped: usize,
    /// Answers that did not say that they are the last, though another had said
    /// so before it was asked for them.
    kept_alive: usize,
    /// Why the run proves nothing.
    invalid: Option<&'static str>,
}

impl Verdict {
    fn is_clean(&self) -> bool {
        self.dropped + self.kept_alive == 0 && self.invalid.is_none()
    }
}

fn judge(questions: &[Question]) -> Verdict {
    let is_answered = |it: &&Question| matches!(it.became, Became::Answered { .. });
    let is_last = |it: &&Question| it.became == Became::Answered { is_last: true };
    let said = questions.iter().filter(is_last).map(|it| it.answered).min();
    let is_late = |it: &&Question| said.is_some_and(|said| it.asked > said);
    let answered: Vec<_> = questions.iter().filter(is_answered).collect();
    let late: Vec<_> = answered.iter().copied().filter(is_late).collect();
    let invalid = if late.is_empty() {
        Some("nobody asked while it was going")
    } else if answered.len() == late.len() {
        Some("nobody asked before it was to go")
    } else {
        None
    };
    Verdict {
        answered: answered.len(),
        dropped: questions.iter().filter(|it| it.became == Became::Dropped).count(),
        kept_alive: late.iter().filter(|it| !is_last(it)).count(),
        invalid,
    }
}

fn became(reply: reqwest::Result<Reply>) -> Became {
    match reply {
        Ok(reply) if reply.status.is_success() => {
            let is_last = reply.headers.get(CONNECTION).is_some_and(|value| value == "close");
            Became::Answered { is_last }
        }
        Err(error) if error.is_connect() => Became::Refused,
        Ok(_) | Err(_) => Became::Dropped,
    }
}

/// A node with a company, which is asked all the time.
struct Scene {
    company: Company,
    channel: String,
    sockets: Sockets,
    questions: Arc<Mutex<Vec<Question>>>,
    crowd: JoinSet<()>,
    database: TestDatabase,
    _redis: TestRedis,
}

impl Scene {
    async fn set() -> Self {
        let (database, redis) = (TestDatabase::new().await, TestRedis::start(&[]).await);
        let setup = ProcessSetup::on(&database)
            .on_redis(&redis.url(), "sayso")
            .env("SAYSO_HTTP__DRAIN_MS", "1000")
            // As long as a write is held up here, and longer.
            .env("SAYSO_DATABASE__LOCK_TIMEOUT_MS", "9000")
            .env("SAYSO_DATABASE__STATEMENT_TIMEOUT_MS", "9000");
        let company = Company::found(setup).await;
        let channel = open_channel(&company.ceo, "all hands", &[&company.ann]).await;
        let sockets = Sockets::start();
        for transport in ["websocket", "polling"] {
            let person = &company.ann;
            let connect = Connect { id: transport, person, transports: &[transport], resume: None };
            sockets.connect_and_wait(&connect).await;
        }
        let (questions, crowd) = (Arc::default(), JoinSet::new());
        let mut scene =
            Self { company, channel, sockets, questions, crowd, database, _redis: redis };
        (0..CROWD).for_each(|turn| scene.let_in(turn));
        scene.until_answered(ANSWERS).await;
        scene
    }

    /// One more who asks until nobody is there.
    fn let_in(&mut self, turn: usize) {
        let (ann, questions) = (self.company.ann.clone(), Arc::clone(&self.questions));
        self.crowd.spawn(async move {
            loop {
                let mut asker = ann.clone();
                if turn.is_multiple_of(2) {
                    asker = Client::anonymous(ann.base());
                    asker.login = ann.login.clone();
                }
                let asked = Instant::now();
                let became = became(read(asker.request(Method::GET, "/api/auth/me")).await);
                questions.lock().push(Question { asked, answered: Instant::now(), became });
                if became == Became::Refused {
                    return;
                }
            }
        });
    }

    async fn until_answered(&self, more: usize) {
        let wanted = self.questions.lock().len() + more;
        until("answers", SOON, async || (self.questions.lock().len() >= wanted).then_some(()))
            .await;
    }

    /// A write that waits for its turn in the database.
    async fn waiting_write(&self) -> (JoinHandle<Became>, HeldUp) {
        let hold = HeldUp::begin(&self.database).await;
        let path = format!("/api/channels/{}/messages", self.channel);
        let body = json!({ "content": "said in the last moment" });
        let write = self.company.ceo.request(Method::POST, &path).json(&body);
        let write = tokio::spawn(async move { became(read(write).await) });
        hold.until_somebody_waits().await;
        (write, hold)
    }

    /// Waits until nobody is there for anybody who comes anew; answers what was
    /// seen until then.
    async fn until_refused(&mut self) -> Verdict {
        while let Some(done) = self.crowd.join_next().await {
            done.unwrap();
        }
        let verdict = judge(&self.questions.lock());
        eprintln!("{verdict:?}");
        verdict
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_says_so_first_and_drops_nothing_that_it_took() {
    let mut scene = Scene::set().await;
    let (write, hold) = scene.waiting_write().await;
    let nobody = Client::anonymous(scene.company.ceo.base());

    scene.company.server.ask_to_stop();
    until("it to say that it goes", SOON, async || {
        let ready = nobody.get("/health/ready").await;
        (ready.status == 503 && ready.body["status"] == "draining").then_some(())
    })
    .await;
    // Whoever has not heard it yet is served all the same.
    scene.until_answered(ANSWERS).await;
    for id in ["websocket", "polling"] {
        let closed = scene.sockets.until_heard(id, "session.closed").await.payload;
        assert_eq!(
            (&closed["code"], &closed["reconnect"]),
            (&json!("server.restarting"), &json!(true))
        );
        assert!(closed["retryAfterMs"].is_u64(), "{closed}");
        let reason = scene.sockets.until_heard(id, "disconnect").await.payload;
        assert_ne!(reason, "io server disconnect", "{id} would stay away");
    }
    let verdict = scene.until_refused().await;
    assert!(scene.company.server.exited().is_none(), "it left somebody without an answer");
    hold.end().await;

    assert!(verdict.is_clean(), "{verdict:?}");
    assert_eq!(write.await.unwrap(), Became::Answered { is_last: true });
    assert!(scene.company.server.until_exited(SOON).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_killed_instead_is_convicted() {
    let mut scene = Scene::set().await;
    let (write, _hold) = scene.waiting_write().await;

    scene.company.server.kill9();
    let verdict = scene.until_refused().await;

    assert!(verdict.dropped > 0 && !verdict.is_clean(), "{verdict:?}");
    assert_eq!(write.await.unwrap(), Became::Dropped);
}

#[test]
fn an_answer_that_keeps_its_connection_though_another_was_the_last_is_convicted() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let question = |asked, answered, is_last| Question {
        asked: at(asked),
        answered: at(answered),
        became: Became::Answered { is_last },
    };
    let before = question(0, 10, false);

    let clean = [before, question(5, 12, false), question(8, 11, true), question(13, 14, true)];
    assert!(judge(&clean).is_clean(), "{:?}", judge(&clean));
    let kept = [before, question(8, 11, true), question(13, 14, true), question(13, 15, false)];
    assert_eq!(judge(&kept).kept_alive, 1);
    assert!(judge(&[before, question(1, 11, false)]).invalid.is_some(), "it never went");
    assert!(judge(&[question(8, 11, true), question(13, 14, true)]).is_clean());
}
