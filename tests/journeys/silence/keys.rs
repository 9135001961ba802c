//! A signing key that is revoked while nobody writes the log: what it signed is
//! believed at no node any more, and nobody keeps a socket by it.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures_util::future::{join, try_join_all};
use sayso_kernel::Clock;
use sayso_testkit::{Client, until};
use serde_json::json;

use super::scene::{Closing, SOON, Scene, Silence};
use super::{holds, of_a_broken_one};
use crate::cluster::Cluster;
use crate::company::{PASSWORD, connect};

const INVALID: Closing = ("auth.token_invalid", true);
/// All sockets of the scene. That of a program came in by a token that no key
/// has signed; who was a forger is not known, so it has to come back as well.
const SOCKETS: [&str; 8] = [
    "ann here",
    "ann there",
    "bob here",
    "bob there",
    "dan here",
    "dan there",
    "kim here",
    "kim there",
];
/// When the newest key was made, in milliseconds since 1970.
const MADE: &str =
    "SELECT floor(extract(epoch FROM max(created_at)) * 1000)::bigint FROM signing_keys";

/// Asks with a token all the while, so that it is remembered wherever it may
/// be, until it is refused; when that was. It is not for as long as is allowed
/// after `revoked`: then that.
async fn refused(
    scene: &Scene,
    (name, at): &(String, Client),
    revoked: &OnceLock<Instant>,
) -> Result<(String, i64), String> {
    until("a token to be refused", SOON, async || {
        let answer = at.get("/api/auth/me").await;
        if answer.code() == INVALID.0 {
            return Some(Ok((name.clone(), Clock::System.now().as_millisecond())));
        }
        let is_late = revoked.get().is_some_and(|at| at.elapsed() > scene.within);
        is_late.then(|| Err(format!("{name} is still believed")))
    })
    .await
}

/// The key that signs is revoked: its tokens are refused and its sockets are
/// gone in time, counted from the making of the next key, at both nodes.
async fn revoke(scene: &Scene) -> Result<(), String> {
    let Scene { cluster, within, .. } = scene;
    let company = &cluster.company;
    let (here, there) = (company.ann.clone(), cluster.there(&company.ann));
    let asked = [("a token here".to_owned(), here), ("a token there".to_owned(), there)];
    let revoked = OnceLock::new();
    let revoke = async {
        company.server.run(&["keys", "rotate", "--revoke-old"], "").await;
        *revoked.get_or_init(Instant::now)
    };
    let refused = try_join_all(asked.iter().map(|one| refused(scene, one, &revoked)));
    let (done, refused) = join(revoke, refused).await;
    let mut moments = refused?;
    for id in SOCKETS {
        moments.push((id.to_owned(), scene.closed(id, done, INVALID).await?));
    }

    let database = cluster.database.superuser().await;
    let made: i64 = database.query_one(MADE, &[]).await.unwrap().get(0);
    for (what, at) in moments {
        let took = Duration::from_millis(u64::try_from(at - made).unwrap_or_default());
        eprintln!("{what}: over after {took:?} of {within:?}");
        if took >= *within {
            return Err(format!("{what} was good for {took:?}"));
        }
    }
    Ok(())
}

/// Whoever shows anew who they are is let in, and the log that says it at last
/// sends nobody away once more.
async fn others_come_in(scene: &Scene, silence: Silence) {
    let Scene { cluster, sockets, .. } = scene;
    let (ceo, bob) = (&cluster.company.ceo, &cluster.company.bob);
    let is_back = async || (sockets.count("bob there", "ready") == 2).then_some(());
    until("the program to be back by its token", SOON, is_back).await;
    let again = Client::login(bob.base(), "bob@example.com", PASSWORD).await;
    connect(sockets, "again here", &again).await;
    connect(sockets, "again there", &cluster.there(&again)).await;
    for person in [&again, &cluster.there(&again)] {
        person.get("/api/auth/me").await.expect(200);
    }
    assert_eq!(ceo.get("/api/auth/me").await.code(), INVALID.0);
    drop(silence);
    let last = json!({ "name": "after all", "kind": "public" });
    let ceo = Client::login(ceo.base(), "ceo@example.com", PASSWORD).await;
    let last = ceo.post("/api/channels", last).await.expect(201)["id"].clone();
    for id in ["again here", "again there", "bob there"] {
        until("the last event", SOON, async || {
            sockets.events(id).iter().any(|event| event["data"]["id"] == last).then_some(())
        })
        .await;
        let closed = sockets.count(id, "session.closed");
        assert_eq!(closed, usize::from(id == "bob there"), "{id} was sent away by the log");
    }
}

async fn is_over(cluster: Cluster) -> Result<(), String> {
    let scene = Scene::set(cluster).await;
    let silence = Silence::begin(&scene.cluster.database).await;
    // The first that waits for the log: no node knows yet that it is silent.
    revoke(&scene).await?;
    others_come_in(&scene, silence).await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_while_nobody_writes_the_log_lets_nobody_in_and_nobody_stay() {
    holds(is_over).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_believes_what_a_revoked_key_signed_is_convicted() {
    assert_eq!(of_a_broken_one(is_over).await, "a token there is still believed");
}
