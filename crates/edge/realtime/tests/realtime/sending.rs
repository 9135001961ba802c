//! Events of clients and their acknowledgements.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use sayso_access::{Ctx, Via};
use sayso_kernel::Fault;
use sayso_realtime::{Handler, Inbound};
use sayso_testkit::{Connect, Sockets};
use serde_json::{Value, json};

use crate::stage::Stage;

fn handler<F>(work: F) -> Handler
where
    F: Fn(Ctx, Value) -> BoxFuture<'static, Result<Value, Fault>> + Send + Sync + 'static,
{
    Arc::new(work)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_worked_on_in_order_and_answered_with_data_or_a_problem() {
    let seen = Arc::<Mutex<Vec<Value>>>::default();
    let mut inbound = Inbound::default();
    let seen_by_handler = Arc::clone(&seen);
    let send = handler(move |ctx, data| {
        let seen = Arc::clone(&seen_by_handler);
        async move {
            assert_eq!(ctx.via, Via::Socket);
            assert!(ctx.origin.address.is_some());
            tokio::task::yield_now().await;
            seen.lock().push(data["n"].clone());
            Ok(json!({ "by": ctx.user_id(), "n": data["n"] }))
        }
        .boxed()
    });
    inbound.on.insert("message.send", send);
    let refuse = |_: Ctx, _: Value| {
        async { Err(Fault::at_pointer("#/content", "content.blank", "must not be blank")) }.boxed()
    };
    inbound.on.insert("message.edit", handler(refuse));
    let panic = |_: Ctx, _: Value| async { panic!("a bug") }.boxed();
    inbound.on.insert("task.create", handler(panic));
    let stage = Stage::with(inbound, |_| ()).await;
    let sockets = Sockets::start();
    let ann = stage.person();

    for transport in ["websocket", "polling"] {
        seen.lock().clear();
        let connect =
            Connect { id: transport, person: &ann.client, transports: &[transport], resume: None };
        sockets.connect_and_wait(&connect).await;

        let answers = (0..50).map(|n| {
            let sockets = &sockets;
            async move { sockets.emit(transport, "message.send", &json!({ "n": n })).await }
        });
        let answers = futures_util::future::join_all(answers).await;
        let refused = sockets.emit(transport, "message.edit", &json!({})).await;
        let failed = sockets.emit(transport, "task.create", &json!({})).await;
        let unknown = sockets.emit(transport, "no.such", &json!(null)).await;

        let data = json!({ "by": ann.actor.user_id, "n": 7 });
        assert_eq!(answers[7], json!({ "ok": true, "data": data }));
        assert_eq!(*seen.lock(), (0..50).map(Value::from).collect::<Vec<_>>());
        assert_eq!(refused["ok"], false);
        assert_eq!(refused["temporary"], false);
        assert_eq!(refused["error"]["errors"][0]["pointer"], "#/content");
        assert_eq!(failed["error"]["code"], "server.internal");
        assert_eq!(unknown["error"]["code"], "socket.unknown_event");
    }
    // What this handler answers is no message, and that is seen.
    assert_eq!(sockets.take_unfit().len(), 100);
}
