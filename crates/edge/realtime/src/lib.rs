//! The Socket.IO gateway: who connects hears what they missed and then what
//! happens, each event once, in order, or is told that it has to begin anew.
//!
//! ```text
//!   HTTP ─ door ─ adapter (the Socket.IO crate) ─ connect ─► session
//!                                                             │  ▲
//!   hub ── dispatch ── board (who may have to hear) ──────────┘  │ past
//!                                             replay ── log ─────┘
//! ```
//!
//! A `session` holds what one socket hears (`reader`, a state machine
//! without IO, with the reasoning of the seam) and what waits for it
//! (`outbox`). Events of clients go through `inbound` to the same service
//! functions as HTTP. A socket ends in one place, `Session::close`: a packet
//! that says why and whether to come back, then the transport is cut, because
//! a stock client comes back from nothing else.

mod adapter;
mod board;
mod connect;
mod dispatch;
mod door;
mod gateway;
mod inbound;
mod limits;
mod meter;
mod node;
mod outbox;
mod own;
mod protocol;
mod reader;
mod replay;
mod session;
mod spans;
mod standing;
mod transport;
mod typing;
mod unsaid;
mod watch;
mod whispers;
mod wire;

pub use gateway::{Gateway, GatewayParts};
pub use inbound::{Handler, Inbound};
pub use node::{Barred, Gate, Refused, Renewals, Standing, Standings, Used, Verified};
pub use protocol::{ACKNOWLEDGEMENT, CODES, heard, said};
