//! Headers that routes take and answer, by rule: keys on what creates and
//! acts, versions on what edits, tags on what has a version. The conformance
//! test calls every route and refuses one that does otherwise.

use serde_json::{Value, json};

use super::walk::{self, Operation, has_property, schema_name};

/// What answers a secret keeps no answers, so it takes no key.
const WITHOUT_KEY: [&str; 15] = [
    "accept_invitation",
    "change_email",
    "change_password",
    "confirm_totp",
    "create_session",
    "create_setup",
    "create_token",
    "create_user",
    "end_session",
    "end_sessions",
    "finish_password_reset",
    "invite_user",
    "refresh_session",
    "start_password_reset",
    "start_totp",
];

/// What heeds `If-Match` when it is sent. Edits heed it as well, in place of the
/// `version` of their body: they say so in words, for as a parameter of its own
/// it would seem that any two could be sent together.
const HEEDS_VERSION: [&str; 6] = [
    "delete_channel",
    "delete_message",
    "delete_task",
    "delete_task_comment",
    "delete_user",
    "restore_message_version",
];

/// Refusals that follow from no rule.
const ALSO: [(&str, &str); 7] = [
    ("confirm_totp", "404"),
    ("create_session", "401"),
    ("create_setup", "404"),
    ("delete_totp", "404"),
    ("refresh_session", "401"),
    ("update_tasks", "412"),
    ("update_tasks", "428"),
];

/// A token is shown once and then only listed: there is nothing to go to.
const WITHOUT_ADDRESS: &str = "create_token";

/// What edits have in common.
const VERSIONED: &str = "Says which version it edits: `version` in the body, or its `ETag` in \
                         `If-Match`. 428 without, 412 with the present state when it is stale.";

pub(super) fn add(document: &mut Value) {
    let tagged = tagged(document);
    walk::each(document, |mut operation| {
        if operation.path.starts_with("/api/") {
            add_to(&mut operation, &tagged);
        }
    });
    let components = &mut document["components"];
    components["parameters"] = parameters();
    components["headers"] = headers();
    tell(&mut components["responses"]);
}

/// The schemas whose answers carry an `ETag`.
fn tagged(document: &Value) -> Vec<String> {
    let names = document["components"]["schemas"].as_object().into_iter().flatten();
    let names = names.map(|(name, _)| name.clone());
    // A notification has no version, for nobody edits it; it can be held.
    names.filter(|name| has_property(document, name, "version") || name == "Notification").collect()
}

fn add_to(operation: &mut Operation<'_>, tagged: &[String]) {
    let (id, method) = (operation.id().to_owned(), operation.method);
    let takes_key = method == "post" && !WITHOUT_KEY.contains(&id.as_str());
    let heeds = HEEDS_VERSION.contains(&id.as_str());
    if matches!(method, "put" | "patch") {
        let told = operation.value["description"].as_str().unwrap_or_default().trim_end();
        operation.value["description"] = format!("{told}\n\n{VERSIONED}").trim().into();
    }
    let mut has_tag = false;
    for (status, answer) in operation.successes() {
        let is_tagged = schema_name(answer).is_some_and(|name| tagged.iter().any(|it| it == name));
        has_tag |= is_tagged;
        answer["headers"]["X-Request-Id"] = header("RequestId");
        if is_tagged {
            answer["headers"]["ETag"] = header("ETag");
        }
        if status == "201" && id != WITHOUT_ADDRESS {
            answer["headers"]["Location"] = header("Location");
        }
        if takes_key {
            answer["headers"]["Idempotent-Replayed"] = header("IdempotentReplayed");
        }
    }
    let mut taken = Vec::new();
    if takes_key {
        taken.push("IdempotencyKey");
    }
    if heeds {
        taken.push("IfMatch");
        refuse(operation, "412");
    }
    if method == "get" && has_tag {
        taken.push("IfNoneMatch");
        operation.value["responses"]["304"] = json!({
            "description": "What `If-None-Match` names is still so",
            "headers": { "ETag": header("ETag"), "X-Request-Id": header("RequestId") },
        });
    }
    if WITHOUT_KEY.contains(&id.as_str()) {
        refuse(operation, "400");
    }
    for (_, status) in ALSO.iter().filter(|(also, _)| *also == id) {
        refuse(operation, status);
    }
    if !taken.is_empty() {
        refuse(operation, "400");
        let list = &mut operation.value["parameters"];
        let mut all = list.as_array().cloned().unwrap_or_default();
        all.extend(
            taken.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })),
        );
        *list = all.into();
    }
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

fn refuse(operation: &mut Operation<'_>, status: &str) {
    if operation.value["responses"].get(status).is_none() {
        operation.value["responses"][status] =
            json!({ "$ref": format!("#/components/responses/Problem{status}") });
    }
}

fn parameters() -> Value {
    let parameter = |name: &str, told: &str, schema: Value| {
        json!({ "name": name, "in": "header", "required": false, "description": told,
                "schema": schema })
    };
    json!({
        "IdempotencyKey": parameter(
            "Idempotency-Key",
            "A key of your own, bare or in quotes: whoever sends the same request with it again \
             within 24 hours gets the first answer again, and nothing is done twice.",
            json!({ "type": "string", "minLength": 1, "maxLength": 255,
                    "pattern": "^([!#-~][!-~]*|\"[!#-\\[\\]-~]+\")$" }),
        ),
        "IfMatch": parameter(
            "If-Match",
            "The `ETag` of what is edited, as it was answered. In its place the body may say \
             `version`.",
            json!({ "type": "string",
                    "pattern": "^(\\*|(W/)?\"[0-9]{1,9}(-[0-9a-f]*)?\")?$" }),
        ),
        "IfNoneMatch": parameter(
            "If-None-Match",
            "The `ETag` of what you hold: 304 when it is still so.",
            json!({ "type": "string" }),
        ),
    })
}

fn headers() -> Value {
    let header = |told: &str, is_always: bool, schema: Value| json!({ "description": told, "required": is_always, "schema": schema });
    let text = || json!({ "type": "string" });
    json!({
        "ETag": header("`\"<version>-<rest>\"`: the rest changes with everything shown to you.",
                       true, json!({ "type": "string", "pattern": "^\"[0-9]+-[0-9a-f]+\"$" })),
        "IdempotentReplayed": header("`true` on an answer that was given before.", false,
                                     json!({ "type": "string", "enum": ["true"] })),
        "Location": header("Where the new resource is.", true, text()),
        "RequestId": header("By which the request goes in our log.", true, text()),
        "RetryAfter": header("Seconds after which to try again.", true,
                             json!({ "type": "integer", "minimum": 0 })),
        "WwwAuthenticate": header("`Bearer error=\"…\"`, with the code.", true, text()),
    })
}

/// Refusals tell what to do next.
fn tell(responses: &mut Value) {
    for (name, answer) in responses.as_object_mut().into_iter().flatten() {
        answer["headers"]["X-Request-Id"] = header("RequestId");
        match name.as_str() {
            "Problem401" => answer["headers"]["WWW-Authenticate"] = header("WwwAuthenticate"),
            "Problem429" | "Problem503" => answer["headers"]["Retry-After"] = header("RetryAfter"),
            _ => {}
        }
    }
}
