//! Who is answered what: every route and every event of a socket, called at the
//! real server by everybody there is, and compared with
//! `golden/authz-matrix.txt`.
//!
//! How a route is called stands above its handler, in lines that begin with
//! `// fixture: `. A route without such a line fails, and so does a line that is
//! answered otherwise than what was reviewed.

mod fixture;
mod table;
mod things;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use sayso_testkit::{
    Client, Connect, Process, ProcessSetup, Sockets, TestDatabase, judge, read, until,
};
use serde_json::{Value, json};

use fixture::Fixture;
use table::{Answer, Caller, Row};
use things::{Made, PASSWORD, World, filled};

/// How many rows are called at once.
const LANES: usize = 4;
/// How long a socket may take to be let in or refused.
const PROMPTLY: Duration = Duration::from_secs(30);
/// Longer than a test runs, and no longer than a token may live.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 86_400);

struct Stage {
    founder: Client,
    sockets: Sockets,
    epoch: String,
    soon: String,
    statuses: Vec<(String, u16)>,
    server: Process,
    database: TestDatabase,
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database).env("SAYSO_AUTH__SESSIONS_MAX", "100");
        let server = Process::start(setup).await;
        let args = ["user", "create", "--role", "ceo", "--email", "founder@example.com"];
        let args = [&args[..], &["--name", "Fay", "--password-stdin"]].concat();
        server.run(&args, PASSWORD).await;
        let founder = Client::login(&server.url(), "founder@example.com", PASSWORD).await;
        let me = founder.get("/api/auth/me").await;
        let place = me.header("sayso-position").unwrap().to_owned();
        let epoch = place.split_once(':').unwrap().0.to_owned();
        let seen: sayso_kernel::Timestamp = me.body["createdAt"].as_str().unwrap().parse().unwrap();
        let soon = (seen + TOKEN_LIFE).to_string();
        let (sockets, statuses) = (Sockets::start(), statuses());
        Self { founder, sockets, epoch, soon, statuses, server, database }
    }

    fn world(&self) -> World {
        World::new(&self.founder, &self.epoch, &self.soon)
    }

    /// The routes of the server's document, and the events that it takes.
    async fn doors(&self) -> Vec<fixture::Door> {
        let document = self.founder.get("/openapi.json").await.expect(200);
        let mut doors = fixture::documented(&document);
        doors.extend(fixture::emitted(&house().join("crates")));
        doors
    }

    async fn row(&self, world: &mut World, fixture: &Fixture) -> Row {
        let (mut answers, mut shared) = (Vec::new(), Made::new());
        for caller in Caller::ALL {
            let mut own = fixture.is_marked.then(|| self.world());
            let world = own.as_mut().unwrap_or(world);
            let client = world.caller(caller).await;
            // Whoever reads leaves things as they are for the next.
            let mut made = Made::new();
            let made = if fixture.method == "GET" { &mut shared } else { &mut made };
            world.fill(fixture, &client, made).await;
            let body = fixture.body.as_ref().map(|body| filled(body, made));
            let path = filled(&fixture.path, made);
            let name = format!("{} {}", fixture.name(), caller.name());
            let answer = match fixture.method.as_str() {
                // A socket follows what the log has told.
                "EMIT" => {
                    judge::settle(self.database.db()).await;
                    self.emit(&name, &client, (&path, body)).await
                }
                method => call(&client, method, (&path, body)).await,
            };
            assert!(answer.status < 500, "{name}: {answer:?}");
            answers.push(answer);
        }
        Row { name: fixture.name(), answers }
    }

    async fn emit(&self, id: &str, who: &Client, (event, body): (&str, Option<String>)) -> Answer {
        self.sockets.connect(&Connect {
            id,
            person: who,
            transports: &["websocket"],
            resume: None,
        });
        let refused = until("the socket to be let in or refused", PROMPTLY, async || {
            let heard = self.sockets.heard(id);
            let of = |event: &str| heard.iter().find(|heard| heard.event == event);
            match (of("connect_error"), of("ready")) {
                (Some(refused), _) => Some(Some(refused.payload.clone())),
                (None, Some(_)) => Some(None),
                (None, None) => None,
            }
        });
        let (status, code) = match refused.await {
            Some(code) => (self.status_of(&code), code),
            None => {
                let body = json_of(&body.unwrap_or_default());
                let ack = self.sockets.emit(id, event, &body).await;
                if ack["ok"] == json!(true) {
                    (200, json!(""))
                } else {
                    let status = ack["error"]["status"].as_u64().unwrap_or_default();
                    (u16::try_from(status).unwrap_or_default(), ack["error"]["code"].clone())
                }
            }
        };
        self.sockets.disconnect(id);
        Answer { status, code: code.as_str().unwrap_or_default().to_owned() }
    }

    fn status_of(&self, code: &Value) -> u16 {
        let found = self.statuses.iter().find(|(known, _)| code == known);
        found.unwrap_or_else(|| panic!("{code} is no code")).1
    }
}

async fn call(who: &Client, method: &str, (path, body): (&str, Option<String>)) -> Answer {
    let method: Method = method.parse().unwrap();
    let request = who.request(method, path);
    let request = match body {
        Some(body) => request.json(&json_of(&body)),
        None => request,
    };
    let reply = read(request).await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
    // An answer that is no refusal may have a field of this name, with a secret.
    let code = if reply.status.is_success() { "" } else { reply.code() };
    Answer { status: reply.status.as_u16(), code: code.to_owned() }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

/// The codes and their statuses, as `golden/errors.txt` has them.
fn statuses() -> Vec<(String, u16)> {
    let text = fs::read_to_string(house().join("golden/errors.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let code = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
    };
    lines.filter_map(code).collect()
}

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn golden() -> PathBuf {
    house().join("golden/authz-matrix.txt")
}

/// Calls everything; the matrix as text.
async fn called() -> String {
    let stage = Stage::new().await;
    let fixtures = fixture::declared(&house().join("crates"));
    let faults = fixture::faults(&stage.doors().await, &fixtures);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let (emitted, asked): (Vec<_>, Vec<_>) =
        fixtures.iter().partition(|fixture| fixture.method == "EMIT");
    let lanes = (0..LANES).map(async |lane| {
        let (mut world, mut rows) = (stage.world(), Vec::new());
        for (at, fixture) in asked.iter().enumerate().skip(lane).step_by(LANES) {
            rows.push((at, stage.row(&mut world, fixture).await));
        }
        rows
    });
    let mut rows = join_all(lanes).await.concat();
    rows.sort_by_key(|(at, _)| *at);
    let mut rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    // One after the other: what a socket follows hangs on what was told by then.
    let mut world = stage.world();
    for fixture in emitted {
        rows.push(stage.row(&mut world, fixture).await);
    }
    assert_is_whole(&rows);
    judge::assert_settled(stage.database.db()).await;
    assert!(!stage.server.log().contains("panicked"));
    table::text(&rows)
}

/// The people are who they are meant to be: a matrix of strangers, in which
/// everybody is refused, would be stable too.
fn assert_is_whole(rows: &[Row]) {
    for (at, caller) in Caller::ALL.iter().enumerate() {
        let statuses = rows.iter().map(|row| row.answers[at].status);
        let let_in = statuses.filter(|status| (200..300).contains(status)).count();
        let is_known = !matches!(caller, Caller::Anonymous | Caller::Disabled);
        assert_eq!(let_in > rows.len() / 8, is_known, "{caller:?} was let in {let_in} times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_answered_what_the_reviewed_matrix_says() {
    let committed = fs::read_to_string(golden()).unwrap_or_default();

    let drifts = table::drifts(&committed, &called().await);

    assert!(
        drifts.is_empty(),
        "rights have changed; if they should, run `make golden` and read the difference:\n{}",
        drifts.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes golden/authz-matrix.txt; `make golden` runs it"]
async fn the_matrix_is_written_anew() {
    fs::write(golden(), called().await).unwrap();
}
