//! A bad line between clients and a server: it delays, holds, stalls, swallows
//! and cuts, on command.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Bytes that are carried at once. Small, so that a frame comes in pieces.
const PIECE: usize = 4 * 1024;
/// Bytes of the server that the system keeps for the line.
const BUFFER: u32 = 16 * 1024;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the clients to the server.
    Up,
    /// From the server to the clients.
    Down,
    /// Both.
    Both,
}

impl Way {
    fn covers(self, way: Self) -> bool {
        self == Self::Both || self == way
    }
}

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// All passes.
    Fair,
    /// Every piece takes so long.
    Delayed(Duration),
    /// A WebSocket is asked for so much later than its client did.
    LateWebSockets(Duration),
    /// What is sent is kept, and passes when it is fair again.
    Held(Way),
    /// Nothing is taken: the sender's buffers fill up.
    Stalled(Way),
    /// What is sent is taken and lost, for the rest of that connection's life;
    /// nor is its end told. A dead entry in a router's table.
    Swallowed(Way),
    /// After so many bytes from the server the connection that carries them is
    /// reset, in the middle of whatever it is; then it is fair again.
    CutAfter(u64),
}

/// The line. Ends with its value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
    end: CancellationToken,
}

#[derive(Debug)]
struct Line {
    weather: watch::Sender<Weather>,
    /// Cancelled, and made anew, when all connections are to end.
    cut: parking_lot::Mutex<CancellationToken>,
    is_reset: AtomicBool,
    open: AtomicU64,
    fired: AtomicU64,
    down: AtomicU64,
}

impl Proxy {
    /// A fair line to the server at `url` (`http://127.0.0.1:1234`).
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(url: &str) -> Self {
        let server = url.trim_start_matches("http://").parse().expect("an address and a port");
        let listener =
            sayso_web::listen(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let line = Arc::new(Line {
            weather: watch::Sender::new(Weather::Fair),
            cut: parking_lot::Mutex::default(),
            is_reset: AtomicBool::new(false),
            open: AtomicU64::new(0),
            fired: AtomicU64::new(0),
            down: AtomicU64::new(0),
        });
        let end = CancellationToken::new();
        let accepting = accept(listener, server, Arc::clone(&line));
        tokio::spawn(end.clone().run_until_cancelled_owned(accepting));
        Self { address, line, end }
    }

    /// Where clients come in.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how the line is, from now on and for all connections.
    pub fn set(&self, weather: Weather) {
        self.line.down.store(0, Ordering::SeqCst);
        self.line.weather.send_replace(weather);
    }

    /// Closes all connections, as when a process ends.
    pub fn cut(&self) {
        self.end_all(false);
    }

    /// Resets all connections, as when a machine is gone.
    pub fn reset(&self) {
        self.end_all(true);
    }

    fn end_all(&self, is_reset: bool) {
        self.line.is_reset.store(is_reset, Ordering::SeqCst);
        let open = self.line.open.load(Ordering::SeqCst);
        self.line.fired.fetch_add(open, Ordering::SeqCst);
        std::mem::take(&mut *self.line.cut.lock()).cancel();
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.line.open.load(Ordering::SeqCst)
    }

    /// How often something was really broken: connections that were cut, pieces
    /// that were delayed, held or lost, stalls in which a connection stood.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.line.fired.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.cancel();
        self.line.cut.lock().cancel();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, line: Arc<Line>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        // Nobody there: the client is turned away, as by the system.
        let Ok(server) = reach(server).await else { continue };
        tokio::spawn(connection(client, server, Arc::clone(&line)));
    }
}

/// With short buffers: when nothing is taken, the server notices soon.
async fn reach(server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.connect(server).await
}

async fn connection(client: TcpStream, server: TcpStream, line: Arc<Line>) {
    line.open.fetch_add(1, Ordering::SeqCst);
    let all = line.cut.lock().clone();
    let own = CancellationToken::new();
    let _may_delay = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = Carrier::new(Way::Up, from_client, to_server, &line, &own);
    let down = Carrier::new(Way::Down, from_server, to_client, &line, &own);
    let (up, down) = (tokio::spawn(up.carry()), tokio::spawn(down.carry()));
    tokio::select! {
        () = all.cancelled() => {}
        () = own.cancelled() => {}
    }
    let is_reset = line.is_reset.load(Ordering::SeqCst);
    own.cancel();
    let carriers: Vec<Carrier> = [up.await, down.await].into_iter().flatten().collect();
    let is_reset = is_reset || carriers.iter().any(|carrier| carrier.has_cut);
    if is_reset {
        for carrier in &carriers {
            let _may_be_gone = carrier.from.as_ref().set_zero_linger();
        }
        // Else each says a farewell before its reset.
        carriers.into_iter().for_each(|carrier| carrier.to.forget());
    }
    line.open.fetch_sub(1, Ordering::SeqCst);
}

/// One direction of one connection.
struct Carrier {
    way: Way,
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    line: Arc<Line>,
    own: CancellationToken,
    held: Vec<u8>,
    is_lost: bool,
    has_cut: bool,
}

impl Carrier {
    fn new(
        way: Way,
        from: OwnedReadHalf,
        to: OwnedWriteHalf,
        line: &Arc<Line>,
        own: &CancellationToken,
    ) -> Self {
        let (line, own) = (Arc::clone(line), own.clone());
        Self { way, from, to, line, own, held: Vec::new(), is_lost: false, has_cut: false }
    }

    /// Carries until an end is told, or the connection is cut.
    async fn carry(mut self) -> Self {
        let own = self.own.clone();
        let ended = own.run_until_cancelled(self.carry_all()).await;
        if ended.is_some() {
            if self.is_lost {
                // Nobody is told.
                own.cancelled().await;
            }
            own.cancel();
        }
        self
    }

    async fn carry_all(&mut self) {
        let mut weather = self.line.weather.subscribe();
        let mut piece = vec![0; PIECE];
        loop {
            let now = *weather.borrow_and_update();
            if !matches!(now, Weather::Held(_)) && !self.held.is_empty() {
                let held = std::mem::take(&mut self.held);
                if self.to.write_all(&held).await.is_err() {
                    return;
                }
            }
            if let Weather::Stalled(way) = now
                && way.covers(self.way)
            {
                self.fire();
                let _the_proxy_is_gone = weather.changed().await;
                continue;
            }
            tokio::select! {
                changed = weather.changed() => if changed.is_err() { return },
                read = self.from.read(&mut piece) => match read {
                    Ok(count) if count > 0 => {
                        if !self.pass(now, &piece[..count]).await {
                            return;
                        }
                    }
                    _ => {
                        // Under such a router an end is not told either.
                        self.is_lost |= matches!(now, Weather::Swallowed(way) if way.covers(self.way));
                        return;
                    }
                },
            }
        }
    }

    /// Carries one piece; `false` when this is the end.
    async fn pass(&mut self, now: Weather, piece: &[u8]) -> bool {
        match now {
            _ if self.is_lost => return true,
            Weather::Swallowed(way) if way.covers(self.way) => {
                self.is_lost = true;
                self.fire();
                return true;
            }
            Weather::Held(way) if way.covers(self.way) => {
                self.held.extend_from_slice(piece);
                self.fire();
                return true;
            }
            Weather::Delayed(by) => {
                self.fire();
                tokio::time::sleep(by).await;
            }
            Weather::LateWebSockets(by) if self.way == Way::Up && asks_for_websocket(piece) => {
                self.fire();
                tokio::time::sleep(by).await;
            }
            Weather::CutAfter(bytes) if self.way == Way::Down => {
                return self.pass_until(bytes, piece).await;
            }
            _ => {}
        }
        self.to.write_all(piece).await.is_ok()
    }

    async fn pass_until(&mut self, bytes: u64, piece: &[u8]) -> bool {
        let count = piece.len() as u64;
        let before = self.line.down.fetch_add(count, Ordering::SeqCst);
        if before >= bytes || before + count < bytes {
            // Another connection was the one, or it is not yet time.
            return self.to.write_all(piece).await.is_ok();
        }
        let part = usize::try_from(bytes - before).unwrap_or(piece.len());
        let _may_be_gone = self.to.write_all(&piece[..part]).await;
        self.line.weather.send_replace(Weather::Fair);
        self.has_cut = true;
        self.fire();
        false
    }

    fn fire(&self) {
        self.line.fired.fetch_add(1, Ordering::SeqCst);
    }
}

/// A request comes in one piece.
fn asks_for_websocket(piece: &[u8]) -> bool {
    let wanted = b"transport=websocket";
    piece.starts_with(b"GET ") && piece.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
