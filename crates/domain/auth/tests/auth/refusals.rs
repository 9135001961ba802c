//! Refusals reach the audit, coalesced, whether the thing is hidden or absent.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use metrics_exporter_prometheus::PrometheusBuilder;
use sayso_access::{Ctx, Role, Via};
use sayso_auth::{Refusals, bearer};
use sayso_db::tokio_postgres::Config;
use sayso_db::{Db, DbLimits};
use sayso_kernel::Fault;
use sayso_kernel::fault::FORBIDDEN;
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};
use sayso_web::Identity;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

async fn watched(State(noted): State<Refusals>, request: Request, next: Next) -> Response {
    bearer::watch(&noted, request, |request| next.run(request)).await
}

#[tokio::test]
async fn refusals_are_written_together_once_each_with_their_count() {
    let database = TestDatabase::new().await;
    let node = Node::start(database.db());
    let stage = TestCtx::new();
    let actor = stage.actor(Role::Staff);
    let known = Identity::Known(actor.clone());
    let came = Ctx::anonymous(Via::Http, stage.clock.clone(), stage.random.clone());
    let noted = Refusals::default();
    let app = Router::new()
        .route("/tasks/{id}", get(async || StatusCode::NOT_FOUND))
        .route("/audit", get(async || StatusCode::FORBIDDEN))
        .route("/mine", get(async || StatusCode::OK))
        .layer(from_fn_with_state(noted.clone(), watched))
        .layer(axum::Extension(known))
        .layer(axum::Extension(came));

    for path in ["/tasks/1", "/tasks/2", "/audit", "/mine", "/tasks/1"] {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap();
    }
    let stop = CancellationToken::new();
    stop.cancel();
    noted.run(database.db().clone(), stage.clock.clone(), stage.random.clone(), stop).await;

    judge::assert_settled(database.db()).await;
    let rows = database
        .app()
        .await
        .query(
            "SELECT actor_id, entry::json #>> '{details,route}',
                    (entry::json #>> '{details,count}')::int,
                    (entry::json ->> 'via') || ' ' || (entry::json ->> 'role')
             FROM audit_log WHERE action = 'access.refused' ORDER BY 2",
            &[],
        )
        .await
        .unwrap();
    let found: Vec<(uuid::Uuid, String, i32)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let who = actor.user_id.0;
    assert_eq!(found, [(who, "/audit".into(), 1), (who, "/tasks/{id}".into(), 3)]);
    assert!(rows.iter().all(|row| row.get::<_, String>(3) == "http staff"));
    node.stop().await;
}

#[tokio::test]
async fn refusals_that_the_database_does_not_take_are_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let (stage, noted, stop) = (TestCtx::new(), Refusals::default(), CancellationToken::new());
    let ctx = Ctx::anonymous(Via::Http, stage.clock.clone(), stage.random.clone());
    for event in ["message.send", "message.send", "message.edit"] {
        noted.note_socket(&ctx, event, &Fault::new(&FORBIDDEN));
    }
    let mut nowhere = Config::new();
    nowhere.host("127.0.0.1").port(1);
    let limits = DbLimits::from(&sayso_config::Database::default());
    let db = Db::new(nowhere, &limits).unwrap();
    stop.cancel();

    noted.run(db, stage.clock.clone(), stage.random.clone(), stop).await;

    let measured = recorder.handle().render();
    assert!(measured.contains("\nsayso_access_refusals_unwritten_total 3\n"), "{measured}");
}
