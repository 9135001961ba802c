//! `sayso events tail`: what happens, as it happens, one line of JSON each.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use sayso_config::Settings;
use sayso_events::{Event, Log};
use sayso_kernel::Random;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::say_error;
use crate::storage::Storage;

/// Events read at once.
const PAGE: i64 = 500;
/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The commands of `sayso events`.
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Follow the log: one line of JSON an event, in its order.
    Tail(TailArgs),
}

/// Which events.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sayso events tail                                  what happens from now on
  sayso events tail --from start --no-follow         all that the log still holds
  sayso events tail --type 'task.*' --type user.created
  sayso events tail --from 1200 | jq -r '[.position, .type, .actorId] | @tsv'

A line holds what people wrote, of every channel: it is for whoever may see everything. The log
keeps events.retention_hours. Ends with 1 when the history changes (a backup was restored).")]
pub struct TailArgs {
    /// Where to begin: after a position, at the `start` of what is kept, or at
    /// the `end`.
    #[arg(long, default_value = "end", value_name = "POSITION")]
    from: From,
    /// Only events of this type; `task.*` is all that begin so. May be repeated.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Stop at the end of the log.
    #[arg(long)]
    no_follow: bool,
}

#[derive(Clone, Copy, Debug)]
enum From {
    Start,
    End,
    After(i64),
}

impl std::str::FromStr for From {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            number => match number.parse() {
                Ok(position) if position >= 0 => Ok(Self::After(position)),
                _ => Err("a position, start or end"),
            },
        }
    }
}

pub(super) async fn run(settings: &Settings, command: EventsCommand) -> Result<()> {
    let EventsCommand::Tail(args) = command;
    let random = Random::from_os();
    let storage = Storage::attach(settings, &random).await?;
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let followed = tokio::select! {
        followed = follow(&storage, settings, &args) => followed,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    storage.close().await;
    followed
}

async fn follow(storage: &Storage, settings: &Settings, args: &TailArgs) -> Result<()> {
    let db = storage.open(settings).await?;
    let log = Log::new(db.clone());
    let followed = walk(&log, args).await;
    db.close();
    followed
}

async fn walk(log: &Log, args: &TailArgs) -> Result<()> {
    let Some((end, epoch)) = log.end().await? else { bail!("there is no log yet: start Sayso") };
    let mut place = match args.from {
        From::Start => 0,
        From::End => end,
        From::After(position) => position,
    };
    loop {
        let (end, now) = log.end().await?.context("the log is gone")?;
        if now != epoch {
            bail!("the history changed: it is {now} now, and ends at {end}");
        }
        let events = log.after(place, PAGE).await?;
        tell_of_a_gap(args, place, &events);
        let mut out = std::io::stdout().lock();
        for event in events.iter().filter(|event| is_wanted(&event.kind, &args.types)) {
            if writeln!(out, "{}", line(event)).is_err() {
                // Whoever read has enough (`| head`).
                return Ok(());
            }
        }
        drop(out);
        place = events.last().map_or(place, |event| event.position);
        if events.is_empty() {
            if args.no_follow {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Positions have no holes, so that a later beginning means that what lies
/// before it is no longer kept.
fn tell_of_a_gap(args: &TailArgs, place: i64, events: &[Event]) {
    if let (From::After(from), Some(first)) = (args.from, events.first())
        && from == place
        && first.position > place + 1
    {
        say_error(&format!("the log begins at {}: what lies before is gone", first.position));
    }
}

fn is_wanted(kind: &str, types: &[String]) -> bool {
    types.is_empty()
        || types.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(start) => kind.starts_with(start),
            None => kind == wanted,
        })
}

fn line(event: &Event) -> Value {
    let streams = event.streams.iter();
    let streams = streams.map(|on| json!({ "stream": on.stream, "seq": on.seq }));
    json!({
        "position": event.position,
        "type": event.kind,
        "id": event.id,
        "version": event.version,
        "at": event.at,
        "actorId": event.actor_id,
        "via": event.via,
        "correlationId": event.correlation_id,
        "streams": streams.collect::<Vec<_>>(),
        "data": event.data,
        "change": event.change,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_whole_or_by_how_it_begins() {
        let types = ["task.*".to_owned(), "user.created".to_owned()];

        assert!(is_wanted("task.updated", &types) && is_wanted("user.created", &types));
        assert!(!is_wanted("user.updated", &types) && is_wanted("anything", &[]));
    }
}
