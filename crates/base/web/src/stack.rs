//! What stands around every route, in one place and in order.
//!
//! ```text
//! compression        never of answers that must not be stored
//!   CORS             preflights end here
//!     request id     the client's, or ours
//!       context      who asks from where; position of the log before reading
//!         access log and metrics
//!           head     400 for what could be read in two ways; 403 for a socket
//!                    that a foreign page wants; 405 for TRACE
//!           length   413 before anything is read
//!             time   503 after the limit
//!               panic  500
//!                 routes, or 404 and 405
//!           304      where the client holds it already
//! ```

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, IF_NONE_MATCH, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Extensions, HeaderMap, Method, StatusCode, Version};
use sayso_access::{Ctx, Origin, Via};
use sayso_db::Cost;
use sayso_kernel::fault::{INTERNAL, NOT_FOUND, Place};
use sayso_kernel::{Clock, Fault, Random};
use sayso_telemetry::trace::Span;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::access_log::{self, Line};
use crate::body::{self, BodyMax};
use crate::codes::{BAD_HEADER, FOREIGN_ORIGIN, METHOD_NOT_ALLOWED, TIMEOUT, field};
use crate::cors::Cors;
use crate::forwarded::Proxies;
use crate::identity::CalledBy;
use crate::position::MinPosition;
use crate::problem::{self, Pending, Problem};
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::server::Connection;
use crate::{etag, spans};

/// What the node had applied of the log before it read.
pub const SAYSO_POSITION: HeaderName = HeaderName::from_static("sayso-position");
/// Answers below this size are not worth compressing.
const COMPRESSED_MIN: u16 = 1400;
/// Characters of a user agent that are kept.
const AGENT_LEN_MAX: usize = 256;
/// What a browser that came over TLS is told: for a year by nothing else.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What may be set about the stack.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes in a body at the most.
    pub body_max: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// Origins that browsers may call from; `*` is any.
    pub allowed_origins: Vec<String>,
    /// Beginnings of paths whose requests are held open on purpose (sockets):
    /// no time limit, no compression. Pages of foreign origins get no further
    /// than here.
    pub held_open: Vec<String>,
    /// Beginnings of paths whose requests are not traced: probes, which come
    /// every second and say nothing.
    pub untraced: Vec<String>,
    /// The proxies that are believed when they say where a request comes from.
    pub proxies: Proxies,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_max: body::BODY_MAX,
            request_timeout: Duration::from_secs(10),
            allowed_origins: Vec::new(),
            held_open: Vec::new(),
            untraced: Vec::new(),
            proxies: Proxies::default(),
        }
    }
}

/// Tells the position of the log that this node has applied, as it is written
/// in `Sayso-Position`; `None` where nothing is known yet.
pub type PositionSource = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What the stack needs of the running system.
#[derive(Clone)]
pub struct Sources {
    /// The clock of every context.
    pub clock: Clock,
    /// The randomness of every context.
    pub random: Random,
    /// The position of the log.
    pub position: PositionSource,
}

struct Stack {
    body_max: usize,
    request_timeout: Duration,
    held_open: Vec<String>,
    untraced: Vec<String>,
    proxies: Proxies,
    cors: Cors,
    sources: Sources,
}

/// Puts the stack around a router. It also sets the router's fallbacks, so
/// everything served must be a route of it.
pub fn wrap(router: Router, settings: &Settings, sources: Sources) -> Router {
    let stack = Arc::new(Stack {
        body_max: settings.body_max,
        request_timeout: settings.request_timeout,
        held_open: settings.held_open.clone(),
        untraced: settings.untraced.clone(),
        proxies: settings.proxies.clone(),
        cors: Cors::new(&settings.allowed_origins),
        sources,
    });
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESSED_MIN).and(may_be_compressed));
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(async || Problem::new(&METHOD_NOT_ALLOWED))
        .layer(from_fn_with_state(stack, around))
        .layer(compression)
}

/// No route leads there. TRACE would say what the request was, headers and
/// all, and is refused wherever it is sent.
async fn nowhere(method: Method) -> Response {
    if method == Method::TRACE { no_trace() } else { Problem::new(&NOT_FOUND).into_response() }
}

fn no_trace() -> Response {
    let mut response = Problem::new(&METHOD_NOT_ALLOWED).into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
    response
}

/// An answer that is held open, and passed on as it is.
#[derive(Clone, Copy)]
struct HeldOpen;

fn may_be_compressed(_: StatusCode, _: Version, headers: &HeaderMap, more: &Extensions) -> bool {
    let is_secret = headers
        .get(CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("no-store"));
    !is_secret && more.get::<HeldOpen>().is_none()
}

/// What is remembered of a request until its answer is there.
struct Seen {
    started: Instant,
    id: RequestId,
    caller: CalledBy,
    method: Method,
    route: Option<MatchedPath>,
    origin: Option<HeaderValue>,
    held_tags: Vec<HeaderValue>,
    position: Option<HeaderValue>,
    is_held_open: bool,
    is_tls: bool,
}

async fn around(State(stack): State<Arc<Stack>>, mut request: Request, next: Next) -> Response {
    if let Some(answer) = stack.cors.preflight(request.method(), request.headers()) {
        return answer;
    }
    let mut ctx = stack.context(&request);
    let seen = stack.see(&request, &ctx);
    ctx.request_id = Some(Arc::clone(&seen.id.0));
    let extensions = request.extensions_mut();
    extensions.insert(ctx);
    extensions.insert(seen.id.clone());
    extensions.insert(seen.caller.clone());
    extensions.insert(BodyMax(stack.body_max));
    // A transport lives as long as its socket, whose events are traced.
    let span = match seen.is_held_open {
        true => Span::none(),
        false => spans::server(&request, &seen.id, &stack.untraced),
    };
    let handled = sayso_db::counted(stack.run(request, next, &seen));
    let (response, cost) = span.scope(handled).await;
    stack.finish(response, seen, cost, &span)
}

impl Stack {
    fn context(&self, request: &Request) -> Ctx {
        let Sources { clock, random, .. } = &self.sources;
        let mut ctx = Ctx::anonymous(Via::Http, clock.clone(), random.clone());
        let connection = request.extensions().get::<Connection>();
        let client = |peer: &Connection| self.proxies.client(peer.peer.ip(), request.headers());
        ctx.origin = Origin {
            address: connection.map(|connection| client(connection).to_string()),
            agent: request.headers().get(USER_AGENT).map(agent),
        };
        ctx
    }

    fn see(&self, request: &Request, ctx: &Ctx) -> Seen {
        let path = request.uri().path();
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let tags = request.headers().get_all(IF_NONE_MATCH).iter().filter(|_| reads);
        let position = (self.sources.position)();
        let peer = request.extensions().get::<Connection>().map(|connection| connection.peer.ip());
        Seen {
            started: Instant::now(),
            id: RequestId::of(request.headers(), ctx),
            caller: CalledBy::default(),
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            origin: request.headers().get(ORIGIN).cloned(),
            held_tags: tags.cloned().collect(),
            position: position.and_then(|text| HeaderValue::try_from(text).ok()),
            is_held_open: self.is_held_open(path),
            is_tls: peer.is_some_and(|peer| self.proxies.is_tls(peer, request.headers())),
        }
    }

    /// With the slash at its end and without it, as the routes have it.
    fn is_held_open(&self, path: &str) -> bool {
        let is_it = |start: &String| {
            path.starts_with(start.as_str()) || start.strip_suffix('/') == Some(path)
        };
        self.held_open.iter().any(is_it)
    }

    async fn run(&self, request: Request, next: Next, seen: &Seen) -> Response {
        if let Err(fault) = check_host(&request) {
            return Problem(fault).into_response();
        }
        if seen.is_held_open {
            return match self.may_hold(&request, seen) {
                Ok(()) => caught(next.run(request)).await,
                Err(refusal) => *refusal,
            };
        }
        let is_there = match MinPosition::of(request.headers()) {
            // A method that no path takes is refused as that, whatever it asks.
            _ if request.method() == Method::TRACE => true,
            Ok(None) => true,
            Ok(Some(min)) => min.wait(&self.sources.position).await,
            Err(fault) => return Problem(fault).into_response(),
        };
        if let Err(fault) = body::check_length(request.headers(), self.body_max) {
            return Problem(fault).into_response();
        }
        let handled = caught(next.run(request));
        let answered = async {
            // Whoever has seen more than this node is not answered from memory.
            if is_there { handled.await } else { sayso_cache::bypassed(handled).await }
        };
        match tokio::time::timeout(self.request_timeout, answered).await {
            Ok(response) => response,
            Err(_) => Problem::new(&TIMEOUT).into_response(),
        }
    }

    /// Browsers let any page open a WebSocket anywhere, so whoever holds
    /// sockets has to look where the page is from.
    fn may_hold(&self, request: &Request, seen: &Seen) -> Result<(), Box<Response>> {
        if request.method() == Method::TRACE {
            return Err(Box::new(no_trace()));
        }
        let host = request.headers().get(HOST);
        match seen.origin.as_ref().is_none_or(|origin| self.cors.is_known(origin, host)) {
            true => Ok(()),
            false => Err(Box::new(Problem::new(&FOREIGN_ORIGIN).into_response())),
        }
    }

    fn finish(&self, response: Response, seen: Seen, cost: Cost, span: &Span) -> Response {
        let route = seen.route.as_ref().map_or("none", MatchedPath::as_str);
        let mut response = told(response, &seen, route);
        if !seen.held_tags.is_empty() {
            response = etag::unless_modified(&seen.held_tags, response);
        }
        if seen.is_held_open {
            response.extensions_mut().insert(HeldOpen);
        }
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, seen.id.header());
        if let Some(position) = seen.position {
            headers.insert(SAYSO_POSITION, position);
        }
        secure(headers);
        if seen.is_tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, TLS_ONLY);
        }
        self.cors.mark(seen.origin.as_ref(), headers);
        let took = seen.started.elapsed();
        spans::answered(span, response.status(), &seen.caller);
        access_log::write(&Line {
            id: &seen.id,
            method: &seen.method,
            route,
            status: response.status(),
            took,
            cost,
            caller: &seen.caller,
            trace_id: span.trace_id(),
        });
        response
    }
}

/// Runs a handler; a panic in it is a fault of this one request.
async fn caught(handled: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(handled).catch_unwind().await.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let cause = format!("a handler panicked: {}", text.unwrap_or_default());
        Problem(Fault::new(&INTERNAL).caused_by(cause)).into_response()
    })
}

/// Logs the fault behind an answer and writes it with the request id.
fn told(mut response: Response, seen: &Seen, route: &str) -> Response {
    let Some(Pending(fault)) = response.extensions_mut().remove::<Pending>() else {
        return response;
    };
    problem::log(&fault, &seen.id.0, seen.method.as_str(), route);
    response.headers_mut().remove(CONTENT_LENGTH);
    let (_, body) = problem::render(&fault, Some(&seen.id.0)).into_parts();
    response.map(|_| body)
}

/// 400 for a request off the wire that names no host or several (RFC 9112,
/// section 3.2): a proxy before us may have read another than we would.
fn check_host(request: &Request) -> Result<(), Fault> {
    let is_off_the_wire = request.extensions().get::<Connection>().is_some();
    let hosts = request.headers().get_all(HOST).iter().count();
    let is_new = request.version() >= Version::HTTP_11;
    if is_off_the_wire && (hosts > 1 || (is_new && hosts == 0)) {
        let place = Place::Header("Host".into());
        return Err(Fault::new(&BAD_HEADER).with(place, field::HEADER, "must be there once"));
    }
    Ok(())
}

fn secure(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Pages say themselves what they load; data loads nothing.
    let is_page =
        headers.get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"text/html"));
    if !is_page {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.entry(CONTENT_SECURITY_POLICY).or_insert(nothing);
    }
}

/// The client's user agent, fit for the audit: bounded, without control
/// characters.
fn agent(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    let visible = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().take(AGENT_LEN_MAX).map(visible).collect()
}
