//! Calls one operation in every way, and has the judge look at what comes.

use reqwest::Method;
use sayso_testkit::{Client, Reply, read};
use serde_json::{Value, json};

use super::document::{Document, Operation};
use super::fixtures::{self, Call};
use super::judge::{self, Finding, Findings, Want};
use super::stage::Stage;
use crate::truth::Truth;

/// An id of nothing.
const NOTHING: &str = "01900000-0000-7000-8000-000000000000";
/// A version that nothing has.
const STALE: &str = "\"2000000000-00\"";

/// What is known after an operation was called.
pub struct Walked {
    pub findings: Findings,
    /// The call that worked, and its answer.
    pub call: Call,
    pub reply: Reply,
    /// The ids of requests that did the whole work.
    pub requests: Vec<String>,
}

pub struct Walk<'a> {
    pub stage: &'a Stage,
    pub document: &'a Document,
}

impl Walk<'_> {
    pub async fn of(&self, operation: &Operation) -> Option<Walked> {
        let call = fixtures::call(self.stage, &operation.id).await?;
        let truth = self.truth(&call);
        let mut findings = Findings::new();
        let before = truth.mark().await;
        self.refusals(operation, &call, &mut findings).await;
        findings.extend(judge::nothing_left(&truth.left_since(before).await));

        let before = truth.mark().await;
        let reply = send(self.request(operation, &call)).await;
        findings.extend(judge::success(self.document, operation, &reply));
        findings.extend(judge::facts(operation, call.facts, &truth.left_since(before).await));
        findings.extend(
            truth
                .untold(before)
                .await
                .into_iter()
                .map(|text| Finding { rule: "tells each fact where it belongs", text }),
        );
        let mut requests = vec![id_of(&reply)];
        self.afterwards(operation, &call, &reply, &mut findings).await;
        if operation.id != "create_setup" {
            requests.extend(self.under_a_key(operation, &mut findings).await);
        }
        Some(Walked { findings, call, reply, requests })
    }

    fn truth(&self, call: &Call) -> &Truth {
        let is_at_the_empty_one = call.who.base() == self.stage.empty.url();
        if is_at_the_empty_one { &self.stage.empty_truth } else { &self.stage.truth }
    }

    fn request(&self, operation: &Operation, call: &Call) -> reqwest::RequestBuilder {
        self.asking(operation, call, &call.query, call.body.as_ref())
    }

    fn asking(
        &self,
        operation: &Operation,
        call: &Call,
        query: &str,
        body: Option<&Value>,
    ) -> reqwest::RequestBuilder {
        let mark = if query.is_empty() { "" } else { "?" };
        let path = format!("{}{mark}{query}", operation.filled(&call.ids));
        let request = call.who.request(method(operation), &path);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Everything that must be refused.
    async fn refusals(&self, operation: &Operation, call: &Call, findings: &mut Findings) {
        let mut tries: Vec<(reqwest::RequestBuilder, Want)> = Vec::new();
        let body = call.body.as_ref();
        if !operation.is_open() {
            let nobody = Call { who: Client::anonymous(call.who.base()), ..call.clone() };
            let want = want("asks for a token", 401, "auth.token_missing", None);
            tries.push((self.request(operation, &nobody), want));
        }
        let joint = if call.query.is_empty() { "" } else { "&" };
        let query = format!("{}{joint}colour=red", call.query);
        let place = Some(("parameter", "colour"));
        tries.push((
            self.asking(operation, call, &query, body),
            want("refuses a parameter it does not know", 422, "request.invalid", place),
        ));
        tries.extend(self.absent(operation, call));
        tries.extend(self.bad_bodies(operation, call));
        tries.extend(self.bad_versions(operation, call));
        for (request, want) in tries {
            let reply = send(request).await;
            findings.extend(judge::refusal(self.document, operation, &reply, &want));
        }
    }

    /// Ids of nothing, and what is no id.
    fn absent(&self, operation: &Operation, call: &Call) -> Vec<(reqwest::RequestBuilder, Want)> {
        let mut tries = Vec::new();
        if call.ids.is_empty() {
            return tries;
        }
        for id in [NOTHING, "x"] {
            let mut other = call.clone();
            other.ids[0] = id.to_owned();
            let want = want("hides what there is not", 404, "resource.not_found", None);
            tries.push((self.request(operation, &other), want));
        }
        tries
    }

    fn bad_bodies(
        &self,
        operation: &Operation,
        call: &Call,
    ) -> Vec<(reqwest::RequestBuilder, Want)> {
        let Some(body) = call.body.as_ref().filter(|_| operation.has_body()) else {
            return Vec::new();
        };
        let raw = |kind: &str, text: &str| {
            let empty = Call { body: None, ..call.clone() };
            self.request(operation, &empty).header("content-type", kind).body(text.to_owned())
        };
        let mut unknown = body.clone();
        unknown["colour"] = json!("red");
        let place = Some(("pointer", "#/colour"));
        vec![
            (
                raw("application/json", "{\"title\":"),
                want("refuses what is no JSON", 400, "request.unparsable", None),
            ),
            (
                raw("text/plain", &body.to_string()),
                want("refuses other media", 415, "request.unsupported_media", None),
            ),
            (
                self.asking(operation, call, &call.query, Some(&unknown)),
                want("refuses a field it does not know", 422, "request.invalid", place),
            ),
        ]
    }

    fn bad_versions(
        &self,
        operation: &Operation,
        call: &Call,
    ) -> Vec<(reqwest::RequestBuilder, Want)> {
        let mut tries = Vec::new();
        let mut bare = call.clone();
        if let Some(fields) = bare.body.as_mut().and_then(Value::as_object_mut) {
            fields.remove("version");
        }
        if operation.edits() {
            let none = want("asks for a version", 428, "resource.version_required", None);
            tries.push((self.request(operation, &bare), none));
            let both = ("request.contradictory_version", Some(("header", "If-Match")));
            tries.push((
                self.request(operation, call).header("if-match", STALE),
                want("refuses two versions that differ", 400, both.0, both.1),
            ));
        }
        if operation.edits() || self.document.takes_header(operation, "If-Match") {
            tries.push((
                self.request(operation, &bare).header("if-match", STALE),
                want("refuses a stale version", 412, "resource.stale_version", None),
            ));
            tries.push((
                self.request(operation, &bare).header("if-match", "nonsense"),
                want(
                    "refuses a tag that is none",
                    400,
                    "request.bad_header",
                    Some(("header", "If-Match")),
                ),
            ));
        }
        tries
    }

    /// What follows from the answer.
    async fn afterwards(
        &self,
        operation: &Operation,
        call: &Call,
        reply: &Reply,
        findings: &mut Findings,
    ) {
        let lacks = |rule, text: &str| Finding { rule, text: text.to_owned() };
        let (has_tag, has_place) = (reply.header("etag").is_some(), reply.header("location"));
        let is_page = reply.body["items"].is_array();
        if operation.reads() && !is_page && !has_tag {
            findings.push(lacks("has a tag", "what is no page is answered without ETag"));
        }
        if reply.status.as_u16() == 201 && !(has_tag && has_place.is_some()) {
            findings.push(lacks("says where", "what is created has no Location or no ETag"));
        }
        if let Some(tag) = reply.header("etag").filter(|_| operation.reads()) {
            let again = send(self.request(operation, call).header("if-none-match", tag)).await;
            findings.extend(judge::not_modified(reply, &again));
            if self.document.answer(operation, 304).is_none() {
                findings.push(lacks("answers 304", "it is not documented"));
            }
        }
        if let Some(location) = has_place {
            let there = call.who.get(location).await;
            if there.status.as_u16() != 200 || there.body["id"] != reply.body["id"] {
                let text = format!("{location}: {} {}", there.status, there.text);
                findings.push(Finding { rule: "is found where it says", text });
            }
        }
    }

    /// Twice with a key, and once more with another body. Answers the request
    /// that did the work.
    async fn under_a_key(&self, operation: &Operation, findings: &mut Findings) -> Vec<String> {
        if operation.method != "POST" {
            // Called once more, for what it costs when everything is warm.
            let call = fixtures::call(self.stage, &operation.id).await.expect("as before");
            return vec![id_of(&send(self.request(operation, &call)).await)];
        }
        let call = fixtures::call(self.stage, &operation.id).await.expect("as before");
        let truth = self.truth(&call);
        let key = self.stage.name("key").replace(' ', "-");
        let keyed = |call: &Call| self.request(operation, call).header("idempotency-key", &key);
        if !self.document.takes_header(operation, "Idempotency-Key") {
            let place = Some(("header", "Idempotency-Key"));
            let want = want("refuses a key", 400, "idempotency.not_supported", place);
            let reply = send(keyed(&call)).await;
            findings.extend(judge::refusal(self.document, operation, &reply, &want));
            let text = "a POST is documented without Idempotency-Key".to_owned();
            findings.push(Finding { rule: "takes a key", text });
            return vec![id_of(&send(self.request(operation, &call)).await)];
        }
        let before = truth.mark().await;
        let first = send(keyed(&call)).await;
        let again = send(keyed(&call)).await;
        findings.extend(judge::replay(&first, &again));
        findings.extend(judge::facts(operation, call.facts, &truth.left_since(before).await));
        if let Some(body) = &call.body {
            let text = format!("{body} ");
            let empty = Call { body: None, ..call.clone() };
            let other = keyed(&empty).header("content-type", "application/json").body(text);
            let want = want("refuses a key that was used", 422, "idempotency.mismatch", None);
            findings.extend(judge::refusal(self.document, operation, &send(other).await, &want));
        }
        let call = fixtures::call(self.stage, &operation.id).await.expect("as before");
        vec![id_of(&send(self.request(operation, &call)).await)]
    }
}

fn want(
    rule: &'static str,
    status: u16,
    code: &'static str,
    place: Option<(&'static str, &'static str)>,
) -> Want {
    Want { rule, status, code, place }
}

fn method(operation: &Operation) -> Method {
    Method::from_bytes(operation.method.as_bytes()).expect("a method")
}

async fn send(request: reqwest::RequestBuilder) -> Reply {
    read(request).await.expect("an answer")
}

fn id_of(reply: &Reply) -> String {
    reply.header("x-request-id").unwrap_or_default().to_owned()
}
