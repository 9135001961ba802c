//! The official Socket.IO clients, unmodified, in a process of Node or Python.
//!
//! One process drives many sockets; it speaks JSON lines (see
//! `tests/clients/js/driver.mjs`). Whatever they hear is held against its
//! schema; a test in which something does not fit fails when it ends.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::client::Client;
use crate::heard::{ACK, Heard, Lines, parse, unpack};
use crate::library::Library;
use crate::schemas::Schemas;
use crate::until::until;

/// How long the driver may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

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
    is_stock: bool,
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

    /// As [`Sockets::python`], and as brief as [`Sockets::brief`].
    #[must_use]
    pub fn brief_python() -> Self {
        Self::launch(Library::Python, true)
    }

    /// Leaves the patience of the library alone. Without this whoever loses the
    /// connection tries again sooner than a client that is configured by nobody,
    /// so that tests need not wait for it.
    #[must_use]
    pub fn stock(mut self) -> Self {
        self.is_stock = true;
        self
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
                all.iter().for_each(|heard| lines.note(heard));
            }
        });
        let (reading, next_call) = (Some(reading), AtomicU64::new(1));
        Self { child, stdin, heard, unfit, reading, next_call, is_brief, is_stock: false }
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
            "stock": self.is_stock,
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

    /// Whether a socket is connected and let in, as far as it has said. Cheap,
    /// like [`Sockets::losses`].
    #[must_use]
    pub fn is_here(&self, id: &str) -> bool {
        self.heard.lock().get(id).is_some_and(|lines| lines.is_here)
    }

    /// How often a socket has lost its connection.
    #[must_use]
    pub fn losses(&self, id: &str) -> usize {
        self.heard.lock().get(id).map_or(0, |lines| lines.losses)
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
