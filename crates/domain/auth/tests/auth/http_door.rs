//! The door as a client sees it.

use sayso_access::Role;
use serde_json::{Value, json};

use crate::stage::{PASSWORD, Stage, json, request};

async fn answer(
    stage: &Stage,
    (method, path): (&str, &str),
    token: Option<&str>,
    body: Value,
) -> (u16, Value) {
    let response = stage.send(request(method, path, token, &body)).await;
    (response.status().as_u16(), json(response).await)
}

async fn log_in(stage: &Stage, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD });
    let (status, pair) = answer(stage, ("POST", "/api/auth/login"), None, body).await;
    assert_eq!(status, 200, "{pair}");
    pair["accessToken"].as_str().expect("it is a text").to_owned()
}

#[tokio::test]
async fn a_person_comes_in_is_known_and_goes() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD, "deviceName": "Phone" });
    let response = stage.send(request("POST", "/api/auth/login", None, &body)).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let pair = json(response).await;
    assert_eq!((&pair["tokenType"], &pair["expiresIn"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(pair["passwordChangeDue"], json!(false));
    let token = pair["accessToken"].as_str();

    let (status, me) = answer(&stage, ("GET", "/api/auth/me"), token, Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(me, pair["user"]);
    let mut fields: Vec<_> = me.as_object().expect("it is an object").keys().collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "active",
            "createdAt",
            "email",
            "id",
            "lastActiveAt",
            "managerId",
            "metadata",
            "name",
            "presence",
            "revision",
            "role",
            "statusText",
            "timeZone",
            "updatedAt",
            "version"
        ]
    );
    let (_, sessions) = answer(&stage, ("GET", "/api/auth/sessions"), token, Value::Null).await;
    assert_eq!(sessions["items"][0]["deviceName"], json!("Phone"));
    assert_eq!(sessions["items"][0]["current"], json!(true));
    let opened = stage.ctx.clock.now().to_string();
    assert_eq!(sessions["items"][0]["createdAt"], json!(opened));
    assert!(sessions["items"][0].as_object().is_some_and(|one| one.contains_key("address")));

    let (status, _) = answer(&stage, ("POST", "/api/auth/logout"), token, Value::Null).await;
    assert_eq!(status, 204);
    let response = stage.send(request("GET", "/api/auth/me", token, &Value::Null)).await;
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().expect("ASCII").to_owned();
    assert!(challenge.contains("auth.session_revoked"), "{challenge}");
    assert_eq!(stage.facts("auth.logged_out").await, 1);
}

#[tokio::test]
async fn without_a_token_or_with_a_bad_one_it_is_said_what_is_wrong() {
    let stage = Stage::new().await;

    for (token, code) in [(None, "auth.token_missing"), (Some("x.y.z"), "auth.token_invalid")] {
        let (status, problem) = answer(&stage, ("GET", "/api/users"), token, Value::Null).await;
        assert_eq!((status, &problem["code"]), (401, &json!(code)));
    }
}

#[tokio::test]
async fn all_sessions_of_a_person_end_together_and_those_of_others_go_on() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    stage.person("bob@example.com", Role::Staff).await;
    let (one, two) = (log_in(&stage, "ann@example.com").await, log_in(&stage, "ann@example.com"));
    let (two, bob) = (two.await, log_in(&stage, "bob@example.com").await);

    let all = ("POST", "/api/auth/logout-all");
    assert_eq!(answer(&stage, all, Some(&one), Value::Null).await.0, 204);

    let me = ("GET", "/api/auth/me");
    for (token, status) in [(&one, 401), (&two, 401), (&bob, 200)] {
        assert_eq!(answer(&stage, me, Some(token), Value::Null).await.0, status);
    }
}

#[tokio::test]
async fn one_session_can_be_ended_by_its_person_and_by_nobody_else() {
    let stage = Stage::new().await;
    let ann = stage.person("ann@example.com", Role::Staff).await;
    stage.person("bob@example.com", Role::Ceo).await;
    let (phone, desk) =
        (log_in(&stage, "ann@example.com").await, log_in(&stage, "ann@example.com"));
    let (desk, bob) = (desk.await, log_in(&stage, "bob@example.com").await);
    let client = stage.database.app().await;
    let sql = "SELECT id::text FROM sessions WHERE user_id = $1 ORDER BY id LIMIT 1";
    let id: String = client.query_one(sql, &[&ann.id]).await.expect("it is found").get(0);
    let path = format!("/api/auth/sessions/{id}");

    let end =
        async |token: &str| answer(&stage, ("DELETE", &path), Some(token), Value::Null).await.0;
    assert_eq!(end(&bob).await, 404);
    assert_eq!(end(&desk).await, 204);
    assert_eq!(end(&desk).await, 404);

    let me = ("GET", "/api/auth/me");
    assert_eq!(answer(&stage, me, Some(&phone), Value::Null).await.0, 401);
    assert_eq!(answer(&stage, me, Some(&desk), Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Staff).await;
    let (here, there) =
        (log_in(&stage, "ann@example.com").await, log_in(&stage, "ann@example.com"));
    let there = there.await;
    let change = async |current: &str, new: &str| {
        let body = json!({ "currentPassword": current, "newPassword": new });
        answer(&stage, ("POST", "/api/auth/password"), Some(&here), body).await
    };

    let (status, problem) = change("wrong horse battery", "another horse battery").await;
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!("password.wrong")));
    let (status, problem) = change(PASSWORD, PASSWORD).await;
    assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!("password.unchanged")));
    assert_eq!(change(PASSWORD, "short").await.0, 422);
    assert_eq!(change(PASSWORD, "another horse battery").await.0, 204);

    let me = ("GET", "/api/auth/me");
    assert_eq!(answer(&stage, me, Some(&here), Value::Null).await.0, 200);
    assert_eq!(answer(&stage, me, Some(&there), Value::Null).await.0, 401);
    assert!(stage.log_in("ann@example.com", PASSWORD).await.is_err());
    assert!(stage.log_in("ann@example.com", "another horse battery").await.is_ok());
}

#[tokio::test]
async fn only_the_ceo_creates_people_and_an_answer_with_a_secret_takes_no_key() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    stage.person("bob@example.com", Role::Manager).await;
    let (ann, bob) = (log_in(&stage, "ann@example.com").await, log_in(&stage, "bob@example.com"));
    let bob = bob.await;
    let new = json!({ "email": "eve@example.com", "name": " Eve ", "role": "staff" });
    let people = ("POST", "/api/users");
    assert_eq!(answer(&stage, people, Some(&bob), new.clone()).await.0, 403);

    let mut keyed = request("POST", "/api/users", Some(&ann), &new);
    keyed.headers_mut().insert("idempotency-key", "k1".parse().expect("it is a header"));
    let refused = stage.send(keyed).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(json(refused).await["code"], json!("idempotency.not_supported"));

    let response = stage.send(request("POST", "/api/users", Some(&ann), &new)).await;
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let location = response.headers()["location"].to_str().expect("ASCII").to_owned();
    let eve = json(response).await;
    assert_eq!(location, format!("/api/users/{}", eve["id"].as_str().expect("it is a text")));
    assert_eq!((&eve["name"], &eve["passwordChangeDue"]), (&json!("Eve"), &json!(false)));

    let accept = json!({ "token": eve["invitation"]["token"], "password": PASSWORD });
    let (status, pair) = answer(&stage, ("POST", "/api/invitations"), None, accept).await;
    assert_eq!((status, &pair["user"]["name"]), (200, &json!("Eve")));
    assert_eq!(answer(&stage, people, Some(&ann), new).await.1["code"], "user.email_taken");
}

#[tokio::test]
async fn a_person_with_a_password_is_created_once_under_a_key() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let ann = log_in(&stage, "ann@example.com").await;
    let new = json!({ "email": "eve@example.com", "name": "Eve", "role": "staff",
                      "password": PASSWORD, "metadata": { "floor": 3 } });
    let send = async || {
        let mut keyed = request("POST", "/api/users", Some(&ann), &new);
        keyed.headers_mut().insert("idempotency-key", "k1".parse().expect("it is a header"));
        let response = stage.send(keyed).await;
        assert_eq!(response.status(), 201);
        (response.headers().contains_key("idempotent-replayed"), json(response).await)
    };

    let (first, again) = (send().await, send().await);

    assert!(!first.0 && again.0);
    assert_eq!(first.1, again.1);
    assert_eq!(first.1["passwordChangeDue"], json!(true));
    assert!(first.1.get("invitation").is_none());
    assert_eq!(first.1["metadata"], json!({ "floor": 3 }));
}

#[tokio::test]
async fn all_that_is_wrong_with_a_new_person_is_said_at_once() {
    let stage = Stage::new().await;
    stage.person("ann@example.com", Role::Ceo).await;
    let ann = log_in(&stage, "ann@example.com").await;
    let new = json!({ "email": "no address", "name": " ", "role": "king", "password": "short",
                      "managerId": "x", "isAdmin": true });

    let (status, problem) = answer(&stage, ("POST", "/api/users"), Some(&ann), new).await;

    assert_eq!(status, 422, "{problem}");
    let pointers: Vec<_> = problem["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|error| error["pointer"].as_str().expect("a text"))
        .collect();
    for pointer in ["#/email", "#/name", "#/role", "#/password", "#/managerId", "#/isAdmin"] {
        assert!(pointers.contains(&pointer), "{pointer} in {pointers:?}");
    }
    assert_eq!(stage.facts("user.created").await, 1);
}

#[tokio::test]
async fn lists_are_asked_by_role_ids_and_page() {
    let stage = Stage::new().await;
    let ann = stage.person("ann@example.com", Role::Ceo).await;
    let bob = stage.person("bob@example.com", Role::Staff).await;
    let token = log_in(&stage, "bob@example.com").await;
    let list = async |query: &str| {
        let path = format!("/api/users?{query}");
        answer(&stage, ("GET", &path), Some(&token), Value::Null).await
    };
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().expect("a list").iter();
        items.map(|user| user["id"].as_str().expect("a text").to_owned()).collect()
    };

    assert_eq!(ids(&list("role=ceo").await.1), [ann.id.to_string()]);
    assert_eq!(ids(&list("role=ceo,staff&active=true").await.1).len(), 2);
    assert_eq!(ids(&list(&format!("ids={}", bob.id)).await.1), [bob.id.to_string()]);
    let (_, first) = list("limit=1").await;
    let cursor = first["nextCursor"].as_str().expect("there is more").to_owned();
    let (_, second) = list(&format!("limit=1&cursor={cursor}")).await;
    assert_ne!(ids(&first), ids(&second));
    assert_eq!(second["nextCursor"], Value::Null);
    for wrong in ["limit=0", "limit=101", "role=king", "ids=x", "cursor=x", "colour=red"] {
        assert_eq!(list(wrong).await.0, 422, "{wrong}");
    }
    assert_eq!(list(&format!("role=staff&cursor={cursor}")).await.0, 422);
}

#[tokio::test]
async fn one_person_is_shown_and_others_do_not_exist() {
    let stage = Stage::new().await;
    let ann = stage.person("ann@example.com", Role::Staff).await;
    let token = log_in(&stage, "ann@example.com").await;
    let get = async |id: &str| {
        let path = format!("/api/users/{id}");
        stage.send(request("GET", &path, Some(&token), &Value::Null)).await
    };

    let response = get(&ann.id.to_string()).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers()["etag"].to_str().expect("ASCII").starts_with("\"1-"));
    assert_eq!(get("nonsense").await.status(), 404);
    assert_eq!(get("0190a5c0-0000-7000-8000-000000000000").await.status(), 404);
    stage.database.change("UPDATE users SET deleted_at = now() WHERE email <> 'ann'").await;
    assert_eq!(get(&ann.id.to_string()).await.status(), 401, "nor do they come in");
}

#[tokio::test]
async fn the_public_keys_are_published_without_a_token() {
    let stage = Stage::new().await;

    let (status, set) = answer(&stage, ("GET", "/.well-known/jwks.json"), None, Value::Null).await;

    assert_eq!(status, 200);
    let key = &set["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["use"]),
        (&"OKP".into(), &"Ed25519".into(), &"sig".into())
    );
    assert!(key.get("d").is_none());
}
