//! Queries, paths and the headers that handlers ask for.

use http::{Method, StatusCode};
use serde_json::json;

use crate::demo::{get_with, request, send, wanted};

#[tokio::test]
async fn values_are_read_in_the_type_that_is_asked_for() {
    let uri = "/things?limit=5&colour=red,dark_blue&colour=red&overdue=true&search=+a%20b+\
               &dueFrom=2026-01-02T03:04:05Z";

    let answer = get_with(uri, &[]).await;

    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["nextCursor"], json!(null));
    let filter = &body["items"][0];
    assert_eq!(filter["limit"], 5);
    assert_eq!(filter["colour"], json!(["red", "dark_blue", "red"]));
    assert_eq!(filter["overdue"], true);
    assert_eq!(filter["search"], "a b");
    assert_eq!(filter["dueFrom"], "2026-01-02T03:04:05Z");
    assert_eq!(filter["owner"], json!(null));
}

#[tokio::test]
async fn a_limit_outside_its_bounds_is_refused() {
    for limit in ["-1", "0", "101", "abc", "", "1.5", "99999999999999999999", "5&limit=6"] {
        let answer = get_with(&format!("/things?limit={limit}"), &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{limit}");
        assert_eq!(answer.faults().len(), 1, "{limit}");
        assert_eq!(answer.faults()[0].0, "limit", "{limit}");
    }
    for limit in ["1", "100"] {
        let answer = get_with(&format!("/things?limit={limit}"), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{limit}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_query_is_told_at_once() {
    let uri = "/things?Limit=3&colour=red,green&dueFrom=now&overdue=yes&search=123456&owner=me\
               &search%00=a";

    let answer = get_with(uri, &[]).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.faults(),
        wanted(&[
            ("Limit", "field.unknown"),
            ("colour", "field.not_allowed"),
            ("dueFrom", "field.format"),
            ("overdue", "field.type"),
            ("owner", "field.format"),
            ("search", "field.too_long"),
            ("search\0", "field.characters"),
        ])
    );
}

#[tokio::test]
async fn a_route_without_a_query_takes_none() {
    let id = "00000000-0000-0000-0000-000000000001";

    let answer = get_with(&format!("/things/{id}?verbose=1"), &[]).await;

    assert_eq!(answer.faults(), wanted(&[("verbose", "field.unknown")]));
}

#[tokio::test]
async fn a_malformed_id_in_a_path_names_nothing() {
    for id in ["7", "%ff", "00000000-0000-0000-0000-00000000000g"] {
        let answer = get_with(&format!("/things/{id}"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{id}");
        assert_eq!(answer.json()["code"], "resource.not_found");
    }
}

#[tokio::test]
async fn a_version_comes_from_the_body_or_the_header_and_both_must_agree() {
    let put = async |if_match: Option<&str>, body: &str| {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(if_match.map(|tag| ("if-match", tag)));
        send(request(Method::PUT, "/things", &headers, body)).await
    };
    let (bare, with_version) = (r#"{"title":"a"}"#, r#"{"title":"a","version":3}"#);

    assert_eq!(put(Some("\"3-abcd\""), bare).await.json()["version"], 3);
    assert_eq!(put(Some("W/\"3-abcd\""), with_version).await.json()["version"], 3);
    assert_eq!(put(Some("*"), with_version).await.json()["version"], 3);
    assert_eq!(put(None, with_version).await.json()["version"], 3);
    assert_eq!(put(None, bare).await.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(put(Some("*"), bare).await.status, StatusCode::PRECONDITION_REQUIRED);
    let differs = put(Some("\"4-abcd\""), with_version).await;
    assert_eq!(differs.json()["code"], "request.contradictory_version");
    let garbage = put(Some("3"), bare).await;
    assert_eq!(garbage.status, StatusCode::BAD_REQUEST);
    assert_eq!(garbage.faults(), wanted(&[("If-Match", "header.invalid")]));
}

#[tokio::test]
async fn a_key_is_scoped_to_the_caller_and_the_path_and_bound_to_the_body() {
    let post = async |key: &str, path: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        send(request(Method::POST, path, &headers, body)).await.json()
    };

    let first = post("k1", "/keyed/1", "{}").await;

    assert_eq!(first[0], "00000000-0000-0000-0000-000000000007");
    assert_eq!(first[1], "POST /keyed/1");
    assert_eq!(first[2], "k1");
    assert_eq!(post("\"k1\"", "/keyed/1", "{}").await, first);
    assert_ne!(post("k1", "/keyed/1", "{ }").await[3], first[3]);
    assert_ne!(post("k1", "/keyed/2", "{}").await[1], first[1]);
}

#[tokio::test]
async fn a_key_that_is_garbage_or_sent_twice_or_unwanted_is_refused() {
    let json = ("content-type", "application/json");
    let garbage = [json, ("idempotency-key", "a b")];
    let twice = [json, ("idempotency-key", "a"), ("idempotency-key", "a")];
    for headers in [&garbage[..], &twice[..]] {
        let answer = send(request(Method::POST, "/keyed/1", headers, "{}")).await;
        assert_eq!(answer.json()["code"], "request.bad_header");
        assert_eq!(answer.faults(), wanted(&[("Idempotency-Key", "header.invalid")]));
    }

    let unwanted = [json, ("idempotency-key", "a")];
    let answer = send(request(Method::POST, "/things", &unwanted, "{}")).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["code"], "idempotency.not_supported");
}
