//! The official client libraries, each with the program that drives it.

use std::path::Path;
use std::process::Command;

/// A client library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    /// npm `socket.io-client`.
    JavaScript,
    /// PyPI `python-socketio`.
    Python,
}

impl Library {
    /// Its driver, which is not started yet.
    ///
    /// # Panics
    /// When the library is not installed.
    pub(crate) fn driver(self) -> Command {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/clients"));
        let (folder, program, script, installed) = match self {
            Self::JavaScript => {
                (folder.join("js"), "node".into(), "driver.mjs", "node_modules/socket.io-client")
            }
            Self::Python => {
                let folder = folder.join("python");
                let python = folder.join(".venv/bin/python").into_os_string();
                (folder, python, "driver.py", ".venv/installed")
            }
        };
        assert!(
            folder.join(installed).exists(),
            "the official clients are not installed: run `make test`, or scripts/test-clients"
        );
        let mut command = Command::new(program);
        command.arg(script).current_dir(folder);
        command
    }
}
