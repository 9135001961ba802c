//! What happens when a socket connects and when it goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::request::Parts;
use parking_lot::Mutex;
use sayso_access::{Ctx, Origin};
use sayso_kernel::fault::UNAVAILABLE;
use sayso_kernel::{Fault, Kind};
use tokio::time::Instant;

use crate::board::Shut;
use crate::inbound::{self, Asked};
use crate::limits::INBOUND_WAITING_MAX;
use crate::node::{Node, Since, Verified};
use crate::protocol::{Closing, Hello, UNREADABLE, Wish};
use crate::replay;
use crate::session::Session;
use crate::transport::Transport;
use crate::wire::Wire;

/// How long a client that cannot be answered now is kept from hearing a
/// refusal that would keep it away for good.
const SILENCE: Duration = Duration::from_millis(200);

/// Everything about a socket that was let in and is not there yet.
#[derive(Clone)]
pub(crate) struct Admitted {
    pub(crate) seat: Arc<Seat>,
    pub(crate) admission: Admission,
}

/// Who was let in.
#[derive(Clone)]
pub(crate) struct Admission {
    node: Arc<Node>,
    who: (Verified, Since),
    resume: Wish,
    origin: Origin,
    transport: Arc<Transport>,
}

/// Checks who comes. The error is the code that the client is told.
///
/// A stock client that is refused does not come back by itself. So when it is
/// our fault and it is wanted back, it is not refused: its transport is cut.
pub(crate) async fn admit(
    node: &Arc<Node>,
    auth: &serde_json::Value,
    transport: Arc<Transport>,
    parts: &Parts,
) -> Result<Admitted, &'static str> {
    let origin = parts.extensions.get::<Ctx>().map(|ctx| ctx.origin.clone());
    let origin = origin.unwrap_or_default();
    let checked = check(node, auth, &origin).await;
    transport.spoken_to();
    match checked {
        Ok((who, resume)) => {
            let admission = Admission { node: Arc::clone(node), who, resume, origin, transport };
            Ok(Admitted { seat: Arc::default(), admission })
        }
        Err(fault) => {
            let code = fault.code().name;
            metrics::counter!("sayso_realtime_refused_total", "code" => code).increment(1);
            if fault.kind().is_temporary() || fault.kind() == Kind::Internal {
                tracing::warn!(%fault, "a socket cannot be let in now");
                transport.cut().await;
                tokio::time::sleep(SILENCE).await;
            }
            Err(code)
        }
    }
}

/// Who comes, and since when that is known.
type Checked = ((Verified, Since), Wish);

async fn check(node: &Node, auth: &serde_json::Value, origin: &Origin) -> Result<Checked, Fault> {
    if node.is_draining.load(Ordering::SeqCst) {
        return Err(Fault::new(&UNAVAILABLE));
    }
    let hello = Hello::parse(auth)?;
    let position = node.hub.applied().map_or(0, |applied| applied.position);
    let since = Since { position, at: Instant::now() };
    let asked = (node.gate)(hello.token, origin.clone());
    let verified = tokio::time::timeout(node.limits.connect_timeout, asked);
    let who = verified.await.map_err(Fault::unavailable)??;
    Ok(((who, since), hello.resume))
}

/// Where a socket's beginning and its end meet, in whichever order they come.
pub(crate) struct Seat(Mutex<Place>);

enum Place {
    /// The client is not connected yet, or knows it before we do: what it
    /// sends in that moment waits here.
    Free(Vec<Asked>),
    /// It is.
    Taken(Arc<Session>),
    /// It has gone, perhaps before it was there.
    Left,
}

impl Default for Seat {
    fn default() -> Self {
        Self(Mutex::new(Place::Free(Vec::new())))
    }
}

impl Seat {
    /// The client is connected.
    pub(crate) fn take(&self, admission: Admission, wire: Box<dyn Wire>) {
        let Admission { node, who, resume, origin, transport } = admission;
        let (session, ended) = {
            let mut place = self.0.lock();
            let Place::Free(early) = &mut *place else { return };
            let early = std::mem::take(early);
            let session = Session::new(node, who, origin, wire, transport);
            *place = Place::Taken(Arc::clone(&session));
            let ended = session.node.enter(&session);
            early.into_iter().for_each(|asked| inbound::take(&session, asked));
            (session, ended)
        };
        if let Some(ended) = ended {
            let closing = match ended {
                Shut::Away(code) => Closing::stay_away(&code),
                Shut::Back(code) => Closing::come_back(&code, session.node.retry_after(&code)),
            };
            return session.close(&closing);
        }
        if session.node.is_draining.load(Ordering::SeqCst) {
            let retry_after_ms = session.node.retry_after_ms();
            return session.close(&Closing::come_back("server.restarting", retry_after_ms));
        }
        tokio::spawn(replay::bring_up(session, resume));
    }

    /// The client has gone, for whatever the code says.
    pub(crate) fn leave(&self, code: &'static str) {
        let place = std::mem::replace(&mut *self.0.lock(), Place::Left);
        if let Place::Taken(session) = place {
            session.gone(code);
        }
    }

    /// The client sends what nobody should: it is cut, and may come back.
    pub(crate) fn cut(&self) {
        let Place::Taken(session) = &*self.0.lock() else { return };
        let session = Arc::clone(session);
        // Not here: closing it leads back to this seat.
        tokio::spawn(async move {
            let retry_after_ms = session.node.retry_after_ms();
            session.close(&Closing::come_back(UNREADABLE.name, retry_after_ms));
        });
    }

    /// The client sends something.
    pub(crate) fn hear(&self, asked: Asked) {
        match &mut *self.0.lock() {
            Place::Taken(session) => inbound::take(session, asked),
            Place::Free(early) if early.len() < INBOUND_WAITING_MAX => early.push(asked),
            Place::Free(_) | Place::Left => {}
        }
    }
}
