//! The Socket.IO crate is named in one file, so that it can be replaced.

use std::path::Path;

use anyhow::Result;

use super::Breach;
use super::tree::sources;

const LAW: &str = "A service never holds a socket: the Socket.IO crate is named in \
                   crates/edge/realtime/src/adapter.rs only (and in tests/conformance, which is \
                   nothing but that crate).";

const ADAPTER: &str = "crates/edge/realtime/src/adapter.rs";
/// The program that shows to the public protocol suites what the crate does.
const CONFORMANCE: &str = "tests/conformance";

/// The crate and those it is made of.
const CRATES: [&str; 3] = ["socketioxide", "socketioxide_core", "engineioxide"];

/// Every mention of the crate outside the adapter, tests included.
pub fn check(root: &Path) -> Result<Vec<Breach>> {
    let mut breaches = Vec::new();
    for source in sources(root)? {
        if source.path == Path::new(ADAPTER) || source.path.starts_with(CONFORMANCE) {
            continue;
        }
        for (at, word) in source.words().filter(|(_, word)| CRATES.contains(word)) {
            let (file, line) = (source.path.clone(), source.line(at));
            breaches.push(Breach { law: LAW, file, line, found: format!("`{word}` is named") });
        }
    }
    Ok(breaches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::fixture::{assert_kept_here, breaches};

    #[test]
    fn a_second_file_that_names_the_crate_is_found() {
        let found = breaches(
            check,
            &[
                (ADAPTER, "use socketioxide::SocketIo;"),
                ("crates/edge/realtime/src/gateway.rs", "//! socketioxide\nuse socketioxide::A;"),
                ("crates/domain/tasks/src/service.rs", "fn f(s: &engineioxide::Socket) {}"),
            ],
        );

        assert_eq!(
            found,
            ["crates/domain/tasks/src/service.rs:1", "crates/edge/realtime/src/gateway.rs:2"]
        );
    }

    #[test]
    fn this_repository_keeps_it() {
        assert_kept_here(check);
    }
}
