//! A Socket.IO client, spoken by hand over WebSocket: as little of its own as can
//! be, for two thousand of them share a machine with what they measure.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// What a read may take at once; an event is smaller.
const BUFFER: usize = 4 * 1024;
/// A handshake takes no longer, even when all come at once.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A place in the history of a server.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub epoch: String,
    /// The position.
    pub position: i64,
}

/// A socket that is connected and was told that it is ready.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// What `ready` said.
    pub ready: Value,
}

impl Socket {
    /// Connects, at the head or after a place, and waits for `ready`.
    pub async fn connect(address: SocketAddr, token: &str, after: Option<&Place>) -> Result<Self> {
        let connected =
            tokio::time::timeout(READY_WITHIN, Self::begin(address, token, after)).await;
        connected.unwrap_or_else(|_| bail!("a socket is not ready in {READY_WITHIN:?}"))
    }

    async fn begin(address: SocketAddr, token: &str, after: Option<&Place>) -> Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(BUFFER);
        let (stream, _) = client_async_with_config(url, tcp, Some(config)).await?;
        let mut socket = Self { stream, ready: Value::Null };
        let open = socket.text().await?;
        ensure!(open.starts_with('0'), "the transport opens with {open}");
        let mut auth = json!({ "token": token });
        if let Some(place) = after {
            auth["resume"] = json!({ "epoch": place.epoch, "position": place.position });
        }
        socket.say(&format!("40{auth}")).await?;
        loop {
            let text = socket.text().await?;
            if text.starts_with("44") || text.starts_with("41") {
                bail!("a socket is refused: {text}");
            }
            if let Some(argument) = event(&text, "ready") {
                socket.ready = serde_json::from_str(argument)?;
                return Ok(socket);
            }
        }
    }

    /// Where it begins.
    pub fn place(&self) -> Result<Place> {
        let epoch = self.ready["epoch"].as_str().context("ready names an epoch")?;
        let position = self.ready["position"].as_i64().context("ready names a position")?;
        Ok(Place { epoch: epoch.to_owned(), position })
    }

    /// The next packet; pings are answered on the way.
    pub async fn text(&mut self) -> Result<String> {
        loop {
            match self.stream.next().await.context("the socket was ended")?? {
                Message::Text(text) if text.as_str() == "2" => self.say("3").await?,
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                Message::Close(_) => bail!("the socket was closed"),
                _ => {}
            }
        }
    }

    /// Ends it.
    pub async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }
}

/// The argument of an event with that name, if the packet is one.
pub fn event<'a>(packet: &'a str, name: &str) -> Option<&'a str> {
    let rest = packet.strip_prefix("42[\"")?.strip_prefix(name)?.strip_prefix("\",")?;
    rest.strip_suffix(']')
}
