//! The project's own tasks: `cargo xtask arch` holds the laws of
//! ARCHITECTURE.md, `cargo xtask golden` writes the reviewed outputs,
//! `cargo xtask schema` the picture of the schema.
//!
//! Never shipped, and on nobody's path: no crate depends on it.

mod arch;
mod golden;
mod schema;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <task>

  arch             check the laws that a machine can hold
  golden           write golden/ anew from the binary
  golden --check   fail where golden/ differs from what the binary writes
  schema           write docs/schema.md anew from the schema that the migrations
                   make, in the PostgreSQL of SAYSO_TEST_DATABASE_URL
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["arch"] => arch::run(house()),
        ["golden"] => golden::write(house()),
        ["schema"] => schema::write(house()),
        ["golden", "--check"] => golden::check(house()),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository this was built from.
fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository's root")
}
