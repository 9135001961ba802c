//! Events of clients: each is handed to the same service function that HTTP
//! calls, one after the other for each socket, in the order they came.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sayso_access::Ctx;
use sayso_kernel::{Fault, Kind};
use sayso_telemetry::trace;
use serde_json::Value;
use tokio::time::Instant;

use crate::limits::{INBOUND_TIME_MAX, INBOUND_WAITING_MAX};
use crate::meter::Metered;
use crate::node::Barred;
use crate::outbox::Packet;
use crate::own::Own;
use crate::protocol::{Answer, Closing, TOO_MANY, UNKNOWN_EVENT, encode};
use crate::session::Session;
use crate::wire::AnswerLine;
use crate::{spans, standing};

/// Works on one event of a client.
pub type Handler =
    Arc<dyn Fn(Ctx, Value) -> BoxFuture<'static, Result<Value, Fault>> + Send + Sync>;

/// What clients may send, by name.
#[derive(Clone, Default)]
pub struct Inbound {
    /// The handlers.
    pub on: HashMap<&'static str, Handler>,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.on.keys()).finish()
    }
}

/// An event of a client that has not been worked on.
pub(crate) struct Asked {
    pub(crate) name: String,
    /// The first argument; null if there is none, or none that is JSON.
    pub(crate) data: Value,
    pub(crate) line: Box<dyn AnswerLine>,
}

/// Takes an event; it is worked on when those before it are done.
pub(crate) fn take(session: &Arc<Session>, asked: Asked) {
    let mut refused = None;
    let mut is_flood = false;
    let now = Instant::now();
    let was_working = session.with(|state| {
        let metered = state.meter.count(now);
        is_flood = metered == Metered::Flood;
        if metered != Metered::Granted || state.asked.len() >= INBOUND_WAITING_MAX {
            refused = Some(asked);
            return true;
        }
        state.asked.push_back(asked);
        std::mem::replace(&mut state.is_working, true)
    });
    if is_flood {
        metrics::counter!("sayso_realtime_in_refused_total", "as" => "flood").increment(1);
        // Not here: it leads back to the seat that is just being asked.
        let session = Arc::clone(session);
        tokio::spawn(async move {
            let retry_after_ms = session.node.retry_after_ms();
            session.close(&Closing::come_back(TOO_MANY.name, retry_after_ms));
        });
    } else if let Some(Asked { line, .. }) = refused {
        metrics::counter!("sayso_realtime_in_refused_total", "as" => "answer").increment(1);
        answer(session, line, &Err(Fault::new(&TOO_MANY)), "");
    } else if was_working == Some(false) {
        tokio::spawn(work(Arc::clone(session)));
    }
}

async fn work(session: Arc<Session>) {
    loop {
        let next = session.with(|state| {
            let next = state.asked.pop_front();
            state.is_working = next.is_some();
            next
        });
        let Some(Some(Asked { name, data, line })) = next else { return };
        let ctx = session.node.ctx(session.actor.clone(), session.origin.clone());
        let request_id = ctx.request_id.clone().unwrap_or_default();
        let own = Own::of(&name);
        if own.is_none_or(Own::is_sign_of_life) {
            let (user, now) = (session.actor.user_id, ctx.now());
            session.node.presence.active(user, session.id, now);
        }
        let is_known = own.is_some() || session.node.inbound.on.contains_key(name.as_str());
        let span = spans::asked(&name, is_known, &ctx);
        let outcome = async {
            match own {
                Some(own) => own.answer(&session, data).await,
                None => handle(&session, ctx, &name, data).await,
            }
        };
        let outcome = span.scope(outcome).await;
        span.outcome(&outcome);
        let is_over = |fault: &Fault| fault.kind() == Kind::Unauthenticated;
        if is_known && !outcome.as_ref().is_err_and(is_over) {
            (session.node.used)(&session.actor, session.node.clock.now());
        }
        if let Err(fault) = &outcome {
            log(fault, &request_id, &name);
            if is_known {
                let came = session.node.ctx(session.actor.clone(), session.origin.clone());
                let came = Ctx { request_id: Some(Arc::clone(&request_id)), ..came };
                (session.node.refused)(&came, &name, fault);
            }
        }
        answer(&session, line, &outcome, &request_id);
    }
}

/// Calls the handler, as who the person is now, in a task of its own: its panic
/// is an answer, and not the end of this socket's events.
async fn handle(session: &Session, ctx: Ctx, name: &str, data: Value) -> Result<Value, Fault> {
    let Some(handler) = session.node.inbound.on.get(name) else {
        return Err(Fault::new(&UNKNOWN_EVENT));
    };
    Barred::admit(session.barred.as_deref(), name)?;
    let ctx = ctx.acting_as(standing::actor(session).await?);
    let work = tokio::time::timeout(INBOUND_TIME_MAX, handler(ctx, data));
    match tokio::spawn(trace::with_current(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(late)) => {
            metrics::counter!("sayso_realtime_in_refused_total", "as" => "late").increment(1);
            Err(Fault::unavailable(late))
        }
        Err(panic) => Err(Fault::internal(panic)),
    }
}

fn answer(
    session: &Arc<Session>,
    line: Box<dyn AnswerLine>,
    outcome: &Result<Value, Fault>,
    request_id: &str,
) {
    let body = encode(&Answer::of(outcome, request_id));
    session.send(Packet::Answer(line, body));
}

/// Our own failures with everything that led to them, a client's mistakes for
/// whoever asks for them.
fn log(fault: &Fault, request_id: &str, name: &str) {
    let mut chain = fault.to_string();
    let mut cause = fault.source();
    while let Some(source) = cause {
        chain = format!("{chain}: {source}");
        cause = source.source();
    }
    match fault.kind() {
        Kind::Internal => tracing::error!(request_id, event = name, fault = chain, "failed"),
        Kind::Unavailable => tracing::warn!(request_id, event = name, fault = chain, "failed"),
        _ => tracing::debug!(request_id, event = name, fault = chain, "refused"),
    }
}
