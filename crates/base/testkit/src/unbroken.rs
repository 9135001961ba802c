//! What a client that watches the numbers would say of what it heard.

use std::collections::HashMap;

use serde_json::Value;

use crate::sockets::Sockets;

/// Nothing that a socket heard is missing, there twice or out of order, over
/// all its connections: each goes on where the one before stopped, or says that
/// it cannot. Answers the last position.
///
/// # Panics
/// At the first hole, repeat or disorder.
pub fn assert_unbroken(sockets: &Sockets, id: &str) -> i64 {
    let mut last = HashMap::<String, i64>::new();
    let mut position = None;
    for heard in sockets.heard(id) {
        let body = &heard.payload;
        match heard.event.as_str() {
            "ready" => {
                let begins = number(body, "position");
                if body["recovered"] == true && position.is_some() {
                    assert_eq!(position, Some(begins), "{id}: goes on elsewhere: {body}");
                }
                position = Some(begins);
                let streams = body["streams"].as_array().expect("streams");
                last = streams.iter().map(|at| (name(at), number(at, "seq"))).collect();
            }
            "stream.joined" => drop(last.insert(name(body), number(body, "seq"))),
            "stream.left" => drop(last.remove(&name(body))),
            _ if heard.is_event() => {
                let stream = name(body);
                let seq = last.get_mut(&stream).unwrap_or_else(|| panic!("{id}: {stream}: {body}"));
                assert_eq!(number(body, "seq"), *seq + 1, "{id}: {stream} after {seq}: {body}");
                *seq += 1;
                let at = number(body, "position");
                assert!(position < Some(at), "{id}: out of order: {body}");
                position = Some(at);
            }
            _ => {}
        }
    }
    position.unwrap_or_default()
}

fn name(value: &Value) -> String {
    value["stream"].as_str().expect("a stream").to_owned()
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("no {field} in {value}"))
}
