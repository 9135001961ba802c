//! The process environment. No other file of Sayso reads it.

#![expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]

use std::path::PathBuf;

/// The environment as pairs. A variable that is not Unicode is left out: no
/// setting of Sayso can be one.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The folders of `PATH`, in order.
#[must_use]
pub fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The folder for sockets of this user's session (`XDG_RUNTIME_DIR`), where
/// the system has one.
#[must_use]
pub fn runtime_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute())
}
