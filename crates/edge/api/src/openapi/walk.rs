//! Walking through the document.

use serde_json::Value;

/// The methods that an operation can have.
pub(super) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation and where it is.
pub(super) struct Operation<'a> {
    pub method: &'static str,
    pub path: String,
    pub value: &'a mut Value,
}

impl Operation<'_> {
    pub fn id(&self) -> &str {
        self.value["operationId"].as_str().unwrap_or_default()
    }

    /// The answers that are no refusals: status and answer.
    pub fn successes(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        let all = self.value["responses"].as_object_mut().into_iter().flatten();
        all.filter(|(status, _)| status.starts_with('2'))
            .map(|(status, answer)| (status.as_str(), answer))
    }
}

/// Calls back for every operation.
pub(super) fn each(document: &mut Value, mut call: impl FnMut(Operation<'_>)) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, item) in paths {
        for method in METHODS {
            if let Some(value) = item.get_mut(method) {
                call(Operation { method, path: path.clone(), value });
            }
        }
    }
}

/// The name of the schema that an answer or a body refers to.
pub(super) fn schema_name(content: &Value) -> Option<&str> {
    let schema = &content["content"]["application/json"]["schema"];
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// Whether a schema by that name has the property, in itself or in a part.
pub(super) fn has_property(document: &Value, schema: &str, property: &str) -> bool {
    let schemas = &document["components"]["schemas"];
    let mut left = vec![&schemas[schema]];
    while let Some(one) = left.pop() {
        if one["properties"].get(property).is_some() {
            return true;
        }
        for part in one["allOf"].as_array().into_iter().flatten() {
            left.push(part);
            let name = part["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            left.extend(name.map(|name| &schemas[name]));
        }
    }
    false
}
