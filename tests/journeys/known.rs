//! Strangers who try somebody's password keep no device out that the person
//! has come in from: however they came, before a restart, at another node.

use std::time::Duration;

use reqwest::Method;
use sayso_testkit::{Client, ProcessSetup, TestDatabase, read, until};
use serde_json::json;

use crate::cluster::Cluster;
use crate::company::{Company, PASSWORD};

const TRIES: usize = 5;
const SOON: Duration = Duration::from_secs(30);

fn limited(setup: ProcessSetup) -> ProcessSetup {
    setup
        .env("SAYSO_LIMITS__ENABLED", "true")
        .env("SAYSO_LIMITS__PASSWORD_TRIES", TRIES.to_string())
        .env("SAYSO_LIMITS__LOGIN_PER_MINUTE", "1000")
}

/// Somebody who was invited, and came in by the invitation alone.
async fn invited(ceo: &Client) -> &'static str {
    let email = "ivy@example.com";
    let body = json!({ "email": email, "name": "Ivy", "role": "staff" });
    let made = ceo.post("/api/users", body).await.expect(201);
    let body = json!({ "token": made["invitation"]["token"], "password": PASSWORD });
    Client::anonymous(ceo.base()).post("/api/invitations", body).await.expect(200);
    email
}

async fn tries(url: &str, agent: Option<&str>, (email, password): (&str, &str)) -> u16 {
    let body = json!({ "email": email, "password": password });
    let request = Client::anonymous(url).request(Method::POST, "/api/auth/login").json(&body);
    let request = agent.into_iter().fold(request, |it, agent| it.header("user-agent", agent));
    read(request).await.unwrap().status.as_u16()
}

/// From their own address strangers use up what may be tried, and a device of
/// which nothing is known is kept out; the owner's is let in.
async fn the_owner_comes_in_and_no_stranger(url: &str, email: &str) {
    for _ in 0..TRIES {
        assert_eq!(tries(url, Some("stranger"), (email, "not the password")).await, 401);
    }
    assert_eq!(tries(url, Some("stranger"), (email, PASSWORD)).await, 429, "{email}");
    until("the owner to be known", SOON, async || {
        (tries(url, None, (email, PASSWORD)).await == 200).then_some(())
    })
    .await;
    assert_eq!(tries(url, Some("stranger"), (email, "not the password")).await, 401, "{email}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_in_by_a_code_or_an_invitation_is_known_after_a_restart() {
    let database = TestDatabase::new().await;
    let mut company = Company::found(limited(ProcessSetup::on(&database))).await;
    let ivy = invited(&company.ceo).await;
    company.server.restart().await;

    let url = company.server.url();
    for email in ["ceo@example.com", ivy] {
        the_owner_comes_in_and_no_stranger(&url, email).await;
    }
    // With another browser, by the session that it is to replace.
    for _ in 0..TRIES {
        tries(&url, Some("stranger"), ("ceo@example.com", "not the password")).await;
    }
    assert_eq!(tries(&url, Some("new"), ("ceo@example.com", PASSWORD)).await, 429);
    let body = json!({ "email": "ceo@example.com", "password": PASSWORD,
                       "replacesSessionId": company.ceo.login["sessionId"] });
    let request = Client::anonymous(&url).request(Method::POST, "/api/auth/login").json(&body);
    read(request.header("user-agent", "new")).await.unwrap().expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_in_at_one_node_is_known_at_the_other() {
    let cluster = Cluster::with(limited, |setup, _| setup).await;
    let ceo = &cluster.company.ceo;
    let ivy = invited(ceo).await;

    the_owner_comes_in_and_no_stranger(cluster.there(ceo).base(), ivy).await;
}
