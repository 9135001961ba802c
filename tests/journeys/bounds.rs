//! What no client has a right to: memory as large as they like, and a place in
//! a list that they were never given.

use std::fs;

use futures_util::future::join_all;
use sayso_testkit::{Client, ProcessSetup, TestDatabase};
use serde_json::{Value, json};

use crate::company::{Company, open_channel};
use crate::wire::{Heard, say};

/// Clients at once.
const CLIENTS: usize = 24;
/// What each sends, and what the server may grow by for all of them.
const SENT: usize = 20 << 20;
const GROWS_MAX: usize = 96 << 20;
/// What is answered to them; nothing to who is cut off while sending.
const REFUSED: [u16; 5] = [0, 400, 413, 415, 431];

/// The most memory that a process has had so far, in bytes.
pub fn peak(pid: i32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// A request as large as it gets, in every way to send it.
fn oversized(ceo: &Client) -> [(&'static str, Vec<u8>); 5] {
    let token = ceo.login["accessToken"].as_str().unwrap();
    let head = |more: &str| {
        format!(
            "POST /api/tasks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\n{more}\r\n"
        )
        .into_bytes()
    };
    let text = format!("{{\"title\":\"{}\"}}", "x".repeat(SENT)).into_bytes();
    let deep = format!("{{\"title\":\"a\",\"metadata\":{}", "{\"a\":".repeat(SENT / 5));
    let in_pieces = [format!("{:x}\r\n", text.len()).as_bytes(), &text, b"\r\n0\r\n\r\n"].concat();
    let with_length = |more: &str, body: &[u8]| {
        [head(&format!("{more}Content-Length: {}\r\n", body.len())), body.to_vec()].concat()
    };
    [
        ("a long text", with_length("", &text)),
        ("in pieces", [head("Transfer-Encoding: chunked\r\n"), in_pieces].concat()),
        ("in depth", with_length("", deep.as_bytes())),
        ("said to be packed", with_length("Content-Encoding: gzip\r\n", &text)),
        ("in a header", head(&format!("X-A: {}\r\n", "x".repeat(SENT)))),
    ]
}

/// Sends some of these to a server from everybody at once; how much it grew by
/// and what it answered.
async fn grown(setup: ProcessSetup, kinds: usize) -> (usize, Vec<(&'static str, Vec<u16>)>) {
    let company = Company::found(setup).await;
    let (url, pid) = (company.server.url(), company.server.pid().unwrap());
    for _ in 0..20 {
        company.ceo.get("/api/tasks").await.expect(200);
    }
    let before = peak(pid);
    let mut answers = Vec::new();
    for (what, request) in oversized(&company.ceo).iter().take(kinds) {
        let heard = join_all((0..CLIENTS).map(|_| say(&url, request))).await;
        answers.push((*what, heard.iter().map(Heard::status).collect()));
    }
    company.ceo.get("/api/tasks").await.expect(200);
    // The system counts by the page of each core: of no growth it may make less.
    (peak(pid).saturating_sub(before), answers)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn however_much_is_sent_at_once_the_server_grows_by_a_fraction_of_it() {
    let database = TestDatabase::new().await;

    let (grown, answers) = grown(ProcessSetup::on(&database), usize::MAX).await;

    for (what, statuses) in &answers {
        assert!(statuses.iter().all(|status| REFUSED.contains(status)), "{what}: {statuses:?}");
        assert!(statuses.iter().any(|status| *status != 0), "{what}: {statuses:?}");
    }
    assert_eq!(answers.len(), 5);
    eprintln!("grown by {} KiB for {} MiB at a time", grown / 1024, (CLIENTS * SENT) >> 20);
    assert!(grown < GROWS_MAX, "{grown}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_server_that_reads_whatever_is_sent_is_convicted() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_HTTP__BODY_MAX_BYTES", "67108864");

    let (grown, answers) = grown(setup, 1).await;

    assert!(grown > GROWS_MAX, "{grown} for {answers:?}");
}

/// Lists with at least two things in them, in all of which the CEO may look.
async fn lists(company: &Company) -> Vec<String> {
    let Company { ceo, ann, .. } = company;
    let channel = open_channel(ceo, "board", &[ann]).await;
    open_channel(ceo, "launch", &[ann]).await;
    let mut task = Value::Null;
    for n in 0..2 {
        let message = json!({ "content": format!("message {n}") });
        ceo.post(&format!("/api/channels/{channel}/messages"), message).await.expect(201);
        let title = json!({ "title": format!("Task {n}"), "channelId": channel });
        task = ceo.post("/api/tasks", title).await.expect(201)["id"].clone();
    }
    let task = task.as_str().unwrap();
    for n in 0..2 {
        let comment = json!({ "content": format!("comment {n}") });
        ceo.post(&format!("/api/tasks/{task}/comments"), comment).await.expect(201);
    }
    vec![
        "/api/tasks".into(),
        "/api/tasks?sort=title".into(),
        "/api/tasks?status=todo".into(),
        "/api/channels".into(),
        "/api/users".into(),
        "/api/audit".into(),
        format!("/api/channels/{channel}/messages"),
        format!("/api/channels/{channel}/members"),
        format!("/api/tasks/{task}/comments"),
    ]
}

fn with(list: &str, question: &str) -> String {
    format!("{list}{}{question}", if list.contains('?') { '&' } else { '?' })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_one_list_opens_no_other_and_neither_does_a_made_up_one() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let (ceo, lists) = (&company.ceo, lists(&company).await);
    let mut cursors = Vec::new();
    for list in &lists {
        let page = ceo.get(&with(list, "limit=1")).await.expect(200);
        let cursor = page["nextCursor"].as_str().unwrap_or_else(|| panic!("{list}: {page}"));
        let next = ceo.get(&with(list, &format!("limit=1&cursor={cursor}"))).await.expect(200);
        assert_ne!(next["items"], page["items"], "{list}");
        cursors.push((list, cursor.to_owned()));
    }

    for list in &lists {
        for (of, cursor) in cursors.iter().filter(|(of, _)| *of != list) {
            let answer = ceo.get(&with(list, &format!("limit=1&cursor={cursor}"))).await;
            assert_eq!(answer.status, 422, "{list} with a cursor of {of}: {}", answer.text);
        }
        let own = &cursors.iter().find(|(of, _)| *of == list).unwrap().1;
        let cut = &own[..own.len() - 2];
        let other = format!("{cut}AA");
        for made_up in [cut, &other, "AAAA", "a b", "%00", &"A".repeat(4000)] {
            let made_up = made_up.replace(' ', "%20");
            let answer = ceo.get(&with(list, &format!("limit=1&cursor={made_up}"))).await;
            assert_eq!(answer.status, 422, "{list} with {made_up}: {}", answer.text);
        }
    }
}
