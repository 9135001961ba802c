//! What whoever sits at the machine does beside a running server: other keys,
//! a way back in for whoever lost theirs, and erasing who somebody was.

use std::time::Duration;

use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, until};
use serde_json::{Value, json};

use crate::company::Company;
use crate::device;
use crate::wire::PROMPTLY;

const PASSWORD: &str = "correct horse battery staple";
const OTHER: &str = "another horse battery staple";
/// How long an effect of a command may take to reach the server.
const HEARD_WITHIN: Duration = Duration::from_secs(20);

async fn company() -> (Company, TestDatabase) {
    let database = TestDatabase::new().await;
    (Company::found(ProcessSetup::on(&database)).await, database)
}

async fn status(who: &Client) -> (u16, String) {
    let me = who.get("/api/auth/me").await;
    (me.status.as_u16(), me.code().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_signs_and_nobody_notices_until_the_old_ones_are_revoked() {
    let (company, _database) = company().await;
    let Company { server, ann, .. } = &company;
    let before = server.run(&["keys", "list"], "").await;
    assert!(before.trim_end().ends_with("signs") && before.lines().count() == 1, "{before}");

    let told = server.run(&["keys", "rotate"], "").await;
    let kid = told.split(' ').next().unwrap().to_owned();
    assert!(told.contains(" signs from "), "{told}");
    let published = async || {
        let keys = ann.get("/.well-known/jwks.json").await.expect(200);
        let kids = keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone());
        kids.collect::<Vec<Value>>()
    };
    until("the server to publish both", HEARD_WITHIN, async || {
        (published().await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(status(ann).await.0, 200, "the old key is believed");
    until("the new key to sign", HEARD_WITHIN, async || {
        let list = server.run(&["keys", "list"], "").await;
        list.lines().any(|line| line.starts_with(&kid) && line.ends_with("signs")).then_some(())
    })
    .await;
    let bob = Client::login(&server.url(), "bob@example.com", PASSWORD).await;
    assert_eq!(status(&bob).await.0, 200);
    let sockets = Sockets::start();
    let connect = Connect { id: "bob", person: &bob, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;

    server.run(&["keys", "rotate", "--revoke-old"], "").await;
    // Whoever holds a socket may have forged what they came in by.
    let closed = sockets.until_heard("bob", "session.closed").await.payload;
    assert_eq!(
        (&closed["code"], &closed["reconnect"]),
        (&json!("auth.token_invalid"), &json!(true))
    );
    until("bob to be back by a new token", HEARD_WITHIN, async || {
        (sockets.count("bob", "ready") == 2).then_some(())
    })
    .await;
    let refused = until("the old keys to be forgotten", HEARD_WITHIN, async || {
        let answer = status(ann).await;
        (answer.0 != 200).then_some(answer)
    });
    assert_eq!(refused.await, (401, "auth.token_invalid".to_owned()));
    assert_eq!(published().await.len(), 1);
    let body = json!({ "refreshToken": ann.login["refreshToken"] });
    let renewed = ann.post("/api/auth/refresh", body).await.expect(200);
    let mut ann = ann.clone();
    ann.login = renewed;
    assert_eq!(status(&ann).await.0, 200, "nobody was logged out");
    let told = server.run(&["keys", "reencrypt"], "").await;
    assert_eq!(told.trim_end(), "0 sealed anew, 0 under the present key already");
}

/// Sets up a second factor.
async fn protect(person: &Client) {
    let proof = json!({ "password": PASSWORD });
    let setup = person.post("/api/auth/totp", proof).await.expect(200);
    let code = device::code(&setup["secret"]);
    person.post("/api/auth/totp/confirm", json!({ "code": code })).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_password_and_device_is_let_in_by_the_operator_and_told_of_it() {
    let (company, _database) = company().await;
    let Company { server, ann, .. } = &company;
    protect(ann).await;
    let reset = ["user", "reset", "--email", "ANN@example.com"];
    let nobody = server.fails(&["user", "reset", "--email", "eve@example.com"]).await;
    assert!(nobody.contains("nobody has this e-mail"), "{nobody}");

    let code = server.run(&[&reset[..], &["--remove-totp"]].concat(), "").await;
    assert_eq!(status(ann).await.0, 200, "nothing has ended yet");
    let body = json!({ "code": code.trim(), "password": OTHER });
    ann.post("/api/auth/password/reset", body.clone()).await.expect(204);
    ann.post("/api/auth/password/reset", body).await.expect(422);

    assert_eq!(status(ann).await, (401, "auth.session_revoked".to_owned()));
    let ann = Client::login(&server.url(), "ann@example.com", OTHER).await;
    let titles = until("Ann to be told of both", PROMPTLY, async || {
        let page = ann.get("/api/notifications?type=security").await.expect(200);
        let titles = page["items"].as_array().unwrap().iter().map(|item| item["title"].clone());
        let titles: Vec<Value> = titles.collect();
        (titles.len() >= 3).then_some(titles)
    });
    let titles = titles.await;
    for title in ["Your password was reset", "The second factor of your account was removed"] {
        assert!(titles.contains(&json!(title)), "{titles:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_person_is_erased_on_a_word_and_only_then() {
    let (company, database) = company().await;
    let Company { server, ceo, bob, .. } = &company;
    let id = bob.user_id();
    let erase = ["user", "erase", id, "--yes"];
    assert!(server.fails(&erase[..3]).await.contains("say --yes"));
    assert!(!server.fails(&erase).await.is_empty(), "he is not deleted");
    ceo.delete(&format!("/api/users/{id}")).await.expect(204);

    assert_eq!(server.run(&erase, "").await.trim_end(), "erased");
    assert_eq!(server.run(&erase, "").await.trim_end(), "was erased before");

    let named = ceo.get(&format!("/api/users?ids={id}")).await.expect(200);
    assert_eq!(named["items"][0]["name"], "Erased person");
    let left = "SELECT count(*) FROM users WHERE search_text ~ 'bob' OR email ~ 'bob'";
    let left: i64 = database.app().await.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}
