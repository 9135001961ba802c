//! Bytes on a connection, as no client library would send them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer to nonsense may take.
pub const PROMPTLY: Duration = Duration::from_secs(5);

/// What came back on a connection until it was closed or went quiet.
#[derive(Debug)]
pub struct Heard {
    pub text: String,
    /// The server closed the connection.
    pub is_closed: bool,
    pub took: Duration,
}

impl Heard {
    /// The status of the first answer; 0 where there was none.
    pub fn status(&self) -> u16 {
        let line = self.text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        line.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// How many answers came.
    pub fn answers(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

pub async fn connect(url: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("the server listens")
}

/// Sends the bytes and hears what comes. The server may close before it has
/// read everything, so that sending may fail.
pub async fn say(url: &str, bytes: &[u8]) -> Heard {
    let started = Instant::now();
    let (mut read, mut write) = connect(url).await.into_split();
    let bytes = bytes.to_vec();
    let sending = tokio::spawn(async move {
        let _may_be_cut = write.write_all(&bytes).await;
        write
    });
    let heard = hear(&mut read, PROMPTLY, started).await;
    sending.abort();
    heard
}

/// Reads until the connection is closed, or an answer is there and no more
/// comes for a moment.
pub async fn hear(
    read: &mut (impl tokio::io::AsyncRead + Unpin),
    within: Duration,
    started: Instant,
) -> Heard {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let quiet = if bytes.is_empty() { within } else { Duration::from_millis(300) };
        match tokio::time::timeout(quiet, read.read(&mut chunk)).await {
            Ok(Ok(0)) | Ok(Err(_)) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return Heard { text, is_closed: true, took: started.elapsed() };
            }
            Ok(Ok(count)) => bytes.extend_from_slice(&chunk[..count]),
            Err(_) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                return Heard { text, is_closed: false, took: started.elapsed() };
            }
        }
    }
}
