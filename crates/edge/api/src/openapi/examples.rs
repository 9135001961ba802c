//! Examples, none invented: bodies and answers are what the conformance test
//! sent to a real server and what came back (`examples.json`), refusals are
//! rendered by the function that renders them.

use std::time::Duration;

use sayso_kernel::fault::{INVALID, Place};
use sayso_kernel::{Code, Fault};
use sayso_web::problem;
use serde_json::{Value, json};

use super::walk;
use crate::catalog;

/// By operation: `request`, and answers by status. Written by the conformance
/// test.
const SEEN: &str = include_str!("examples.json");
/// Stands for the id of a request.
const REQUEST_ID: &str = "0199f0c2-7d3e-7a10-8c55-3f6d1b2a4c5e";

pub(super) fn add(document: &mut Value) {
    let seen: Value = serde_json::from_str(SEEN).expect("examples.json is JSON");
    walk::each(document, |mut operation| {
        let seen = &seen[operation.id()];
        let body = &mut operation.value["requestBody"];
        if let Some(request) = seen.get("request").filter(|_| body.is_object()) {
            for (_, media) in body["content"].as_object_mut().into_iter().flatten() {
                media["example"] = request.clone();
            }
        }
        for (status, answer) in operation.successes() {
            let media = answer.pointer_mut("/content/application~1json");
            if let (Some(media), Some(example)) = (media, seen.get(status)) {
                media["example"] = example.clone();
            }
        }
    });
    let responses = document["components"]["responses"].as_object_mut();
    for (name, answer) in responses.into_iter().flatten() {
        let status = name.trim_start_matches("Problem").parse().unwrap_or(0);
        let examples = refusals(status);
        if let Some(media) = answer.pointer_mut("/content/application~1problem+json") {
            media["examples"] = examples;
        }
    }
}

/// Every code of a status, as it is answered.
fn refusals(status: u16) -> Value {
    let codes = catalog::codes();
    // Those of sockets are never an answer of HTTP.
    let of_http = |code: &&&Code| !code.name.starts_with("socket.");
    codes
        .iter()
        .filter(|code| code.kind.status() == status)
        .filter(of_http)
        .map(|code| {
            let value = problem::body(&occurrence(code), Some(REQUEST_ID));
            (code.name.to_owned(), json!({ "summary": code.title, "value": value }))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// An occurrence with the particulars that it always has.
fn occurrence(code: &'static Code) -> Fault {
    let fault = Fault::new(code);
    if *code == INVALID {
        return fault.with(Place::Pointer("#/title".into()), "field.required", "is required").with(
            Place::Parameter("limit".into()),
            "field.too_large",
            "must be at most 100",
        );
    }
    if code.kind.is_temporary() {
        return fault.retry_after(Duration::from_secs(1));
    }
    fault
}

#[cfg(test)]
mod tests {
    use sayso_kernel::fault::{NOT_FOUND, STALE, VERSION_REQUIRED};

    use super::*;

    #[test]
    fn every_refusal_of_a_status_is_shown_with_that_status() {
        for code in [&NOT_FOUND, &STALE, &VERSION_REQUIRED] {
            let status = code.kind.status();
            let shown = refusals(status);
            assert_eq!(shown[code.name]["value"]["status"], status);
            assert_eq!(shown[code.name]["value"]["code"], code.name);
        }
    }
}
