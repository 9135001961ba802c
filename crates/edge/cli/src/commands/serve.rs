//! `sayso serve`: runs until it is told to stop.

use anyhow::Result;
use clap::Args;
use sayso_access::{Ctx, Via};
use sayso_config::Settings;
use sayso_kernel::{Clock, Random};
use tokio::signal::unix::{SignalKind, signal};

use crate::compose::{self, Node};
use crate::{demo, greeting};

use super::say;

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Fill an empty database with a small company to look at.
    #[arg(long)]
    demo: bool,
}

/// Runs the server.
pub(super) async fn run(settings: &Settings, args: &ServeArgs) -> Result<()> {
    sayso_telemetry::init(&settings.log)?;
    // Listened for from the beginning, so that a signal during the start is
    // not lost.
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let node = tokio::select! {
        node = compose::start(settings, Clock::System, Random::from_os()) => node?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    let greeted = greet(&node, args).await;
    if let Err(error) = greeted {
        node.shutdown().await;
        return Err(error);
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    tokio::select! {
        () = node.shutdown() => {}
        // Whoever asks twice means now.
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
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
        let code = sayso_auth::create_setup_code(&node.auth.app.db, &ctx).await?;
        if let Some(code) = code {
            text.push_str(&greeting::setup(&base, &code));
        }
    }
    say(&text);
    Ok(())
}
