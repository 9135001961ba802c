//! Each way in which a session ends, at two nodes: its sockets are gone and its
//! token is refused at both, and whoever is not meant stays.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::USER_AGENT;
use sayso_testkit::{Client, Sockets, read, until};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::company::{PASSWORD, connect, hire, program_of};

const SOON: Duration = Duration::from_secs(30);
const ANOTHER: &str = "a horse of another colour";
/// Sessions that a person may have.
const SESSIONS_MAX: usize = 5;

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    LoggedOut,
    EndedAlone,
    EndedWithOthers,
    EndedWithAll,
    Evicted,
    PasswordChanged,
    PasswordReset,
    EndedByTheCeo,
    TokenRevoked,
    Reused,
    Deactivated,
    Deleted,
}

const WAYS: [Way; 12] = [
    Way::LoggedOut,
    Way::EndedAlone,
    Way::EndedWithOthers,
    Way::EndedWithAll,
    Way::Evicted,
    Way::PasswordChanged,
    Way::PasswordReset,
    Way::EndedByTheCeo,
    Way::TokenRevoked,
    Way::Reused,
    Way::Deactivated,
    Way::Deleted,
];

/// A person with two sessions: one that ends, and one by which they end it.
struct Person {
    email: String,
    meant: Client,
    other: Client,
}

impl Person {
    async fn with_two_sessions(ceo: &Client, name: &str) -> Self {
        let email = format!("{}@example.com", name.to_lowercase());
        let meant = hire(ceo, name, "staff").await;
        let other = Client::login(ceo.base(), &email, PASSWORD).await;
        Self { email, meant, other }
    }

    /// The session that ends is that of a token.
    async fn with_a_token(ceo: &Client, name: &str) -> Self {
        let person = Self::with_two_sessions(ceo, name).await;
        let meant = program_of(&person.other, &["read", "socket"]).await;
        Self { meant, ..person }
    }
}

/// Whether the person's other session is left alone.
fn spares_the_other(way: Way) -> bool {
    match way {
        Way::LoggedOut
        | Way::EndedAlone
        | Way::EndedWithOthers
        | Way::Evicted
        | Way::PasswordChanged
        | Way::TokenRevoked
        | Way::Reused => true,
        Way::EndedWithAll
        | Way::PasswordReset
        | Way::EndedByTheCeo
        | Way::Deactivated
        | Way::Deleted => false,
    }
}

async fn end(way: Way, ceo: &Client, Person { email, meant, other }: &Person) {
    let nothing = Value::Null;
    let of_user = |what: &str| format!("/api/users/{}{what}", meant.user_id());
    match way {
        Way::LoggedOut => meant.post("/api/auth/logout", nothing).await.expect(204),
        Way::EndedAlone => {
            let path = format!("/api/auth/sessions/{}", meant.login["sessionId"].as_str().unwrap());
            other.delete(&path).await.expect(204)
        }
        Way::EndedWithOthers => other.delete("/api/auth/sessions").await.expect(204),
        Way::EndedWithAll => other.post("/api/auth/logout-all", nothing).await.expect(204),
        Way::Evicted => {
            // Of those there are, it is the one that was not used for longest.
            let again = json!({ "refreshToken": other.login["refreshToken"] });
            other.post("/api/auth/refresh", again).await.expect(200);
            for _ in 1..SESSIONS_MAX {
                Client::login(other.base(), email, PASSWORD).await;
            }
            nothing
        }
        Way::PasswordChanged => {
            let change = json!({ "currentPassword": PASSWORD, "newPassword": ANOTHER });
            other.post("/api/auth/password", change).await.expect(204)
        }
        Way::PasswordReset => {
            let reset = ceo.post(&of_user("/password-reset"), nothing).await.expect(200);
            let finish = json!({ "code": reset["code"], "password": ANOTHER });
            let nobody = Client::anonymous(ceo.base());
            nobody.post("/api/auth/password/reset", finish).await.expect(204)
        }
        Way::EndedByTheCeo => ceo.delete(&of_user("/sessions")).await.expect(204),
        Way::TokenRevoked => {
            let path = format!("/api/tokens/{}", meant.login["id"].as_str().unwrap());
            other.delete(&path).await.expect(204)
        }
        Way::Reused => {
            // Used, its successor used as well, and then used again.
            let first = json!({ "refreshToken": meant.login["refreshToken"] });
            let second = meant.post("/api/auth/refresh", first.clone()).await.expect(200);
            let second = json!({ "refreshToken": second["refreshToken"] });
            meant.post("/api/auth/refresh", second).await.expect(200);
            let thief = meant.request(Method::POST, "/api/auth/refresh").json(&first);
            read(thief.header(USER_AGENT, "another device")).await.unwrap().expect(401)
        }
        Way::Deactivated => ceo.post(&of_user("/deactivate"), nothing).await.expect(200),
        Way::Deleted => ceo.delete(&of_user("")).await.expect(204),
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn however_a_session_ends_its_sockets_and_its_token_are_refused_at_both_nodes() {
    let cluster = Cluster::found().await;
    for (n, way) in WAYS.into_iter().enumerate() {
        // Ended at the one node, then at the other.
        for is_there in [false, true] {
            let name = format!("{way:?}{}", u8::from(is_there));
            let at = |person: &Client| {
                if is_there { cluster.there(person) } else { person.clone() }
            };
            ends(&cluster, way, &name, &at).await;
        }
        eprintln!("{} of {}", n + 1, WAYS.len());
    }
}

async fn ends(cluster: &Cluster, way: Way, name: &str, at: &impl Fn(&Client) -> Client) {
    let ceo = at(&cluster.company.ceo);
    let person = if way == Way::TokenRevoked {
        Person::with_a_token(&ceo, name).await
    } else {
        Person::with_two_sessions(&ceo, name).await
    };
    let sockets = Sockets::start();
    let here = cluster.company.ceo.base();
    let nodes = [("here", here.to_owned()), ("there", cluster.second.url())];
    for (node, url) in &nodes {
        connect(&sockets, &format!("meant {node}"), &person.meant.through(url)).await;
        connect(&sockets, &format!("other {node}"), &person.other.through(url)).await;
        for client in [&person.meant, &person.other] {
            client.through(url).get("/api/auth/me").await.expect(200);
        }
    }

    let within = cluster.gone_within(&sockets, ["meant here", "meant there"]).await;
    end(way, &ceo, &person).await;

    let done = Instant::now();
    let mut gone = vec!["meant"];
    if !spares_the_other(way) {
        gone.push("other");
    }
    for session in &gone {
        for (node, _) in &nodes {
            let id = format!("{session} {node}");
            let closed = sockets.until_heard(&id, "session.closed").await.payload;
            let took = done.elapsed();
            eprintln!("{name}: {id} was closed after {took:?} of {within:?}");
            assert_eq!(closed["code"], "auth.session_revoked", "{name}: {id}");
            assert_eq!(closed["reconnect"], false, "{name}: {id}");
            assert!(took < within, "{name}: {id}: {took:?} of {within:?}");
        }
    }
    for (node, url) in &nodes {
        // At the other node the word may be on its way that says so.
        until(&format!("{name}: 401 {node}"), SOON, async || {
            let answer = person.meant.through(url).get("/api/auth/me").await;
            (answer.code() == "auth.session_revoked").then_some(())
        })
        .await;
        let took = done.elapsed();
        assert!(took < within, "{name}: refused {node} after {took:?} of {within:?}");
        let of_other = person.other.through(url).get("/api/auth/me").await.status.as_u16();
        assert_eq!(of_other, if spares_the_other(way) { 200 } else { 401 }, "{name} {node}");
        if spares_the_other(way) {
            assert_eq!(sockets.count(&format!("other {node}"), "session.closed"), 0, "{name}");
        }
    }
}
