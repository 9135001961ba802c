//! The official Socket.IO clients, unmodified, in a process of Node or Python.
//!
//! One process drives many sockets; it speaks JSON lines (see
//! `tests/clients/js/driver.mjs`). Whatever they hear is held against its
//! schema; a test in which something does not fit fails when it ends.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::client::Client;
use crate::schemas::Schemas;
use crate::until::until;

/// How long the driver may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Begins the name under which an acknowledgement is told.
const ACK: &str = "ack ";

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

    /// Whether a brief driver has left something out.
    fn is_shorn(&self) -> bool {
        let is_marked = |payload: &Value| payload["shorn"] == true;
        let mut replayed = self.payload["events"].as_array().into_iter().flatten();
        is_marked(&self.payload) || replayed.any(is_marked)
    }

    /// What does not fit its schema. Acknowledgements are looked at where it
    /// is known of what they are.
    fn fault(&self) -> Option<String> {
        let is_acknowledgement = self.event.starts_with(ACK);
        if is_acknowledgement {
            return None;
        }
        Schemas::golden().fault(&self.event, &self.payload)
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
    unfit: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
    next_call: AtomicU64,
    is_brief: bool,
}

/// A client library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Library {
    /// npm `socket.io-client`.
    JavaScript,
    /// PyPI `python-socketio`.
    Python,
}

impl Library {
    fn driver(self) -> Command {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/clients"));
        let (folder, program, script, installed) = match self {
            Self::JavaScript => {
                (folder.join("js"), "node".into(), "driver.mjs", "node_modules/socket.io-client")
            }
            Self::Python => {
                let folder = folder.join("python");
                let python = folder.join(".venv/bin/python").into_os_string();
                (folder, python, "driver.py", ".venv/installed")
            }
        };
        assert!(
            folder.join(installed).exists(),
            "the official clients are not installed: run `make test`, or scripts/test-clients"
        );
        let mut command = Command::new(program);
        command.arg(script).current_dir(folder);
        command
    }
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
        Self::launch(Library::JavaScript, false)
    }

    /// Starts a driver that tells each event whole once, and to others that hear
    /// it without its `data` and `change`, for tests that count very many.
    #[must_use]
    pub fn brief() -> Self {
        Self::launch(Library::JavaScript, true)
    }

    /// Starts a driver of the official client of Python. It does not know
    /// [`Sockets::leave`].
    #[must_use]
    pub fn python() -> Self {
        Self::launch(Library::Python, false)
    }

    fn launch(library: Library, is_brief: bool) -> Self {
        let mut child = library
            .driver()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Not ours: Node would make it non-blocking, for us as well.
            .stderr(Stdio::piped())
            .spawn()
            .expect("node and python are installed");
        let stdin = Mutex::new(child.stdin.take().expect("it was piped"));
        let stdout = child.stdout.take().expect("it was piped");
        let stderr = child.stderr.take().expect("it was piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("driver: {line}");
            }
        });
        let heard = Arc::<Mutex<HashMap<String, Lines>>>::default();
        let unfit = Arc::<Mutex<Vec<String>>>::default();
        let (sockets, faults) = (Arc::clone(&heard), Arc::clone(&unfit));
        // Ends when the driver does.
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Some(parsed) = parse(&line) else {
                    eprintln!("driver: {line}");
                    continue;
                };
                let id = parsed.id.clone();
                let all = unpack(parsed);
                let checked = all.iter().filter(|heard| !heard.is_shorn());
                faults.lock().extend(checked.filter_map(Heard::fault));
                let mut sockets = sockets.lock();
                let lines = sockets.entry(id).or_default();
                lines.raw.push(line.into());
                let positions = all.iter().filter(|heard| heard.is_event());
                for position in positions.filter_map(|heard| heard.payload["position"].as_i64()) {
                    lines.events += 1;
                    lines.last_position = lines.last_position.max(position);
                }
            }
        });
        let (reading, next_call) = (Some(reading), AtomicU64::new(1));
        Self { child, stdin, heard, unfit, reading, next_call, is_brief }
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

    /// What the library holds of a connection, for whoever wonders why nothing
    /// comes.
    pub async fn state(&self, id: &str) -> Value {
        let ack = format!("{ACK}{}", self.next_call.fetch_add(1, Ordering::Relaxed));
        self.tell(&json!({ "op": "state", "id": id, "ack": ack }));
        self.until_heard(id, &ack).await.payload
    }

    /// Sends an event and waits for its acknowledgement.
    pub async fn emit(&self, id: &str, event: &str, data: &Value) -> Value {
        let call = self.next_call.fetch_add(1, Ordering::Relaxed);
        let ack = format!("{ACK}{call}");
        self.tell(&json!({ "op": "emit", "id": id, "event": event, "data": data, "ack": ack }));
        let answer = self.until_heard(id, &ack).await.payload;
        if answer["ok"] == true {
            let fault = Schemas::golden().fault(&format!("{event}.acknowledged"), &answer);
            self.unfit.lock().extend(fault);
        }
        answer
    }

    /// Stops the driver with all its sockets, as when the lid is closed.
    pub fn sleep(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Ends what [`Sockets::sleep`] began.
    pub fn wake(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a pid is a small number");
        kill(Pid::from_raw(pid), signal).expect("the driver lives");
    }

    /// What was heard and does not fit its schema, in words; forgotten here. A
    /// test that does not ask fails for it at its end.
    #[must_use]
    pub fn take_unfit(&self) -> Vec<String> {
        std::mem::take(&mut *self.unfit.lock())
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
        if let Some(reading) = self.reading.take() {
            let _ = reading.join();
        }
        let unfit = self.take_unfit();
        if !unfit.is_empty() && !std::thread::panicking() {
            panic!(
                "{} of what was heard do not fit: {:#?}",
                unfit.len(),
                &unfit[..unfit.len().min(5)]
            );
        }
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
