//! A way from one node to Redis that can be cut while others keep theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sayso_testkit::until;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What is cut has ended by then.
const CUT_WITHIN: Duration = Duration::from_secs(15);

/// The way.
pub struct Way {
    port: u16,
    is_open: Arc<watch::Sender<bool>>,
    cuts: Arc<AtomicUsize>,
}

impl Way {
    /// An open one, from a port of its own.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_open = Arc::new(watch::Sender::new(true));
        let cuts = Arc::new(AtomicUsize::new(0));
        let (gate, counter) = (Arc::clone(&is_open), Arc::clone(&cuts));
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(carry(from, target, gate.subscribe(), Arc::clone(&counter)));
            }
        });
        Self { port, is_open, cuts }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection; new ones come about and carry nothing. Answers
    /// when a connection that carried something has ended.
    pub async fn cut(&self) {
        let before = self.cuts();
        self.is_open.send_replace(false);
        until("a connection to be cut", CUT_WITHIN, async || (self.cuts() > before).then_some(()))
            .await;
    }

    pub fn mend(&self) {
        self.is_open.send_replace(true);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// Until one end has enough, or the way is cut or opened anew.
async fn carry(
    mut from: TcpStream,
    target: u16,
    mut gate: watch::Receiver<bool>,
    cuts: Arc<AtomicUsize>,
) {
    if !*gate.borrow_and_update() {
        let _opened = gate.changed().await;
        return;
    }
    let Ok(mut to) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    tokio::select! {
        _ended = copy_bidirectional(&mut from, &mut to) => {}
        _cut = gate.changed() => {
            cuts.fetch_add(1, Ordering::SeqCst);
        }
    }
}
