//! Where the network ends: addresses, origins, and what may be read in two
//! ways.

use std::net::SocketAddr;

use axum::body::Body;
use http::{Request, StatusCode};
use sayso_web::Connection;
use tokio_util::sync::CancellationToken;

use crate::demo::{Answer, get_with, send};

/// Off the wire, from this peer.
async fn from(peer: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
    let mut request = Request::get(uri).extension(Connection::new(peer, CancellationToken::new()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Body::empty()).expect("a request")).await
}

const HOST: (&str, &str) = ("host", "sayso.example");

#[tokio::test]
async fn only_a_listed_proxy_says_where_a_request_comes_from() {
    let spoofed = ("x-forwarded-for", "6.6.6.6, 203.0.113.9");
    for (peer, address) in [("192.0.2.7", "192.0.2.7"), ("10.0.0.1", "203.0.113.9")] {
        let answer = from(peer, "/who", &[HOST, spoofed]).await;
        assert_eq!(answer.json()["address"], address, "behind {peer}");
    }
}

#[tokio::test]
async fn tls_is_made_a_habit_only_where_a_proxy_ends_it() {
    let tls = ("x-forwarded-proto", "https");
    let told = "strict-transport-security";

    assert_eq!(from("10.0.0.1", "/big", &[HOST, tls]).await.header(told), "max-age=31536000");
    assert_eq!(from("10.0.0.1", "/big", &[HOST]).await.header(told), "");
    assert_eq!(from("192.0.2.7", "/big", &[HOST, tls]).await.header(told), "");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let twice = [HOST, ("host", "evil.example")];

    for headers in [&[][..], &twice[..]] {
        let answer = from("192.0.2.7", "/big", headers).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json()["errors"][0]["header"], "Host");
    }
    assert_eq!(from("192.0.2.7", "/big", &[HOST]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_gets_no_socket() {
    for (origin, is_let_in) in [
        ("https://app.example", true),
        ("HTTPS://APP.example", true),
        ("http://sayso.example", true),
        ("https://evil.example", false),
        ("https://app.example.evil", false),
        ("https://sayso.example.evil", false),
        ("null", false),
        ("", false),
    ] {
        let answer = from("192.0.2.7", "/held/now", &[HOST, ("origin", origin)]).await;
        let status = if is_let_in { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, status, "{origin}");
        if !is_let_in {
            assert_eq!(answer.json()["code"], "origin.not_allowed");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
    assert_eq!(from("192.0.2.7", "/held/now", &[HOST]).await.status, StatusCode::OK);
    let bare = from("192.0.2.7", "/held", &[HOST, ("origin", "https://evil.example")]).await;
    assert_eq!(bare.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn trace_is_refused_wherever_it_is_sent() {
    for uri in ["/big", "/nowhere", "/held/now"] {
        let request = Request::builder().method("TRACE").uri(uri);
        let answer = send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{uri}");
        assert!(answer.headers.contains_key("allow"), "{uri}");
    }
}

#[tokio::test]
async fn no_answer_says_what_it_was_made_with() {
    for uri in ["/big", "/nowhere", "/panic"] {
        let answer = get_with(uri, &[]).await;
        for name in ["server", "x-powered-by", "via"] {
            assert!(!answer.headers.contains_key(name), "{uri}: {name}");
        }
    }
}

#[tokio::test]
async fn a_least_position_is_read_and_one_of_the_past_or_of_another_history_is_no_wait() {
    for bad in ["42", "e1:", "e1:-1", "e1:4x", ":42", "e 1:4", "e1:99999999999999999999"] {
        let answer = get_with("/big", &[("sayso-min-position", bad)]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
        assert_eq!(answer.json()["errors"][0]["header"], "Sayso-Min-Position");
    }
    let twice = [("sayso-min-position", "e1:1"), ("sayso-min-position", "e1:2")];
    assert_eq!(get_with("/big", &twice).await.status, StatusCode::BAD_REQUEST);
    for good in ["e1:0", "e1:42", "e9:1000"] {
        assert_eq!(get_with("/big", &[("sayso-min-position", good)]).await.status, StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_still_to_come_is_waited_for_a_moment_and_then_answered() {
    let before = tokio::time::Instant::now();

    let answer = get_with("/big", &[("sayso-min-position", "e1:43")]).await;

    assert_eq!(answer.status, StatusCode::OK);
    assert!((250..300).contains(&before.elapsed().as_millis()), "{:?}", before.elapsed());
}
