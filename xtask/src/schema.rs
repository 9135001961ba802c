//! `docs/schema.md`, which only a database can tell: a test of base/db knows how
//! to write it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The test that writes.
const WRITER: &str = "schema::the_document_is_written_anew";

/// Writes `docs/schema.md` anew.
pub fn write(root: &Path) -> Result<()> {
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--workspace", "--test", "db", "--"])
        .args(["--ignored", "--exact", WRITER])
        .current_dir(root)
        .status()
        .context("cargo cannot be run")?;
    ensure!(status.success(), "docs/schema.md was not written");
    Ok(())
}
