//! Links: what can be done next with what was answered. Tools that test in
//! sequences follow them, and so can readers.
//!
//! By rule: an answer that is a resource leads to every operation below that
//! resource's address; those that heed a version get its tag, edits its version.

use serde_json::{Map, Value, json};

use super::walk::{self, schema_name};

/// A schema, an address, and which field of the answer fills which place of it.
type Home = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Where a resource lives, by the schema of its answer: the address, and what
/// of the answer fills it.
const HOMES: [Home; 8] = [
    ("Category", "/api/categories/{id}", &[("id", "id")]),
    ("Channel", "/api/channels/{id}", &[("id", "id")]),
    ("Comment", "/api/tasks/{id}/comments/{commentId}", &[("id", "taskId"), ("commentId", "id")]),
    ("CreatedApiToken", "/api/tokens/{id}", &[("id", "id")]),
    ("CreatedUser", "/api/users/{id}", &[("id", "id")]),
    ("Message", "/api/messages/{id}", &[("id", "id")]),
    ("Task", "/api/tasks/{id}", &[("id", "id")]),
    ("Notification", "/api/notifications/{id}", &[("id", "id")]),
];

/// An operation that a link can lead to.
struct Target {
    id: String,
    path: String,
    heeds_version: bool,
    edits: bool,
}

pub(super) fn add(document: &mut Value) {
    let mut targets = Vec::new();
    walk::each(document, |operation| {
        let parameters = operation.value["parameters"].as_array();
        let heeds_version = parameters.is_some_and(|all| {
            all.iter().any(|one| one["$ref"] == "#/components/parameters/IfMatch")
        });
        let edits = matches!(operation.method, "put" | "patch");
        let (id, path) = (operation.id().to_owned(), operation.path.clone());
        targets.push(Target { id, path, heeds_version, edits });
    });
    walk::each(document, |mut operation| {
        let own = operation.id().to_owned();
        for (status, answer) in operation.successes() {
            let name = schema_name(answer).unwrap_or_default();
            let Some(home) = HOMES.iter().find(|(schema, _, _)| *schema == name) else { continue };
            // What is read or changed leads on as well, but what was made is
            // where sequences begin.
            if status == "201" {
                answer["links"] = links(&targets, home, &own).into();
            }
        }
    });
}

fn links(targets: &[Target], (_, home, fills): &Home, own: &str) -> Map<String, Value> {
    let below = |target: &&Target| {
        let rest = target.path.strip_prefix(home);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            // What needs more than this resource cannot be called from it alone.
            && target.path.matches('{').count() == fills.len()
            && target.id != own
    };
    let link = |target: &Target| {
        let mut parameters: Map<String, Value> = fills
            .iter()
            .map(|(name, field)| {
                (format!("path.{name}"), json!(format!("$response.body#/{field}")))
            })
            .collect();
        if target.heeds_version {
            parameters.insert("header.If-Match".into(), json!("$response.header.ETag"));
        }
        let mut link = json!({ "operationId": target.id, "parameters": parameters });
        if target.edits {
            link["requestBody"] = json!({ "version": "$response.body#/version" });
        }
        link
    };
    targets.iter().filter(below).map(|target| (target.id.clone(), link(target))).collect()
}
