//! `sayso golden`: what the code says of itself, for review.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use sayso_api::{ApiParts, OpsState, Readiness, catalog};
use sayso_auth::{
    Activity, AuthParts, AuthState, Hasher, Keys, Lifetimes, Memory, Refusals, Rules,
};
use sayso_config::Settings;
use sayso_db::tokio_postgres::Config;
use sayso_db::{Db, DbLimits};
use sayso_events::{Hub, Presence};
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Clock, Random, Vault};
use sayso_telemetry::{METRICS, MetricsText};
use sayso_users::password::HashLimits;
use sayso_web::{AppParts, AppState, Limiter};
use utoipa::openapi::OpenApi;

use crate::trash;

#[derive(Debug, Args)]
pub struct GoldenArgs {
    /// Where to write.
    folder: PathBuf,
}

pub(super) fn run(args: &GoldenArgs) -> Result<()> {
    let document = document()?;
    let files = [
        ("openapi.json", sayso_api::document(&document) + "\n"),
        ("asyncapi.json", sayso_api::asyncapi_text() + "\n"),
        ("endpoints.txt", catalog::endpoints_text(&document)),
        ("errors.txt", catalog::errors_text()),
        ("events.txt", catalog::events_text()),
        ("config.md", config_text()),
        ("config.schema.json", super::config::schema_text()? + "\n"),
        ("env.example", env_text()),
        ("metrics.md", metrics_text()),
        ("docs/errors.md", catalog::errors_page()),
    ];
    std::fs::create_dir_all(args.folder.join("docs")).context("the folder cannot be made")?;
    for (name, text) in files {
        let path = args.folder.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// The OpenAPI document: that of a server which is never connected.
pub(super) fn document() -> Result<OpenApi> {
    let settings = Settings::at(PathBuf::new());
    let root = RootKey::new([0; RootKey::LEN]);
    let app = AppState::new(AppParts {
        db: Db::new(Config::new(), &DbLimits::from(&settings.database))?,
        clock: Clock::System,
        random: Random::seeded(0),
        hub: Hub::new(1),
        presence: Presence::default(),
        cache: sayso_cache::Cache::off(),
    });
    let keys = Keys::derive(&root, &["golden".into()], Lifetimes::from(&settings.auth));
    let auth = AuthState::new(AuthParts {
        keys: Arc::new(keys.context("a key is derived")?),
        hasher: Hasher::new(&root, HashLimits::from(&settings.auth), app.random.clone()),
        activity: Activity::default(),
        app: app.clone(),
        memory: Memory::default(),
        vault: Arc::new(Vault::new(&root, &[])),
        rules: Arc::new(Rules::default()),
    });
    let ops = OpsState {
        db: app.db.clone(),
        hub: app.hub.clone(),
        cache: app.cache.clone(),
        redis: None,
        readiness: Readiness::default(),
        metrics: MetricsText::install(),
        is_open: false,
    };
    let (refusals, limiter) = (Refusals::default(), Limiter::off());
    let trash_kept = trash::kept(&settings);
    Ok(sayso_api::router(&ApiParts { auth, ops, refusals, limiter, trash_kept }).1)
}

/// `golden/config.md`: every setting.
fn config_text() -> String {
    let mut text = String::from(
        "# Settings\n\nFrom weak to strong: these defaults, the file given with `--config`, the \
         environment, `--set`.\n\n| setting | environment | default | unit | meaning |\n\
         |---|---|---|---|---|\n",
    );
    for setting in sayso_config::reference() {
        let _ = writeln!(
            text,
            "| `{}` | `{}` | {} | {} | {} |",
            setting.key, setting.env, setting.default, setting.unit, setting.doc
        );
    }
    text
}

/// `golden/metrics.md`: everything that is measured.
fn metrics_text() -> String {
    let mut text = String::from(
        "# Metrics\n\nWhat a node shows at `/metrics`, where each says itself what it means \
         (`# HELP`). What has not happened yet has no line. A histogram has buckets (`le`), a \
         summary quantiles of the last minute (`quantile`), and both `_sum` and `_count`.\n\n\
         | metric | kind | labels | unit | meaning |\n|---|---|---|---|---|\n",
    );
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels) = (metric.kind.name(), labels.join(", "));
        let _ = writeln!(
            text,
            "| `{}` | {kind} | {labels} | {} | {} |",
            metric.name, metric.unit, metric.doc
        );
    }
    text
}

/// `golden/env.example`, which `.env.example` leads to: every setting as a
/// variable, after those that `compose.yaml` asks for.
fn env_text() -> String {
    let mut text = String::from(COMPOSE);
    let mut section = "";
    let settings = sayso_config::reference();
    for setting in &settings {
        let own = setting.key.split_once('.').map_or("", |(section, _)| section);
        if own != section {
            section = own;
            let _ = writeln!(text, "\n# [{section}]");
        }
        let default = if setting.default.contains(' ') { "" } else { &setting.default };
        let _ =
            writeln!(text, "\n# {} ({})\n#{}={default}", setting.doc, setting.unit, setting.env);
    }
    text
}

/// Passwords have no default: one that everybody knows is none.
const COMPOSE: &str = "\
# Copy this to .env. It is read by `docker compose`, and by a shell with
#   set -a; . ./.env; set +a; sayso serve

# What compose.yaml asks for. Make each with `openssl rand -hex 32`; hexadecimal
# digits need no quoting in a URL.
POSTGRES_PASSWORD=
SAYSO_OWNER_PASSWORD=
SAYSO_APP_PASSWORD=
REDIS_PASSWORD=
SAYSO_SECRETS__ROOT_KEY=

# Every other setting of Sayso, with its default. Those of nodes in compose.yaml
# stand there, below `settings`.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_compose_asks_for_stands_in_the_example() {
        let compose = include_str!("../../../../../compose.yaml");
        let asked = compose.split("${").skip(1).filter_map(|rest| rest.split([':', '}']).next());
        let text = env_text();
        let mut count = 0;
        for name in asked {
            assert!(text.contains(&format!("\n{name}=")), "{name} is not in .env.example");
            count += 1;
        }
        assert!(count > 4, "compose.yaml asks for {count} variables");
    }

    #[test]
    fn every_setting_that_compose_gives_to_a_node_is_one() {
        let compose = include_str!("../../../../../compose.yaml");
        let known: Vec<String> = sayso_config::reference()
            .into_iter()
            .flat_map(|setting| setting.aliases.into_iter().chain([setting.env]))
            .collect();
        let given = compose.lines().filter_map(|line| line.trim_start().split_once(": "));
        let given = given.map(|(name, _)| name);
        let given: Vec<&str> = given
            .filter(|name| name.ends_with("_URL") || name.starts_with("SAYSO_"))
            .filter(|name| !name.ends_with("_PASSWORD"))
            .collect();
        for name in &given {
            assert!(known.iter().any(|one| one == name), "{name} is no setting");
        }
        assert!(given.len() >= 4, "{given:?}");
    }
}
