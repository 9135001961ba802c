//! What whoever has stolen an access token cannot do with it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{House, Member};
use crate::stage::PASSWORD;

const TOKENS: (&str, &str) = ("POST", "/api/tokens");
const FACTOR: (&str, &str) = ("POST", "/api/auth/totp");

fn token(house: &House, password: Option<&str>) -> Value {
    let ends = house.stage.ctx.clock.now() + Duration::from_secs(86_400);
    let mut body = json!({ "name": "CI", "scopes": ["read"], "expiresAt": ends.to_string() });
    if let Some(password) = password {
        body["password"] = json!(password);
    }
    body
}

#[tokio::test]
async fn with_an_access_token_alone_nobody_makes_what_outlives_it() {
    let house = House::new().await;
    let ann = &house.ann;
    let wrong = "wrong horse battery";
    for (what, body, code) in [
        (TOKENS, token(&house, None), "field.required"),
        (TOKENS, token(&house, Some(wrong)), "password.wrong"),
        (FACTOR, json!({}), "field.required"),
        (FACTOR, json!({ "password": wrong }), "password.wrong"),
    ] {
        let (status, refused) = house.ask(ann, what, body).await;
        let error = &refused["errors"][0];
        assert_eq!((status, &error["code"]), (422, &json!(code)), "{what:?}: {refused}");
        assert_eq!(error["pointer"], json!("#/password"), "{what:?}");
    }
    let kept = "SELECT (SELECT count(*) FROM api_tokens) + (SELECT count(*) FROM second_factors)";
    assert_eq!(house.stage.count(kept, &[]).await, 0);

    let body = token(&house, Some(PASSWORD));
    assert_eq!(house.ask(ann, TOKENS, body).await.0, 201);
    assert_eq!(house.ask(ann, FACTOR, json!({ "password": PASSWORD })).await.0, 200);
}

#[tokio::test]
async fn a_token_for_a_program_takes_the_password_of_whoever_makes_it() {
    let house = House::new().await;
    let account = json!({ "name": "Importer", "role": "staff" });
    let (_, program) = house.ask(&house.ceo, ("POST", "/api/service-accounts"), account).await;
    for (password, status) in [("wrong horse battery", 422), (PASSWORD, 201)] {
        let mut body = token(&house, Some(password));
        body["userId"] = program["id"].clone();
        let (answered, made) = house.ask(&house.ceo, TOKENS, body).await;
        assert_eq!(answered, status, "{made}");
    }
}

#[tokio::test]
async fn the_ceo_sees_and_revokes_the_tokens_of_others_and_nobody_else_does() {
    let house = House::new().await;
    let House { ceo, boss, ann, .. } = &house;
    let (_, made) = house.ask(ann, TOKENS, token(&house, Some(PASSWORD))).await;
    let secret = made["token"].as_str().expect("a token").to_owned();
    let program = Member { id: ann.id.clone(), token: secret, refresh: String::new() };
    let of_ann = format!("/api/users/{}/tokens", ann.id);
    let token = format!("/api/tokens/{}", made["id"].as_str().expect("an id"));

    assert_eq!(house.get(boss, &of_ann).await.0, 403);
    assert_eq!(house.get(&program, &of_ann).await.0, 403, "a token does not look at tokens");
    for who in [ann, ceo] {
        let (status, page) = house.get(who, &of_ann).await;
        assert_eq!((status, &page["items"][0]["id"]), (200, &made["id"]), "{page}");
    }
    let nobody = "/api/users/0190a5c0-0000-7000-8000-000000000000/tokens";
    assert_eq!(house.get(ceo, nobody).await.0, 404);

    assert_eq!(house.ask(boss, ("DELETE", &token), Value::Null).await.0, 404);
    assert_eq!(house.get(&program, "/api/auth/me").await.0, 200);
    assert_eq!(house.ask(ceo, ("DELETE", &token), Value::Null).await.0, 204);
    assert_eq!(house.get(&program, "/api/auth/me").await.0, 401);
    assert_eq!(house.get(ann, &of_ann).await.1["items"], json!([]));
}
