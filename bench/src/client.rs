//! A connection of a client: HTTP/1.1, kept alive, one request at a time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A request waits this long for its answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The body, as JSON.
    pub body: Option<String>,
}

impl Ask {
    /// A reading.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    /// A writing.
    pub fn send(method: Method, path: impl Into<String>, body: impl ToString) -> Self {
        Self { method, path: path.into(), body: Some(body.to_string()) }
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
    /// Whether a refusal says when to come back.
    pub has_retry_after: bool,
    /// From the request to the last byte.
    pub took: Duration,
}

impl Answer {
    /// The body as JSON; an error for anything but 2xx.
    pub fn json(&self) -> Result<serde_json::Value> {
        if !(200..300).contains(&self.status) {
            bail!("{}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}

/// A connection and whose it is.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self> {
        let token = token.map(|token| format!("Bearer {token}"));
        Ok(Self { address, token, sender: connect(address).await? })
    }

    /// Asks and waits for the whole answer. A connection that the server ended
    /// is made anew for the next one.
    pub async fn ask(&mut self, ask: &Ask) -> Result<Answer> {
        let asked = tokio::time::timeout(ANSWERED_WITHIN, self.asked(ask)).await;
        let answer = asked.unwrap_or_else(|_| bail!("no answer in {ANSWERED_WITHIN:?}"));
        if answer.is_err() || self.sender.is_closed() {
            self.sender = connect(self.address).await?;
        }
        answer
    }

    async fn asked(&mut self, ask: &Ask) -> Result<Answer> {
        let mut request = Request::builder().method(&ask.method).uri(&ask.path);
        request = request.header(HOST, self.address.to_string());
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if ask.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = ask.body.as_ref().map(|text| Bytes::from(text.clone())).unwrap_or_default();
        let request = request.body(Full::new(body))?;
        let started = Instant::now();
        self.sender.ready().await?;
        let reply = self.sender.send_request(request).await?;
        let status = reply.status().as_u16();
        let has_retry_after = reply.headers().contains_key(RETRY_AFTER);
        let body = reply.into_body().collect().await?.to_bytes();
        Ok(Answer { status, body, has_retry_after, took: started.elapsed() })
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
