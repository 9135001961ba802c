//! What comes in over a socket goes to the same service functions as HTTP.

mod channels;
mod messages;
mod tasks;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sayso_access::{Ctx, Origin};
use sayso_auth::error::{SCOPE_MISSING, TOKEN_INVALID};
use sayso_auth::scope::Scopes;
use sayso_auth::{Activity, AuthState, Refusals};
use sayso_db::{Db, IdempotencyKey, StoredReply, Tx};
use sayso_kernel::{Fault, secret};
use sayso_realtime::{
    Barred, Gate, Gateway, Handler, Inbound, Refused, Renewals, Standings, Used, Verified,
};
use sayso_web::{Class, Limiter};
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Who is let in: whoever has a token that HTTP would take.
pub(crate) fn gate(auth: AuthState, refusals: Refusals) -> Gate {
    Arc::new(move |token: String, origin: Origin| {
        let (auth, refusals) = (auth.clone(), refusals.clone());
        async move {
            let comer = (&*token, &origin);
            let verified = sayso_auth::let_in(&auth, &refusals, comer).await?;
            let barred = verified.scopes.as_ref().map(|scopes| Box::new(barred(scopes)));
            Ok(Verified { actor: verified.actor, expires_at: verified.expires_at, barred })
        }
        .boxed()
    })
}

/// The events that clients may send, each with the request that does the same:
/// what a token is not for there, it is not for here.
const EVENTS: [(&str, &str, &str); 5] = [
    ("channel.read", "POST", "/api/channels/{id}/read"),
    ("message.send", "POST", "/api/channels/{id}/messages"),
    ("message.edit", "PATCH", "/api/messages/{id}"),
    ("task.create", "POST", "/api/tasks"),
    ("task.update", "PATCH", "/api/tasks/{id}"),
];

fn barred(scopes: &Scopes) -> Barred {
    let events = EVENTS.iter().filter(|(_, method, route)| !scopes.allow(method, route));
    Barred { events: events.map(|(event, ..)| *event).collect(), code: &SCOPE_MISSING }
}

/// What is refused to sockets stands in the audit as what HTTP refuses.
pub(crate) fn refused(refusals: Refusals) -> Refused {
    Arc::new(move |ctx, event, fault| refusals.note_socket(ctx, event, fault))
}

/// What a socket sends is a use of its session, as a request is.
pub(crate) fn used(activity: Activity) -> Used {
    Arc::new(move |actor, now| activity.note(actor, now))
}

/// Which sessions were refreshed since their sockets came, all in one question.
pub(crate) fn renewals(auth: AuthState) -> Renewals {
    Arc::new(move |sessions| {
        let auth = auth.clone();
        async move {
            let lifetimes = auth.keys.lifetimes();
            sayso_auth::service::renewed(&mut auth.app.db.read(), &sessions, lifetimes).await
        }
        .boxed()
    })
}

/// Sends the sockets of this node away to show anew who they are, whenever a
/// signing key is revoked: they live longer than the token they came by.
pub(crate) async fn disbelieve(auth: AuthState, gateway: Gateway, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = auth.keys.revoked() => gateway.disbelieve(TOKEN_INVALID.name),
        }
    }
}

/// Who acts in sessions that have sockets.
pub(crate) fn standings(auth: AuthState) -> Standings {
    Arc::new(move |sessions| {
        let auth = auth.clone();
        async move { sayso_auth::standing::of(&auth, &sessions).await }.boxed()
    })
}

/// The events that clients may send. Each is a write, and counts as one
/// whichever door it comes by.
pub(crate) fn inbound(db: &Db, limiter: &Limiter) -> Inbound {
    let to = (db, limiter);
    let on = HashMap::from([
        // fixture: EMIT channel.read {"channelId": "{channel}", "messageId": "{message}"}
        ("channel.read", door(to, channels::read)),
        // fixture: EMIT message.send {"channelId": "{channel}", "content": "hello"}
        // fixture: EMIT message.send {"channelId": "{direct}", "content": "hello"} -- in a direct channel
        ("message.send", door(to, messages::send)),
        // fixture: EMIT message.edit {"messageId": "{message}", "version": 1, "content": "other"}
        // fixture: EMIT message.edit {"messageId": "{others_message}", "version": 1, "content": "other"} -- of somebody else
        ("message.edit", door(to, messages::edit)),
        // fixture: EMIT task.create {"title": "Plan"} -- of one's own
        // fixture: EMIT task.create {"title": "Plan", "channelId": "{channel}"} -- in a channel
        ("task.create", door(to, tasks::create)),
        // fixture: EMIT task.update {"taskId": "{task}", "version": 1, "title": "Other"}
        // fixture: EMIT task.update {"taskId": "{loose_task}", "version": 1, "title": "Other"} -- in no channel
        ("task.update", door(to, tasks::update)),
    ]);
    debug_assert!(
        EVENTS.iter().all(|(event, ..)| on.contains_key(event)) && on.len() == EVENTS.len()
    );
    Inbound { on }
}

fn door<F>((db, limiter): (&Db, &Limiter), work: fn(Db, Ctx, Value) -> F) -> Handler
where
    F: Future<Output = Result<Value, Fault>> + Send + 'static,
{
    let (db, limiter) = (db.clone(), limiter.clone());
    Arc::new(move |ctx: Ctx, data| -> BoxFuture<'static, _> {
        let (db, limiter) = (db.clone(), limiter.clone());
        async move {
            limiter.take(Class::Write, &ctx).await?;
            work(db, ctx, data).await
        }
        .boxed()
    })
}

/// A write that came over a socket: one transaction, and under a `clientId`
/// once, by the same ledger as under an `Idempotency-Key`.
async fn write<V, F>(
    db: &Db,
    ctx: &Ctx,
    key: Option<IdempotencyKey>,
    mut work: F,
) -> Result<Value, Fault>
where
    V: Serialize,
    F: AsyncFnMut(&mut Tx, &Ctx) -> Result<V, Fault>,
{
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        let view = work(tx, ctx).await?;
        let body = serde_json::to_vec(&view).map_err(Fault::internal)?.into();
        Ok(StoredReply { status: 200, headers: Vec::new(), body })
    };
    let written = db.write_once(ctx, key.as_ref(), work).await?;
    serde_json::from_slice(&written.reply.body).map_err(Fault::internal)
}

/// The key of a write, of this event with this payload: another payload under
/// the same `clientId` is another write, and refused.
fn key(ctx: &Ctx, event: &str, client_id: &str, payload: &[u8]) -> IdempotencyKey {
    IdempotencyKey {
        scope: ctx.user_id().map_or_else(String::new, |id| id.to_string()),
        route: format!("socket {event}"),
        key: client_id.to_owned(),
        fingerprint: secret::sha256(&[event.as_bytes(), &[0], payload]),
    }
}

/// A payload as bytes, before it is taken apart.
fn print(data: &Value) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(data).map_err(Fault::internal)
}

/// Where the caller lives: the zone in which a date is a day.
fn zone(ctx: &Ctx) -> &str {
    ctx.actor.as_ref().map_or("UTC", |actor| &actor.time_zone)
}
