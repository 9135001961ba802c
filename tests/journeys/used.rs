//! What somebody sends by a socket is a use of their session, as a request is.

use std::time::Duration;

use sayso_kernel::Timestamp;
use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, TestFolder, until};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD, open_channel};
use crate::faults::clock;

/// Uses are written every ten seconds.
const WRITTEN_WITHIN: Duration = Duration::from_secs(60);
/// A use within a minute of the last is not noted.
const A_MINUTE: Duration = Duration::from_secs(60);

/// When a session was last used, as another of the same person is told.
async fn last_used(teller: &Client, session: &Client) -> Timestamp {
    let list = teller.get("/api/auth/sessions").await.expect(200);
    let is_meant = |one: &&Value| one["id"] == session.login["sessionId"];
    let found = list["items"].as_array().unwrap().iter().find(is_meant).unwrap();
    found["lastUsedAt"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_socket_sends_shows_when_its_session_was_last_used() {
    let (database, folder) = (TestDatabase::new().await, TestFolder::new());
    let Some((setup, clock)) = clock::jumping(ProcessSetup::on(&database), &folder) else {
        return;
    };
    let company = Company::found(setup).await;
    let channel = open_channel(&company.ceo, "all hands", &[&company.ann]).await;
    let log_in = async || Client::login(&company.server.url(), "ann@example.com", PASSWORD).await;
    let (says, types, idle, teller) =
        (log_in().await, log_in().await, log_in().await, log_in().await);
    let sockets = Sockets::start();
    for (id, person) in [("says", &says), ("types", &types), ("idle", &idle)] {
        let connect = Connect { id, person, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }
    let all = [&says, &types, &idle];
    let mut before = Vec::new();
    for session in all {
        before.push(last_used(&teller, session).await);
    }

    clock.jump("+2m");
    let say = json!({ "channelId": channel, "content": "still here" });
    let typing = json!({ "channelId": channel });
    for (id, event, data) in [("says", "message.send", say), ("types", "typing.start", typing)] {
        let answer = sockets.emit(id, event, &data).await;
        assert_eq!(answer["ok"], true, "{id}: {answer}");
    }

    for (session, before) in all.into_iter().zip(&before).take(2) {
        until("the use to be written", WRITTEN_WITHIN, async || {
            let is_later = last_used(&teller, session).await >= *before + A_MINUTE;
            is_later.then_some(())
        })
        .await;
    }
    // A socket that only hears is none.
    assert_eq!(last_used(&teller, &idle).await, before[2]);
}
