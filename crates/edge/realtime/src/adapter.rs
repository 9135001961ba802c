//! The one file that names the Socket.IO crate.
//!
//! Traps it steps around. Handlers are spawned, so the order of a client's
//! events is kept in the part that runs before the future. A socket may end
//! before, while or after its connect handler runs, so both sides meet in a
//! [`Seat`]. Events of a client may come before the connect handler, so they
//! are listened to from the moment the socket exists. A refused connection is
//! remembered by nobody: what admits it holds nothing but the socket's own
//! extensions.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::value::RawValue;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::handler::{ConnectHandler, FromMessageParts};
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide::{ParserConfig, ParserError, SendError, SocketError, SocketIoBuilder};
use socketioxide_core::Value as Packet;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::connect::{Admitted, Seat, admit};
use crate::inbound::Asked;
use crate::limits::{BINARIES_MAX, Limits};
use crate::node::Node;
use crate::transport::Transport;
use crate::wire::{AnswerLine, Refused, Wire};

/// The Socket.IO server as a service.
pub(crate) type Engine = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// Starts the Socket.IO server for the sockets of `node`. Requests carry their
/// [`Transport`] as an extension.
pub(crate) fn start(node: &Arc<Node>) -> Engine {
    let (service, io) = configure(&node.limits).build_svc();
    let door = Arc::clone(node);
    let check = move |socket: SocketRef, auth: TryData<serde_json::Value>| {
        let node = Arc::clone(&door);
        async move { welcome(&node, &socket, auth.0.unwrap_or_default()).await }
    };
    io.ns("/", connected.with(check));
    let service = ServiceExt::<Request<Body>>::map_response(service, |response: Response<_>| {
        response.map(Body::new)
    });
    BoxCloneSyncService::new(service)
}

fn configure(limits: &Limits) -> SocketIoBuilder {
    SocketIoBuilder::new()
        .req_path("/socket.io")
        .max_buffer_size(limits.engine_queue)
        .max_payload(limits.payload_max as u64)
        // The payload limit binds polling only; these two bind WebSockets.
        .ws_max_message_size(limits.payload_max)
        .ws_max_frame_size(limits.payload_max)
        .ping_interval(limits.ping_interval)
        .ping_timeout(limits.ping_timeout)
        .connect_timeout(limits.connect_timeout)
        .with_parser(
            ParserConfig::common()
                .max_incoming_binaries(BINARIES_MAX)
                .max_incoming_binary_buf_size(limits.payload_max),
        )
}

/// Runs before the client is told that it is connected. What it returns as an
/// error is the message of `connect_error`.
async fn welcome(
    node: &Arc<Node>,
    socket: &SocketRef,
    auth: serde_json::Value,
) -> Result<(), &'static str> {
    let parts = socket.req_parts();
    let Some(transport) = parts.extensions.get::<Arc<Transport>>().cloned() else {
        return Err("server.internal");
    };
    let admitted = admit(node, &auth, transport, parts).await?;
    listen(socket, &admitted.seat);
    socket.extensions.insert(admitted);
    Ok(())
}

/// Hears what the client sends and when it goes, whenever that is.
fn listen(socket: &SocketRef, seat: &Arc<Seat>) {
    let place = Arc::clone(seat);
    socket.on_disconnect(move |reason: DisconnectReason| {
        place.leave(left(reason));
        ready(())
    });
    let place = Arc::clone(seat);
    type Argument = TryData<serde_json::Value>;
    socket.on_fallback(move |Event(name): Event, data: Argument, line: Acknowledgement| {
        match data.0 {
            Err(error) if is_too_deep(&error) => place.cut(),
            data => {
                let data = data.unwrap_or_default();
                place.hear(Asked { name, data, line: Box::new(line) });
            }
        }
        ready(())
    });
}

/// Why a client has gone, as a code; it cannot be told any more.
fn left(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::PacketParsingError => "socket.bad_packet",
        DisconnectReason::HeartbeatTimeout => "socket.silent",
        DisconnectReason::MultipleHttpPollingError => "socket.two_polls",
        DisconnectReason::TransportError => "socket.cut",
        _ => "socket.left",
    }
}

/// What nests deeper than JSON is read here was made to break something. The
/// Socket.IO server tells it from other errors by its words alone.
fn is_too_deep(error: &ParserError) -> bool {
    error.to_string().contains("recursion limit")
}

/// Runs once the client was told that it is connected.
fn connected(socket: SocketRef) -> std::future::Ready<()> {
    if let Some(Admitted { seat, admission }) = socket.extensions.remove::<Admitted>() {
        seat.take(admission, Box::new(Line(socket)));
    }
    ready(())
}

struct Line(SocketRef);

impl Wire for Line {
    fn emit(&self, name: &str, body: &RawValue) -> Result<(), Refused> {
        self.0.emit(name, body).map_err(|error| refused(&error))
    }

    fn disconnect(&self) -> Result<(), Refused> {
        self.0.clone().disconnect().map_err(|error| refused(&SendError::Socket(error)))
    }

    fn is_polling(&self) -> bool {
        self.0.transport_type() == socketioxide::TransportType::Polling
    }
}

fn refused(error: &SendError) -> Refused {
    match error {
        SendError::Socket(SocketError::InternalChannelFull) => Refused::Full,
        // What cannot be encoded is never sent either, but nothing here is
        // anything but encoded JSON.
        SendError::Socket(SocketError::Closed) | SendError::Serialize(_) => Refused::Gone,
    }
}

/// The crate's own sender is used up by an attempt that fails on a full queue;
/// this one makes a new one for each.
struct Acknowledgement {
    socket: Arc<Socket<LocalAdapter>>,
    id: Option<i64>,
}

impl FromMessageParts<LocalAdapter> for Acknowledgement {
    type Error = Infallible;

    fn from_message_parts(
        socket: &Arc<Socket<LocalAdapter>>,
        _: &mut Packet,
        id: &Option<i64>,
    ) -> Result<Self, Infallible> {
        Ok(Self { socket: Arc::clone(socket), id: *id })
    }
}

impl AnswerLine for Acknowledgement {
    fn answer(&self, body: &RawValue) -> Result<(), Refused> {
        let mut unused = Packet::Bytes(Bytes::new());
        let Ok(sender) = AckSender::from_message_parts(&self.socket, &mut unused, &self.id);
        sender.send(body).map_err(|error| refused(&error))
    }
}
