//! What stands around every route.

use std::net::SocketAddr;

use axum::body::Body;
use http::{Method, Request, StatusCode};
use sayso_web::Connection;
use tokio_util::sync::CancellationToken;

use crate::demo::{get_with, request, send};

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_problems() {
    let path = get_with("/nowhere", &[]).await;
    let method = send(request(Method::DELETE, "/things", &[], "")).await;

    assert_eq!(path.status, StatusCode::NOT_FOUND);
    assert_eq!(path.json()["code"], "resource.not_found");
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(method.json()["code"], "request.method_not_allowed");
    let mut allowed: Vec<_> = method.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "PATCH", "POST", "PUT"]);
}

#[tokio::test]
async fn a_panic_is_a_fault_of_one_request_and_tells_nothing() {
    let answer = get_with("/panic", &[]).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["code"], "server.internal");
    assert!(!String::from_utf8_lossy(&answer.body).contains("on purpose"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up_unless_it_is_held_on_purpose() {
    let slow = get_with("/slow", &[]).await;

    assert_eq!(slow.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(slow.json()["code"], "server.timeout");
    assert_eq!(slow.header("retry-after"), "1");

    let hour = std::time::Duration::from_secs(3600);
    let held = tokio::time::timeout(hour, get_with("/held/slow", &[])).await;
    assert!(held.is_err(), "it is still held");
}

#[tokio::test]
async fn a_sane_request_id_comes_back_and_another_is_replaced() {
    let long = "x".repeat(129);
    assert_eq!(get_with("/big", &[("x-request-id", "r-1")]).await.header("x-request-id"), "r-1");
    for id in ["a b", "", &long] {
        let given = get_with("/big", &[("x-request-id", id)]).await;
        assert_ne!(given.header("x-request-id"), id);
        assert_eq!(given.header("x-request-id").len(), 36);
    }
}

#[tokio::test]
async fn the_position_and_the_guards_of_browsers_are_on_every_answer() {
    for uri in ["/big", "/nowhere", "/panic"] {
        let answer = get_with(uri, &[]).await;
        assert_eq!(answer.header("sayso-position"), "e1:42", "{uri}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{uri}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{uri}");
    }
}

#[tokio::test]
async fn an_allowed_origin_may_read_answers_and_refusals_another_may_not() {
    for (origin, shown) in [
        ("https://app.example", "https://app.example"),
        ("https://evil.example", ""),
        ("https://app.example.evil", ""),
    ] {
        for uri in ["/big", "/nowhere"] {
            let answer = get_with(uri, &[("origin", origin)]).await;
            assert_eq!(answer.header("access-control-allow-origin"), shown, "{origin} {uri}");
            assert!(answer.headers.get_all("vary").iter().any(|value| value == "Origin"));
        }
    }
    let answer = get_with("/big", &[("origin", "https://app.example")]).await;
    assert_eq!(
        answer.header("access-control-expose-headers"),
        "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id, \
         Idempotent-Replayed, Sayso-Position"
    );
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn a_preflight_is_answered_before_the_routes() {
    let headers = [("origin", "https://app.example"), ("access-control-request-method", "PATCH")];

    let answer = send(request(Method::OPTIONS, "/things", &headers, "")).await;

    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.header("access-control-allow-methods").contains("PATCH"));
    assert!(answer.header("access-control-allow-headers").contains("Idempotency-Key"));
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
}

#[tokio::test]
async fn the_context_knows_the_address_and_a_tame_user_agent() {
    let peer: SocketAddr = "[::ffff:192.0.2.7]:4711".parse().expect("an address");
    let agent = format!("a\tb{}", "x".repeat(400));
    let asked = Request::builder()
        .uri("/who")
        .header("host", "sayso.example")
        .header("user-agent", agent)
        .extension(Connection::new(peer, CancellationToken::new()))
        .body(Body::empty())
        .expect("the request is well-formed");

    let answer = send(asked).await;

    assert_eq!(answer.json()["address"], "192.0.2.7");
    let agent = answer.json()["agent"].as_str().expect("a text").to_owned();
    assert!(agent.starts_with("a b") && agent.chars().count() == 256, "{agent}");
}
