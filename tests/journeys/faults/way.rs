//! A way from one node to Redis that can be cut while others keep theirs.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The way.
pub struct Way {
    port: u16,
    is_open: Arc<watch::Sender<bool>>,
}

impl Way {
    /// An open one, from a port of its own.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = Arc::new(watch::Sender::new(true));
        let gate = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(carry(from, target, gate.subscribe()));
            }
        });
        Self { port, is_open }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection; new ones come about and carry nothing.
    pub fn cut(&self) {
        self.is_open.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

/// Until one end has enough, or the way is cut or opened anew.
async fn carry(mut from: TcpStream, target: u16, mut gate: watch::Receiver<bool>) {
    if !*gate.borrow_and_update() {
        let _opened = gate.changed().await;
        return;
    }
    let Ok(mut to) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    tokio::select! {
        _ended = copy_bidirectional(&mut from, &mut to) => {}
        _cut = gate.changed() => {}
    }
}
