//! The judge on routes that lack something, each thing by itself: it must
//! convict, and of that.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sayso_testkit::Reply;
use serde_json::{Value, json};

use super::document::{Document, Operation};
use super::judge::{self, Findings, Want};

/// A document with one route that reads and one that creates.
fn document() -> Document {
    let problem = json!({ "description": "No", "content": { "application/problem+json": {
        "schema": { "$ref": "#/components/schemas/Problem" } } } });
    let thing = json!({ "description": "It",
        "headers": { "ETag": {}, "Location": {} },
        "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Thing" } } } });
    Document::new(json!({
        "paths": {
            "/api/things": { "post": { "operationId": "create_thing",
                "responses": { "201": thing, "401": problem, "412": problem, "422": problem } } },
            "/api/things/{id}": { "get": { "operationId": "get_thing", "responses": {} } },
        },
        "components": { "schemas": {
            "Thing": { "type": "object", "required": ["id", "version"],
                       "properties": { "id": { "type": "string" },
                                       "version": { "type": "integer" } } },
            "Problem": { "type": "object", "required": ["code"] } } },
    }))
}

fn operation(id: &str) -> Operation {
    let all = document().operations();
    all.into_iter().find(|operation| operation.id == id).expect("it is in the document")
}

fn reply(status: u16, headers: &[(&'static str, &'static str)], body: Value) -> Reply {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    let text = if body.is_null() { String::new() } else { body.to_string() };
    Reply { status: StatusCode::from_u16(status).expect("a status"), headers, text, body }
}

const HEADERS: [(&str, &str); 10] = [
    ("content-type", "application/json"),
    ("x-request-id", "1"),
    ("x-content-type-options", "nosniff"),
    ("sayso-position", "e:1"),
    ("ratelimit", "r"),
    ("ratelimit-policy", "p"),
    ("cache-control", "private, no-cache"),
    ("vary", "Authorization"),
    ("etag", "\"1-ab\""),
    ("location", "/api/things/1"),
];

fn made() -> Reply {
    reply(201, &HEADERS, json!({ "id": "1", "version": 1 }))
}

fn rules(findings: &Findings) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_good_answer_is_not_convicted() {
    assert_eq!(judge::success(&document(), &operation("create_thing"), &made()), []);
}

#[test]
fn an_answer_that_lacks_one_header_is_convicted_of_it() {
    for (missing, _) in HEADERS {
        let headers: Vec<_> = HEADERS.into_iter().filter(|(name, _)| *name != missing).collect();
        let answer = reply(201, &headers, json!({ "id": "1", "version": 1 }));

        let found = judge::success(&document(), &operation("create_thing"), &answer);

        assert!(!found.is_empty(), "without {missing} nothing is found");
    }
}

#[test]
fn a_body_that_is_not_what_its_schema_says_is_convicted() {
    let answer = reply(201, &HEADERS, json!({ "id": 1, "version": 1 }));
    let found = judge::success(&document(), &operation("create_thing"), &answer);
    assert_eq!(rules(&found), ["answers what its schema says"]);

    let undocumented = reply(200, &HEADERS, json!({ "id": "1", "version": 1 }));
    let found = judge::success(&document(), &operation("create_thing"), &undocumented);
    assert_eq!(rules(&found), ["works as documented"]);
}

#[test]
fn a_tag_of_another_version_is_convicted() {
    let answer = reply(201, &HEADERS, json!({ "id": "1", "version": 2 }));
    let found = judge::success(&document(), &operation("create_thing"), &answer);
    assert_eq!(rules(&found), ["tags what has a version"]);
}

/// What a refusal is tried for, with a body and headers that satisfy it.
fn refused(status: u16, code: &'static str) -> (Want, Value, Vec<(&'static str, &'static str)>) {
    let want = Want { rule: "the rule", status, code, place: Some(("parameter", "colour")) };
    let body = json!({ "type": "t", "title": "t", "detail": "d", "requestId": "1", "code": code,
                       "errors": [{ "parameter": "colour" }], "current": {} });
    let headers = vec![
        ("content-type", "application/problem+json"),
        ("www-authenticate", "Bearer error=\"invalid_token\""),
    ];
    (want, body, headers)
}

#[test]
fn a_refusal_that_lacks_something_is_convicted_of_it() {
    let judge =
        |want: &Want, status: u16, headers: &[(&'static str, &'static str)], body: Value| {
            let answer = reply(status, headers, body);
            rules(&judge::refusal(&document(), &operation("create_thing"), &answer, want))
        };
    let (want, body, headers) = refused(422, "request.invalid");
    assert_eq!(judge(&want, 422, &headers, body.clone()), Vec::<&str>::new());
    assert_eq!(judge(&want, 200, &headers, body.clone()), ["the rule"]);
    assert_eq!(judge(&want, 422, &[], body.clone()), ["refuses with a problem"]);
    let without = |name: &str| {
        let mut body = body.clone();
        body.as_object_mut().expect("an object").remove(name);
        body
    };
    assert_eq!(judge(&want, 422, &headers, without("errors")), ["the rule"]);
    assert_eq!(judge(&want, 422, &headers, without("code")), ["the rule"]);
    assert_eq!(judge(&want, 422, &headers, without("requestId")), ["refuses with a problem"]);

    let (want, body, headers) = refused(401, "auth.token_missing");
    assert_eq!(judge(&want, 401, &headers[..1], body), ["the rule"]);
    let (want, mut body, headers) = refused(412, "resource.stale_version");
    body["current"] = Value::Null;
    assert_eq!(judge(&want, 412, &headers, body), ["the rule"]);
    let (want, body, headers) = refused(428, "resource.version_required");
    assert_eq!(judge(&want, 428, &headers, body), ["documents its refusals"]);
}

#[test]
fn a_second_answer_under_a_key_that_differs_is_convicted() {
    let told = [("idempotent-replayed", "true")];
    let with_told = [&HEADERS[..], &told].concat();
    let again = reply(201, &with_told, json!({ "id": "1", "version": 1 }));
    assert_eq!(judge::replay(&made(), &again), None);

    let done_twice = reply(201, &HEADERS, json!({ "id": "2", "version": 1 }));
    let not_told = made();
    let other = reply(200, &with_told, json!({ "id": "1", "version": 1 }));
    for wrong in [done_twice, not_told, other] {
        assert!(judge::replay(&made(), &wrong).is_some(), "{wrong:?}");
    }
}

#[test]
fn what_is_sent_again_though_it_is_held_is_convicted() {
    let held = reply(304, &[HEADERS[8], HEADERS[6]], Value::Null);
    assert_eq!(judge::not_modified(&made(), &held), None);
    assert!(judge::not_modified(&made(), &made()).is_some());
    assert!(judge::not_modified(&made(), &reply(304, &[HEADERS[6]], Value::Null)).is_some());
}

#[test]
fn a_fact_too_many_one_too_few_and_one_of_a_read_are_convicted() {
    let (creates, reads) = (operation("create_thing"), operation("get_thing"));
    let left = |facts: &[&str]| facts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(judge::facts(&creates, &["thing.created"], &left(&["thing.created"])), []);
    assert_eq!(judge::facts(&reads, &[], &[]), []);

    for wrong in [left(&[]), left(&["thing.created", "thing.created"]), left(&["thing.gone"])] {
        let found = judge::facts(&creates, &["thing.created"], &wrong);
        assert_eq!(rules(&found), ["leaves exactly its facts"], "{wrong:?}");
    }
    assert_eq!(rules(&judge::facts(&reads, &[], &left(&["x"]))), ["leaves exactly its facts"]);
    let silent = judge::facts(&creates, &[], &[]);
    assert_eq!(rules(&silent), ["a write leaves a fact and a read none"]);
    assert!(judge::nothing_left(&left(&["thing.created"])).is_some());
}
