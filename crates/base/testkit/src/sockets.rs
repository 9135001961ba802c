//! The official Socket.IO client, unmodified, in a Node process.
//!
//! One process drives many sockets; it speaks JSON lines (see
//! `tests/clients/js/driver.mjs`).

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::client::Client;
use crate::until::until;

/// How long the driver may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// One line of the driver: what a socket heard, or what became of it
/// (`connect`, `connect_error`, `disconnect`).
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which socket.
    pub id: String,
    /// The event's name.
    pub event: String,
    /// Its argument.
    pub payload: Value,
    /// When, in milliseconds.
    pub at: i64,
}

impl Heard {
    /// Whether it stands in the log: it has a stream and a position.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.payload["position"].is_i64() && self.payload["stream"].is_string()
    }
}

/// How a socket connects.
#[derive(Clone, Debug)]
pub struct Connect<'a> {
    /// The socket's name in this test.
    pub id: &'a str,
    /// Who connects.
    pub person: &'a Client,
    /// `websocket`, `polling`, or both in the order of preference.
    pub transports: &'a [&'a str],
    /// The cursor to resume from.
    pub resume: Option<Value>,
}

/// All sockets of one test.
#[derive(Debug)]
pub struct Sockets {
    child: Child,
    stdin: Mutex<ChildStdin>,
    heard: Arc<Mutex<HashMap<String, Lines>>>,
    next_call: AtomicU64,
    is_brief: bool,
}

/// What one socket heard, as the driver wrote it: a long storm leaves millions
/// of lines, of which most are read once, at the end.
#[derive(Debug, Default)]
struct Lines {
    raw: Vec<Box<str>>,
    events: usize,
    last_position: i64,
}

impl Sockets {
    /// Starts the driver.
    ///
    /// # Panics
    /// When Node or the client library is missing.
    #[must_use]
    pub fn start() -> Self {
        Self::launch(false)
    }

    /// Starts a driver that tells of events without their `data` and `change`,
    /// for tests that count very many.
    #[must_use]
    pub fn brief() -> Self {
        Self::launch(true)
    }

    fn launch(is_brief: bool) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/clients/js"));
        assert!(
            folder.join("node_modules/socket.io-client").is_dir(),
            "the official client is not installed: run `make test`, or `npm ci` in tests/clients/js"
        );
        let mut child = Command::new("node")
            .arg("driver.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Not ours: Node would make it non-blocking, for us as well.
            .stderr(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let stdin = Mutex::new(child.stdin.take().expect("it was piped"));
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = child.stderr.take().expect("it was piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("driver: {line}");
            }
        });
        let heard = Arc::<Mutex<HashMap<String, Lines>>>::default();
        let sockets = Arc::clone(&heard);
        // Ends when the driver does.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Some(parsed) = parse(&line) else {
                    eprintln!("driver: {line}");
                    continue;
                };
                let mut sockets = sockets.lock();
                let lines = sockets.entry(parsed.id.clone()).or_default();
                lines.raw.push(line.into());
                let positions = unpack(parsed).into_iter().filter(Heard::is_event);
                let positions = positions.filter_map(|heard| heard.payload["position"].as_i64());
                for position in positions {
                    lines.events += 1;
                    lines.last_position = lines.last_position.max(position);
                }
            }
        });
        Self { child, stdin, heard, next_call: AtomicU64::new(1), is_brief }
    }

    /// Connects a socket; it stays connected, by the client's own means, until
    /// [`Sockets::disconnect`].
    pub fn connect(&self, connect: &Connect<'_>) {
        self.tell(&json!({
            "op": "connect",
            "id": connect.id,
            "url": connect.person.base(),
            "login": connect.person.login,
            "transports": connect.transports,
            "resume": connect.resume,
            "brief": self.is_brief,
        }));
    }

    /// Connects and waits for `ready`.
    pub async fn connect_and_wait(&self, connect: &Connect<'_>) -> Value {
        self.connect(connect);
        self.until_heard(connect.id, "ready").await.payload
    }

    /// Disconnects for good.
    pub fn disconnect(&self, id: &str) {
        self.tell(&json!({ "op": "disconnect", "id": id }));
    }

    /// Cuts the transport under the socket, as a tunnel does: the client is
    /// away until [`Sockets::come_back`].
    pub fn leave(&self, id: &str) {
        self.tell(&json!({ "op": "leave", "id": id }));
    }

    /// Ends what [`Sockets::leave`] began.
    pub fn come_back(&self, id: &str) {
        self.tell(&json!({ "op": "return", "id": id }));
    }

    /// Sends an event and waits for its acknowledgement.
    pub async fn emit(&self, id: &str, event: &str, data: &Value) -> Value {
        let call = self.next_call.fetch_add(1, Ordering::Relaxed);
        let ack = format!("ack {call}");
        self.tell(&json!({ "op": "emit", "id": id, "event": event, "data": data, "ack": ack }));
        self.until_heard(id, &ack).await.payload
    }

    /// Everything a socket has heard so far, in order, `replay` unpacked into
    /// the events it carried.
    #[must_use]
    pub fn heard(&self, id: &str) -> Vec<Heard> {
        self.heard_after(id, 0)
    }

    /// As [`Sockets::heard`], without the first `lines` of the driver.
    fn heard_after(&self, id: &str, lines: usize) -> Vec<Heard> {
        let heard = self.heard.lock();
        let raw = heard.get(id).map_or(&[][..], |lines| &lines.raw[..]);
        raw.iter().skip(lines).filter_map(|line| parse(line)).flat_map(unpack).collect()
    }

    /// The events (those with a position) a socket has heard, in order.
    #[must_use]
    pub fn events(&self, id: &str) -> Vec<Value> {
        let heard = self.heard(id).into_iter().filter(Heard::is_event);
        heard.map(|heard| heard.payload).collect()
    }

    /// How many events a socket has heard. Cheap, for whoever waits: the events
    /// themselves are read anew at every call.
    #[must_use]
    pub fn event_count(&self, id: &str) -> usize {
        self.heard.lock().get(id).map_or(0, |lines| lines.events)
    }

    /// The position of the last event a socket has heard; 0 before the first.
    #[must_use]
    pub fn last_position(&self, id: &str) -> i64 {
        self.heard.lock().get(id).map_or(0, |lines| lines.last_position)
    }

    /// How often a socket has heard `event`.
    #[must_use]
    pub fn count(&self, id: &str, event: &str) -> usize {
        self.heard(id).iter().filter(|heard| heard.event == event).count()
    }

    /// Waits for the first `event` of a socket.
    pub async fn until_heard(&self, id: &str, event: &str) -> Heard {
        let what = format!("{event} at socket {id}");
        let mut looked_at = 0;
        until(&what, ANSWERED_WITHIN, async || {
            let count = self.heard.lock().get(id).map_or(0, |lines| lines.raw.len());
            let new = self.heard_after(id, looked_at);
            looked_at = count;
            new.into_iter().find(|heard| heard.event == event)
        })
        .await
    }

    fn tell(&self, line: &Value) {
        let mut stdin = self.stdin.lock();
        writeln!(stdin, "{line}").expect("the driver lives");
        stdin.flush().expect("the driver lives");
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Option<Heard> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    Some(Heard {
        id: line["id"].as_str()?.to_owned(),
        event: line["event"].as_str()?.to_owned(),
        at: line["at"].as_i64()?,
        payload: line["payload"].take(),
    })
}

fn unpack(heard: Heard) -> Vec<Heard> {
    if heard.event != "replay" {
        return vec![heard];
    }
    let events = heard.payload["events"].as_array().cloned().unwrap_or_default();
    let (id, at) = (heard.id.clone(), heard.at);
    let unpacked = events.into_iter().map(|event| Heard {
        id: id.clone(),
        at,
        event: event["type"].as_str().unwrap_or_default().to_owned(),
        payload: event,
    });
    std::iter::once(heard).chain(unpacked).collect()
}
