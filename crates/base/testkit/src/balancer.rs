//! A small balancer before several nodes: requests to those that are ready, in
//! turn, and all requests of one polling socket to one node.
//!
//! It repeats what no node has seen, and nothing else: what was sent and not
//! answered is the client's to repeat.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, RETRY_AFTER, TRANSFER_ENCODING, UPGRADE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How often nodes are asked whether they are ready.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// The head of an answer at the most.
const HEAD_MAX: usize = 16 * 1024;

/// The balancer; it ends with its value.
#[derive(Debug)]
pub struct Balancer {
    url: String,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Nodes {
    http: reqwest::Client,
    all: Vec<Node>,
    turn: AtomicUsize,
    /// Which node has which polling socket.
    sids: Mutex<HashMap<String, usize>>,
}

#[derive(Debug)]
struct Node {
    /// `http://127.0.0.1:<port>`.
    url: String,
    is_ready: AtomicBool,
}

type Answer = Response<Full<Bytes>>;

impl Balancer {
    /// Listens on a port of its own, before the nodes at these URLs.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(urls: &[String]) -> Self {
        let http = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build();
        let node = |url: &String| Node { url: url.clone(), is_ready: AtomicBool::new(true) };
        let nodes = Arc::new(Nodes {
            http: http.expect("an HTTP client can be made"),
            all: urls.iter().map(node).collect(),
            turn: AtomicUsize::new(0),
            sids: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let port = listener.local_addr().expect("it listens").port();
        let tasks =
            vec![tokio::spawn(ask_on(Arc::clone(&nodes))), tokio::spawn(listen(listener, nodes))];
        Self { url: format!("http://127.0.0.1:{port}"), tasks }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn ask_on(nodes: Arc<Nodes>) {
    loop {
        for node in &nodes.all {
            let asked = nodes.http.get(format!("{}/health/ready", node.url));
            let answer = asked.timeout(Duration::from_secs(1)).send().await;
            let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
            node.is_ready.store(is_ready, Ordering::SeqCst);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn listen(listener: TcpListener, nodes: Arc<Nodes>) {
    while let Ok((stream, _)) = listener.accept().await {
        let nodes = Arc::clone(&nodes);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let nodes = Arc::clone(&nodes);
                async move { Ok::<_, Infallible>(nodes.answer(request).await) }
            });
            let protocol = hyper::server::conn::http1::Builder::new();
            let serving = protocol.serve_connection(TokioIo::new(stream), service);
            let _the_client_went = serving.with_upgrades().await;
        });
    }
}

/// The value of `sid` in a query.
fn sid_in(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("sid="))
}

/// The id in `0{"sid":"…",…}`, with which a polling socket is opened.
fn sid_of(body: &[u8]) -> Option<String> {
    let open: serde_json::Value = serde_json::from_slice(body.strip_prefix(b"0")?).ok()?;
    open["sid"].as_str().map(str::to_owned)
}

fn unavailable() -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert(RETRY_AFTER, hyper::header::HeaderValue::from_static("1"));
    answer
}

impl Nodes {
    /// The nodes to try, in order: the one that has the socket, or those that
    /// are ready.
    fn choose(&self, query: &str) -> Vec<usize> {
        if let Some(at) = sid_in(query).and_then(|sid| self.sids.lock().get(sid).copied()) {
            return vec![at];
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn = (0..self.all.len()).map(|n| (turn + n) % self.all.len());
        in_turn.filter(|at| self.all[*at].is_ready.load(Ordering::SeqCst)).collect()
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let choice = self.choose(request.uri().query().unwrap_or_default());
        if request.headers().contains_key(UPGRADE) {
            return match choice.first() {
                Some(at) => self.tunnel(*at, request).await.unwrap_or_else(unavailable),
                None => unavailable(),
            };
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await.map(|body| body.to_bytes()) else {
            return unavailable();
        };
        for at in choice {
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let mut headers = parts.headers.clone();
            for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
                headers.remove(name);
            }
            let asked =
                self.http.request(parts.method.clone(), format!("{}{path}", self.all[at].url));
            match asked.headers(headers).body(body.clone()).send().await {
                Ok(answer) => return self.pass(at, answer).await,
                // Nobody was there to see it.
                Err(error) if error.is_connect() => {
                    self.all[at].is_ready.store(false, Ordering::SeqCst);
                }
                Err(_) => return unavailable(),
            }
        }
        unavailable()
    }

    async fn pass(&self, at: usize, answer: reqwest::Response) -> Answer {
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let Ok(body) = answer.bytes().await else { return unavailable() };
        if let Some(sid) = sid_of(&body) {
            self.sids.lock().insert(sid, at);
        }
        for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let mut passed = Response::new(Full::new(body));
        *passed.status_mut() = status;
        *passed.headers_mut() = headers;
        passed
    }

    /// Hands the request on as it is, and after a 101 whatever is sent.
    async fn tunnel(&self, at: usize, mut request: Request<Incoming>) -> Option<Answer> {
        let upgraded = hyper::upgrade::on(&mut request);
        let place = self.all[at].url.strip_prefix("http://")?;
        let mut node = TcpStream::connect(place).await.ok()?;
        node.write_all(head_of(&request).as_bytes()).await.ok()?;
        let (status, headers) = read_head(&mut node).await?;
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = status;
        for (name, value) in headers {
            let name = hyper::header::HeaderName::try_from(name).ok()?;
            answer.headers_mut().append(name, value.parse().ok()?);
        }
        if status == StatusCode::SWITCHING_PROTOCOLS {
            tokio::spawn(async move {
                let Ok(client) = upgraded.await else { return };
                let _one_end_went = copy_bidirectional(&mut TokioIo::new(client), &mut node).await;
            });
        } else {
            // What it said beside is not for here.
            answer.headers_mut().remove(CONTENT_LENGTH);
        }
        Some(answer)
    }
}

fn head_of(request: &Request<Incoming>) -> String {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("{} {path} HTTP/1.1\r\n", request.method());
    for (name, value) in request.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    head + "\r\n"
}

/// The status and the headers of an answer, and not a byte more.
async fn read_head(node: &mut TcpStream) -> Option<(StatusCode, Vec<(String, String)>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_MAX {
        head.push(node.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some((status, headers.collect()))
}
