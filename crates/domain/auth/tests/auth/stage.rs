//! What the tests of the door share: a system without its edges, and people.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::middleware::{Next, from_fn_with_state};
use http::{Request, Response};
use http_body_util::BodyExt;
use sayso_access::{Ctx, Origin, Role, Via};
use sayso_auth::login::LogIn;
use sayso_auth::{
    Activity, AuthParts, AuthState, Hasher, Lifetimes, Memory, Pair, Refusals, Rules, rotation,
};
use sayso_db::tokio_postgres::types::ToSql;
use sayso_db::{DbLimits, Tx};
use sayso_events::{Hub, Presence};
use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Vault};
use sayso_testkit::{TestCtx, TestDatabase, root_key};
use sayso_users::password::HashLimits;
use sayso_users::{Credential, Email, NewUser, User, UserState};
use sayso_web::{AppParts, AppState, Limiter};
use serde_json::Value;
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery";
pub const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_secs(900),
    idle: Duration::from_secs(7 * 86_400),
    absolute: Duration::from_secs(30 * 86_400),
};
pub const LIMITS: HashLimits = HashLimits { cost: 4, threads_max: 2, queue_max: 64 };

pub struct Stage {
    pub database: TestDatabase,
    pub ctx: TestCtx,
    pub auth: AuthState,
}

impl Stage {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let ctx = TestCtx::new();
        let auth = auth(&database, &ctx).await;
        Self { database, ctx, auth }
    }

    /// A request that came without a token, from one device.
    pub fn anonymous(&self) -> Ctx {
        self.from("127.0.0.1")
    }

    pub fn from(&self, address: &str) -> Ctx {
        let clock = self.ctx.clock.clone();
        let mut ctx = Ctx::anonymous(Via::Http, clock, self.ctx.random.clone());
        ctx.origin = Origin { address: Some(address.into()), agent: Some("test".into()) };
        ctx
    }

    pub async fn draft(&self, email: &str, role: Role) -> NewUser {
        let hash = self.auth.hasher.hash(secret(PASSWORD)).await.expect("it is hashed");
        let email = Email::parse(email).expect("it is an address");
        NewUser::new(&self.ctx.system(), email, "Ann".into(), role, Credential::Chosen(hash))
    }

    pub async fn create(&self, new: NewUser) -> Result<User, Fault> {
        let work = async move |tx: &mut Tx, ctx: &Ctx| {
            sayso_users::service::create_in(tx, ctx, new.clone()).await
        };
        self.database.db().transaction(&self.ctx.system(), work).await
    }

    pub async fn person(&self, email: &str, role: Role) -> User {
        self.create(self.draft(email, role).await).await.expect("the person is created")
    }

    pub async fn log_in(&self, email: &str, password: &str) -> Result<Pair, Fault> {
        self.log_in_from(&self.anonymous(), email, password).await
    }

    pub async fn log_in_from(&self, ctx: &Ctx, email: &str, pass: &str) -> Result<Pair, Fault> {
        let input = LogIn {
            email: email.into(),
            password: secret(pass),
            device_name: None,
            code: None,
            replaces: None,
        };
        sayso_auth::login::log_in(&self.auth, ctx, input).await
    }

    /// Ann, who has just come in.
    pub async fn ann(&self) -> Pair {
        self.person("ann@example.com", Role::Ceo).await;
        self.log_in("ann@example.com", PASSWORD).await.expect("the password is right")
    }

    pub async fn refresh(&self, token: &str) -> Result<Pair, Fault> {
        sayso_auth::login::refresh(&self.auth, &self.anonymous(), token).await
    }

    pub async fn use_access(&self, pair: &Pair) -> Result<(), Fault> {
        sayso_auth::verify(&self.auth, pair.access.expose()).await.map(drop)
    }

    pub async fn count(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> i64 {
        let client = self.database.app().await;
        client.query_one(sql, params).await.expect("it is counted").get(0)
    }

    /// Facts of a kind that were committed.
    pub async fn facts(&self, kind: &str) -> i64 {
        self.count("SELECT count(*) FROM outbox WHERE type = $1", &[&kind]).await
    }

    /// The routes of the door and of people, as the edge puts them together.
    pub fn app(&self) -> Router {
        let (app, hasher) = (self.auth.app.clone(), self.auth.hasher.clone());
        let people = sayso_users::routes::router(UserState { app: app.clone(), hasher });
        let door = sayso_auth::routes::router(self.auth.clone());
        let (router, _) = people.merge(door).with_state(app.clone()).split_for_parts();
        let identify = from_fn_with_state(self.auth.clone(), identified);
        let settings = sayso_web::stack::Settings::default();
        sayso_web::stack::wrap(router.layer(identify), &settings, app.sources())
    }

    pub async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.app().oneshot(request).await.expect("a router does not fail")
    }
}

pub async fn auth(database: &TestDatabase, ctx: &TestCtx) -> AuthState {
    let keys = rotation::load(database.db(), &ctx.system(), &root_key(), LIFETIMES).await;
    let app = AppState::new(AppParts {
        db: database.db().clone(),
        clock: ctx.clock.clone(),
        random: ctx.random.clone(),
        hub: Hub::new(16),
        presence: Presence::default(),
        cache: sayso_cache::Cache::off(),
    });
    let hasher = Hasher::new(&root_key(), LIMITS, ctx.random.clone());
    AuthState::new(AuthParts {
        app,
        keys: Arc::new(keys.expect("there is a key")),
        hasher,
        activity: Activity::default(),
        memory: Memory::default(),
        vault: Arc::new(Vault::new(&root_key(), &[])),
        rules: Arc::new(Rules::default()),
    })
}

/// The same with something else in it.
pub fn altered(auth: &AuthState, alter: impl FnOnce(&mut AuthParts, &mut AppParts)) -> AuthState {
    let (mut parts, mut app) = (AuthParts::clone(auth), AppParts::clone(&auth.app));
    alter(&mut parts, &mut app);
    AuthState::new(AuthParts { app: AppState::new(app), ..parts })
}

async fn identified(
    State(auth): State<AuthState>,
    request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let way = (&auth, &Limiter::off(), &Refusals::default());
    sayso_auth::come_in(way, request, |request| next.run(request)).await
}

pub fn limits() -> DbLimits {
    DbLimits::from(&sayso_config::Database::default())
}

pub fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

pub fn code<T>(result: &Result<T, Fault>) -> &'static str {
    result.as_ref().err().map_or("ok", |fault| fault.code().name)
}

pub fn request(method: &str, path: &str, token: Option<&str>, body: &Value) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = match body {
        Value::Null => Body::empty(),
        body => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
    };
    request.body(body).expect("it is a request")
}

pub async fn json(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.expect("it arrives").to_bytes();
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") }
}
