//! Bodies: everything that is wrong, at once and in its place.

use http::{Method, StatusCode};
use serde_json::json;

use crate::demo::{Thing, post_json, request, send, wanted};

#[tokio::test]
async fn a_valid_body_is_taken_trimmed_and_answered_with_its_place_and_tag() {
    let answer = post_json("/things", r#"{"title":"  ünï ","size":3.0,"tags":[" a "]}"#).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.json()["title"], "ünï");
    assert_eq!(answer.json()["tags"], json!(["a"]));
    assert_eq!(answer.json()["size"], 3);
    assert_eq!(answer.header("location"), "/things/1");
    assert!(answer.header("etag").starts_with("\"1-"));
    assert_eq!(answer.header("cache-control"), "private, no-cache");
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let body = json!({
        "note": "123456",
        "tags": ["ok", "long", "  "],
        "colour": "green",
        "size": 2_147_483_648_u32,
        "dueDate": "tomorrow",
        "owner": "me",
        "a/b ~": 1,
        "members": [
            "00000000-0000-0000-0000-000000000001",
            "nobody",
            { "userId": "x", "role": "red", "more": 1 },
            7,
        ],
        "place": { "room": "", "floor": "one", "door": 3 },
        "password": " 12345678901 ",
        "metadata": [],
    });

    let answer = post_json("/things", &body.to_string()).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    assert_eq!(body["code"], "request.invalid");
    assert_eq!(body["type"], "/docs/errors#request.invalid");
    assert_eq!(body["status"], 422);
    assert_eq!(body["requestId"], answer.header("x-request-id"));
    assert_eq!(
        answer.faults(),
        wanted(&[
            ("#/a~1b%20~0", "field.unknown"),
            ("#/colour", "field.not_allowed"),
            ("#/dueDate", "field.format"),
            ("#/members/1", "field.format"),
            ("#/members/2/more", "field.unknown"),
            ("#/members/2/userId", "field.format"),
            ("#/members/3", "field.invalid"),
            ("#/metadata", "field.type"),
            ("#/note", "field.too_long"),
            ("#/owner", "field.format"),
            ("#/place/door", "field.unknown"),
            ("#/place/floor", "field.type"),
            ("#/place/room", "field.blank"),
            ("#/size", "field.too_large"),
            ("#/tags", "field.too_many"),
            ("#/tags/1", "field.too_long"),
            ("#/tags/2", "field.blank"),
            ("#/title", "field.required"),
        ])
    );
}

#[tokio::test]
async fn a_body_of_another_type_is_wrong_as_a_whole() {
    for body in ["[]", "3", "\"x\"", "null"] {
        let answer = post_json("/things", body).await;
        assert_eq!(answer.faults(), wanted(&[("#", "field.type")]), "{body}");
    }
}

#[tokio::test]
async fn blank_and_too_long_count_after_trimming() {
    let blank = post_json("/things", r#"{"title":" \n\t "}"#).await;
    let long = post_json("/things", r#"{"title":" 12345678901 "}"#).await;
    let fits = post_json("/things", r#"{"title":"      1234567890     "}"#).await;

    assert_eq!(blank.faults(), wanted(&[("#/title", "field.blank")]));
    assert_eq!(long.faults(), wanted(&[("#/title", "field.too_long")]));
    assert_eq!(fits.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_password_is_not_trimmed() {
    let answer = post_json("/things", r#"{"title":"t","password":" 1234567890 "}"#).await;
    let short = post_json("/things", r#"{"title":"t","password":"1234567890"}"#).await;

    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(short.faults(), wanted(&[("#/password", "field.too_short")]));
}

#[tokio::test]
async fn nul_and_lone_surrogates_are_found_together_with_the_rest() {
    let body = r#"{"title":"a\u0000","tags":["x","\ud800"],"metadata":{"k\u0000":{"d":["\udc00"]}},
        "size":"big","note":"\ud83d\ude00"}"#;

    let answer = post_json("/things", body).await;

    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.faults(),
        wanted(&[
            ("#/metadata/k%00", "field.characters"),
            ("#/metadata/k%00/d/0", "field.characters"),
            ("#/size", "field.type"),
            ("#/tags/1", "field.characters"),
            ("#/title", "field.characters"),
        ])
    );
}

#[tokio::test]
async fn what_is_not_json_is_refused_as_unparsable() {
    let deep = format!("{{\"metadata\":{}", "[".repeat(500));
    for body in ["", "{", "{}{}", "{'a':1}", "\u{feff}{}", "{\"size\":1e999}", &deep] {
        let answer = post_json("/things", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json()["code"], "request.unparsable");
    }
}

#[tokio::test]
async fn a_key_that_appears_twice_is_refused() {
    let answer = post_json("/things", r#"{"title":"a","title":"b"}"#).await;

    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.faults(), wanted(&[("#/title", "field.repeated")]));
}

#[tokio::test]
async fn only_json_in_utf8_is_taken() {
    let post = async |headers: &[(&str, &str)]| {
        send(request(Method::POST, "/things", headers, r#"{"title":"a"}"#)).await.status
    };
    for media in ["text/plain", "application/merge-patch+json", "application/json; charset=latin1"]
    {
        assert_eq!(post(&[("content-type", media)]).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let json = ("content-type", "application/json;charset=UTF-8");
    let gzip = ("content-encoding", "gzip");
    assert_eq!(post(&[json, gzip]).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&[("content-length", "13")]).await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post(&[json]).await, StatusCode::CREATED);
}

#[tokio::test]
async fn a_patch_also_takes_a_merge_patch() {
    let media = [("content-type", "application/merge-patch+json")];
    let body = r#"{"title":"a","version":3}"#;

    let patch = send(request(Method::PATCH, "/things", &media, body)).await;
    let put = send(request(Method::PUT, "/things", &media, body)).await;

    assert_eq!(patch.status, StatusCode::OK);
    assert_eq!(put.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_with_and_without_its_length() {
    let body = format!("{{\"title\":\"{}\"}}", "x".repeat(3000));
    let length = body.len().to_string();
    let json = ("content-type", "application/json");

    for headers in [&[json, ("content-length", &length)][..], &[json][..]] {
        let answer = send(request(Method::POST, "/things", headers, &body)).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.json()["code"], "request.too_large");
    }
}

#[test]
fn a_large_body_made_of_errors_is_not_judged_to_its_end() {
    let members = vec!["0"; 500_000].join(",");
    let fields: Vec<_> = (0..50_000).map(|n| format!("\"f{n}\":0")).collect();
    for (body, most) in
        [(format!("{{\"members\":[{members}]}}"), 60), (format!("{{{}}}", fields.join(",")), 1001)]
    {
        let fault = sayso_web::body::parse::<Thing>(body.as_bytes()).expect_err("all is wrong");
        assert!(fault.errors().len() <= most, "{}", fault.errors().len());
    }
}

#[test]
fn what_comes_over_a_socket_is_judged_by_the_same_rules() {
    let good = json!({ "title": "  a ", "size": 3.0 });
    let bad = json!({ "title": "a\0", "more": 1 });

    assert!(sayso_web::body::parse_value::<Thing>(good).is_ok());
    let fault = sayso_web::body::parse_value::<Thing>(bad).expect_err("two things are wrong");
    assert_eq!(fault.errors().len(), 2);
}
