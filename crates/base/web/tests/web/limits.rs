//! How often somebody may ask, and how passwords may be tried.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body as AxumBody;
use axum::extract::{Request as Asked, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use http::{Method, Request, StatusCode};
use sayso_access::{Origin, SessionId, TOKEN_MISSING};
use sayso_kernel::{Code, Kind};
use sayso_web::limits::limit;
use sayso_web::{Connection, Limiter, Problem, Quota, Quotas, Reply};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::demo::{Answer, request, send_to, settings, sources};

const WINDOW: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;

fn quotas() -> Quotas {
    let of = |amount| Quota { amount, window: WINDOW };
    Quotas {
        read: of(5),
        write: of(2),
        search: of(1),
        login: of(1000),
        proof: of(1),
        export: of(1),
        tries: of(TRIES),
        tries_of_address: of(20),
        tries_of_email: of(8),
        tracked_max: 10_000,
    }
}

/// What a right password is answered that lacks the code it takes.
const CODE_REQUIRED: Code =
    Code::new("auth.code_required", Kind::Unauthenticated, "This takes a code as well");

async fn log_in(body: String) -> Result<Reply, Problem> {
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    if body["password"] == "half" {
        return Err(Problem::new(&CODE_REQUIRED));
    }
    let is_right = body["password"] == "right";
    if is_right { Ok(Reply::secret(&json!({}))) } else { Err(Problem::new(&TOKEN_MISSING)) }
}

async fn limited(State(limiter): State<Limiter>, request: Asked, next: Next) -> Response {
    limit(&limiter, request, |request| next.run(request)).await
}

fn app(limiter: Limiter) -> Router {
    let routes = Router::new()
        .route("/things", get(async || Reply::ok(&1)).post(async || Reply::ok(&2)))
        .route("/health/live", get(async || Reply::ok(&3)))
        .route("/tagged", get(async || Reply::resource(&1, 1)))
        .route("/api/auth/login", post(log_in))
        .layer(from_fn_with_state(limiter, limited));
    let patient = sayso_web::stack::Settings { request_timeout: WINDOW, ..settings() };
    sayso_web::stack::wrap(routes, &patient, sources())
}

/// `RateLimit` taken apart: its name, what is left, and the time.
fn told(answer: &Answer) -> (String, u64, u64) {
    let text = answer.header("ratelimit").to_owned();
    let mut pieces = text.split(';');
    let name = pieces.next().unwrap_or_default().trim_matches('"').to_owned();
    let mut number = |key: &str| {
        let piece = pieces.next().unwrap_or_default();
        piece.strip_prefix(key).and_then(|text| text.parse().ok()).expect(&text)
    };
    (name, number("r="), number("t="))
}

async fn known(app: &Router, method: Method, path: &str) -> Answer {
    send_to(app, request(method, path, &[], "")).await
}

fn at(address: &str, request: Request<AxumBody>) -> Request<AxumBody> {
    let peer = SocketAddr::new(address.parse().expect("an address"), 4711);
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Connection::new(peer, CancellationToken::new()));
    parts.headers.insert("host", "sayso.example".parse().expect("a header"));
    Request::from_parts(parts, body)
}

async fn tries(app: &Router, address: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password }).to_string();
    let request = Request::post("/api/auth/login").header("user-agent", "test");
    send_to(app, at(address, request.body(body.into()).expect("a request"))).await
}

#[tokio::test(start_paused = true)]
async fn what_is_left_falls_by_one_and_waiting_as_long_as_told_is_enough() {
    let app = app(Limiter::new(quotas()));
    for left in (0..5).rev() {
        let answer = known(&app, Method::GET, "/things").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), "\"read\";q=5;w=10");
        assert_eq!((told(&answer).0.as_str(), told(&answer).1), ("read", left));
    }

    let over = known(&app, Method::GET, "/things").await;

    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(over.header("content-type"), "application/problem+json");
    assert_eq!(over.json()["code"], "limits.too_many");
    assert_eq!(told(&over), ("read".into(), 0, 2));
    assert_eq!(over.header("retry-after"), "2");
    assert_eq!(known(&app, Method::POST, "/things").await.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(known(&app, Method::GET, "/things").await.status, StatusCode::OK);
    assert_eq!(known(&app, Method::GET, "/things").await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn a_person_and_an_address_have_quotas_of_their_own_and_health_has_none() {
    let app = app(Limiter::new(quotas()));
    let nobody = |address: &'static str, path: &str| {
        at(address, Request::get(path).body(AxumBody::empty()).expect("a request"))
    };
    for _ in 0..6 {
        known(&app, Method::GET, "/things").await;
        send_to(&app, nobody("192.0.2.1", "/things")).await;
    }

    let first = send_to(&app, nobody("192.0.2.1", "/things")).await;
    let second = send_to(&app, nobody("192.0.2.2", "/things")).await;

    assert_eq!(first.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(told(&second).1, 4);
    for _ in 0..20 {
        let health = send_to(&app, nobody("192.0.2.1", "/health/live")).await;
        assert_eq!((health.status, health.header("ratelimit")), (StatusCode::OK, ""));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_held_already_says_it_too_and_no_limiter_says_nothing() {
    let limited = app(Limiter::new(quotas()));
    let tag = known(&limited, Method::GET, "/tagged").await.header("etag").to_owned();
    let held = request(Method::GET, "/tagged", &[("if-none-match", &tag)], "");

    let again = send_to(&limited, held).await;

    assert_eq!((again.status, told(&again).1), (StatusCode::NOT_MODIFIED, 3));
    let free = app(Limiter::off());
    for _ in 0..20 {
        let answer = known(&free, Method::GET, "/things").await;
        assert_eq!((answer.status, answer.header("ratelimit")), (StatusCode::OK, ""));
    }
}

#[tokio::test(start_paused = true)]
async fn a_guesser_is_stopped_and_the_owner_comes_in_from_elsewhere() {
    let app = app(Limiter::new(quotas()));
    for left in (0..u64::from(TRIES)).rev() {
        let wrong = tries(&app, "192.0.2.66", "ceo@example.com", "wrong").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        assert_eq!((told(&wrong).0.as_str(), told(&wrong).1), ("password", left));
    }

    let over = tries(&app, "192.0.2.66", " CEO@Example.com", "right").await;

    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS, "from there not even the right one");
    assert_eq!(over.header("retry-after"), told(&over).2.to_string());
    assert_eq!(over.header("ratelimit-policy"), "\"password\";q=3;w=10");
    assert_eq!(tries(&app, "192.0.2.66", "bob@example.com", "right").await.status, StatusCode::OK);
    assert_eq!(tries(&app, "192.0.2.1", "ceo@example.com", "right").await.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(told(&over).2)).await;
    assert_eq!(tries(&app, "192.0.2.66", "ceo@example.com", "right").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_behind_the_same_address_does_not_lock_out_a_device_that_is_known() {
    let app = app(Limiter::new(quotas()));
    assert_eq!(tries(&app, "192.0.2.1", "ceo@example.com", "right").await.status, StatusCode::OK);
    for _ in 0..TRIES {
        let wrong = tries(&app, "192.0.2.1", "ceo@example.com", "wrong").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    for _ in 0..5 {
        let over = tries(&app, "192.0.2.1", "ceo@example.com", "wrong").await;
        assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    }

    assert_eq!(tries(&app, "192.0.2.1", "ceo@example.com", "right").await.status, StatusCode::OK);
    let wrong = tries(&app, "192.0.2.1", "ceo@example.com", "wrong").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "the right one has forgotten the others");
}

#[tokio::test(start_paused = true)]
async fn whoever_names_their_session_comes_in_past_a_crowd_that_bears_the_name_of_their_browser() {
    let limiter = Limiter::new(quotas());
    let app = app(limiter.clone());
    let (email, session) = ("ceo@example.com", SessionId(Uuid::from_u128(7)));
    limiter.know(email, &Origin::default(), session, Duration::from_secs(60));
    assert_eq!(tries(&app, "192.0.2.1", email, "right").await.status, StatusCode::OK);
    for _ in 0..TRIES {
        tries(&app, "192.0.2.1", email, "wrong").await;
    }
    let crowd = (0..300).map(|_| tries(&app, "192.0.2.1", email, "wrong"));
    let crowd = futures_util::future::join_all(crowd);
    let naming = async |email: &str, session: SessionId, password: &str| {
        let body = json!({ "email": email, "password": password, "replacesSessionId": session });
        let request = Request::post("/api/auth/login").body(body.to_string().into());
        send_to(&app, at("192.0.2.1", request.expect("a request"))).await.status
    };
    let comers = async {
        // The crowd is at the door already.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let made_up = naming(email, SessionId(Uuid::from_u128(8)), "right").await;
        let of_another = naming("bob@example.com", session, "wrong").await;
        (naming(email, session, "right").await, made_up, of_another)
    };

    let (crowd, (owner, made_up, of_another)) = tokio::join!(crowd, comers);

    assert_eq!(owner, StatusCode::OK);
    assert_eq!(made_up, StatusCode::TOO_MANY_REQUESTS, "a session that nobody has is none");
    assert_eq!(of_another, StatusCode::UNAUTHORIZED);
    let refused = crowd.iter().filter(|it| it.status == StatusCode::TOO_MANY_REQUESTS).count();
    assert!(refused > 290, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_who_uses_up_the_logins_of_an_address_does_not_lock_out_a_known_device() {
    let app = app(Limiter::new(Quotas { login: Quota { amount: 5, window: WINDOW }, ..quotas() }));
    let agent = |agent: &'static str, password: &'static str| {
        let body = json!({ "email": "ceo@example.com", "password": password }).to_string();
        let request = Request::post("/api/auth/login").header("user-agent", agent);
        send_to(&app, at("192.0.2.1", request.body(body.into()).expect("a request")))
    };
    assert_eq!(agent("the CEO's", "right").await.status, StatusCode::OK);
    for n in 0..20 {
        tries(&app, "192.0.2.1", &format!("nobody{n}@example.com"), "wrong").await;
    }

    let over = agent("a stranger's", "right").await;
    assert_eq!(over.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(over.header("ratelimit-policy").starts_with("\"login\""));
    assert_eq!(agent("the CEO's", "right").await.status, StatusCode::OK);
    assert_eq!(agent("the CEO's", "wrong").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_right_password_that_lacks_its_code_is_no_guess() {
    let app = app(Limiter::new(quotas()));
    for _ in 0..50 {
        let asked = tries(&app, "192.0.2.1", "ceo@example.com", "half").await;
        assert_eq!(asked.status, StatusCode::UNAUTHORIZED);
    }

    assert_eq!(tries(&app, "192.0.2.1", "ceo@example.com", "wrong").await.status, 401);
    assert_eq!(tries(&app, "192.0.2.1", "bob@example.com", "right").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_thousand_tries_at_once_are_no_more_than_one_after_the_other() {
    let app = app(Limiter::new(quotas()));
    let all = (0..200).map(|_| tries(&app, "192.0.2.66", "ceo@example.com", "wrong"));

    let answers = futures_util::future::join_all(all).await;

    let seen = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert!((3..=8).contains(&seen), "{seen}");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_addresses_slows_an_unknown_device_and_refuses_nobody() {
    let app = app(Limiter::new(quotas()));
    tries(&app, "192.0.2.1", "ceo@example.com", "right").await;
    for n in 0..8 {
        let address = format!("198.51.100.{n}");
        let wrong = tries(&app, &address, "ceo@example.com", "wrong").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }

    let before = tokio::time::Instant::now();
    assert_eq!(tries(&app, "192.0.2.1", "ceo@example.com", "right").await.status, StatusCode::OK);
    assert_eq!(before.elapsed(), Duration::ZERO, "a known device does not notice");
    assert_eq!(tries(&app, "192.0.2.9", "ceo@example.com", "right").await.status, StatusCode::OK);
    assert_eq!(before.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn whoever_tries_many_people_from_one_address_is_stopped_as_well() {
    let app = app(Limiter::new(quotas()));
    let mut refused = 0;
    for n in 0..30 {
        let email = format!("person{n}@example.com");
        let answer = tries(&app, "192.0.2.66", &email, "wrong").await;
        refused += u32::from(answer.status == StatusCode::TOO_MANY_REQUESTS);
    }

    assert_eq!(refused, 10);
    assert_eq!(tries(&app, "192.0.2.1", "person1@example.com", "right").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_cannot_be_read_counts_and_one_that_is_too_long_is_not_read() {
    let app = app(Limiter::new(quotas()));
    let post = async |body: String| {
        let request = Request::post("/api/auth/login").body(body.into()).expect("a request");
        send_to(&app, at("192.0.2.66", request)).await.status
    };
    for _ in 0..TRIES {
        assert_eq!(post("{\"email\":\"a\",\"email\":\"b\"}".into()).await, 401);
    }
    assert_eq!(post("nonsense".into()).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(post("x".repeat(1999)).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(post("x".repeat(17 * 1024)).await, StatusCode::PAYLOAD_TOO_LARGE);
}
