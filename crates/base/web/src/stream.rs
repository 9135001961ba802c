//! A TCP stream that can be cut from outside.
//!
//! Whoever cancels [`Connection::cut`] ends the connection at once, also
//! after it was upgraded to a WebSocket: reads and writes fail, and the tasks
//! that wait for them are woken. A peer that takes nothing for a while is cut
//! as well.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::server::Connection;

/// How long a peer may leave what we write untaken.
const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// After our last byte: how long what the peer still sends is read and thrown
/// away. Closing earlier would make the kernel answer it with a reset, which
/// can destroy our answer before the peer has read it.
const LINGER_QUIET: Duration = Duration::from_millis(300);
/// The same, in all.
const LINGER_MAX: Duration = Duration::from_secs(2);

type Waiting = Pin<Box<WaitForCancellationFutureOwned>>;

/// The stream. It also holds its place among the connections allowed.
pub(crate) struct Cuttable {
    inner: TcpStream,
    /// Reads and writes may be awaited by two tasks; each is woken by its own.
    read_cut: Waiting,
    write_cut: Waiting,
    stall: Option<Pin<Box<Sleep>>>,
    linger: Option<Linger>,
    written: Arc<AtomicU64>,
    _place: OwnedSemaphorePermit,
}

struct Linger {
    quiet: Pin<Box<Sleep>>,
    until: Instant,
}

impl Cuttable {
    pub(crate) fn new(
        inner: TcpStream,
        Connection { cut, written, .. }: &Connection,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            inner,
            read_cut: Box::pin(cut.clone().cancelled_owned()),
            write_cut: Box::pin(cut.clone().cancelled_owned()),
            stall: None,
            linger: None,
            written: Arc::clone(written),
            _place: place,
        }
    }

    /// Runs one kind of write, unless the stream was cut or has stalled.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.write_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(was_cut()));
        }
        let result = write(Pin::new(&mut self.inner), cx);
        if result.is_ready() {
            self.stall = None;
            return result;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(WRITE_STALL_MAX)));
        ready!(stall.as_mut().poll(cx));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }

    /// Counts what was written.
    fn count(&self, outcome: io::Result<usize>) -> io::Result<usize> {
        outcome.inspect(|bytes| {
            self.written.fetch_add(*bytes as u64, Ordering::Relaxed);
        })
    }

    /// Reads and throws away until the peer closes or has had its time.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let linger = self.linger.get_or_insert_with(|| Linger {
            quiet: Box::pin(sleep(LINGER_QUIET)),
            until: Instant::now() + LINGER_MAX,
        });
        loop {
            let mut scratch = [0; 4096];
            let mut buffer = ReadBuf::new(&mut scratch);
            match Pin::new(&mut self.inner).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    let quiet = (Instant::now() + LINGER_QUIET).min(linger.until);
                    linger.quiet.set(sleep_until(quiet));
                    if quiet >= linger.until && Instant::now() >= linger.until {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(linger.quiet.as_mut().poll(cx));
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

fn was_cut() -> io::Error {
    io::Error::new(ErrorKind::ConnectionAborted, "the connection was cut")
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(self.write(cx, |inner, cx| inner.poll_write(cx, bytes)));
        Poll::Ready(self.count(outcome))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = ready!(self.write(cx, |inner, cx| inner.poll_write_vectored(cx, slices)));
        Poll::Ready(self.count(outcome))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.write(cx, |inner, cx| inner.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if self.linger.is_none() {
            // A peer that has gone already cannot be told; that is well.
            let _gone = ready!(Pin::new(&mut self.inner).poll_shutdown(cx));
        }
        self.linger(cx)
    }
}
