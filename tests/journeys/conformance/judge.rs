//! The rules: what every answer owes, whatever the route. Pure, so that each
//! can be shown to convict (`broken.rs`).

use sayso_testkit::Reply;
use serde_json::Value;

use super::document::{Document, Operation};

/// What is wrong, and the name of the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: &'static str,
    pub text: String,
}

pub type Findings = Vec<Finding>;

fn finding(rule: &'static str, text: impl Into<String>) -> Finding {
    Finding { rule, text: text.into() }
}

/// What a refusal has to say.
#[derive(Clone, Debug)]
pub struct Want {
    pub rule: &'static str,
    pub status: u16,
    pub code: &'static str,
    /// `pointer`, `parameter` or `header`, and which.
    pub place: Option<(&'static str, &'static str)>,
}

/// An answer that is no refusal.
pub fn success(document: &Document, operation: &Operation, reply: &Reply) -> Findings {
    let status = reply.status.as_u16();
    let Some(told) = document.answer(operation, status).filter(|_| reply.status.is_success())
    else {
        let text = format!("answered {status}: {}", reply.text);
        return vec![finding("works as documented", text)];
    };
    let mut found = Vec::new();
    let media = reply.header("content-type").unwrap_or_default();
    if let Some(schema) = told.pointer("/content/application~1json/schema") {
        if media != "application/json" {
            found.push(finding("answers JSON", format!("it is {media}")));
        }
        for fault in document.faults(schema, &reply.body) {
            found.push(finding("answers what its schema says", fault));
        }
    }
    found.extend(headers(operation, reply));
    for name in told["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
        if name != "Idempotent-Replayed" && reply.header(name).is_none() {
            found.push(finding("sends the headers it documents", format!("no {name}")));
        }
    }
    let is_tagged = told["headers"].get("ETag").is_some();
    found.extend(tag(reply, is_tagged));
    found
}

/// Headers that every answer of the API has.
fn headers(operation: &Operation, reply: &Reply) -> Findings {
    let mut found = Vec::new();
    let mut must = vec!["x-request-id", "x-content-type-options", "sayso-position"];
    if operation.path.starts_with("/api/") {
        must.extend(["ratelimit", "ratelimit-policy"]);
        if reply.status.as_u16() != 204 {
            must.push("cache-control");
        }
    }
    for name in must {
        if reply.header(name).is_none() {
            found.push(finding("has the headers of every answer", format!("no {name}")));
        }
    }
    let caching = reply.header("cache-control").unwrap_or_default();
    if caching == "private, no-cache" && reply.header("vary").is_none() {
        found.push(finding("has the headers of every answer", "no vary"));
    }
    found
}

/// What has a version has a tag that begins with it.
fn tag(reply: &Reply, is_documented: bool) -> Option<Finding> {
    let version = reply.body["version"].as_i64()?;
    let tag = reply.header("etag").unwrap_or_default();
    let is_right = tag.starts_with(&format!("\"{version}-")) && is_documented;
    (!is_right).then(|| finding("tags what has a version", format!("{version}, but {tag}")))
}

/// An answer to something that was wrong on purpose.
pub fn refusal(document: &Document, operation: &Operation, reply: &Reply, want: &Want) -> Findings {
    let mut found = Vec::new();
    let status = reply.status.as_u16();
    if status != want.status || reply.code() != want.code {
        let text = format!("{} {} was due: {status} {}", want.status, want.code, reply.text);
        return vec![finding(want.rule, text)];
    }
    if let Some((kind, name)) = want.place
        && !names(&reply.body, kind, name)
    {
        found.push(finding(want.rule, format!("{kind} {name} is not named: {}", reply.text)));
    }
    let media = reply.header("content-type").unwrap_or_default();
    if media != "application/problem+json" {
        found.push(finding("refuses with a problem", format!("it is {media}")));
    }
    for name in ["type", "title", "detail", "requestId"] {
        if !reply.body[name].is_string() {
            found.push(finding("refuses with a problem", format!("no {name}: {}", reply.text)));
        }
    }
    match document.answer(operation, status) {
        None => found.push(finding("documents its refusals", format!("{status}"))),
        Some(told) => {
            let schema = told.pointer("/content/application~1problem+json/schema");
            for fault in schema.iter().flat_map(|schema| document.faults(schema, &reply.body)) {
                found.push(finding("refuses with a problem", fault));
            }
        }
    }
    let challenge = reply.header("www-authenticate").unwrap_or_default();
    if status == 401 && !challenge.starts_with("Bearer error=") {
        found.push(finding(want.rule, format!("the challenge is {challenge:?}")));
    }
    if status == 412 && !reply.body["current"].is_object() {
        found.push(finding(want.rule, "the present state is not told"));
    }
    found
}

fn names(body: &Value, kind: &str, name: &str) -> bool {
    body["errors"].as_array().into_iter().flatten().any(|error| error[kind] == name)
}

/// The same request once more under its key.
pub fn replay(first: &Reply, again: &Reply) -> Option<Finding> {
    let is_same = first.status == again.status
        && first.text == again.text
        && first.header("location") == again.header("location")
        && first.header("etag") == again.header("etag");
    let is_told = again.header("idempotent-replayed") == Some("true")
        && first.header("idempotent-replayed").is_none();
    let text =
        || format!("first {} {}, then {} {}", first.status, first.text, again.status, again.text);
    (!is_same || !is_told).then(|| finding("answers a repeated key alike", text()))
}

/// What is held already.
pub fn not_modified(first: &Reply, again: &Reply) -> Option<Finding> {
    let is_right = again.status.as_u16() == 304
        && again.text.is_empty()
        && again.header("etag") == first.header("etag")
        && again.header("cache-control").is_some();
    (!is_right).then(|| finding("answers 304", format!("{}: {}", again.status, again.text)))
}

/// The facts that a call left.
pub fn facts(operation: &Operation, due: &[&str], left: &[String]) -> Findings {
    let mut found = Vec::new();
    if operation.reads() != due.is_empty() && operation.id != "refresh_session" {
        found.push(finding("a write leaves a fact and a read none", format!("{due:?} are due")));
    }
    if left != due {
        found.push(finding("leaves exactly its facts", format!("{due:?} are due, left {left:?}")));
    }
    found
}

/// What is held and was told, against what is read.
pub fn untold(text: String) -> Finding {
    finding("tells by events what has changed", text)
}

/// Nothing may be left of what was refused.
pub fn nothing_left(left: &[String]) -> Option<Finding> {
    (!left.is_empty()).then(|| finding("leaves nothing of what it refuses", format!("{left:?}")))
}
