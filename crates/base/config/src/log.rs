//! What is logged, and in what form.

use crate::section::section;
use crate::value::Setting;

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Setting for LogFormat {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("pretty or json"),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Pretty => "pretty".to_owned(),
            Self::Json => "json".to_owned(),
        }
    }
}

section! {
    /// What is logged, and in what form.
    Log in "log" {
        /// The form of a log line.
        format: LogFormat = LogFormat::Pretty, "pretty or json";
        /// What is logged, in the syntax of `tracing`: a level, and levels for
        /// parts of the program, like `info,sayso_db=debug`. A server that is
        /// sent SIGHUP reads its settings anew and takes up this one.
        filter: String = "info".to_owned(), "filter";
    }
}
