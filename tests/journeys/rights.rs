//! Rights that change under somebody who is there: what was granted holds at
//! once, the open socket comes back as who they are now, and whoever is put out
//! is out everywhere.

use reqwest::Method;
use sayso_testkit::{Client, Connect, ProcessSetup, Sockets, TestDatabase, read, until};
use serde_json::{Value, json};

use crate::company::{Company, open_channel, program_of};
use crate::wire::PROMPTLY;

const PASSWORD: &str = "correct horse battery staple";

#[tokio::test]
async fn a_person_is_promoted_trusted_told_why_and_in_the_end_put_out() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { ceo, manager, ann, bob, .. } = &company;
    let sockets = Sockets::start();
    for (id, person) in [("ann", ann), ("bob", bob)] {
        let connect = Connect { id, person, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
    }
    let category = json!({ "name": "Fair", "kind": "task" });
    assert_eq!(ann.post("/api/categories", category.clone()).await.status.as_u16(), 403);

    let grants = format!("/api/users/{}/grants", ann.user_id());
    let trust = json!({ "add": [{ "permission": "category.manage", "effect": "grant" }] });
    ceo.post(&grants, trust).await.expect(200);
    ann.post("/api/categories", category).await.expect(201);
    let closed = sockets.until_heard("ann", "session.closed").await.payload;
    assert_eq!((&closed["code"], &closed["reconnect"]), (&json!("access.changed"), &json!(true)));

    let path = format!("/api/users/{}", bob.user_id());
    let role = json!({ "role": "manager", "version": 1 });
    let change = ceo.request(Method::PATCH, &path).json(&role);
    read(change).await.unwrap().expect(200);
    let closed = sockets.until_heard("bob", "session.closed").await.payload;
    assert_eq!(closed["reconnect"], json!(true));
    assert_eq!(bob.get("/api/auth/me").await.expect(200)["role"], "manager");

    let put_out = format!("{path}/deactivate");
    assert_eq!(manager.post(&put_out, json!(null)).await.status.as_u16(), 403);
    let again = Connect { id: "bob again", person: bob, transports: &["polling"], resume: None };
    sockets.connect_and_wait(&again).await;
    let out = ceo.request(Method::POST, &put_out);
    read(out).await.unwrap().expect(200);
    let closed = sockets.until_heard("bob again", "session.closed").await.payload;
    assert_eq!(closed, json!({ "code": "auth.session_revoked", "reconnect": false }));
    assert_eq!(bob.get("/api/auth/me").await.code(), "auth.session_revoked");
}

#[tokio::test]
async fn everybody_is_told_whether_they_may_and_by_which_rule() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { ceo, ann, bob, .. } = &company;
    let launch = open_channel(ceo, "launch", &[ann]).await;
    let task = ann.post("/api/tasks", json!({ "title": "Mine" })).await.expect(201);
    let (channel, task) =
        (format!("channel:{launch}"), format!("task:{}", task["id"].as_str().unwrap()));
    let path = format!("/api/channels/{launch}/messages");
    let said = ann.post(&path, json!({ "content": "Hello" })).await.expect(201);
    let said = format!("message:{}", said["id"].as_str().unwrap());
    let own = format!("user:{}", ann.user_id());
    let boss = format!("user:{}", ceo.user_id());
    let reader = &program_of(ann, &["read", "messages.write"]).await;
    let cases = [
        (reader, "task.update", Some(&task), (false, "scope")),
        (reader, "task.view", Some(&task), (true, "task.creator")),
        (reader, "message.send", Some(&channel), (true, "channel.member")),
        (reader, "user.update", Some(&own), (false, "scope")),
        (reader, "channel.create", None, (false, "scope")),
        (ann, "channel.create", None, (false, "role")),
        (ceo, "channel.create", None, (true, "role")),
        (ann, "message.send", Some(&channel), (true, "channel.member")),
        (ann, "channel.manage_members", Some(&channel), (false, "channel.not_admin")),
        (ceo, "channel.manage_members", Some(&channel), (true, "role")),
        (ann, "channel.update", Some(&channel), (false, "channel.not_admin")),
        (ann, "message.edit", Some(&said), (true, "message.sender")),
        (ceo, "message.edit", Some(&said), (false, "message.not_sender")),
        (ceo, "message.delete", Some(&said), (true, "channel.admin")),
        (bob, "message.delete", Some(&said), (false, "resource.not_found")),
        (bob, "channel.view", Some(&channel), (false, "resource.not_found")),
        (ann, "task.update", Some(&task), (true, "task.creator")),
        (ann, "task.delete", Some(&task), (true, "task.creator")),
        (bob, "task.view", Some(&task), (false, "resource.not_found")),
        (ann, "user.update", Some(&own), (true, "user.own")),
        (ann, "user.update", Some(&boss), (false, "role")),
    ];
    for (who, action, resource, (allowed, rule)) in cases {
        let resource = resource.map(|name| format!("&resource={name}")).unwrap_or_default();
        let path = format!("/api/auth/explain?action={action}{resource}");
        let told = who.get(&path).await.expect(200);
        assert_eq!((&told["allowed"], &told["rule"]), (&json!(allowed), &json!(rule)), "{path}");
    }
    for query in ["action=task.update", "action=user.list&resource=task:x", "action=fly"] {
        let refused = ann.get(&format!("/api/auth/explain?{query}")).await;
        assert_eq!(refused.status.as_u16(), 422, "{query}");
    }
}

/// What the table lets a person do by what ties them to a thing is denied to
/// this one person, at HTTP and at the socket, and taken back; another is
/// granted what their role would not let them.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_hang_on_a_thing_are_denied_and_granted_to_one_person() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { ceo, ann, bob, .. } = &company;
    let launch = open_channel(ceo, "launch", &[ann, bob]).await;
    let task = json!({ "title": "Boards", "channelId": launch });
    let task = ceo.post("/api/tasks", task).await.expect(201);
    let chore = format!("/api/tasks/{}", task["id"].as_str().unwrap());
    let talk = format!("/api/channels/{launch}/messages");
    let mine = ann.post("/api/tasks", json!({ "title": "Mine" })).await.expect(201);
    let mine = format!("/api/tasks/{}", mine["id"].as_str().unwrap());
    let give = async |who: &Client, body: Value| {
        let path = format!("/api/users/{}/grants", who.user_id());
        ceo.post(&path, body).await.expect(200);
    };
    let edit = async |who: &Client, path: &str, title: &str| {
        let version = who.get(path).await.expect(200)["version"].clone();
        let body = json!({ "title": title, "version": version });
        read(who.request(Method::PATCH, path).json(&body)).await.unwrap().status.as_u16()
    };
    assert_eq!(edit(bob, &chore, "Bob's").await, 403);

    let denied = ["message.send", "task.create", "task.update"];
    let deny = denied.map(|name| json!({ "permission": name, "effect": "deny" }));
    give(ann, json!({ "add": deny })).await;
    let grant = json!({ "permission": "task.update", "effect": "grant" });
    give(bob, json!({ "add": [grant] })).await;

    assert_eq!(ann.post(&talk, json!({ "content": "Hello" })).await.status.as_u16(), 403);
    let socket = Sockets::start();
    let connect = Connect { id: "ann", person: ann, transports: &["websocket"], resume: None };
    socket.connect_and_wait(&connect).await;
    let send = json!({ "channelId": launch, "content": "Hello", "clientId": "c-1" });
    let answer = socket.emit("ann", "message.send", &send).await;
    assert_eq!(answer["error"]["status"], json!(403), "{answer}");
    assert_eq!(ann.get(&talk).await.status.as_u16(), 200, "reading is another thing");
    assert_eq!(ann.post("/api/tasks", json!({ "title": "More" })).await.status.as_u16(), 403);
    assert_eq!(edit(ann, &mine, "Ours").await, 403);
    assert_eq!(edit(bob, &chore, "Bob's").await, 200);
    assert_eq!(bob.get(&mine).await.status.as_u16(), 404, "what one may not see stays hidden");

    give(ann, json!({ "remove": denied })).await;
    assert_eq!(ann.post(&talk, json!({ "content": "Hello" })).await.status.as_u16(), 201);
    assert_eq!(edit(ann, &mine, "Ours").await, 200);
}

/// A token is for no more over a socket than by request.
#[tokio::test(flavor = "multi_thread")]
async fn over_a_socket_a_program_writes_what_the_scopes_of_its_token_say_and_nothing_else() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { ceo, ann, .. } = &company;
    let launch = open_channel(ceo, "launch", &[ann]).await;
    let sockets = Sockets::start();
    let send = json!({ "channelId": launch, "content": "Hello", "clientId": "c-1" });
    let create = json!({ "title": "Boards", "clientId": "c-2" });
    for (id, scopes, may) in [
        ("ears", &["socket"][..], [false, false]),
        ("talker", &["socket", "messages.write"], [true, false]),
        ("writer", &["socket", "write"], [true, true]),
    ] {
        let program = program_of(ann, scopes).await;
        let connect = Connect { id, person: &program, transports: &["websocket"], resume: None };
        sockets.connect_and_wait(&connect).await;
        for (event, data, may) in
            [("message.send", &send, may[0]), ("task.create", &create, may[1])]
        {
            let answer = sockets.emit(id, event, data).await;
            let code = answer["error"]["code"].as_str();
            let expected = if may { None } else { Some("auth.scope_missing") };
            assert_eq!((code, &answer["ok"]), (expected, &json!(may)), "{id} {event}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_stolen_token_that_comes_back_closes_the_sockets_once_and_its_person_is_told() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let Company { ceo, ann, .. } = &company;
    let sockets = Sockets::start();
    let connect = Connect { id: "ann", person: ann, transports: &["websocket"], resume: None };
    sockets.connect_and_wait(&connect).await;
    let refresh =
        async |token: &Value| ann.post("/api/auth/refresh", json!({ "refreshToken": token })).await;
    let stolen = &ann.login["refreshToken"];
    let one = refresh(stolen).await.expect(200);
    let two = refresh(&one["refreshToken"]).await.expect(200);
    let mut now = ann.clone();
    now.login = two.clone();
    now.get("/api/auth/me").await.expect(200);

    for _ in 0..3 {
        assert_eq!(refresh(stolen).await.code(), "auth.session_revoked");
    }

    let closed = sockets.until_heard("ann", "session.closed").await.payload;
    assert_eq!(closed, json!({ "code": "auth.session_revoked", "reconnect": false }));
    assert_eq!(now.get("/api/auth/me").await.code(), "auth.session_revoked");
    assert_eq!(refresh(&two["refreshToken"]).await.code(), "auth.session_revoked");
    let again = Client::login(ann.base(), "ann@example.com", PASSWORD).await;
    let told = until("Ann to be told", PROMPTLY, async || {
        let page = again.get("/api/notifications?type=security").await.expect(200);
        page["items"].get(0).cloned()
    });
    let title = told.await["title"].clone();
    assert_eq!(title, "A session of yours was ended: its token was used twice");
    let audit = ceo.get("/api/audit?action=auth.refresh_reuse").await.expect(200);
    assert_eq!(audit["items"].as_array().map(Vec::len), Some(1), "{audit}");
}
