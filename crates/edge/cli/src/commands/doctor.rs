//! `sayso doctor`: what is wrong, and what to do about it.

use anyhow::{Result, bail};
use clap::Args;
use sayso_config::{ConfigFault, Settings};
use sayso_kernel::Random;

use super::say;
use crate::doctor::{self, Finding, Level};

/// How to tell it.
#[derive(Debug, Args)]
#[command(after_help = "\
It asks the machine, the settings, PostgreSQL, the log, Redis and the keys, beside a running Sayso
or without one, and changes nothing (it starts the managed PostgreSQL for its own time if nobody
else has). Ends with 0 when nothing failed (warnings are not failures), else with 1.

Examples:
  sayso doctor
  sayso --config /etc/sayso/sayso.toml doctor
  sayso doctor --json | jq '.[] | select(.level != \"ok\")'")]
pub struct DoctorArgs {
    /// One JSON list of `{check, level, found, advice?}`, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs even with settings that cannot be used: then that is what is told.
pub(super) async fn run(
    settings: Result<Settings, Vec<ConfigFault>>,
    args: &DoctorArgs,
) -> Result<()> {
    let findings = match settings {
        Ok(settings) => {
            let mut all = vec![Finding::ok("settings", "they can be used")];
            all.extend(doctor::examine(&settings, &Random::from_os()).await);
            all
        }
        Err(faults) => {
            let advice = "correct it; `sayso config schema` says what there is";
            faults.iter().map(|one| Finding::fail("settings", one.to_string(), advice)).collect()
        }
    };
    if args.json {
        say(&serde_json::to_string_pretty(&findings)?);
    } else {
        say(&doctor::text(&findings));
    }
    let failed = findings.iter().filter(|one| one.level == Level::Fail).count();
    if failed > 0 {
        bail!("{failed} of {} checks failed", findings.len());
    }
    Ok(())
}
