//! The protocol, packet by packet, against the program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// What fails because of the crate: nothing, with the changes of `vendor`.
const KNOWN: &[&str] = &[];

/// The program, killed at the end.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_conformance"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_stack_speaks_the_protocol() {
    let program = Program::start();
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../clients/js"));
    let output = Command::new("node")
        .args(["conformance/main.mjs", &program.address])
        .current_dir(folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let checks: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(checks.len() > 40, "{} checks ran\n{errors}", checks.len());
    let failed = checks.iter().filter(|check| check["ok"] == false);
    let names: BTreeSet<&str> =
        failed.clone().map(|check| check["name"].as_str().unwrap()).collect();
    let known: BTreeSet<&str> = KNOWN.iter().copied().collect();
    assert_eq!(names, known, "{:#?}", failed.collect::<Vec<_>>());
    eprintln!("{} checks, {} known to fail", checks.len(), known.len());
}
