//! A port of a test's own.

use std::fs::File;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use nix::fcntl::{Flock, FlockArg};

/// A port of this test alone, below those the system hands out by itself.
///
/// While its server is down nobody listens there, and another test that looked
/// for a free port would get this one's clients: so it is held by a lock as
/// well.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _held: Flock<File>,
}

impl Port {
    pub(crate) fn free() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let start = u16::try_from(std::process::id() % 10_000).unwrap_or(0);
        loop {
            let number = 10_000 + (start + NEXT.fetch_add(7, Ordering::Relaxed)) % 10_000;
            let path = std::env::temp_dir().join(format!("sayso-test-port-{number}"));
            let Ok(file) = File::options().create(true).append(true).open(path) else { continue };
            let Ok(held) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
            if TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Self { number, _held: held };
            }
        }
    }
}
