//! A gateway on a loopback port, with people whose tokens name them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use parking_lot::Mutex;
use sayso_access::{Actor, Role, SessionId};
use sayso_db::{Effect, Fact, FactKind, Stream};
use sayso_events::{Acked, Log, Presence, Volatile};
use sayso_kernel::{Code, Fault, Kind, Timestamp};
use sayso_realtime::{
    Gate, Gateway, GatewayParts, Inbound, Renewals, Standing, Standings, Verified,
};
pub(crate) use sayso_testkit::assert_unbroken as assert_no_hole;
use sayso_testkit::{Client, Node, TestCtx, TestDatabase, until};
use sayso_web::Stop;
use sayso_web::stack::{Settings, Sources};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long anything may take. Nobody waits longer than it does, so this is
/// for a machine with everything else to do as well.
pub(crate) const SOON: Duration = Duration::from_secs(60);

const EXPIRED: Code = Code::new("auth.token_expired", Kind::Unauthenticated, "expired");
pub(crate) const REVOKED: Code =
    Code::new("auth.session_revoked", Kind::Unauthenticated, "revoked");
const INVALID: Code = Code::new("auth.token_invalid", Kind::Unauthenticated, "invalid");

static HAPPENED: FactKind = FactKind {
    name: "it.happened",
    is_event: true,
    is_audited: false,
    stream: "any",
    summary: "Something happened.",
};

/// How sessions stand; asked so many times.
#[derive(Clone, Default)]
pub(crate) struct Stand {
    pub(crate) known: Arc<Mutex<HashMap<SessionId, Standing>>>,
    pub(crate) asked: Arc<AtomicI64>,
    /// What happens once, when somebody's token was found good and nobody was
    /// told of it yet.
    pub(crate) meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

pub(crate) type Meanwhile = Box<dyn FnOnce() + Send>;

pub(crate) type Renewed = Arc<Mutex<Option<HashMap<SessionId, Timestamp>>>>;

/// Everything of one test.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) gateway: Gateway,
    pub(crate) presence: Presence,
    pub(crate) address: SocketAddr,
    pub(crate) ctx: TestCtx,
    /// While set, nobody's token can be checked.
    pub(crate) is_gate_away: Arc<AtomicBool>,
    /// Until when the newest token of a session is good; `None` while nobody
    /// can be asked.
    pub(crate) renewed: Renewed,
    pub(crate) stand: Stand,
    stop: CancellationToken,
    node: Node,
    /// How many facts were committed here; the log has no others.
    facts: AtomicI64,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Inbound::default(), |_| ()).await
    }

    pub(crate) async fn with(
        inbound: Inbound,
        adjust: impl FnOnce(&mut sayso_config::Realtime),
    ) -> Self {
        let database = TestDatabase::new().await;
        let node = Node::start(database.db());
        let ctx = TestCtx::new();
        let mut settings = sayso_config::Realtime::default();
        adjust(&mut settings);
        let presence = Presence::new(Duration::from_millis(settings.away_after_ms));
        let renewed = Renewed::new(Mutex::new(Some(HashMap::new())));
        let is_gate_away = Arc::<AtomicBool>::default();
        let stand = Stand::default();
        let gateway = Gateway::new(GatewayParts {
            hub: node.hub.clone(),
            log: Log::new(database.db().clone()),
            gate: gate(&ctx, &is_gate_away, &stand),
            inbound,
            refused: Arc::new(|_, _, _| ()),
            used: Arc::new(|_, _| ()),
            renewals: renewals(&renewed),
            standings: standings(&is_gate_away, &stand),
            presence: presence.clone(),
            volatile: Volatile::default(),
            acked: Acked::new(database.db().clone()),
            clock: ctx.clock.clone(),
            random: ctx.random.clone(),
            settings,
        });
        // Before that it does not know the name of its history.
        node.hub.wait_for(0).await;
        let stop = CancellationToken::new();
        let address = serve(&gateway, &ctx, &stop).await;
        let running = gateway.clone();
        let until_stopped = stop.clone();
        tokio::spawn(async move { running.run(until_stopped).await });
        Self {
            database,
            gateway,
            presence,
            address,
            ctx,
            is_gate_away,
            renewed,
            stand,
            stop,
            node,
            facts: AtomicI64::new(0),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A person with a token.
    pub(crate) fn person(&self) -> Person {
        let actor = self.ctx.actor(Role::Staff);
        let token = format!("{}/{}", actor.user_id, actor.session_id);
        Person { client: self.client_with(&token), token, actor }
    }

    /// Somebody with whatever token.
    pub(crate) fn client_with(&self, token: &str) -> Client {
        let mut client = Client::anonymous(&self.url());
        client.login = json!({ "accessToken": token, "refreshToken": "none", "expiresIn": 900 });
        client
    }

    /// Lets the node believe in what it knows of the log for so long.
    pub(crate) async fn trust_for(&self, fresh_for: Duration) {
        let hub = &self.node.hub;
        hub.trust_for(fresh_for);
        let is_as_asked = || hub.is_fresh() != fresh_for.is_zero();
        until("such a view", SOON, async || is_as_asked().then_some(())).await;
    }

    /// Says ahead of the log what was written.
    pub(crate) fn say_ahead(&self, effects: Vec<Effect>) {
        self.node.hub.ended(effects);
    }

    /// Commits one fact on `stream`.
    pub(crate) async fn happen(&self, stream: &Stream, effects: &[Effect]) {
        self.happen_often(stream, effects, 1, "").await;
    }

    /// Commits many in one transaction, each with `padding`.
    pub(crate) async fn happen_often(
        &self,
        stream: &Stream,
        effects: &[Effect],
        times: usize,
        padding: &str,
    ) {
        let (stream, effects, padding) = (stream.clone(), effects.to_vec(), padding.to_owned());
        let ctx = self.ctx.system();
        let written = self.database.db().transaction(&ctx, async move |tx, _| {
            for n in 0..times {
                let data = json!({ "n": n, "padding": padding });
                let fact = Fact::event(&HAPPENED, vec![stream.clone()], 1, &data);
                tx.emit(effects.iter().cloned().fold(fact, Fact::effect));
            }
            Ok(())
        });
        written.await.expect("the facts are written");
        self.facts.fetch_add(i64::try_from(times).expect("not so many"), Ordering::SeqCst);
    }

    /// The name of the history.
    pub(crate) fn epoch(&self) -> String {
        self.node.hub.applied().map(|applied| applied.epoch.to_string()).unwrap_or_default()
    }

    /// How many facts were committed here: the position of the last.
    pub(crate) fn facts(&self) -> i64 {
        self.facts.load(Ordering::SeqCst)
    }

    /// Waits until the node has applied everything that was committed here.
    pub(crate) async fn settle(&self) {
        self.node.hub.wait_for(self.facts()).await;
    }

    /// Waits until the node has no sockets any more, of whatever kind.
    pub(crate) async fn until_empty(&self) {
        until("no socket is left", SOON, async || (self.gateway.sockets() == 0).then_some(()))
            .await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Somebody who may connect.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) token: String,
    pub(crate) actor: Actor,
}

impl Person {
    pub(crate) fn stream(&self) -> Stream {
        Stream::User(self.actor.user_id)
    }

    pub(crate) fn follow(&self, stream: &Stream) -> Effect {
        Effect::Follow { user: self.actor.user_id, stream: stream.to_string() }
    }

    pub(crate) fn unfollow(&self, stream: &Stream) -> Effect {
        Effect::Unfollow { user: self.actor.user_id, stream: stream.to_string() }
    }
}

fn renewals(renewed: &Renewed) -> Renewals {
    let renewed = Arc::clone(renewed);
    Arc::new(move |_| {
        let known = renewed.lock().clone().ok_or_else(|| Fault::unavailable("away"));
        Box::pin(std::future::ready(known))
    })
}

/// Tokens name the person and the session; some words are refused.
fn gate(ctx: &TestCtx, is_away: &Arc<AtomicBool>, stand: &Stand) -> Gate {
    let (ctx, is_away, stand) = (ctx.clone(), Arc::clone(is_away), stand.clone());
    Arc::new(move |token, _| {
        let checked = if is_away.load(Ordering::SeqCst) {
            Err(Fault::unavailable("the database is away"))
        } else {
            check(&ctx, &token).and_then(|verified| stand.admit(verified))
        };
        if let Some(happens) = stand.meanwhile.lock().take_if(|_| checked.is_ok()) {
            happens();
        }
        Box::pin(std::future::ready(checked))
    })
}

impl Stand {
    /// Whoever is not known is from now on.
    fn admit(&self, verified: Verified) -> Result<Verified, Fault> {
        let mut known = self.known.lock();
        let standing = known.entry(verified.actor.session_id).or_insert(Ok(verified.actor));
        let actor = standing.clone().map_err(Fault::new)?;
        Ok(Verified { actor, ..verified })
    }

    /// From now on it stands like this.
    pub(crate) fn change(&self, person: &Person, change: impl FnOnce(&mut Standing)) {
        let mut known = self.known.lock();
        change(known.get_mut(&person.actor.session_id).expect("somebody who was let in"));
    }
}

fn standings(is_away: &Arc<AtomicBool>, stand: &Stand) -> Standings {
    let (is_away, stand) = (Arc::clone(is_away), stand.clone());
    Arc::new(move |sessions| {
        let answer = if is_away.load(Ordering::SeqCst) {
            Err(Fault::unavailable("the database is away"))
        } else {
            let known = stand.known.lock();
            Ok(sessions.iter().map(|id| (*id, known[id].clone())).collect())
        };
        stand.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(answer))
    })
}

fn check(ctx: &TestCtx, token: &str) -> Result<Verified, Fault> {
    let (user, session) = match token {
        "expired" => return Err(Fault::new(&EXPIRED)),
        "revoked" => return Err(Fault::new(&REVOKED)),
        _ => token.split_once('/').ok_or_else(|| Fault::new(&INVALID))?,
    };
    let mut actor = ctx.actor(Role::Staff);
    actor.user_id = user.parse().map_err(|_| Fault::new(&INVALID))?;
    actor.session_id = SessionId(session.parse().map_err(|_| Fault::new(&INVALID))?);
    let expires_at = ctx.clock.now() + Duration::from_secs(900);
    Ok(Verified { actor, expires_at, barred: None })
}

async fn serve(gateway: &Gateway, ctx: &TestCtx, stop: &CancellationToken) -> SocketAddr {
    let settings = Settings { held_open: vec!["/socket.io/".to_owned()], ..Settings::default() };
    let sources = Sources {
        clock: ctx.clock.clone(),
        random: ctx.random.clone(),
        position: Arc::new(|| None),
    };
    let app = sayso_web::stack::wrap(gateway.mount(Router::new()), &settings, sources);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let told = Stop { now: stop.clone(), ..Stop::default() };
    tokio::spawn(sayso_web::serve(listener, app, Default::default(), told));
    address
}

/// Whether the long forms of faults are wanted.
pub(crate) fn is_full() -> bool {
    sayso_config::process_environment()
        .any(|(name, value)| name == "SAYSO_FAULTS" && value == "full")
}

pub(crate) fn channel() -> Stream {
    Stream::Channel(Uuid::from_u128(77))
}
