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

    let mut endless = token(&house, Some(PASSWORD));
    endless.as_object_mut().expect("it is one").remove("expiresAt");
    let (status, refused) = house.ask(ann, TOKENS, endless).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (422, &json!("#/expiresAt")));
    let body = token(&house, Some(PASSWORD));
    assert_eq!(house.ask(ann, TOKENS, body).await.0, 201);
    assert_eq!(house.ask(ann, FACTOR, json!({ "password": PASSWORD })).await.0, 200);
}

#[tokio::test]
async fn codes_tried_with_a_stolen_session_neither_take_the_factor_nor_hold_up_its_person() {
    let house = House::new().await;
    let ann = &house.ann;
    crate::accounts::enable(&house.stage, &ann.token).await;
    let remove = ("DELETE", FACTOR.1);
    for n in 0..10 {
        let code = json!({ "code": format!("{n:06}") });
        assert_eq!(house.ask(ann, remove, code).await.0, 422);
        let guess = json!({ "password": "wrong horse battery" });
        assert_eq!(house.ask(ann, remove, guess).await.0, 422);
    }

    let login = json!({ "email": "ann@example.com", "password": PASSWORD });
    let (status, asked) = house.ask(ann, ("POST", "/api/auth/login"), login).await;
    assert_eq!((status, &asked["code"]), (401, &json!("auth.code_required")));
    assert_eq!(house.ask(ann, remove, json!({ "password": PASSWORD })).await.0, 204);
}

#[tokio::test]
async fn a_reset_that_was_started_ends_with_the_password_it_was_for_and_with_a_deactivation() {
    let house = House::new().await;
    let (ceo, ann) = (&house.ceo, &house.ann);
    let start = format!("/api/users/{}/password-reset", ann.id);
    let spend = async |reset: &Value| {
        let body = json!({ "code": reset["code"], "password": "a third horse battery" });
        house.ask(ceo, ("POST", "/api/auth/password/reset"), body).await.0
    };

    let (status, reset) = house.post(ceo, &start).await;
    assert_eq!(status, 200, "{reset}");
    let change = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
    assert_eq!(house.ask(ann, ("POST", "/api/auth/password"), change).await.0, 204);
    assert_eq!(spend(&reset).await, 422);

    let (_, reset) = house.post(ceo, &start).await;
    house.post(ceo, &format!("/api/users/{}/deactivate", ann.id)).await;
    house.post(ceo, &format!("/api/users/{}/reactivate", ann.id)).await;
    assert_eq!(spend(&reset).await, 422);
    let (_, reset) = house.post(ceo, &start).await;
    assert_eq!(spend(&reset).await, 204, "one that is started later opens");
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
