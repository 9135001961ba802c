//! The OpenAPI document, as the server itself serves it.

use sayso_testkit::Client;
use serde_json::{Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub struct Document(Value);

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    value: Value,
}

impl Document {
    pub async fn of(server: &Client) -> Self {
        Self(server.get("/openapi.json").await.expect(200))
    }

    pub fn new(document: Value) -> Self {
        Self(document)
    }

    pub fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.0["paths"].as_object().into_iter().flatten() {
            for method in METHODS.into_iter().filter(|method| item[*method].is_object()) {
                let value = item[method].clone();
                let id = value["operationId"].as_str().unwrap_or_default().to_owned();
                let (method, path) = (method.to_uppercase(), path.clone());
                all.push(Operation { id, method, path, value });
            }
        }
        all
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(value)
    }

    /// What is documented of an answer.
    pub fn answer(&self, operation: &Operation, status: u16) -> Option<&Value> {
        let answer = operation.value["responses"].get(status.to_string())?;
        let pointer = answer["$ref"].as_str().and_then(|name| name.strip_prefix('#'));
        Some(match pointer {
            Some(pointer) => self.0.pointer(pointer)?,
            None => self.0.pointer(&format!(
                "/paths/{}/{}/responses/{status}",
                escaped(&operation.path),
                operation.method.to_lowercase()
            ))?,
        })
    }

    /// Bodies and answers that show no example: operation, `request` or status,
    /// and media type.
    pub fn without_example(&self) -> Vec<String> {
        let mut without = Vec::new();
        for Operation { id, value, .. } in self.operations() {
            let answers = value["responses"].as_object().into_iter().flatten();
            let answers = answers.map(|(status, answer)| (status.as_str(), answer));
            for (what, shown) in answers.chain([("request", &value["requestBody"])]) {
                let media = self.resolved(shown)["content"].as_object().into_iter().flatten();
                let bare = |one: &Value| one["example"].is_null() && one["examples"].is_null();
                let bare = media.filter(|(_, one)| bare(one));
                without.extend(bare.map(|(kind, _)| format!("{id} {what} {kind}")));
            }
        }
        without.sort();
        without
    }

    /// Whether the route says that it takes the header.
    pub fn takes_header(&self, operation: &Operation, name: &str) -> bool {
        let parameters = operation.value["parameters"].as_array().into_iter().flatten();
        parameters
            .map(|one| self.resolved(one))
            .any(|one| one["in"] == "header" && one["name"] == name)
    }

    /// Everything about a body that its schema refuses.
    pub fn faults(&self, schema: &Value, body: &Value) -> Vec<String> {
        let mut whole = schema.clone();
        whole["components"] = json!({ "schemas": self.0["components"]["schemas"] });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .unwrap_or_else(|error| panic!("a schema does not compile: {error}"));
        let faults = validator.iter_errors(body);
        faults.map(|fault| format!("{}: {fault}", fault.instance_path())).take(5).collect()
    }

    /// The properties of a schema, in itself and its parts, that carry a mark,
    /// each with what the mark says.
    pub fn marked(&self, schema: &str, mark: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut left = vec![&self.0["components"]["schemas"][schema]];
        while let Some(one) = left.pop() {
            for (name, property) in one["properties"].as_object().into_iter().flatten() {
                if let Some(why) = property[mark].as_str() {
                    found.push((name.clone(), why.to_owned()));
                }
            }
            let parts = one["allOf"].as_array().into_iter().flatten();
            left.extend(parts.map(|part| self.resolved(part)));
        }
        found
    }
}

impl Operation {
    /// Whether it may be called without a token: it says so with `{}`.
    pub fn is_open(&self) -> bool {
        let needs = self.value["security"].as_array().into_iter().flatten();
        needs.into_iter().any(|one| one.as_object().is_some_and(serde_json::Map::is_empty))
    }

    pub fn has_body(&self) -> bool {
        self.value["requestBody"].is_object()
    }

    pub fn reads(&self) -> bool {
        self.method == "GET"
    }

    pub fn edits(&self) -> bool {
        matches!(&*self.method, "PUT" | "PATCH")
    }

    /// The schema of the body.
    pub fn body_schema(&self) -> &Value {
        &self.value["requestBody"]["content"]["application/json"]["schema"]
    }

    /// The path, filled in.
    pub fn filled(&self, ids: &[String]) -> String {
        let mut path = self.path.clone();
        for id in ids {
            if let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
                path.replace_range(from..=to, id);
            }
        }
        assert!(!path.contains('{'), "{}: the fixture fills too little of the path", self.id);
        path
    }
}

fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}
