//! What is wrong with a setting, and where it was said.

use std::path::PathBuf;

/// Where a value was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The settings file.
    File(PathBuf),
    /// A variable of the environment, by name.
    Environment(String),
    /// A flag of the command line.
    Flag,
    /// Nowhere: the fault lies in what is missing, or in how settings combine.
    Combination,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, " (in {})", path.display()),
            Self::Environment(name) => write!(f, " (from {name})"),
            Self::Flag => f.write_str(" (from the command line)"),
            Self::Combination => Ok(()),
        }
    }
}

/// One fault of the settings. Its text never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}{source_of_value}")]
pub struct ConfigFault {
    /// The setting: `section.key`, or the file that could not be read.
    pub key: String,
    /// Where the value was said.
    pub source_of_value: Source,
    /// What is wrong with it.
    pub reason: String,
}

impl ConfigFault {
    /// A fault of `key`.
    pub(crate) fn new(key: &str, source: Source, reason: impl Into<String>) -> Self {
        Self { key: key.to_owned(), source_of_value: source, reason: reason.into() }
    }
}
