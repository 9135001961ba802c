//! `sayso serve`: runs until it is told to stop.

use anyhow::{Result, bail};
use clap::Args;
use sayso_access::{Ctx, Via};
use sayso_config::ToldSetting;
use sayso_kernel::{Clock, Random};
use sayso_telemetry::{LogFilter, trace};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::compose::{self, Node};
use crate::descriptors::Descriptors;
use crate::root_key::AnotherKey;
use crate::{demo, greeting};

use super::config::{self, RELOADED};
use super::{SettingsArgs, say};

/// How to begin.
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM stops it in order, a second one at once; SIGHUP takes up log.filter.

Examples:
  sayso serve --demo
  sayso --config /etc/sayso/sayso.toml serve
  sayso serve --set http.listen=0.0.0.0:8080 --set log.format=json")]
pub struct ServeArgs {
    /// Fill an empty database with a small company to look at.
    #[arg(long)]
    demo: bool,
    /// Serve a database whose root key is lost under the one that is here, or
    /// under a new one. Nobody can log in with their password then (`sayso user
    /// reset` lets people in), and second factors are lost. Needed once.
    #[arg(long)]
    another_key: bool,
}

/// Runs the server.
pub(super) async fn run(given: &SettingsArgs, args: &ServeArgs) -> Result<()> {
    let (settings, told) = given.load().map_err(|faults| config::refused(&faults))?;
    if args.demo && settings.deployment.production {
        bail!("--demo is for trials, and deployment.production says that this is none");
    }
    let filter = sayso_telemetry::init(&settings.log)?;
    if let Err(error) = Descriptors::of(&settings).and_then(Descriptors::take) {
        tracing::warn!(%error, "the limit of descriptors stays as it is");
    }
    let traces = trace::start(&settings.traces, Clock::System, &Random::from_os())?;
    let reload = Reload { given, told, filter };
    // Listened for from the beginning, so that a signal during the start is
    // not lost.
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Without this it would end the process.
    let hangup = signal(SignalKind::hangup())?;
    let another = if args.another_key { AnotherKey::Taken } else { AnotherKey::Refused };
    let node = tokio::select! {
        node = compose::start_under(&settings, another, Clock::System, Random::from_os()) => node?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    let greeted = greet(&node, args).await;
    let stop = async {
        node.shutdown().await;
        // What the last requests did is told as well.
        traces.shutdown().await;
    };
    if let Err(error) = greeted {
        stop.await;
        return Err(error);
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = reload.run(hangup) => {}
    }
    tracing::info!("stopping");
    tokio::select! {
        () = stop => {}
        // Whoever asks twice means now.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Reads the settings anew whenever it is asked to.
struct Reload<'a> {
    given: &'a SettingsArgs,
    told: Vec<ToldSetting>,
    filter: LogFilter,
}

impl Reload<'_> {
    async fn run(mut self, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            if let Err(error) = self.once() {
                tracing::error!("nothing was taken up: {error:#}");
            }
        }
        // Signals do not end while the process lives.
        std::future::pending().await
    }

    fn once(&mut self) -> Result<()> {
        let (settings, told) = self.given.load().map_err(|faults| config::refused(&faults))?;
        self.filter.set(&settings.log)?;
        tracing::warn!(filter = settings.log.filter, "the settings were read anew");
        let waiting = config::needing_a_restart(&self.told, &told);
        if !waiting.is_empty() {
            tracing::warn!("these need a restart: {}", waiting.join(", "));
        }
        self.told = told.into_iter().zip(&self.told).map(|(new, old)| kept(new, old)).collect();
        Ok(())
    }
}

/// What is in force now: of a setting that needs a restart still the old one.
fn kept(new: ToldSetting, old: &ToldSetting) -> ToldSetting {
    if new.key == RELOADED { new } else { old.clone() }
}

/// Says where Sayso is, and how to get in.
async fn greet(node: &Node, args: &ServeArgs) -> Result<()> {
    let base = format!("http://{}", node.address);
    let mut text = format!("\n  Sayso is running at {base}\n");
    if args.demo
        && let Some(logins) = demo::make(&node.auth).await?
    {
        text.push_str(&greeting::demo(&base, &logins));
    } else {
        let ctx =
            Ctx::anonymous(Via::System, node.auth.app.clock.clone(), node.auth.app.random.clone());
        match sayso_auth::create_setup_code(&node.auth.app.db, &ctx).await {
            Ok(Some(code)) => text.push_str(&greeting::setup(&base, &code)),
            Ok(None) => {}
            // A database that went away in this moment comes back, and the
            // server waits for it as at any other.
            Err(fault) => tracing::warn!(
                %fault,
                "it cannot be asked whether anybody is in here: a set-up code comes with the next start"
            ),
        }
    }
    say(&text);
    Ok(())
}
