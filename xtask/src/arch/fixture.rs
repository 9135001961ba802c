//! Small trees for the tests of the checks: broken on purpose, in a folder
//! that goes away with the value.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Breach, Check};

/// A tree in a temporary folder.
pub struct Tree(PathBuf);

impl Tree {
    /// A tree that holds `files`: paths from its root, with their text.
    pub fn new(files: &[(&str, &str)]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("sayso-arch-{}-{number}", process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }

    /// Where the tree lies.
    pub fn root(&self) -> &Path {
        &self.0
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // A folder that is left behind fails no test.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The places, as `file:line`, at which `check` finds `files` broken.
pub fn breaches(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    let found = check(Tree::new(files).root()).unwrap();
    found.iter().map(|one| format!("{}:{}", one.file.display(), one.line)).collect()
}

/// Fails with every breach of `check` in this very repository.
pub fn assert_kept_here(check: Check) {
    let found = check(crate::house()).unwrap();
    let lines: Vec<String> = found.iter().map(Breach::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}
