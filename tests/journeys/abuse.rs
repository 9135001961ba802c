//! What no honest client sends: the real server answers it promptly and
//! rightly, keeps nothing of it, and goes on serving everybody else.

use std::time::{Duration, Instant};

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, TestDatabase, read, until};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::company::{Company, PASSWORD};
use crate::truth::Truth;
use crate::wire::{Heard, PROMPTLY, connect, hear, say};

/// What a request and a head may take in these tests.
const PATIENCE: Duration = Duration::from_millis(1500);
const SLOW_CLIENTS: usize = 100;

async fn impatient() -> (Company, TestDatabase) {
    let database = TestDatabase::new().await;
    let patience = PATIENCE.as_millis().to_string();
    let setup = ProcessSetup::on(&database)
        .env("SAYSO_HTTP__REQUEST_TIMEOUT_MS", patience.clone())
        .env("SAYSO_HTTP__HEADER_READ_TIMEOUT_MS", patience);
    (Company::found(setup).await, database)
}

/// A request with a token and whatever else.
fn request(client: &Client, line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let token = client.login["accessToken"].as_str().unwrap();
    let head =
        format!("{line} HTTP/1.1\r\nHost: sayso\r\nAuthorization: Bearer {token}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn json_request(client: &Client, body: &[u8]) -> Vec<u8> {
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    request(client, "POST /api/tasks", &headers, body)
}

#[track_caller]
fn is_refused(what: &str, heard: &Heard, statuses: &[u16]) {
    let shown: String = heard.text.chars().take(600).collect();
    assert!(statuses.contains(&heard.status()), "{what}: {shown}");
    assert!(heard.took < PROMPTLY, "{what} took {:?}", heard.took);
    assert_eq!(heard.answers(), 1, "{what} is one request: {shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_none_are_refused_and_nothing_is_written() {
    let (company, database) = impatient().await;
    let (ceo, url) = (&company.ceo, company.server.url());
    let truth = Truth::of(&database.app_config()).await;
    let before = truth.count("tasks").await;
    let deep = format!("{{\"title\":\"a\",\"metadata\":{}1", "{\"a\":".repeat(100_000));
    let ids = vec!["\"01900000-0000-7000-8000-000000000000\""; 10_000].join(",");
    let many = format!("{{\"title\":\"a\",\"assignedTo\":[{ids}]}}");

    let table: [(&str, &[u8], u16); 10] = [
        ("NUL", b"{\"title\":\"a\\u0000b\"}", 422),
        ("a lone surrogate", b"{\"title\":\"\\ud800\"}", 422),
        ("half a pair", b"{\"title\":\"\\udc00\\ud800\"}", 422),
        ("invalid UTF-8", b"{\"title\":\"\xff\xfe\"}", 400),
        ("an overlong encoding", b"{\"title\":\"\xc0\xaf\"}", 400),
        ("depth", deep.as_bytes(), 400),
        ("a number beyond numbers", b"{\"title\":\"a\",\"metadata\":{\"n\":1e400}}", 400),
        ("a key that comes twice", b"{\"title\":\"a\",\"title\":\"b\"}", 400),
        ("ten thousand entries", many.as_bytes(), 422),
        ("a raw control character", b"{\"title\":\"a\x00b\"}", 400),
    ];
    for (what, body, status) in table {
        is_refused(what, &say(&url, &json_request(ceo, body)).await, &[status]);
    }
    assert_eq!(truth.count("tasks").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_beyond_the_limits_are_refused_before_they_are_read() {
    let (company, _database) = impatient().await;
    let (ceo, url) = (&company.ceo, company.server.url());
    let json = "Content-Type: application/json\r\n";
    let large = vec![b'x'; 20 << 20];
    let length = format!("{json}Content-Length: {}\r\n", large.len());
    let chunked: Vec<u8> =
        [format!("{:x}\r\n", large.len()).as_bytes(), &large[..], b"\r\n0\r\n\r\n"].concat();
    let flood: String = (0..5000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let long = "x".repeat(200 * 1024);

    let table: [(&str, Vec<u8>, &[u16]); 8] = [
        ("20 MB", request(ceo, "POST /api/tasks", &length, &large), &[413]),
        (
            "20 MB in pieces",
            request(
                ceo,
                "POST /api/tasks",
                &format!("{json}Transfer-Encoding: chunked\r\n"),
                &chunked,
            ),
            &[413],
        ),
        (
            "99 GB, declared",
            request(
                ceo,
                "POST /api/tasks",
                &format!("{json}Content-Length: 99000000000\r\n"),
                b"{",
            ),
            &[413],
        ),
        (
            "a length beyond numbers",
            request(
                ceo,
                "POST /api/tasks",
                &format!("{json}Content-Length: {}\r\n", "9".repeat(30)),
                b"{",
            ),
            &[400, 413],
        ),
        (
            "a compressed body",
            request(
                ceo,
                "POST /api/tasks",
                &format!("{json}Content-Encoding: gzip\r\nContent-Length: 4\r\n"),
                b"\x1f\x8b\x08\x00",
            ),
            &[415],
        ),
        ("5,000 headers", request(ceo, "GET /api/tasks", &flood, b""), &[431]),
        ("a long header", request(ceo, "GET /api/tasks", &format!("X-A: {long}\r\n"), b""), &[431]),
        (
            "a long path",
            request(ceo, &format!("GET /api/tasks?search={long}"), "", b""),
            &[414, 431],
        ),
    ];
    for (what, bytes, statuses) in table {
        is_refused(what, &say(&url, &bytes).await, statuses);
    }
    assert_eq!(ceo.get("/api/auth/me").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_servers_could_read_differently_is_refused_or_ends_the_connection() {
    let (company, _database) = impatient().await;
    let (ceo, url) = (&company.ceo, company.server.url());
    let get = |headers: &str| format!("GET /health/live HTTP/1.1\r\n{headers}\r\n").into_bytes();

    let table: [(&str, Vec<u8>, &[u16]); 14] = [
        ("two hosts", get("Host: a\r\nHost: b\r\n"), &[400]),
        ("no host", get(""), &[400]),
        ("a folded header", get("Host: a\r\nX-A: b\r\n c\r\n"), &[400]),
        ("a space before the colon", get("Host : a\r\n"), &[400]),
        ("a header without a name", get("Host: a\r\n: b\r\n"), &[400]),
        ("NUL in a header", get("Host: a\r\nX-A: b\0c\r\n"), &[400]),
        (
            "two lengths",
            request(ceo, "POST /api/tasks", "Content-Length: 1\r\nContent-Length: 2\r\n", b"{}"),
            &[400],
        ),
        (
            "a negative length",
            request(ceo, "POST /api/tasks", "Content-Length: -1\r\n", b""),
            &[400],
        ),
        (
            "a length with a sign",
            request(ceo, "POST /api/tasks", "Content-Length: +2\r\n", b"{}"),
            &[400],
        ),
        (
            "an unknown transfer",
            request(ceo, "POST /api/tasks", "Transfer-Encoding: gzip\r\n", b"{}"),
            &[400],
        ),
        (
            "chunked, but not at last",
            request(ceo, "POST /api/tasks", "Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"),
            &[400],
        ),
        (
            "chunked in HTTP/1.0",
            b"POST /api/tasks HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_vec(),
            &[400],
        ),
        (
            "a chunk that has no size",
            request(
                ceo,
                "POST /api/tasks",
                "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                b"zz\r\n{}\r\n0\r\n\r\n",
            ),
            &[400],
        ),
        ("nonsense", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
    ];
    for (what, bytes, statuses) in table {
        let heard = say(&url, &bytes).await;
        is_refused(what, &heard, statuses);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_length_and_pieces_is_the_last_of_its_connection() {
    let (company, _database) = impatient().await;
    let (ceo, url) = (&company.ceo, company.server.url());
    let token = ceo.login["accessToken"].as_str().unwrap();
    let second = "GET /api/auth/me HTTP/1.1\r\nHost: sayso\r\n\r\n";
    // The pieces count, and what follows is nobody's.
    for order in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
    ] {
        let head = format!(
            "POST /api/tasks HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n{order}\r\n\r\n"
        );
        let heard = say(&url, format!("{head}0\r\n\r\n{second}").as_bytes()).await;
        assert!(heard.is_closed && heard.answers() == 1, "{order}: {heard:?}");
        assert!((400..500).contains(&heard.status()), "{order}: {heard:?}");
    }
    // A bare line feed ends a line here as RFC 9112 allows, always and alike.
    let heard = say(&url, b"GET /health/live HTTP/1.1\nHost: a\n\n").await;
    assert!(heard.answers() == 1 && heard.status() < 500, "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_methods_paths_and_numbers_are_refused_in_their_place() {
    let (company, _database) = impatient().await;
    let (ceo, url) = (&company.ceo, company.server.url());
    for method in ["TRACE", "TRACK", "FOO", "PROPFIND", "DELETE", "OPTIONS"] {
        let heard = say(&url, &request(ceo, &format!("{method} /api/tasks"), "", b"")).await;
        is_refused(method, &heard, &[405]);
        assert!(heard.text.to_lowercase().contains("\r\nallow: "), "{method}: {heard:?}");
    }
    is_refused(
        "CONNECT",
        &say(&url, &request(ceo, "CONNECT a:443", "", b"")).await,
        &[400, 404, 405],
    );
    for path in [
        "/api/../../etc/passwd",
        "/api/tasks/..%2f..%2fetc%2fpasswd",
        "/api/tasks/%00",
        "/api/tasks/%ff",
        "/api/tasks/%2e%2e",
        "//api/tasks",
        "/API/tasks",
        "/api/tasks/",
        "/docs/../etc",
    ] {
        is_refused(path, &say(&url, &request(ceo, &format!("GET {path}"), "", b"")).await, &[404]);
    }
    let ids = vec!["01900000-0000-7000-8000-000000000000"; 1500].join(",");
    for query in [
        "limit=-1",
        "limit=0",
        "limit=101",
        "limit=9223372036854775808",
        "limit=1e2",
        "offset=9223372036854775808",
        "cursor=AAAA",
        "search=%00",
        "search=%ff",
        "status=todo%00",
        "limit=1&limit=2",
        &format!("assignedTo={ids}"),
    ] {
        let line = format!("GET /api/tasks?{query}");
        let shown = &query[..query.len().min(40)];
        is_refused(shown, &say(&url, &request(ceo, &line, "", b"")).await, &[422]);
    }
    let operators = "a%20%26%20!b%20%7C%20(c:*%20%3C-%3E%20'";
    let found = ceo.get(&format!("/api/search?q={operators}")).await;
    assert_eq!(found.status, 200, "{}", found.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_bodies_and_readers_are_let_go_and_others_are_served_meanwhile() {
    let (company, _database) = impatient().await;
    let (ceo, url) = (&company.ceo, company.server.url());
    let mut heads = Vec::new();
    let mut bodies = Vec::new();
    let mut readers = Vec::new();
    let started = Instant::now();
    for _ in 0..SLOW_CLIENTS {
        let mut head = connect(&url).await;
        head.write_all(b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-A:").await.unwrap();
        heads.push(head);
        let mut body = connect(&url).await;
        let headers = "Content-Type: application/json\r\nContent-Length: 100\r\n";
        let bytes = request(ceo, "POST /api/tasks", headers, b"{\"title\":");
        body.write_all(&bytes).await.unwrap();
        bodies.push(body);
        let mut reader = connect(&url).await;
        let asked = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20);
        reader.write_all(asked.as_bytes()).await.unwrap();
        readers.push(reader);
    }

    let health = Client::anonymous(&url);
    for _ in 0..20 {
        let asked = Instant::now();
        let answer = read(health.request(Method::GET, "/health/live")).await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let mut given_up = 0;
    for body in &mut bodies {
        let heard = hear(body, 10 * PATIENCE, started).await;
        assert!(heard.status() == 503 && heard.is_closed, "{heard:?}");
        given_up += usize::from(heard.text.contains("server.timeout"));
    }
    // On a busy machine some are told that the database is busy as well.
    assert!(given_up > 0);
    for head in &mut heads {
        let heard = hear(head, 10 * PATIENCE, started).await;
        assert!(heard.is_closed, "{heard:?}");
    }
    drop(readers);
    assert_eq!(ceo.get("/api/tasks").await.status, 200);
}

/// What would paint a terminal, and pretend to be a line of the log.
const FORGED: &str = "\r\n2026-01-01T00:00:00Z  INFO forged \x1b[31m";

#[tokio::test(flavor = "multi_thread")]
async fn what_clients_send_of_themselves_is_one_tame_line_of_the_audit_and_of_no_log() {
    for format in ["pretty", "json"] {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database)
            .env("SAYSO_LOG__FORMAT", format)
            .env("SAYSO_LOG__FILTER", "debug,tokio_postgres=info");
        let company = Company::found(setup).await;
        let url = company.server.url();
        let body = json!({ "email": "ceo@example.com", "password": "not-the-password-at-all" });
        let body = body.to_string();
        let login = |agent: &str| {
            format!(
                "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\n\
                 X-Forwarded-For: 6.6.6.6\r\nX-Request-Id: r-77\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len(),
            )
        };

        let long = format!("\tred{}", "a".repeat(20_000));
        is_refused("a wrong password", &say(&url, login(&long).as_bytes()).await, &[401]);
        is_refused("an escape", &say(&url, login("\x1b[31mred").as_bytes()).await, &[400]);
        let endless = "a".repeat(1_000_000);
        is_refused("a long agent", &say(&url, login(&endless).as_bytes()).await, &[431]);
        let forged = json!({ "email": format!("a{FORGED}@example.com"), "password": FORGED });
        let reply = company.ann.post("/api/auth/login", forged).await;
        assert!(reply.status.is_client_error(), "{}", reply.text);
        let device = json!({ "email": "ann@example.com", "password": PASSWORD,
            "deviceName": FORGED });
        company.ann.post("/api/auth/login", device).await;
        company.ceo.get("/api/nothing%0d%0a2026%20INFO%20forged%1b%5b31m?a=%0d%0a%1b").await;
        let task = json!({ "title": FORGED, "description": FORGED });
        company.ceo.post("/api/tasks", task).await;

        let entry = until("the refusal in the audit", PROMPTLY, async || {
            let page = company.ceo.get("/api/audit?action=auth.login_refused").await.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            items.into_iter().find(|entry| entry["requestId"] == "r-77")
        })
        .await;
        assert_eq!(entry["address"], "127.0.0.1", "nobody listed says otherwise");
        let kept = entry["agent"].as_str().unwrap();
        assert!(kept.chars().count() == 256 && !kept.chars().any(char::is_control), "{kept}");
        let log = company.server.log();
        assert!(log.contains("/api/auth/login"), "{format}: {log}");
        assert!(!log.contains("not-the-password-at-all") && !log.contains('\x1b'), "{log}");
        assert!(!log.lines().any(|line| line.starts_with("2026-01-01")), "{format}: {log}");
        if format == "json" {
            let forged = log.lines().find(|line| {
                line.contains("forged") && serde_json::from_str::<Value>(line).is_err()
            });
            assert_eq!(forged, None);
        }
    }
}
