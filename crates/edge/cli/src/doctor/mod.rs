//! What may be wrong with an installation, and what to do about it.
//!
//! Each question is a function that answers with [`Finding`]s and changes
//! nothing; one that cannot be asked, because an earlier one failed, is left
//! out.

mod database;
mod keys;
mod log;
mod machine;
mod redis;

use sayso_config::Settings;
use sayso_kernel::Random;
use serde::Serialize;

use crate::storage::Storage;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work, or will not for long.
    Fail,
}

/// One answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was asked.
    pub check: &'static str,
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do, unless it is as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, level: Level::Ok, found: found.into(), advice: None }
    }

    pub(crate) fn warn(
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let advice = Some(advice.into());
        Self { check, level: Level::Warn, found: found.into(), advice }
    }

    pub(crate) fn fail(
        check: &'static str,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { level: Level::Fail, ..Self::warn(check, found, advice) }
    }
}

/// Asks everything, beside a running Sayso or without one.
pub(crate) async fn examine(settings: &Settings, random: &Random) -> Vec<Finding> {
    let mut all = machine::examine(settings);
    all.extend(keys::examine(settings));
    all.extend(redis::examine(settings).await);
    if !Storage::has_data(settings) {
        let found = format!("none in {} yet", settings.data_dir.display());
        all.push(Finding::warn("database", found, "`sayso serve` makes one at its first start"));
        return all;
    }
    match Storage::attach(settings, random).await {
        Ok(storage) => {
            all.extend(database::examine(&storage, settings).await);
            storage.close().await;
        }
        // The line says what to do by itself: another major version, a folder
        // of somebody else, no PostgreSQL at all.
        Err(error) => all.push(Finding::fail("database", format!("{error:#}"), "see the line")),
    }
    if !all.iter().any(|one| one.check == keys::CHECK) {
        all.push(keys::unasked(settings));
    }
    all
}

/// The report for people.
pub(crate) fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|one| one.check.len()).max().unwrap_or(0);
    let lines = findings.iter().map(|one| {
        let level = match one.level {
            Level::Ok => "ok  ",
            Level::Warn => "WARN",
            Level::Fail => "FAIL",
        };
        let advice = one.advice.as_ref().map(|advice| format!("\n      {:width$}  → {advice}", ""));
        format!("{level}  {:width$}  {}{}", one.check, one.found, advice.unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_line_a_finding_with_the_advice_below_it() {
        let all =
            [Finding::ok("disk", "20 GB free"), Finding::fail("database", "no answer", "start it")];

        assert_eq!(
            text(&all),
            "ok    disk      20 GB free\nFAIL  database  no answer\n                → start it"
        );
        assert!(Level::Fail > Level::Warn && Level::Warn > Level::Ok);
    }
}
