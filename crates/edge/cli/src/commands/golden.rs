//! `sayso golden`: what the code says of itself, for review.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use sayso_api::{ApiParts, OpsState, Readiness, catalog};
use sayso_auth::{AuthState, Hasher, Keys, Lifetimes, Memory, Refusals, Rules};
use sayso_config::Settings;
use sayso_db::tokio_postgres::Config;
use sayso_db::{Db, DbLimits};
use sayso_events::{Hub, Presence};
use sayso_kernel::secret::RootKey;
use sayso_kernel::{Clock, Random, Vault};
use sayso_telemetry::MetricsText;
use sayso_users::password::HashLimits;
use sayso_web::AppState;
use utoipa::openapi::OpenApi;

#[derive(Debug, Args)]
pub struct GoldenArgs {
    /// Where to write.
    folder: PathBuf,
}

pub(super) fn run(args: &GoldenArgs) -> Result<()> {
    let document = document()?;
    let files = [
        ("openapi.json", sayso_api::document(&document) + "\n"),
        ("endpoints.txt", catalog::endpoints_text(&document)),
        ("errors.txt", catalog::errors_text()),
        ("events.txt", catalog::events_text()),
        ("config.md", config_text()),
    ];
    std::fs::create_dir_all(&args.folder).context("the folder cannot be made")?;
    for (name, text) in files {
        let path = args.folder.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// The OpenAPI document: that of a server which is never connected.
fn document() -> Result<OpenApi> {
    let settings = Settings::at(PathBuf::new());
    let root = RootKey::new([0; RootKey::LEN]);
    let app = AppState {
        db: Db::new(Config::new(), &DbLimits::from(&settings.database))?,
        clock: Clock::System,
        random: Random::seeded(0),
        hub: Hub::new(1),
        presence: Presence::default(),
    };
    let keys = Keys::derive(&root, &["golden".into()], Lifetimes::from(&settings.auth));
    let auth = AuthState {
        keys: Arc::new(keys.context("a key is derived")?),
        hasher: Hasher::new(&root, HashLimits::from(&settings.auth), app.random.clone()),
        app: app.clone(),
        memory: Memory::default(),
        vault: Arc::new(Vault::new(&root, &[])),
        rules: Arc::new(Rules::default()),
    };
    let ops = OpsState {
        db: app.db,
        hub: app.hub,
        readiness: Readiness::default(),
        metrics: MetricsText::install(),
        is_open: false,
    };
    Ok(sayso_api::router(&ApiParts { auth, ops, refusals: Refusals::default() }).1)
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
