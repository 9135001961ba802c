//! The operations of the API, chapter by chapter.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::html::{escaped, prose};
use super::schemas;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation and where it is.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    value: &'a Value,
}

/// The page's body.
pub(super) fn body(document: &Value) -> String {
    let mut chapters: BTreeMap<String, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let value = &item[method];
            if value.is_object() {
                let tag = value["tags"][0].as_str().unwrap_or("other").to_lowercase();
                chapters.entry(tag).or_default().push(Operation { method, path, value });
            }
        }
    }
    let mut out = String::from("<p class=\"tags\">");
    let told = told(document, &chapters);
    for (tag, _) in &told {
        let tag = escaped(tag);
        let _ = write!(out, "<a href=\"#{tag}\">{tag}</a>");
    }
    out.push_str("<a href=\"#schemas\">schemas</a></p>\n");
    for (tag, about) in &told {
        let name = escaped(tag);
        let _ = writeln!(out, "<h2 id=\"{name}\">{name}</h2>\n<p>{}</p>", prose(about));
        for operation in chapters.get(tag).into_iter().flatten() {
            out.push_str(&operation.section(document));
        }
    }
    out + &schemas::body(document)
}

/// The chapters in the order of the document, each with what it is about.
fn told<'a>(
    document: &'a Value,
    chapters: &BTreeMap<String, Vec<Operation<'_>>>,
) -> Vec<(String, &'a str)> {
    let text = |tag: &'a Value, name: &str| tag[name].as_str().unwrap_or_default();
    let tags = document["tags"].as_array().map_or(&[][..], Vec::as_slice);
    let mut told: Vec<(String, &str)> = tags
        .iter()
        .map(|tag| (text(tag, "name").to_lowercase(), text(tag, "description")))
        .collect();
    for tag in chapters.keys() {
        if !told.iter().any(|(name, _)| name == tag) {
            told.push((tag.clone(), ""));
        }
    }
    told
}

impl Operation<'_> {
    fn section(&self, document: &Value) -> String {
        let text = |name: &str| self.value[name].as_str().unwrap_or_default();
        let (id, path) = (escaped(text("operationId")), escaped(self.path));
        let mut out = format!(
            "<h3 id=\"{id}\"><a class=\"verb\" href=\"#{id}\">{}</a> <code>{path}</code></h3>\n",
            self.method.to_uppercase()
        );
        let (summary, description) = (text("summary"), text("description"));
        let _ = writeln!(out, "<p>{}</p>", prose(summary));
        if !description.is_empty() && description != summary {
            let _ = writeln!(out, "<p>{}</p>", prose(description));
        }
        out.push_str(&self.parameters(document));
        let body = &self.value["requestBody"]["content"];
        if let Some(media) = body.as_object().and_then(|media| media.values().next()) {
            let _ = writeln!(out, "<p>Body: {}</p>", schemas::named(&media["schema"]));
            out.push_str(&example(media));
        }
        let responses = self.value["responses"].as_object().into_iter().flatten();
        let answer = responses.filter(|(status, _)| status.starts_with('2'));
        let media = answer.map(|(_, answer)| &answer["content"]["application/json"]).next();
        out + &self.responses(document) + &media.map(example).unwrap_or_default()
    }

    fn parameters(&self, document: &Value) -> String {
        let parameters = self.value["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        if parameters.is_empty() {
            return String::new();
        }
        let mut out = String::from("<table><tr><th>parameter</th><th>in</th><th></th></tr>\n");
        for one in parameters {
            let one = schemas::resolved(document, one);
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            let needed = if one["required"] == true { ", required" } else { "" };
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code></td><td>{}{needed}</td><td>{} <span class=\"dim\">{}\
                 </span></td></tr>",
                escaped(text("name")),
                escaped(text("in")),
                prose(text("description")),
                schemas::named(&one["schema"]),
            );
        }
        out + "</table>\n"
    }

    fn responses(&self, document: &Value) -> String {
        let mut out = String::from("<table><tr><th>status</th><th></th></tr>\n");
        for (status, answer) in self.value["responses"].as_object().into_iter().flatten() {
            let answer = schemas::resolved(document, answer);
            let media = answer["content"].as_object().and_then(|media| media.values().next());
            let shape = media.map(|media| schemas::named(&media["schema"])).unwrap_or_default();
            let told = answer["description"].as_str().unwrap_or_default();
            let (status, told) = (escaped(status), prose(told));
            let _ = writeln!(out, "<tr><td>{status}</td><td>{told} {shape}</td></tr>");
        }
        out + "</table>\n"
    }
}

/// What was sent or answered once.
fn example(media: &Value) -> String {
    match media.get("example") {
        Some(example) => {
            let text = serde_json::to_string_pretty(example).unwrap_or_default();
            format!("<pre>{}</pre>\n", escaped(&text))
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operation_shows_what_it_takes_and_answers() {
        let document = json!({
            "paths": { "/api/tasks/{id}": { "get": {
                "tags": ["tasks"], "operationId": "get_task", "summary": "One <task>.",
                "parameters": [{ "name": "id", "in": "path", "required": true,
                                 "schema": { "type": "string", "format": "uuid" } }],
                "responses": {
                    "200": { "description": "It", "content": { "application/json": {
                        "schema": { "$ref": "#/components/schemas/Task" } } } },
                    "404": { "$ref": "#/components/responses/Problem404" } } } } },
            "components": {
                "responses": { "Problem404": { "description": "Absent or hidden" } },
                "schemas": { "Task": { "type": "object", "required": ["id"], "properties": {
                    "id": { "type": "string", "description": "Its id." } } } } },
        });

        let page = body(&document);

        for piece in [
            "id=\"get_task\"",
            "One &lt;task&gt;.",
            "path, required",
            "Absent or hidden",
            "href=\"#schema-Task\"",
            "id=\"schema-Task\"",
            "Its id.",
        ] {
            assert!(page.contains(piece), "{piece} in {page}");
        }
    }
}
