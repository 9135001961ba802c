//! The door as it is set: what the settings say of sessions, second factors,
//! proxies and origins holds at the real server, and races of refreshes end
//! well over two nodes.

use std::collections::HashSet;

use futures_util::future::join_all;
use reqwest::Method;
use sayso_testkit::{Client, Process, ProcessSetup, TestDatabase, read};
use serde_json::{Value, json};

use crate::company::{Company, PASSWORD};
use crate::device;

async fn log_in(url: &str, more: Value) -> sayso_testkit::Reply {
    let mut body = json!({ "email": "ann@example.com", "password": PASSWORD });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Client::anonymous(url).post("/api/auth/login", body).await
}

async fn me(url: &str, access: &Value) -> u16 {
    let request = Client::anonymous(url).request(Method::GET, "/api/auth/me");
    let request = request.bearer_auth(access.as_str().unwrap());
    read(request).await.unwrap().status.as_u16()
}

/// Twenty rounds: the token of the last is what all ask with in the next.
#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_refresh_at_once_at_two_nodes_all_get_one_token_and_each_goes_on() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let other = Process::start(ProcessSetup::on(&database)).await;
    let urls = [company.server.url(), other.url()];
    let mut token = company.ann.login["refreshToken"].clone();
    for round in 0..20 {
        let all = join_all((0..20).map(|n| {
            let (url, body) = (&urls[n % 2], json!({ "refreshToken": token }));
            async move { Client::anonymous(url).post("/api/auth/refresh", body).await }
        }));
        let pairs: Vec<Value> = all.await.into_iter().map(|reply| reply.expect(200)).collect();

        let given: HashSet<&str> =
            pairs.iter().map(|pair| pair["refreshToken"].as_str().unwrap()).collect();
        assert_eq!(given.len(), 1, "round {round}");
        assert!(!given.contains(token.as_str().unwrap()), "round {round}");
        token = pairs[0]["refreshToken"].clone();
        // First use of a pair ends the grace of the one before; all of them may.
        for (n, pair) in pairs.iter().enumerate() {
            assert_eq!(me(&urls[n % 2], &pair["accessToken"]).await, 200, "round {round}, {n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_of_a_role_refuses_with_the_list_or_ends_what_was_unused_for_longest() {
    for over in ["refuse", "evict_oldest"] {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database)
            .env("SAYSO_AUTH__SESSIONS_MAX", "ceo=9,manager=1,staff=2")
            .env("SAYSO_AUTH__SESSIONS_OVER", over);
        let company = Company::found(setup).await;
        let url = company.server.url();
        let first = &company.ann.login;
        let second = log_in(&url, json!({})).await.expect(200);
        let third = log_in(&url, json!({})).await;

        if over == "refuse" {
            assert_eq!(third.code(), "auth.too_many_sessions");
            let refused = third.expect(409);
            let list = refused["current"]["sessions"].as_array().unwrap();
            let ids: HashSet<&str> = list.iter().map(|one| one["id"].as_str().unwrap()).collect();
            let known = [first, &second].map(|login| login["sessionId"].as_str().unwrap());
            assert_eq!(ids, HashSet::from(known));
            let makes_room = json!({ "replacesSessionId": first["sessionId"] });
            log_in(&url, makes_room).await.expect(200);
        } else {
            third.expect(200);
        }
        assert_eq!(me(&url, &first["accessToken"]).await, 401, "{over}");
        assert_eq!(me(&url, &second["accessToken"]).await, 200, "{over}");
    }
}

/// However many come at once, no more than the cap stay.
#[tokio::test(flavor = "multi_thread")]
async fn logins_at_once_leave_no_more_sessions_than_the_cap() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_AUTH__SESSIONS_MAX", "2");
    let company = Company::found(setup).await;
    let url = company.server.url();

    let all = join_all((0..8).map(|_| log_in(&url, json!({})))).await;

    let logins: Vec<Value> = all.into_iter().map(|reply| reply.expect(200)).collect();
    let mut alive = 0;
    for login in &logins {
        alive += usize::from(me(&url, &login["accessToken"]).await == 200);
    }
    assert_eq!(alive, 2);
    assert_eq!(me(&url, &company.ann.login["accessToken"]).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_the_settings_name_does_nothing_before_it_has_a_second_factor() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).env("SAYSO_AUTH__TOTP_REQUIRED_ROLES", "staff");
    let company = Company::found(setup).await;
    let Company { manager, ann, .. } = &company;

    assert_eq!(ann.get("/api/users").await.code(), "auth.totp_required");
    manager.get("/api/users").await.expect(200);

    let begin = json!({ "password": PASSWORD });
    let setup = ann.post("/api/auth/totp", begin).await.expect(200);
    let code = json!({ "code": device::code(&setup["secret"]) });
    let codes = ann.post("/api/auth/totp/confirm", code).await.expect(200);
    ann.get("/api/users").await.expect(200);
    let url = company.server.url();
    assert_eq!(log_in(&url, json!({})).await.code(), "auth.code_required");
    log_in(&url, json!({ "code": codes["recoveryCodes"][0] })).await.expect(200);
}

/// Where a request comes from, as the audit has it.
async fn address_of_a_refusal(company: &Company, forwarded: &str) -> Value {
    let login = json!({ "email": "ceo@example.com", "password": "not-the-password-at-all" });
    let request = Client::anonymous(&company.server.url())
        .request(Method::POST, "/api/auth/login")
        .header("x-forwarded-for", forwarded)
        .header("x-request-id", "through-a-proxy");
    assert_eq!(read(request.json(&login)).await.unwrap().status, 401);
    sayso_testkit::until("the refusal in the audit", crate::wire::PROMPTLY, async || {
        let page = company.ceo.get("/api/audit?action=auth.login_refused").await.expect(200);
        page["items"].get(0).map(|entry| entry["address"].clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_believed_where_the_settings_list_it_and_only_its_own_word() {
    for (proxies, address) in [("127.0.0.0/8", "203.0.113.9"), ("10.0.0.0/8", "127.0.0.1")] {
        let database = TestDatabase::new().await;
        let setup = ProcessSetup::on(&database).env("SAYSO_HTTP__TRUSTED_PROXIES", proxies);
        let company = Company::found(setup).await;
        // What stands further left may have been made up by the client.
        let told = address_of_a_refusal(&company, "6.6.6.6, 203.0.113.9").await;
        assert_eq!(told, address, "{proxies}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_may_call_and_others_are_not_told_that_they_may() {
    let database = TestDatabase::new().await;
    let setup =
        ProcessSetup::on(&database).env("SAYSO_HTTP__ALLOWED_ORIGINS", "https://app.example.com");
    let company = Company::found(setup).await;
    let nobody = Client::anonymous(&company.server.url());
    for (origin, allowed) in [
        ("https://app.example.com", Some("https://app.example.com")),
        ("https://evil.example.com", None),
        ("null", None),
    ] {
        let asks = nobody
            .request(Method::OPTIONS, "/api/tasks")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key");
        let preflight = read(asks).await.unwrap();
        assert_eq!(preflight.header("access-control-allow-origin"), allowed, "{origin}");
        let asks = nobody.request(Method::GET, "/health/live").header("origin", origin);
        let reply = read(asks).await.unwrap();
        assert_eq!(reply.header("access-control-allow-origin"), allowed, "{origin}");
        let open = "/socket.io/?EIO=4&transport=polling";
        let socket =
            read(nobody.request(Method::GET, open).header("origin", origin)).await.unwrap();
        assert_eq!(socket.status.is_success(), allowed.is_some(), "{origin}: {}", socket.text);
        // Nor does a page speak for a client that was opened from elsewhere.
        let opened = read(nobody.request(Method::GET, open)).await.unwrap();
        let opened: Value = serde_json::from_str(&opened.text[1..]).unwrap();
        let speak = format!("{open}&sid={}", opened["sid"].as_str().unwrap());
        let hello = nobody.request(Method::POST, &speak).header("origin", origin).body("40");
        let spoken = read(hello).await.unwrap();
        assert_eq!(spoken.status.is_success(), allowed.is_some(), "{origin}: {}", spoken.text);
    }
}
