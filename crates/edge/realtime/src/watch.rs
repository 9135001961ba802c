//! What is looked after from time to time, for all sockets of a node at once.

use std::collections::HashSet;
use std::time::Duration;

use sayso_access::{Ctx, SessionId, Via};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::limits::TOKEN_GRACE;
use crate::node::Node;
use crate::protocol::Closing;
use crate::{standing, whispers};

/// How often sockets whose token has expired are looked at.
const TOKENS_EVERY: Duration = Duration::from_secs(1);
/// How often sockets are asked after while the log may be silent: that it may be
/// is noticed within 750 ms, and all of it is to take no more than a second.
const STANDINGS_EVERY: Duration = Duration::from_millis(200);
/// How long changes of presence are gathered.
const PRESENCE_EVERY: Duration = Duration::from_millis(200);
/// How often it is looked who has become idle.
const IDLE_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked who has stopped typing.
const TYPING_EVERY: Duration = Duration::from_millis(500);
/// How often acknowledgements are written.
const ACKS_EVERY: Duration = Duration::from_secs(1);
/// How often those of old sessions are forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How long the last acknowledgements may take to be written.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Does all of it, for ever.
pub(crate) async fn run(node: &Node) {
    tokio::join!(
        tokens(node),
        standings(node),
        acks(node),
        forget(node),
        every(PRESENCE_EVERY, || whispers::tell_presence(node)),
        every(IDLE_EVERY, || node.presence.look(node.clock.now())),
        every(TYPING_EVERY, || whispers::end_typing(node)),
    );
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn every(period: Duration, mut work: impl FnMut()) {
    let mut ticks = ticks(period);
    loop {
        ticks.tick().await;
        work();
    }
}

async fn tokens(node: &Node) {
    let mut ticks = ticks(TOKENS_EVERY);
    loop {
        ticks.tick().await;
        look_at_tokens(node).await;
    }
}

/// What this node knows of the log says who has to go, as long as that is all
/// there is. While it may not be, whoever let them in is asked.
async fn standings(node: &Node) {
    loop {
        node.hub.grown_old().await;
        standing::look(node, node.board.all()).await;
        tokio::time::sleep(STANDINGS_EVERY).await;
    }
}

/// A socket lives on with its session: those whose token has expired are asked
/// after, all in one question, and get the time of the session's newest token.
/// While nobody can be asked, nobody is closed.
async fn look_at_tokens(node: &Node) {
    let now = node.clock.now();
    let late = node.board.expired(now);
    if late.is_empty() {
        return;
    }
    let ids: HashSet<SessionId> = late.iter().map(|session| session.actor.session_id).collect();
    let asked = (node.renewals)(ids.into_iter().collect());
    let renewed = match tokio::time::timeout(node.limits.connect_timeout, asked).await {
        Ok(Ok(renewed)) => renewed,
        Ok(Err(fault)) => return tracing::warn!(%fault, "tokens cannot be looked at now"),
        Err(_) => return tracing::warn!("tokens could not be looked at in time"),
    };
    for session in late {
        let until = renewed.get(&session.actor.session_id).copied();
        match until.filter(|until| *until > session.expires_at()) {
            Some(until) => node.board.renew(&session, until),
            None if session.expires_at().saturating_add(TOKEN_GRACE).is_ok_and(|at| at <= now) => {
                session.close(&Closing::come_back("auth.token_expired", 0));
            }
            None => {}
        }
    }
}

/// Writes acknowledgements, once a second and when somebody goes.
async fn acks(node: &Node) {
    loop {
        let due = Instant::now() + ACKS_EVERY;
        tokio::select! {
            () = tokio::time::sleep_until(due) => {}
            () = node.acks_due.notified() => {}
        }
        write_acks(node).await;
    }
}

async fn write_acks(node: &Node) {
    if let Err(fault) = node.acked.write(&ctx(node)).await {
        tracing::warn!(%fault, "acknowledgements cannot be written now");
    }
}

/// The last thing a node does for its sockets.
pub(crate) async fn finish(node: &Node) {
    if tokio::time::timeout(LAST_WRITE, write_acks(node)).await.is_err() {
        tracing::warn!("the last acknowledgements could not be written in time");
    }
}

async fn forget(node: &Node) {
    let mut ticks = ticks(FORGET_EVERY);
    loop {
        ticks.tick().await;
        if let Err(fault) = node.acked.forget(&ctx(node)).await {
            tracing::warn!(%fault, "old acknowledgements cannot be forgotten now");
        }
    }
}

fn ctx(node: &Node) -> Ctx {
    Ctx::anonymous(Via::System, node.clock.clone(), node.random.clone())
}
