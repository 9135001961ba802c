//! What the rest of this crate knows of a Socket.IO socket.

use serde_json::value::RawValue;

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The queue of the socket is full; later it may be taken.
    Full,
    /// The socket is gone.
    Gone,
}

/// One socket. Nothing here waits.
pub(crate) trait Wire: Send + Sync + 'static {
    /// Sends a packet with one argument.
    fn emit(&self, name: &str, body: &RawValue) -> Result<(), Refused>;
    /// Sends the packet after which stock clients stay away.
    fn disconnect(&self) -> Result<(), Refused>;
    /// Whether the client asks for its packets by HTTP.
    fn is_polling(&self) -> bool;
}

/// Where the answer to one event of the client goes; to nowhere if the client
/// asked for none.
pub(crate) trait AnswerLine: Send + 'static {
    /// Sends the answer. After `Full` it can be tried again.
    fn answer(&self, body: &RawValue) -> Result<(), Refused>;
}
