//! The tags, as chapters that can be read in order.

use serde_json::{Value, json};

/// What each chapter tells, in the order in which one needs them.
const CHAPTERS: [(&str, &str); 13] = [
    (
        "Auth",
        "Come in, stay in, leave. A login answers an access token (15 minutes, sent as \
      `Authorization: Bearer`) and a refresh token, which is exchanged for the next pair. Second \
      factors, passwords, sessions, and tokens for programs.",
    ),
    (
        "Users",
        "The people of the company: who they are, whom they report to, what they were \
      granted. The CEO hires and dismisses; everybody sees everybody, guests those of their \
      channels.",
    ),
    (
        "Channels",
        "Where talk happens: public, private, or direct between people. Members, unread \
      counts, one reading mark a person and channel.",
    ),
    (
        "Messages",
        "Talk: send, edit, delete, restore; threads, reactions, mentions, and the \
      message as it stood before each edit.",
    ),
    (
        "Tasks",
        "Work: who does what until when, what waits for what, what was said and changed. \
      Every edit names the version it rests on, so two editors never overwrite each other.",
    ),
    ("Categories", "Trees into which channels and tasks are sorted."),
    (
        "Notifications",
        "What somebody should hear of: made from what happened, once, by rules that \
      each person can turn down.",
    ),
    ("Search", "Words over everything that the caller may see."),
    ("Trash", "What was deleted and can be brought back, with the time that is left."),
    (
        "Events",
        "What happened since, for clients that come back. Live they are told over a socket: \
      see docs/events.md.",
    ),
    ("Audit", "Who did what, for those who must answer for it."),
    ("Operation", "For whoever runs the server: is it alive, is it ready, how is it doing."),
    ("Other", "What belongs to no chapter."),
];

pub(super) fn add(document: &mut Value) {
    let mut used = Vec::new();
    super::walk::each(document, |operation| {
        let tag = operation.value["tags"][0].as_str().unwrap_or("Other").to_owned();
        operation.value["tags"] = json!([tag]);
        used.push(tag);
    });
    let tags: Vec<Value> = CHAPTERS
        .iter()
        .filter(|(name, _)| used.iter().any(|tag| tag == name))
        .map(|(name, told)| json!({ "name": name, "description": told }))
        .collect();
    document["tags"] = tags.into();
}
