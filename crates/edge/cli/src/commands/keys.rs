//! `sayso keys …`: the keys of access tokens, and secrets at rest.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use sayso_access::{Ctx, Via};
use sayso_auth::rotation::{self, Old};
use sayso_auth::token::NamedKey;
use sayso_auth::{AuthState, reseal};
use sayso_config::Settings;
use sayso_kernel::{Random, Timestamp};

use super::{progress, say};
use crate::storage::Storage;

/// The commands of `sayso keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Let another key sign access tokens.
    ///
    /// Running servers take it up by themselves within seconds. The keys before it are believed
    /// until the last token they signed has expired, so nobody notices.
    Rotate(RotateArgs),
    /// Show the keys that sign, will sign, or are still believed.
    List,
    /// Seal secrets at rest under the present root key.
    ///
    /// After `secrets.root_key` was changed and the one before it put into
    /// `secrets.previous_root_keys`. It may run beside servers, and again.
    Reencrypt,
}

/// How to rotate.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso keys rotate                    once a quarter, say
  sayso keys rotate --revoke-old       a key is known to others")]
pub struct RotateArgs {
    /// No longer believe the keys there are: for when one is known to others. Every access token
    /// becomes invalid at once, and clients refresh.
    #[arg(long)]
    revoke_old: bool,
}

pub(super) async fn run(settings: &Settings, command: KeysCommand) -> Result<()> {
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let answer = answer_on(&storage, settings, random, command).await;
    storage.close().await;
    say(&answer?);
    Ok(())
}

async fn answer_on(
    storage: &Storage,
    settings: &Settings,
    random: Random,
    command: KeysCommand,
) -> Result<String> {
    let auth = crate::compose::beside(storage, settings, random).await?;
    let answer = match command {
        KeysCommand::Rotate(args) => rotate(&auth, &args).await,
        KeysCommand::List => list(&auth).await,
        KeysCommand::Reencrypt => reencrypt(&auth).await,
    };
    auth.app.db.close();
    answer
}

fn operator(auth: &AuthState) -> Ctx {
    Ctx::anonymous(Via::System, auth.app.clock.clone(), auth.app.random.clone())
}

async fn rotate(auth: &AuthState, args: &RotateArgs) -> Result<String> {
    let old = if args.revoke_old { Old::Revoked } else { Old::Overlap };
    let access: Duration = auth.keys.lifetimes().access;
    let key = rotation::rotate(&auth.app.db, &operator(auth), access, old).await?;
    Ok(format!("{} signs from {}", key.kid, seconds(key.signs_from)))
}

async fn list(auth: &AuthState) -> Result<String> {
    let (keys, now) = (rotation::list(&auth.app.db).await?, auth.app.clock.now());
    let mut text = String::new();
    let mut signs = true;
    for key in keys.iter().filter(|key| key.verifies(now)) {
        let state = state(key, now, &mut signs);
        let _ = writeln!(text, "{}  made {}  {state}", key.kid, seconds(key.created_at));
    }
    Ok(text.trim_end().to_owned())
}

/// They stand in the order of their turns: of those whose time has come, the
/// first signs.
fn state(key: &NamedKey, now: Timestamp, is_first: &mut bool) -> String {
    if key.signs_from > now {
        return format!("signs from {}", seconds(key.signs_from));
    }
    if std::mem::take(is_first) {
        return "signs".to_owned();
    }
    match key.verifies_until {
        Some(until) => format!("believed until {}", seconds(until)),
        None => "believed".to_owned(),
    }
}

async fn reencrypt(auth: &AuthState) -> Result<String> {
    let heard = |found: reseal::Resealed| {
        progress::secrets(found.sealed + found.current + found.lost);
    };
    let found = reseal::reseal(&auth.app.db, &operator(auth), &auth.vault, heard).await;
    progress::done();
    let found = found?;
    if found.lost > 0 {
        bail!(
            "{} secrets are sealed under a root key that is not known: add it to \
             secrets.previous_root_keys ({} sealed anew, {} under the present key)",
            found.lost,
            found.sealed,
            found.current
        );
    }
    Ok(format!("{} sealed anew, {} under the present key already", found.sealed, found.current))
}

/// Without the fractions that nobody asks for.
fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
