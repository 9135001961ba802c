//! The audit on a real database: who reads it, and what is found.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod long;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use sayso_access::{Ctx, Origin, Role};
use sayso_db::{Fact, FactKind};
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};
use sayso_web::{AppParts, AppState, Identity};
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

static MOVED: FactKind = FactKind {
    name: "thing.moved",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A thing was moved",
};
static LOST: FactKind = FactKind {
    name: "thing.lost",
    is_event: false,
    is_audited: true,
    stream: "",
    summary: "A thing was lost",
};

struct Stage {
    database: TestDatabase,
    node: Node,
    ctx: TestCtx,
}

struct Answer {
    status: StatusCode,
    kind: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// Of what was written by the test, not by its reading.
    fn seqs(&self) -> Vec<i64> {
        let body = self.json();
        let items = body["items"].as_array().unwrap_or_else(|| panic!("no page: {body}"));
        let items = items.iter().filter(|item| item["action"] != "audit.read");
        items.map(|item| item["seq"].as_i64().unwrap()).collect()
    }
}

impl Stage {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        let node = Node::start(database.db());
        Self { database, node, ctx: TestCtx::new() }
    }

    /// Writes one entry, and waits until it stands in the audit.
    async fn wrote(&self, ctx: &Ctx, kind: &'static FactKind, about: Uuid) {
        let work = async move |tx: &mut sayso_db::Tx, _: &Ctx| {
            tx.emit(Fact::audit_only(kind).about("thing", about));
            Ok(())
        };
        self.database.db().transaction(ctx, work).await.unwrap();
        judge::assert_settled(self.database.db()).await;
    }

    async fn ask(&self, role: Role, query: &str, accept: &str) -> Answer {
        let app = AppState::new(AppParts {
            db: self.database.db().clone(),
            clock: self.ctx.clock.clone(),
            random: self.ctx.random.clone(),
            hub: self.node.hub.clone(),
            presence: Default::default(),
            cache: sayso_cache::Cache::off(),
        });
        let (router, _) = sayso_audit::routes::router().with_state(app.clone()).split_for_parts();
        let router: Router = router.layer(axum::Extension(Identity::Known(self.ctx.actor(role))));
        let router = sayso_web::stack::wrap(router, &Default::default(), app.sources());
        let request = Request::get(format!("/api/audit{query}")).header("accept", accept);
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, kind, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    async fn ceo(&self, query: &str) -> Answer {
        self.ask(Role::Ceo, query, "application/json").await
    }
}

#[tokio::test]
async fn every_statement_prepares_against_the_real_schema() {
    let database = TestDatabase::new().await;
    let client = database.app().await;

    for sql in sayso_audit::statements() {
        let prepared = client.prepare(sql.text).await;
        assert!(prepared.is_ok(), "{}: {:?}", sql.name, prepared.err());
    }
}

#[tokio::test]
async fn the_ceo_reads_it_and_others_are_refused() {
    let stage = Stage::new().await;

    assert_eq!(stage.ceo("").await.seqs(), [0_i64; 0]);
    for role in [Role::Manager, Role::Staff] {
        for accept in ["application/json", "application/x-ndjson"] {
            let refused = stage.ask(role, "", accept).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
            assert_eq!(refused.json()["code"], "access.forbidden");
        }
    }
    stage.node.stop().await;
}

#[tokio::test]
async fn each_filter_finds_its_own_and_all_of_them_together() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.ctx.acting(Role::Ceo), stage.ctx.acting(Role::Staff));
    let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
    stage.wrote(&ann, &MOVED, one).await;
    stage.ctx.advance(Duration::from_secs(60));
    stage.wrote(&bob, &MOVED, two).await;
    stage.wrote(&bob, &LOST, one).await;
    let id = |ctx: &Ctx| ctx.user_id().unwrap();
    let session = |ctx: &Ctx| ctx.session_id().unwrap();

    for (query, found) in [
        (String::new(), &[3, 2, 1][..]),
        (format!("actor={}", id(&ann)), &[1]),
        (format!("actor={}&actor={}", id(&ann), id(&bob)), &[3, 2, 1]),
        ("action=thing.lost".into(), &[3]),
        ("action=thing.lost,thing.moved".into(), &[3, 2, 1]),
        ("subjectType=thing".into(), &[3, 2, 1]),
        ("subjectType=task".into(), &[]),
        (format!("subjectId={one}"), &[3, 1]),
        ("from=2026-01-05T09:01:00Z".into(), &[3, 2]),
        ("to=2026-01-05T09:01:00Z".into(), &[1]),
        (format!("correlationId={}", bob.correlation_id), &[3, 2]),
        (format!("session={}", session(&ann)), &[1]),
        (
            format!(
                "session={}&action=thing.lost&subjectId={one}&subjectType=thing",
                session(&bob)
            ),
            &[3],
        ),
        (format!("actor={}&subjectId={two}", id(&ann)), &[]),
    ] {
        assert_eq!(stage.ceo(&format!("?{query}")).await.seqs(), found, "{query}");
    }
    for wrong in ["actor=x", "from=yesterday", "limit=-1", "limit=101", "colour=red", "cursor=x"] {
        let answer = stage.ceo(&format!("?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    stage.node.stop().await;
}

#[tokio::test]
async fn an_entry_says_who_from_where_and_in_which_request() {
    let stage = Stage::new().await;
    let mut ann = stage.ctx.acting(Role::Ceo);
    ann.request_id = Some("r-1".into());
    // What a client sends of itself must not be taken for what we wrote.
    let agent = format!("x\",\"correlationId\":\"{}\"", Uuid::from_u128(7));
    ann.origin = Origin { address: Some("192.0.2.1".into()), agent: Some(agent.clone()) };
    stage.wrote(&ann, &MOVED, Uuid::from_u128(1)).await;

    let entry = stage.ceo("?action=thing.moved").await.json()["items"][0].clone();

    for (field, value) in [
        ("action", "thing.moved"),
        ("actorId", &*ann.user_id().unwrap().to_string()),
        ("sessionId", &*ann.session_id().unwrap().to_string()),
        ("correlationId", &*ann.correlation_id.to_string()),
        ("requestId", "r-1"),
        ("address", "192.0.2.1"),
        ("agent", &agent),
        ("via", "http"),
        ("role", "ceo"),
    ] {
        assert_eq!(entry[field], value, "{field}");
    }
    assert_eq!(entry["subject"]["type"], "thing");
    assert_eq!(entry["hash"].as_str().map(str::len), Some(64));
    let forged = format!("?correlationId={}", Uuid::from_u128(7));
    assert_eq!(stage.ceo(&forged).await.seqs(), [0_i64; 0]);
    stage.node.stop().await;
}

#[tokio::test]
async fn pages_follow_each_other_and_a_cursor_fits_its_own_question_only() {
    let stage = Stage::new().await;
    let ann = stage.ctx.acting(Role::Ceo);
    for n in 0..5 {
        stage.wrote(&ann, &MOVED, Uuid::from_u128(n)).await;
    }

    let first = stage.ceo("?action=thing.moved&limit=3").await;
    let cursor = first.json()["nextCursor"].as_str().unwrap().to_owned();
    let second = stage.ceo(&format!("?action=thing.moved&limit=3&cursor={cursor}")).await;

    assert_eq!((first.seqs(), second.seqs()), (vec![5, 4, 3], vec![2, 1]));
    assert_eq!(second.json()["nextCursor"], Value::Null);
    let foreign = stage.ceo(&format!("?action=thing.lost&cursor={cursor}")).await;
    assert_eq!(foreign.status, StatusCode::UNPROCESSABLE_ENTITY);
    stage.node.stop().await;
}

#[tokio::test]
async fn lines_hold_everything_and_say_where_the_rest_begins() {
    let stage = Stage::new().await;
    let ann = stage.ctx.acting(Role::Ceo);
    // More than an export reads at once.
    let work = async |tx: &mut sayso_db::Tx, _: &Ctx| {
        for n in 0..600 {
            tx.emit(Fact::audit_only(&MOVED).about("thing", Uuid::from_u128(n)));
        }
        Ok(())
    };
    stage.database.db().transaction(&ann, work).await.unwrap();
    judge::assert_settled(stage.database.db()).await;

    let (moved, lines) = ("?action=thing.moved", "text/html, application/x-ndjson;q=0.9");
    let all = stage.ask(Role::Ceo, moved, "application/x-ndjson").await;
    let some = stage.ask(Role::Ceo, &format!("{moved}&limit=2"), lines).await;

    let seqs = |answer: &Answer| -> Vec<Value> {
        let lines = answer.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["seq"].clone()).collect()
    };
    assert_eq!((all.status, &*all.kind), (StatusCode::OK, "application/x-ndjson"));
    assert_eq!(seqs(&all), (1..=600).rev().map(Value::from).collect::<Vec<_>>());
    assert_eq!(seqs(&some), [Value::from(600), Value::from(599), Value::Null]);
    let last: Value = serde_json::from_str(some.text.lines().last().unwrap()).unwrap();
    let cursor = last["nextCursor"].as_str().unwrap();
    assert_eq!(stage.ceo(&format!("{moved}&limit=1&cursor={cursor}")).await.seqs(), [598]);
    stage.node.stop().await;
}

#[tokio::test]
async fn whoever_reads_the_audit_stands_in_it_with_what_they_looked_for() {
    let stage = Stage::new().await;
    let somebody = Uuid::from_u128(5);
    assert_eq!(stage.ask(Role::Staff, "", "application/json").await.status, StatusCode::FORBIDDEN);
    stage.ceo(&format!("?actor={somebody}")).await;
    stage.ask(Role::Ceo, "", "application/x-ndjson").await;
    judge::assert_settled(stage.database.db()).await;

    let read = stage.ceo("?action=audit.read").await.json();

    let items = read["items"].as_array().unwrap();
    let asked = |at: usize| &items[at]["details"];
    assert_eq!(items.len(), 2, "{read}");
    assert_eq!(asked(0)["export"], true, "{read}");
    assert_eq!(
        (&asked(1)["export"], &asked(1)["actors"][0]),
        (&Value::from(false), &Value::from(somebody.to_string()),)
    );
    assert!(items[0]["actorId"].is_string() && items[0]["sessionId"].is_string(), "{read}");
    stage.node.stop().await;
}
