//! YAML as a value: read by a parser of JavaScript, for nothing that is shipped
//! needs one.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::deploy::text;
use crate::golden::root;

/// What a text says, or why it says nothing.
pub fn read(text: &str) -> Result<Value, String> {
    let mut node = Command::new("node")
        .arg("yaml.mjs")
        .current_dir(root().join("tests/clients/js"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("node is installed");
    let mut stdin = node.stdin.take().expect("it was piped");
    // One that has ended already says why.
    let _ = stdin.write_all(text.as_bytes());
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// What a file of the repository says.
#[track_caller]
pub fn file(name: &str) -> Value {
    read(&text(name)).unwrap_or_else(|fault| panic!("{name} is no YAML: {fault}"))
}

#[test]
fn what_is_no_yaml_or_says_a_thing_twice_is_refused_and_what_is_merged_is_whole() {
    for text in ["a: [1", "a: b: c", "a: 1\na: 2"] {
        let fault = read(text).expect_err(text);
        assert!(fault.contains("YAMLException"), "{fault}");
    }

    let merged = read("a: &a { b: 1, c: 2 }\nd: { <<: *a, c: 3 }").unwrap();

    assert_eq!(merged["d"], json!({ "b": 1, "c": 3 }));
}
