//! How often the server allocates for a hot request, against a ceiling that is
//! committed: a count is the same on a busy machine, a time is not.
//!
//! The server runs in this process. What asks it is a blocking socket with
//! buffers of its own, which allocates nothing while it is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sayso::compose::{self, Node};
use sayso_access::{Ctx, Via};
use sayso_config::Settings;
use sayso_kernel::{Clock, Random};
use sayso_testkit::TestDatabase;
use serde_json::{Value, json};

/// Allocations of a request at the most: what it took when this was written, and
/// a fifth. Whoever saves some lowers it; whoever needs more says what for.
const CEILINGS: [(&str, u64); 5] = [
    ("get a task", 100),
    ("list 20 tasks", 400),
    ("create a task", 350),
    ("update a task", 410),
    ("send a message", 250),
];

/// Each is asked so often, and the least counts: what the log does at the same
/// time allocates as well.
const TIMES: usize = 60;
/// The first ones prepare statements and fill what is kept.
const WARM_UP: usize = 20;
/// The server rests when nothing was allocated for so long, or after so long.
const RESTS: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(400));

struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise; it only counts")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_hot_request_allocates_no_more_than_it_may() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (node, code, database) = runtime.block_on(started());
    let mut asker = Asker::connect(node.address);
    asker.found(&code);
    let task = asker.fill();

    let counted = [
        asker.count(|_| ("GET", format!("/api/tasks/{}", task.id), Value::Null)),
        asker.count(|_| ("GET", "/api/tasks?limit=20".to_owned(), Value::Null)),
        asker.count(|at| ("POST", "/api/tasks".to_owned(), new_task(&task.channel, at))),
        asker.count(|at| {
            let body = json!({ "title": format!("Changed, {at}"), "version": at + 1 });
            ("PATCH", format!("/api/tasks/{}", task.id), body)
        }),
        asker.count(|at| {
            let path = format!("/api/channels/{}/messages", task.channel);
            ("POST", path, json!({ "content": format!("Said, {at}") }))
        }),
    ];

    drop(asker);
    runtime.block_on(node.shutdown());
    drop(database);
    for ((name, ceiling), count) in CEILINGS.into_iter().zip(counted) {
        eprintln!("{name}: {count} allocations, {ceiling} at the most");
    }
    let over = over(CEILINGS, counted);
    assert!(over.is_empty(), "{over:#?}");
    // Nothing was counted if half of it were enough.
    let halved = CEILINGS.map(|(name, ceiling)| (name, ceiling / 2));
    assert_eq!(self::over(halved, counted).len(), CEILINGS.len());
}

/// What took more than it may.
fn over(ceilings: [(&str, u64); 5], counted: [u64; 5]) -> Vec<String> {
    let both = ceilings.into_iter().zip(counted);
    let over = both.filter(|((_, ceiling), count)| count > ceiling);
    over.map(|((name, ceiling), count)| format!("{name}: {count}, {ceiling} at the most")).collect()
}

async fn started() -> (Node, String, TestDatabase) {
    let database = TestDatabase::new().await;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("allocations");
    let environment = [
        ("DATABASE_URL", database.app_url()),
        ("SAYSO_DATABASE__OWNER_URL", database.owner_url()),
        ("SAYSO_DATA_DIR", folder.display().to_string()),
        ("SAYSO_HTTP__LISTEN", "127.0.0.1:0".to_owned()),
        ("SAYSO_AUTH__BCRYPT_COST", "4".to_owned()),
        ("SAYSO_LIMITS__READ_PER_MINUTE", "1000000".to_owned()),
        ("SAYSO_LIMITS__WRITE_PER_MINUTE", "1000000".to_owned()),
    ];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value));
    let settings = Settings::load(None, environment, Vec::new()).expect("settings");
    let node = compose::start(&settings, Clock::System, Random::seeded(7)).await.expect("a node");
    let ctx =
        Ctx::anonymous(Via::System, node.auth.app.clock.clone(), node.auth.app.random.clone());
    let code = sayso_auth::create_setup_code(&node.auth.app.db, &ctx).await.expect("a code");
    (node, code.expect("nobody is in here yet"), database)
}

/// What is read and changed.
struct Task {
    id: String,
    channel: String,
}

fn new_task(channel: &str, at: usize) -> Value {
    json!({
        "title": format!("Measure the watering plan, part {at}"), "channelId": channel,
        "description": "Measure before and after, and say what changed.", "tags": ["garden"],
    })
}

/// A client with one connection.
struct Asker {
    stream: TcpStream,
    token: Option<String>,
    buffer: Vec<u8>,
}

impl Asker {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, token: None, buffer: vec![0; 1 << 20] }
    }

    /// The first person comes in.
    fn found(&mut self, code: &str) {
        let body = json!({
            "code": code, "email": "ada@example.com", "name": "Ada",
            "password": "correct horse battery staple",
        });
        let told = self.ask("POST", "/api/setup", &body);
        self.token = Some(told["accessToken"].as_str().expect("a token").to_owned());
    }

    /// A channel with tasks in it.
    fn fill(&mut self) -> Task {
        let channel = self.ask("POST", "/api/channels", &json!({ "name": "garden" }));
        let channel = channel["id"].as_str().expect("a channel").to_owned();
        let mut id = None;
        for at in 0..25 {
            id = self.ask("POST", "/api/tasks", &new_task(&channel, at))["id"]
                .as_str()
                .map(str::to_owned);
        }
        Task { id: id.expect("a task"), channel }
    }

    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let request = self.request(method, path, body);
        let (status, length) = self.asked(&request);
        let text = String::from_utf8_lossy(&self.buffer[..length]).into_owned();
        assert!((200..300).contains(&status), "{method} {path}: {text}");
        let (_, body) = text.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).expect("JSON")
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Vec<u8> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{}\r\n{body}",
            body.len(),
            token.unwrap_or_default()
        )
        .into_bytes()
    }

    /// Sends a request and reads the whole answer; nothing here allocates.
    fn asked(&mut self, request: &[u8]) -> (u16, usize) {
        self.stream.write_all(request).expect("it is sent");
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[length..]).expect("it is answered");
            assert!(read > 0, "the server ended the connection");
            length += read;
            if let Some(whole) = whole(&self.buffer[..length]) {
                assert_eq!(whole, length);
                return (status(&self.buffer), length);
            }
        }
    }

    /// The least that one of many requests allocated.
    fn count(&mut self, make: impl Fn(usize) -> (&'static str, String, Value)) -> u64 {
        let mut least = u64::MAX;
        for at in 0..TIMES + WARM_UP {
            let (method, path, body) = make(at);
            let request = self.request(method, &path, &body);
            until_rest();
            let before = COUNT.load(Ordering::Relaxed);
            let (status, _) = self.asked(&request);
            let count = COUNT.load(Ordering::Relaxed) - before;
            assert!((200..300).contains(&status), "{method} {path}: {status}");
            if at >= WARM_UP {
                least = least.min(count);
            }
        }
        least
    }
}

/// Where the answer ends, once its head is there.
fn whole(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let name = b"content-length: ";
    let at = answer[..head].windows(name.len()).position(|some| some.eq_ignore_ascii_case(name))?;
    let digits = answer[at + name.len()..head].iter().take_while(|byte| byte.is_ascii_digit());
    let length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    (answer.len() >= head + 4 + length).then_some(head + 4 + length)
}

fn status(answer: &[u8]) -> u16 {
    answer[9..12].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
}

/// Waits until the server has done what the last request left behind.
fn until_rest() {
    let begun = Instant::now();
    let (mut seen, mut since) = (COUNT.load(Ordering::Relaxed), Instant::now());
    while since.elapsed() < RESTS.0 && begun.elapsed() < RESTS.1 {
        std::thread::park_timeout(RESTS.0 / 8);
        let now = COUNT.load(Ordering::Relaxed);
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
    }
}
