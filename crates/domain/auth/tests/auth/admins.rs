//! What a token of the CEO's may do with people.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{House, Member};
use crate::stage::PASSWORD;

async fn program(house: &House, scope: &str) -> Member {
    let ends = house.stage.ctx.clock.now() + Duration::from_secs(3600);
    let body = json!({ "password": PASSWORD, "name": "HR", "scopes": [scope],
                       "expiresAt": ends.to_string() });
    let (status, made) = house.ask(&house.ceo, ("POST", "/api/tokens"), body).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().expect("a token").to_owned();
    Member { id: house.ceo.id.clone(), token, refresh: String::new() }
}

/// What leads to a login or to more rights, in an order in which all of it goes.
fn steps(house: &House, invited: &str) -> Vec<(&'static str, String, Value, u16)> {
    let (ann, path) = (format!("/api/users/{}", house.ann.id), "/api/users".to_owned());
    let grant = json!({ "add": [{ "permission": "user.create", "effect": "grant" }] });
    let edit = |field: &str, value: Value, version: u32| {
        let body = json!({ field: value, "version": version });
        ("PATCH", ann.clone(), body, 200)
    };
    let new = json!({ "email": "eve@example.com", "name": "Eve", "role": "ceo",
                      "password": PASSWORD });
    vec![
        ("POST", path, new, 201),
        ("POST", format!("/api/users/{invited}/invite"), Value::Null, 200),
        ("POST", format!("{ann}/grants"), grant, 200),
        edit("role", json!("manager"), 1),
        edit("email", json!("mine@example.com"), 2),
        edit("managerId", json!(house.boss.id), 3),
        ("PUT", ann.clone(), json!({ "role": "staff", "version": 4 }), 200),
        ("POST", format!("{ann}/deactivate"), Value::Null, 200),
        ("POST", format!("{ann}/reactivate"), Value::Null, 200),
        ("DELETE", ann.clone(), Value::Null, 204),
        ("POST", format!("{ann}/restore"), Value::Null, 200),
    ]
}

#[tokio::test]
async fn a_ceos_token_makes_nobody_and_promotes_nobody_without_the_scope_of_admins() {
    let house = House::new().await;
    let new = json!({ "email": "new@example.com", "name": "New", "role": "staff" });
    let (status, invited) = house.ask(&house.ceo, ("POST", "/api/users"), new).await;
    assert_eq!(status, 201, "{invited}");
    let steps = steps(&house, invited["id"].as_str().expect("an id"));
    let (profiles, admin) =
        (program(&house, "users.write").await, program(&house, "users.admin").await);

    for (method, path, body, _) in &steps {
        let (status, refused) = house.ask(&profiles, (method, path), body.clone()).await;
        assert_eq!(status, 403, "{method} {path} {body}: {refused}");
    }
    let role = json!({ "role": "ceo", "name": "Ann Other", "version": 1 });
    let (_, refused) = house.patch(&profiles, &house.ann.id, role).await;
    assert_eq!(refused["errors"][0]["pointer"], json!("#/role"), "{refused}");
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(1), "the name is its to set");
    let name = json!({ "name": "Ann", "version": 1 });
    let (status, named) = house.patch(&profiles, &house.ann.id, name).await;
    assert_eq!((status, &named["version"]), (200, &json!(2)), "{named}");

    for (method, path, mut body, expected) in steps {
        if let Some(version) = body["version"].as_u64() {
            body["version"] = json!(version + 1);
        }
        let (status, answer) = house.ask(&admin, (method, &path), body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    assert!(house.stage.log_in("eve@example.com", PASSWORD).await.is_ok(), "that is its price");
}
