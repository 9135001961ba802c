//! What comes in over a socket goes to the same service functions as HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sayso_access::Ctx;
use sayso_auth::AuthState;
use sayso_db::{Db, IdempotencyKey, StoredReply};
use sayso_kernel::{Fault, secret};
use sayso_messages::view::{MessageView, SocketSend};
use sayso_realtime::{Gate, Handler, Inbound, Verified};
use serde_json::Value;

/// Who is let in: whoever has a token that HTTP would take.
pub(crate) fn gate(auth: AuthState) -> Gate {
    Arc::new(move |token: String| {
        let auth = auth.clone();
        async move {
            let verified = sayso_auth::verify(&auth, &token).await?;
            Ok(Verified { actor: verified.actor, expires_at: verified.expires_at })
        }
        .boxed()
    })
}

/// The events that clients may send.
pub(crate) fn inbound(db: &Db) -> Inbound {
    let db = db.clone();
    let send: Handler = Arc::new(move |ctx, data| send_message(db.clone(), ctx, data));
    Inbound { on: HashMap::from([("message.send", send)]) }
}

/// `message.send`: as `POST /api/channels/{id}/messages`; the `clientId` is the
/// key under which it is sent once.
fn send_message(db: Db, ctx: Ctx, data: Value) -> BoxFuture<'static, Result<Value, Fault>> {
    async move {
        let bytes = serde_json::to_vec(&data).map_err(Fault::internal)?;
        let body: SocketSend = sayso_web::body::parse_value(data)?;
        let key = body.client_id.as_ref().map(|id| key(&ctx, "message.send", id, &bytes));
        let (channel, draft) = body.into_parts();
        let Some(key) = key else {
            let message = sayso_messages::service::send(&db, &ctx, channel, &draft).await?;
            return serde_json::to_value(MessageView::of(&message)).map_err(Fault::internal);
        };
        let written = db
            .write_once(&ctx, Some(&key), async move |tx, ctx| {
                let message = sayso_messages::service::send_in(tx, ctx, channel, &draft).await?;
                let body = serde_json::to_vec(&MessageView::of(&message));
                let body = body.map_err(Fault::internal)?.into();
                Ok(StoredReply { status: 201, headers: Vec::new(), body })
            })
            .await?;
        serde_json::from_slice(&written.reply.body).map_err(Fault::internal)
    }
    .boxed()
}

fn key(ctx: &Ctx, event: &str, client_id: &str, payload: &[u8]) -> IdempotencyKey {
    IdempotencyKey {
        scope: ctx.user_id().map_or_else(String::new, |id| id.to_string()),
        route: format!("socket {event}"),
        key: client_id.to_owned(),
        fingerprint: secret::sha256(&[event.as_bytes(), &[0], payload]),
    }
}
