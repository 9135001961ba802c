//! Reviewed outputs that a running server is needed for.

use std::path::PathBuf;

use sayso_config::process_environment;

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// Whether what is committed is to be written anew (`make golden`).
pub fn is_written() -> bool {
    process_environment().any(|(name, value)| name == "SAYSO_GOLDEN" && value == "write")
}

/// Holds a text against `golden/<name>`, or writes it there.
pub fn compare(name: &str, text: &str) {
    compare_at(&root().join("golden").join(name), text);
}

/// The same with a file anywhere.
pub fn compare_at(path: &std::path::Path, text: &str) {
    if is_written() {
        std::fs::write(path, text).expect("the file can be written");
        return;
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let differing = committed.lines().zip(text.lines()).find(|(one, other)| one != other);
    assert!(
        committed == text,
        "{} has drifted: run `make golden`, read the difference, commit it\n{differing:?}",
        path.display()
    );
}
